package contrastive

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// SSCD finds copies: SimCLR with an entropy term that keeps every embedding away from its nearest one of another image,
// and with mixtures of images that match each image they are made of.
//
//	loss = -mean_i mean_(j in P_i) log( e^(z_i z_j/t) / sum_(k != i) e^(z_i z_k/t) )
//	       - entropy mean_i log( min_(j not in P_i) |z_i - z_j| )
//
// Pizzi, Roy, Ravindra, Goyal, Douze, CVPR 2022, arXiv:2202.10261, eq. 2 to 5, with unit rows. P_i are the other views
// that share an image with view i. The second view of a share of the images is mixed with the second view of the next
// image of the batch, pixel by pixel with a weight from 0 to 1 (mixup), where the authors also paste rectangles. Views
// of all ranks are compared in one rank only.
type SSCD struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D
	Temperature float64 `toml:"temperature"` // t of the cosine similarities
	Entropy     float64 `toml:"entropy"`     // weight of the entropy term
	Mix         float64 `toml:"mix"`         // share of the second views that are mixed
}

// DefaultSSCD has the paper's settings for ImageNet.
func DefaultSSCD() *SSCD {
	return &SSCD{Projector: []int{512}, Temperature: 0.05, Entropy: 30, Mix: 0.05}
}

// Validate implements methods.Method.
func (m *SSCD) Validate() error {
	if !(m.Entropy >= 0) {
		return setting.Bad("entropy", "%v: want a weight from 0 on", m.Entropy)
	}
	return errors.Join(heads.CheckWidths("projector", m.Projector), setting.Positive("temperature", m.Temperature),
		setting.Within("mix", m.Mix, 0, 1))
}

// Build implements methods.Method.
func (m *SSCD) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	if b.Size() < 3 {
		op.Fail("", "a batch of %d: an image needs a neighbour that it is not mixed with; want at least 3", b.Size())
	}
	x, r := b.Views(2), s.Random("mix")
	mixed := r.Bernoulli(m.Mix, b.Size(), 1) // [B,1]: 1 where the second view is a mixture
	weight := op.Mul(mixed, r.Uniform(b.Size(), 1))
	second := op.Add(x[1], op.Mul(op.Reshape(weight, b.Size(), 1, 1, 1), op.Sub(next(x[1]), x[1])))
	h := enc.New(s)(op.Concat(0, x[0], second)) // [2B,F]
	z := op.Normalize(enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)(h), losses.Eps)
	contrast, entropy := m.terms(s, z, mixed)
	return methods.Objective{
		Features: op.Slice(h, 0, 0, b.Size()),
		Terms: []methods.Term{{Name: "ntxent", Weight: 1, Value: contrast},
			{Name: "entropy", Weight: m.Entropy, Value: entropy}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(z)}},
	}
}

// next is row i+1 of x in place of row i, the first in place of the last.
func next(x *graph.Node) *graph.Node {
	n := op.ShapeOf(x)[0]
	return op.Concat(0, op.Slice(x, 0, 1, n), op.Slice(x, 0, 0, 1))
}

// terms are both terms of unit rows z [2B,D], first the plain views and then those of which mixed [B,1] says whether
// the next image is in them too.
func (m *SSCD) terms(s *graph.Scope, z, mixed *graph.Node) (contrast, entropy *graph.Node) {
	n, b := op.ShapeOf(z)[0], op.ShapeOf(z)[0]/2
	one, step := make([]float64, b*b), make([]float64, b*b)
	for i := range b {
		one[i*b+i], step[i*b+(i+1)%b] = 1, 1
	}
	plain := s.Floats("const/identity", one, b, b)
	images := op.Concat(0, plain, op.Add(plain, op.Mul(mixed, s.Floats("const/next", step, b, b)))) // [2B,B] in a view
	share := op.Greater(op.MatMul(images, images, false, true), s.Constant(0.5))                    // [2B,2B]
	positive := op.OffDiagonal(share)
	cosines := op.Gram(z) // [2B,2B]
	target := op.StopGradient(op.Div(positive, op.SumAxes(positive, true, 1)))
	logits := op.MaskDiagonal(op.Scale(cosines, 1/m.Temperature), -1e9)
	contrast = op.MeanAll(op.CrossEntropySoft(logits, target))
	nearest := op.Gather(z, op.Argmax(op.Sub(cosines, op.Scale(share, 4))))
	squares := op.SumAxes(op.Square(op.Sub(z, nearest)), false, 1)
	return contrast, op.Scale(op.SumAll(op.Log(op.Shift(squares, 1e-8))), -0.5/float64(n))
}
