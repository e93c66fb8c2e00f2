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

// MMCR makes the mean embeddings of images span many directions, by the sum of their singular values, which is large
// only if the views of each image agree.
//
//	loss = -|C|_* + lambda mean_i |Z_i|_*,  C [B,D] the means of unit rows over views, Z_i [V,D] the views of image i
//
// Yerxa, Kuang, Simoncelli, Chung, NeurIPS 2023, arXiv:2303.03307, eq. 4. Every crop is a view, whatever its size. The
// means are of embeddings of one network; lightly's form adds those of a teacher.
type MMCR struct {
	Projector []int   `toml:"projector"` // widths; the last is D
	Local     float64 `toml:"local"`     // lambda; 0: the centroids alone, as in the paper's experiments
}

// DefaultMMCR has the paper's settings for ImageNet.
func DefaultMMCR() *MMCR { return &MMCR{Projector: []int{8192, 8192, 512}} }

// Validate implements methods.Method.
func (m *MMCR) Validate() error {
	return errors.Join(setting.Weight("local", m.Local), heads.CheckWidths("projector", m.Projector))
}

// Build implements methods.Method.
func (m *MMCR) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, _ := embed(s, enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...), b)
	for v := range z {
		z[v] = op.Normalize(z[v], losses.Eps)
	}
	return methods.Objective{
		Features: h[0],
		Terms:    m.Terms(z),
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// Terms are minus the nuclear norm of the centroids and, with a weight, the mean of those of each image's views, for
// unit embeddings of views [B,D].
func (m *MMCR) Terms(z []*graph.Node) []methods.Term {
	terms := []methods.Term{{Name: "centroids", Weight: 1, Value: op.Neg(losses.NuclearNorm(losses.Mean(z)))}}
	if m.Local > 0 {
		n, d := op.ShapeOf(z[0])[0], op.ShapeOf(z[0])[1]
		var views []*graph.Node
		for _, x := range z {
			views = append(views, op.Reshape(x, n, 1, d))
		}
		local := op.Scale(losses.NuclearNorm(op.Concat(1, views...)), 1/float64(n)) // [B,V,D]
		terms = append(terms, methods.Term{Name: "local", Weight: m.Local, Value: local})
	}
	return terms
}
