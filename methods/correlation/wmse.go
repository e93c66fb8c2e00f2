package correlation

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// WMSE pulls views together after whitening their embeddings, so that these cannot collapse.
//
//	loss = 2 - 2 cos(w1, w2),  w = L^-1 (z - mean),  L L' = covariance of a sub-batch of each view
//
// Ermolov, Siarohin, Sangineto, Sebe, ICML 2021, arXiv:2007.06346, eq. 3 to 6. Sub-batches are drawn anew in every step
// and are the same for all views; with several iterations the loss is the mean over as many draws. Every pair of views
// counts alike, as in the paper for d > 2 views; crops of several sizes as pairs of a large one and another.
type WMSE struct {
	Projector  []int   `toml:"projector"`  // widths; the last is D
	SubBatch   int     `toml:"sub_batch"`  // samples that are whitened together; at least 2 D
	Iterations int     `toml:"iterations"` // draws of sub-batches in a step
	Epsilon    float64 `toml:"epsilon"`    // share of the identity in the covariance
}

// DefaultWMSE has the paper's settings for ImageNet.
func DefaultWMSE() *WMSE { return &WMSE{Projector: []int{1024, 128}, SubBatch: 256, Iterations: 1} }

// Validate implements methods.Method.
func (m *WMSE) Validate() error {
	if err := heads.CheckWidths("projector", m.Projector); err != nil {
		return err
	}
	if d := m.Projector[len(m.Projector)-1]; m.SubBatch < 2*d {
		return setting.Bad("sub_batch",
			"%d: %d dimensions are whitened by at least twice as many samples; want %d, or "+
				"a last width of %d", m.SubBatch, d, 2*d, max(1, m.SubBatch/2))
	}
	var err error
	if m.Iterations < 1 {
		err = setting.Bad("iterations", "%d: want at least 1", m.Iterations)
	}
	if !(m.Epsilon >= 0 && m.Epsilon < 1) {
		err = errors.Join(err, setting.Bad("epsilon", "%v: want a share from 0 on and below 1", m.Epsilon))
	}
	return err
}

// Build implements methods.Method.
func (m *WMSE) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, large := embed(s, enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...), b)
	n := op.ShapeOf(z[0])[0]
	if n%m.SubBatch != 0 {
		op.Fail(s.Path(), "sub_batch = %d: %d images of a step do not come in sub-batches of one size; want a "+
			"batch of %d",
			m.SubBatch, n, max(1, (n+m.SubBatch/2)/m.SubBatch)*m.SubBatch)
	}
	draws := s.Random("sub_batches")
	var terms []*graph.Node
	for range m.Iterations {
		order := op.Argsort(draws.Uniform(n)) // [B]
		terms = append(terms, methods.OverPairs(m.whiten(s, z, order), large, distance))
	}
	return methods.Objective{
		Features: h[0],
		Terms:    []methods.Term{{Name: "whitened", Weight: 1, Value: losses.Mean(terms)}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// distance is the mean squared distance of unit rows.
func distance(a, b *graph.Node) *graph.Node { return op.Affine(losses.NegativeCosine(a, b), 2, 2) }

// whiten is each view's z [B,D] in an order [B] of its rows, white within every sub-batch of neighbours.
func (m *WMSE) whiten(s *graph.Scope, z []*graph.Node, order *graph.Node) (white []*graph.Node) {
	for _, x := range z {
		n, d := op.ShapeOf(x)[0], op.ShapeOf(x)[1]
		parts := op.Reshape(op.Gather(x, order), n/m.SubBatch, m.SubBatch, d)
		parts = op.Sub(parts, op.Mean(parts, true, 1))
		cov := op.Scale(op.MatMul(parts, parts, true, false), (1-m.Epsilon)/float64(m.SubBatch-1)) // [n/W,D,D]
		if m.Epsilon > 0 {
			cov = op.Add(cov, op.Scale(s.Identity(d), m.Epsilon))
		}
		white = append(white, op.Reshape(op.MatMul(parts, op.InverseCholesky(cov), false, true), n, d))
	}
	return white
}
