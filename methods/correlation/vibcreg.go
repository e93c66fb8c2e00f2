package correlation

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// VIbCReg is VICReg with correlations in place of covariances, behind a projector that whitens its output.
//
//	loss = 25 |z1-z2|^2/(B D) + 25 (v(z1)+v(z2)) + 200 (c(z1)+c(z2)),  c = sum_{i != j} corr_ij^2 / D^2
//
// Lee and Aune 2021, arXiv:2109.00783, eq. 1 to 5. As in the code of solo-learn the variance term is the sum of the two
// views' hinges, twice VICReg's, and the whitening is by five of Newton's iterations on groups of dimensions. Of crops
// of several sizes the terms are means over the pairs of a large view and another.
type VIbCReg struct {
	Projector  []int   `toml:"projector"`  // widths; the last is D
	Group      int     `toml:"group"`      // dimensions that are whitened together; 0: the projector does not whiten
	Iterations int     `toml:"iterations"` // of the whitening
	Invariance float64 `toml:"invariance"` // weight of the mean squared distance
	Variance   float64 `toml:"variance"`   // weight of the spread hinge of each view
	Covariance float64 `toml:"covariance"` // weight of the off-diagonal correlation
}

// DefaultVIbCReg has the paper's settings.
func DefaultVIbCReg() *VIbCReg {
	return &VIbCReg{Projector: []int{2048, 2048, 2048}, Group: 64, Iterations: 5, Invariance: 25, Variance: 25,
		Covariance: 200}
}

// Validate implements methods.Method.
func (m *VIbCReg) Validate() error {
	err := errors.Join(checkTriple(m.Invariance, m.Variance, m.Covariance), heads.CheckWidths("projector", m.Projector))
	switch {
	case err != nil:
		return err
	case m.Group < 0:
		return setting.Bad("group", "%d: want 0, for none, or a divisor of the last width", m.Group)
	case m.Group == 0:
		return nil
	case m.Iterations < 1:
		return setting.Bad("iterations", "%d: want at least 1", m.Iterations)
	}
	d := m.Projector[len(m.Projector)-1]
	if d%m.Group == 0 {
		return nil
	}
	nearest := min(m.Group, d)
	for d%nearest != 0 {
		nearest--
	}
	return setting.Bad("group", "%d: %d dimensions do not come in groups of so many; want %d", m.Group, d, nearest)
}

// Build implements methods.Method.
func (m *VIbCReg) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	project := enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)
	if m.Group > 0 {
		white := heads.IterNorm{Group: m.Group, Iterations: m.Iterations}
		project = layer.Chain(project, white.New(s.In("projector/white"), m.Projector[len(m.Projector)-1]))
	}
	h, z, large := embed(s, enc.New(s), project, b)
	return methods.Objective{
		Features: h[0],
		Terms:    m.Terms(z, large),
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// Terms are the three terms of the loss for the embeddings of views [B,D], the large ones first.
func (m *VIbCReg) Terms(z []*graph.Node, large int) []methods.Term {
	return threeTerms(z, large, [3]float64{m.Invariance, m.Variance, m.Covariance}, losses.SpreadHinge,
		losses.Decorrelated, op.Add)
}
