package contrastive

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// CMC gives the parts of an image that two networks see, its luminance and its colour, one embedding, told from those
// of other images by a bank of each part.
//
//	loss = NCE(luma; the image's row of the colours' bank) + NCE(colour; its row of the luminances' bank)
//
// Tian, Krishnan, Isola, ECCV 2020, arXiv:1906.05849, eq. 2 to 4 and section 3.4. NCE is losses.Bank's, and the first
// epoch fills the banks and trains nothing. The backbone is one of two halves, [backbone.luma_chroma], and the
// evaluation reads both, as in the paper.
type CMC struct {
	Projector   []int   `toml:"projector"`   // widths of each half's, without norms; the last is D
	Noise       int     `toml:"noise"`       // rows of a bank to tell an image from; 0: all
	Temperature float64 `toml:"temperature"` // of the cosine similarities
	Momentum    float64 `toml:"momentum"`    // of the banks' rows
}

// DefaultCMC has the paper's settings for ImageNet.
func DefaultCMC() *CMC {
	return &CMC{Projector: []int{128}, Noise: 16384, Temperature: 0.07, Momentum: 0.5}
}

// Validate implements methods.Method.
func (m *CMC) Validate() error {
	return errors.Join(heads.CheckWidths("projector", m.Projector), setting.Least("noise", m.Noise, 0),
		setting.Positive("temperature", m.Temperature), setting.Within("momentum", m.Momentum, 0, 1))
}

// Build implements methods.Method.
func (m *CMC) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	if enc.Halves == nil {
		b.Unfit("this backbone is one network, and the method compares two: choose [backbone.luma_chroma]")
	}
	luma, chroma := enc.Halves(s)(b.View(0)) // [B,F/2]
	embed := func(name string, h *graph.Node) *graph.Node {
		project := enc.Projector.Plain(s.In(name).In("projector"), op.ShapeOf(h)[1], m.Projector...)
		return op.Normalize(project(h), losses.Eps) // [B,D]
	}
	u, v := embed("luma", luma), embed("chroma", chroma)
	d := m.Projector[len(m.Projector)-1]
	lumas := losses.NewBank(s.In("luma"), b.SetSize(), d, m.Noise, m.Temperature)
	chromas := losses.NewBank(s.In("chroma"), b.SetSize(), d, m.Noise, m.Temperature)
	terms := []methods.Term{
		{Name: "luma", Weight: 1, Value: chromas.Loss("log_z", u, chromas.Of(b.Rows()), chromas.Draw(), b.Rows())},
		{Name: "chroma", Weight: 1, Value: lumas.Loss("log_z", v, lumas.Of(b.Rows()), lumas.Draw(), b.Rows())},
	}
	lumas.Remember(b.Rows(), u, m.Momentum)
	chromas.Remember(b.Rows(), v, m.Momentum)
	return methods.Objective{
		Features: op.Concat(1, luma, chroma), Terms: terms, Tune: whileBankFills("luma", "chroma"),
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(u)}, {Name: "agreement",
			Value: op.Neg(losses.NegativeCosine(op.StopGradient(u), op.StopGradient(v)))}},
	}
}
