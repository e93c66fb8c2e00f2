package equivariant

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// LieGroup learns the group that moves the features of one view to those of another: the exponential of a combination
// of learned generators.
//
//	loss = ssl * NT-Xent(h1, h2) + lie * NT-Xent(g h1, h2) + euclidean * mean (g h1 - h2)^2,  g = exp( sum_k t_k L_k )
//
// Ibrahim, Bouchacourt, Morcos 2022, arXiv:2210.13356, section 3, on SimCLR, whose projector is behind the features in
// both of its terms. The coefficients t in (-1, 1) are inferred from both views' features by an MLP, or with of are a
// linear map of how the augmentations of the views differ. The exponential acts on features by its series to the sixth
// power, in four steps of a quarter each: it is never written out. The paper pairs frames of an object in two poses.
// The authors published no code; the weights of the terms are ours, and this was not held against the paper's text.
type LieGroup struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D
	Temperature float64 `toml:"temperature"` // of the cosine similarities
	Generators  int     `toml:"generators"`  // of the group: its dimension K
	Inference   []int   `toml:"inference"`   // hidden widths of the MLP that infers the coefficients
	// what is known of what is done to views, in place of what is inferred: some of crop, color, flip, blur, turn,
	// solarize
	Of        []string `toml:"of"`
	SSL       float64  `toml:"ssl"`       // weight of the loss of the views as they are
	Lie       float64  `toml:"lie"`       // of the first view moved by the group
	Euclidean float64  `toml:"euclidean"` // of the mean squared distance of the moved features
}

// DefaultLieGroup has SimCLR's settings for ImageNet and one generator.
func DefaultLieGroup() *LieGroup {
	return &LieGroup{Projector: []int{2048, 128}, Temperature: 0.1, Generators: 1, Inference: []int{512}, SSL: 1,
		Lie: 1, Euclidean: 1}
}

// Validate implements methods.Method.
func (m *LieGroup) Validate() error {
	bad := []error{heads.CheckWidths("projector", m.Projector), setting.Positive("temperature", m.Temperature),
		setting.Least("generators", m.Generators, 1), heads.CheckHidden("inference", m.Inference),
		checkNames("of", m.Of), checkWeight("ssl", m.SSL), checkWeight("lie", m.Lie),
		checkWeight("euclidean", m.Euclidean)}
	if m.Lie == 0 && m.Euclidean == 0 {
		bad = append(bad, setting.Bad("lie", "0 beside euclidean = 0: the generators would not be trained; want one "+
			"of them above 0, or the method simclr"))
	}
	if m.SSL == 0 && m.Lie == 0 {
		bad = append(bad, setting.Bad("ssl", "0 beside lie = 0: features that are all alike would be best; want one "+
			"of them above 0"))
	}
	return errors.Join(bad...)
}

// Build implements methods.Method.
func (m *LieGroup) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h1, h2, moved := m.embed(s, enc, b)
	project := enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)
	compared := func(h1 *graph.Node) *graph.Node {
		return losses.NTXent(s, project(op.Concat(0, h1, h2)), m.Temperature)
	}
	return methods.Objective{
		Features: h1,
		Terms: []methods.Term{{Name: "ssl", Weight: m.SSL, Value: compared(h1)},
			{Name: "lie", Weight: m.Lie, Value: compared(moved)},
			{Name: "euclidean", Weight: m.Euclidean, Value: losses.MSE(moved, h2)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(h1)},
			{Name: "moved", Value: op.StopGradient(losses.MSE(moved, h1))}},
	}
}

// Follow implements methods.Following. Coefficients that are inferred know what is to be predicted.
func (m *LieGroup) Follow(s *graph.Scope, enc methods.Encoder, b *methods.Batch) (predicted, followed *graph.Node) {
	if len(m.Of) == 0 {
		op.Fail("", "of = []: the coefficients are inferred from both views, so that nothing is predicted; want what "+
			"is done to views, such as of = [\"crop\", \"color\"]")
	}
	_, h2, moved := m.embed(s, enc, b)
	return moved, h2
}

// embed is the features of two views, and those of the first moved by the group, [B,F] each.
func (m *LieGroup) embed(s *graph.Scope, enc methods.Encoder, b *methods.Batch) (h1, h2, moved *graph.Node) {
	n := b.Size()
	h := enc.New(s)(op.Concat(0, b.Views(2)...)) // [2B,F]
	h1, h2 = op.Slice(h, 0, 0, n), op.Slice(h, 0, n, 2*n)
	t := m.coefficients(s, enc.Dim, h1, h2, b) // [B,K]
	w := s.In("group").Param("generators", graph.Uniform(generatorBound/float64(enc.Dim)), enc.Dim,
		m.Generators*enc.Dim)
	return h1, h2, exponential(h1, t, w)
}

// coefficients are [B,K], between -1 and 1.
func (m *LieGroup) coefficients(s *graph.Scope, dim int, h1, h2 *graph.Node, b *methods.Batch) *graph.Node {
	x, widths := op.Concat(1, h1, h2), append(append([]int(nil), m.Inference...), m.Generators)
	if len(m.Of) > 0 {
		x, widths = between(s, b, m.Of), []int{m.Generators}
	}
	return op.Tanh(heads.MLP(s.In("coefficients"), op.ShapeOf(x)[1], widths...)(x))
}

const (
	generatorBound = 1.0 // of the entries of a generator times F at the beginning: near no motion
	lieSteps       = 4   // of the exponential, one after the other
	lieOrder       = 6   // of the series of a step
)

// exponential is x [B,E] moved by exp(t1 L1 + ... + tK LK), [B,E]: t [B,K], and w [E,KE] has the generators one after
// the other.
func exponential(x, t, w *graph.Node) *graph.Node {
	t = op.Scale(t, 1./lieSteps)
	for range lieSteps {
		term, sum := x, []*graph.Node{x}
		for power := 1; power <= lieOrder; power++ {
			term = op.Scale(mixed(term, t, w), 1/float64(power))
			sum = append(sum, term)
		}
		x = op.Sum(sum...)
	}
	return x
}
