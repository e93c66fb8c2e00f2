package methods

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/recipes/overlay"
)

// SimCLR makes the two views of an image recognise each other among all other views of the batch.
//
// Chen, Kornblith, Norouzi, Hinton, ICML 2020, arXiv:2002.05709, Alg. 1. Both views go through the encoder as one batch, as in the
// authors' code, so batch norm sees them together.
type SimCLR struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D
	Temperature float64 `toml:"temperature"` // of the cosine similarities
}

// DefaultSimCLR has the paper's settings for ImageNet.
func DefaultSimCLR() *SimCLR { return &SimCLR{Projector: []int{2048, 128}, Temperature: 0.1} }

// Validate implements Method.
func (m *SimCLR) Validate() error {
	if !(m.Temperature > 0) {
		return overlay.Bad("temperature", "%v: want a number above 0", m.Temperature)
	}
	return heads.CheckWidths("projector", m.Projector)
}

// Views implements Method.
func (m *SimCLR) Views() int { return 2 }

// Build implements Method.
func (m *SimCLR) Build(s *graph.Scope, enc Encoder, x []*graph.Node) Objective {
	oneSize("simclr", x)
	encode := enc.New(s.In("backbone"))
	project := heads.MLP(s.In("projector"), enc.Dim, m.Projector...)
	b := op.ShapeOf(x[0])[0]
	h := encode(op.Concat(0, x[0], x[1])) // [2B,F]
	z := project(h)                       // [2B,D]
	return Objective{
		Features: op.Slice(h, 0, 0, b),
		Terms:    []Term{{"ntxent", 1, NTXent(s, z, m.Temperature)}},
		Metrics:  []Metric{spread(z)},
	}
}

// NTXent is the mean cross-entropy in nats of picking each view's partner among the other 2B-1. z [2B,D] has partners B rows apart
// and is scaled to unit rows here; tau is a cosine temperature.
//
// Chen et al. 2020, arXiv:2002.05709, eq. 1. The authors' code also gathers across devices; with one rank there is nothing to gather.
func NTXent(s *graph.Scope, z *graph.Node, tau float64) *graph.Node {
	n := op.ShapeOf(z)[0]
	partner := make([]int32, n)
	for i := range partner {
		partner[i] = int32((i + n/2) % n)
	}
	u := op.Normalize(z, normEps)
	sim := op.Scale(op.Gram(u), 1/tau) // [2B,2B]
	return op.MeanAll(op.CrossEntropy(op.MaskDiagonal(sim, -1e9), s.Ints(fmt.Sprintf("const/partner%d", n), partner), 0))
}
