package correlation

import (
	"errors"
	"slices"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// DCCAE is DCCA whose features must also let a decoder of each part paint it again.
//
//	loss = DCCA + lambda (|x1 - p1(h1)|^2 + |x2 - p2(h2)|^2) / pixels,  the mean over samples
//
// Wang, Arora, Livescu, Bilmes, ICML 2015, arXiv:1602.01024, eq. 3. Decoders are MLPs on the features; the paper's
// start from the embeddings, which here are behind a projector. The error is a mean over pixels and not a sum.
type DCCAE struct {
	Parts          string  `toml:"parts"`          // halves | views
	Projector      []int   `toml:"projector"`      // widths; the last is D
	Ridge          float64 `toml:"ridge"`          // r
	Reconstruction float64 `toml:"reconstruction"` // lambda
	Decoder        []int   `toml:"decoder"`        // hidden widths; [] is a linear decoder
}

// DefaultDCCAE has DCCA's settings.
func DefaultDCCAE() *DCCAE {
	d := DefaultDCCA()
	return &DCCAE{Parts: d.Parts, Projector: d.Projector, Ridge: d.Ridge, Reconstruction: 1, Decoder: []int{512}}
}

// correlation are the settings of the other term.
func (m *DCCAE) correlation() *DCCA {
	return &DCCA{Parts: m.Parts, Projector: m.Projector, Ridge: m.Ridge}
}

// Validate implements methods.Method.
func (m *DCCAE) Validate() error {
	if m.Parts == "caption" {
		return setting.Bad("parts", "\"caption\": decoders paint images; want halves or views, or method.dcca")
	}
	return errors.Join(m.correlation().Validate(), setting.Weight("reconstruction", m.Reconstruction),
		heads.CheckHidden("decoder", m.Decoder))
}

// Build implements methods.Method.
func (m *DCCAE) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x, h, z := m.correlation().embed(s, enc, b)
	var errs []*graph.Node
	for i, at := range []*graph.Scope{s, s.In("second")} {
		pixels := op.ShapeOf(x[i])[1:].Size()
		paint := heads.Plain(at.In("decoder"), enc.Dim, append(slices.Clone(m.Decoder), pixels)...)
		errs = append(errs, losses.MSE(paint(h[i]), op.Reshape(x[i], b.Size(), pixels)))
	}
	o := m.correlation().objective(s, h, z)
	o.Terms = append(o.Terms, methods.Term{Name: "reconstruction", Weight: m.Reconstruction, Value: op.Sum(errs...)})
	return o
}
