package methods

import (
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/recipes/overlay"
)

// BYOL makes a predictor on top of the student guess what a slowly following teacher says of the other view.
//
// Grill et al., NeurIPS 2020, arXiv:2006.07733, sections 3.1 and 3.2. Each view is a batch of its own for batch norm, and the
// teacher's batch norm uses its own batch statistics, as in the authors' code.
type BYOL struct {
	Projector []int   `toml:"projector"` // widths; the last is D
	Predictor []int   `toml:"predictor"` // hidden widths; the output is D wide
	Momentum  float64 `toml:"momentum"`  // of the teacher at the first step; it rises to 1 along half a cosine
}

// DefaultBYOL has the paper's settings for ImageNet.
func DefaultBYOL() *BYOL {
	return &BYOL{Projector: []int{4096, 256}, Predictor: []int{4096}, Momentum: 0.996}
}

// Validate implements Method.
func (m *BYOL) Validate() error {
	if !(m.Momentum >= 0 && m.Momentum <= 1) {
		return overlay.Bad("momentum", "%v: want a number from 0 to 1", m.Momentum)
	}
	for _, w := range m.Predictor {
		if w < 1 {
			return overlay.Bad("predictor", "%v: every width must be at least 1", m.Predictor)
		}
	}
	return heads.CheckWidths("projector", m.Projector)
}

// Views implements Method.
func (m *BYOL) Views() int { return 2 }

// Build implements Method.
func (m *BYOL) Build(s *graph.Scope, enc Encoder, x []*graph.Node) Objective {
	d := m.Projector[len(m.Projector)-1]
	network := func(s *graph.Scope) (encode, project func(*graph.Node) *graph.Node) {
		return enc.New(s.In("backbone")), heads.MLP(s.In("projector"), enc.Dim, m.Projector...)
	}
	encode, project := network(s)
	predict := heads.MLP(s.In("predictor"), d, append(append([]int(nil), m.Predictor...), d)...)
	h := []*graph.Node{encode(x[0]), encode(x[1])}                     // [B,F]
	p := []*graph.Node{predict(project(h[0])), predict(project(h[1]))} // [B,D]

	tau := s.Scheduled("teacher_momentum", graph.CosineRamp(m.Momentum, 1))
	encodeT, projectT := network(s.Twin("teacher", tau))
	z := []*graph.Node{projectT(encodeT(x[0])), projectT(encodeT(x[1]))} // [B,D]
	return Objective{
		Features: h[0],
		Terms:    []Term{{"regression", 1, op.Add(Regression(p[0], z[1]), Regression(p[1], z[0]))}},
		Metrics:  []Metric{spread(z[0])},
	}
}

// Regression is 2 - 2 cos(p, sg(z)), the mean over rows of [B,D]: the squared distance of unit rows. No gradient reaches z.
//
// Grill et al. 2020, arXiv:2006.07733, eq. 2.
func Regression(p, z *graph.Node) *graph.Node {
	return op.Affine(NegativeCosine(p, op.StopGradient(z)), 2, 2)
}

// NegativeCosine is minus the mean cosine of rows a, b [B,D], with gradients for both.
//
// Chen and He 2021, arXiv:2011.10566, eq. 1.
func NegativeCosine(a, b *graph.Node) *graph.Node {
	n := op.ShapeOf(a)[0]
	return op.Scale(op.SumAll(op.Mul(op.Normalize(a, normEps), op.Normalize(b, normEps))), -1/float64(n))
}
