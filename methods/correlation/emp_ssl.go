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

// EMPSSL pulls many patches of an image to their mean embedding, and spreads the embeddings of each patch by its coding
// rate. It is meant for many patches and few epochs.
//
//	loss = -gamma mean_v mean_i cos(z_vi, mean_u z_ui) - mean_v 1/2 log det(I + D/(B eps) z_v'z_v)
//
// Tong, Chen, Ma, LeCun 2023, arXiv:2304.03977, eq. 3 to 6; z have rows of unit length. Every crop is a patch; the
// paper takes 20 of a quarter of the image. It evaluates the mean over patches of an image, here the whole image is
// encoded.
type EMPSSL struct {
	Projector  []int   `toml:"projector"`  // widths; the last is D
	Similarity float64 `toml:"similarity"` // gamma
	Distortion float64 `toml:"distortion"` // eps
}

// DefaultEMPSSL has the paper's settings.
func DefaultEMPSSL() *EMPSSL {
	return &EMPSSL{Projector: []int{4096, 512}, Similarity: 200, Distortion: 0.2}
}

// Validate implements methods.Method.
func (m *EMPSSL) Validate() error {
	return errors.Join(setting.Weight("similarity", m.Similarity), setting.Positive("distortion", m.Distortion),
		heads.CheckWidths("projector", m.Projector))
}

// Build implements methods.Method.
func (m *EMPSSL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, _ := embed(s, enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...), b)
	return methods.Objective{
		Features: h[0],
		Terms:    m.Terms(s, z),
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// Terms are minus the similarity and minus the coding rate of the embeddings of patches [B,D].
func (m *EMPSSL) Terms(s *graph.Scope, z []*graph.Node) []methods.Term {
	var unit, similarity, rate []*graph.Node
	for _, x := range z {
		unit = append(unit, op.Normalize(x, losses.Eps))
	}
	centre := losses.Mean(unit)
	for _, u := range unit {
		similarity = append(similarity, losses.NegativeCosine(u, centre))
		rate = append(rate, op.Scale(m.codingRate(s, u), -1))
	}
	return []methods.Term{{Name: "similarity", Weight: m.Similarity, Value: losses.Mean(similarity)},
		{Name: "coding_rate", Weight: 1, Value: losses.Mean(rate)}}
}

// codingRate is 1/2 log det(I + D/(B eps) u'u) of rows u [B,D], from the smaller of u'u and uu', whose determinants are
// one (Sylvester).
func (m *EMPSSL) codingRate(s *graph.Scope, u *graph.Node) *graph.Node {
	n, d := op.ShapeOf(u)[0], op.ShapeOf(u)[1]
	product := op.Gram
	if n > d {
		product = op.ColumnGram
	}
	a := op.Scale(product(u), float64(d)/(float64(n)*m.Distortion))
	return op.Scale(losses.LogDet(s, op.Add(a, s.Identity(min(n, d)))), 0.5)
}
