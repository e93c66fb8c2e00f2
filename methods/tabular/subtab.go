package tabular

import (
	"cmp"
	"fmt"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// SubTab tells the whole row from subsets of its columns, and brings subsets of one row together.
//
//	loss = mean over pairs of subsets (contrast + reconstruction + distance)
//
// Ucar, Hajiramezanali, Edwards 2021, arXiv:2110.04361, eq. 1 to 3, on a backbone of subsets. Contrast is NT-Xent of
// the projections of two subsets, distance their squared distance, reconstruction the error of the row as each tells
// it: sums over the columns, means over the rows, as in the authors' code. Each subset has noise of its own: entries
// are swapped for those of other rows with probability Swap. A category is told by its cross-entropy, where the
// authors have squared differences of its indicators. Their other noises (Gaussian, zeros, blocks) are left out.
type SubTab struct {
	Swap        float64 `toml:"swap"`        // probability of an entry of a subset; 0: no noise
	Temperature float64 `toml:"temperature"` // of the similarities
	Similarity  string  `toml:"similarity"`  // of projections: cosine | dot
	Contrast    bool    `toml:"contrast"`    // the contrast is part of the loss
	Distance    bool    `toml:"distance"`    // so is the distance
	Projector   []int   `toml:"projector"`   // widths; the last is D
	Decoder     []int   `toml:"decoder"`     // widths of its layers before the last
}

// DefaultSubTab has all parts, and the temperature and noise of the authors' configurations.
func DefaultSubTab() *SubTab {
	return &SubTab{Swap: 0.3, Temperature: 0.1, Similarity: "cosine", Contrast: true, Distance: true,
		Projector: []int{256, 256}, Decoder: []int{256}}
}

// Validate implements methods.Method.
func (m *SubTab) Validate() error {
	if m.Similarity != "cosine" && m.Similarity != "dot" {
		return setting.Bad("similarity", "%q: want \"cosine\" or \"dot\"", m.Similarity)
	}
	if !(m.Swap >= 0 && m.Swap < 1) {
		return setting.Bad("swap", "%v: want a share of the entries from 0 up to, not with, 1", m.Swap)
	}
	return cmp.Or(setting.Positive("temperature", m.Temperature), heads.CheckWidths("projector", m.Projector),
		heads.CheckHidden("decoder", m.Decoder))
}

// Build implements methods.Method.
func (m *SubTab) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	t, x := tableOf(b), b.View(0)
	if enc.Subsets == nil {
		b.Unfit("the backbone reads rows as a whole; want subsets")
	}
	e := enc.Subsets(s)
	project := heads.Plain(s.In("projector"), enc.Dim, m.Projector...)
	decode := t.head(s.In("decoder"), enc.Dim, m.Decoder)
	random := s.Random("swap")
	var z, told []*graph.Node
	var features []*graph.Node
	for i, r := range e.Ranges {
		noisy := x
		if m.Swap > 0 {
			swapped := random.Bernoulli(m.Swap, b.Size(), len(t.of))
			noisy = Replace(x, b.Field(feed.Marginal(i)), t.spread(swapped))
		}
		h := e.Encode(op.Slice(e.Expand(noisy), 1, r[0], r[1])) // [B,F]
		features, z, told = append(features, h), append(z, project(h)), append(told, t.errors(s, decode(h), x))
	}
	o := methods.Objective{Features: op.Scale(op.Sum(features...), 1/float64(len(features)))}
	var contrast, restored, distance []*graph.Node
	for i := range z {
		for j := i + 1; j < len(z); j++ {
			contrast = append(contrast, m.contrast(s, op.Concat(0, z[i], z[j])))
			restored = append(restored, perRow(op.Concat(0, told[i], told[j])))
			distance = append(distance, perRow(op.Square(op.Sub(z[i], z[j]))))
		}
	}
	o.Terms = []methods.Term{{Name: "entries", Weight: 1, Value: losses.Mean(restored)}}
	if m.Contrast {
		o.Terms = append(o.Terms, methods.Term{Name: "contrast", Weight: 1, Value: losses.Mean(contrast)})
	}
	if m.Distance {
		o.Terms = append(o.Terms, methods.Term{Name: "distance", Weight: 1, Value: losses.Mean(distance)})
	}
	o.Metrics = []methods.Metric{{Name: "spread", Value: losses.Spread(op.Concat(0, z...))}}
	return o
}

// perRow is the sum of x [N,K] over the columns, and its mean over the rows.
func perRow(x *graph.Node) *graph.Node { return op.Scale(op.SumAll(x), 1/float64(op.ShapeOf(x)[0])) }

// contrast is the mean cross-entropy of picking each row's partner among the other 2B-1 of z [2B,D], partners B apart.
func (m *SubTab) contrast(s *graph.Scope, z *graph.Node) *graph.Node {
	if m.Similarity == "cosine" {
		return losses.NTXent(s, z, m.Temperature)
	}
	z = s.AllRows(z)
	n := op.ShapeOf(z)[0]
	partner := make([]int32, n)
	for i := range partner {
		partner[i] = int32((i + n/2) % n)
	}
	sim := op.MaskDiagonal(op.Scale(op.Gram(z), 1/m.Temperature), -1e9)
	return op.MeanAll(op.CrossEntropy(sim, s.Ints(fmt.Sprintf("const/partner%d", n), partner), 0))
}
