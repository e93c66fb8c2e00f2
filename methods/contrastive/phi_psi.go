package contrastive

import (
	"math"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// PhiPsi is the family of losses that sum phi of a sum of psi over triplets: InfoNCE, triplet, N-pair and others.
//
// Tian 2022, arXiv:2201.12680, table 1; the Cookbook's figure 8. Of unit rows it is the mean over images of
//
//	phi( sum_{j != i} psi(d_i^2 - d_ij^2) ),   d_i^2 = |z_i - z_i'|^2 / 2,   d_ij^2 = |z_i - z_j|^2 / 2,
//
// where z_i' is the other view of image i, and z_j the same view of image j. The paper sums over images. Here the loss
// is also the mean over both orders of the views. Members, with T the temperature: InfoNCE (log, exp, offset 1:
// recipes/phi_psi.toml) and, in recipes/phi_psi, MINE (log, exp, offset 0), triplet (linear, hinge), soft_triplet (log,
// exp with a margin), n_plus_1_tuplet, which is N-pair (log, exp, T 1), lifted structure (squared_log, exp with a
// margin), modified_triplet (linear, sigmoid), triplet_contrastive (linear, linear).
type PhiPsi struct {
	Projector []int  `toml:"projector"` // widths; the last is D; [] is none
	Phi       string `toml:"phi"`       // linear: x; log: T log(offset + x); squared_log: max(0, log x)^2
	// linear: x; hinge: max(0, x + margin); exp: exp(x/T + margin); sigmoid: of x/T
	Psi         string  `toml:"psi"`
	Temperature float64 `toml:"temperature"` // T, of phi log and of psi exp and sigmoid
	Offset      float64 `toml:"offset"`      // in phi log
	Margin      float64 `toml:"margin"`      // in psi hinge and exp
}

// DefaultPhiPsi is InfoNCE at the paper's temperature.
func DefaultPhiPsi() *PhiPsi {
	return &PhiPsi{Projector: []int{512, 128}, Phi: "log", Psi: "exp", Temperature: 0.5, Offset: 1}
}

// Validate implements methods.Method.
func (m *PhiPsi) Validate() error {
	logs, exponent := m.Phi == "log" || m.Phi == "squared_log", 2/m.Temperature+m.Margin
	switch {
	case !logs && m.Phi != "linear":
		return setting.Bad("phi", "%q: want linear, log or squared_log", m.Phi)
	case m.Psi != "linear" && m.Psi != "hinge" && m.Psi != "exp" && m.Psi != "sigmoid":
		return setting.Bad("psi", "%q: want linear, hinge, exp or sigmoid", m.Psi)
	case !(m.Temperature > 0):
		return setting.Bad("temperature", "%v: want a number above 0", m.Temperature)
	case m.Offset != 0 && m.Phi != "log":
		return setting.Bad("offset", "%v is read by phi = \"log\" alone: want 0", m.Offset)
	case !(m.Offset >= 0):
		return setting.Bad("offset", "%v: want a number of 0 or more", m.Offset)
	case m.Margin != 0 && m.Psi != "hinge" && m.Psi != "exp":
		return setting.Bad("margin", "%v is read by psi = \"hinge\" and \"exp\" alone: want 0", m.Margin)
	case math.IsNaN(m.Margin):
		return setting.Bad("margin", "%v: want a number", m.Margin)
	case logs && m.Psi == "linear":
		return setting.Bad("psi", "\"linear\" has sums below 0, whose logarithm phi = %q takes: want exp", m.Phi)
	case logs && m.Psi == "hinge" && m.Offset == 0:
		return setting.Bad("psi", "\"hinge\" has sums of 0, whose logarithm phi = %q takes: want exp, or phi = "+
			"\"log\" with offset = 1", m.Phi)
	case m.Psi == "exp" && exponent > 75:
		return setting.Bad("temperature", "%v: exp(2/%v + margin) leaves float32 when summed over a batch; want at "+
			"least %.2g", m.Temperature, m.Temperature, 2/(75-min(m.Margin, 74)))
	}
	return heads.CheckProjector(m.Projector)
}

// Build implements methods.Method.
func (m *PhiPsi) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, large := embed(s, enc, b, m.Projector)
	for i := range z {
		z[i] = s.AllRows(op.Normalize(z[i], losses.Eps))
	}
	loss := methods.OverPairs(z, large, bothWays(func(x, y *graph.Node) *graph.Node {
		return op.MeanAll(m.phi(m.sums(triplets(x, y))))
	}))
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "phi_psi", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// triplets are d_i^2 - d_ij^2 of rows x [B,D] and their partners y [B,D], [B,B]; the diagonal, d_i^2, is none.
func triplets(x, y *graph.Node) *graph.Node {
	positive := op.SumAxes(op.Square(op.Sub(x, y)), true, 1) // [B,1]
	return op.Scale(op.Sub(positive, losses.SquaredDistances(x, x)), 0.5)
}

// sums are those of psi over the triplets of every row, [B,B] -> [B].
func (m *PhiPsi) sums(x *graph.Node) *graph.Node {
	switch m.Psi {
	case "hinge":
		x = op.Relu(op.Shift(x, m.Margin))
	case "exp":
		x = op.Exp(op.Affine(x, 1/m.Temperature, m.Margin))
	case "sigmoid":
		x = op.Sigmoid(op.Scale(x, 1/m.Temperature))
	}
	return op.SumAxes(op.OffDiagonal(x), false, 1)
}

// phi is phi of every row's sum [B].
func (m *PhiPsi) phi(x *graph.Node) *graph.Node {
	switch m.Phi {
	case "log":
		return op.Scale(op.Log(op.Shift(x, m.Offset)), m.Temperature)
	case "squared_log":
		return op.Square(op.Relu(op.Log(x)))
	}
	return x
}
