package contrastive

import (
	"cmp"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// SimCLRMultiview is SimCLR for any number of views, whose summed probability of all views of the image is raised.
//
// The form of solo-learn's simclr_loss_func (da Costa et al. 2022, arXiv:2108.01775): the mean over all views i of
//
//	-log( sum_p exp(cos_ip/T) / sum_{a != i} exp(cos_ia/T) ),
//
// p the other views of the image; but for a constant Khosla et al. 2020, arXiv:2004.11362, eq. 3 (L_in), with images as
// classes. Of two views it is SimCLR. Small crops are compared with small ones too, unlike in simclr, which compares
// pairs with a large view and averages their losses.
type SimCLRMultiview struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D; [] is none
	Temperature float64 `toml:"temperature"` // of the cosine similarities
}

// DefaultSimCLRMultiview has SimCLR's settings for ImageNet.
func DefaultSimCLRMultiview() *SimCLRMultiview {
	return &SimCLRMultiview{Projector: []int{2048, 128}, Temperature: 0.1}
}

// Validate implements methods.Method.
func (m *SimCLRMultiview) Validate() error {
	return cmp.Or(setting.Positive("temperature", m.Temperature), heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *SimCLRMultiview) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, _ := embed(s, enc, b, m.Projector)
	u := allViews(s, z)
	n := op.ShapeOf(u)[0]
	image := losses.ImageOf(s, n, len(z))
	return methods.Objective{
		Features: h,
		Terms: []methods.Term{{Name: "ntxent", Weight: 1,
			Value: losses.Recognise(u, losses.SameInts(s, image), m.Temperature, true, n)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}
