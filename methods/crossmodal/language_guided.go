package crossmodal

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// LanguageGuided makes two images recognise each other among all others of the batch because they have captions that
// are nearly alike: captions say what is a view of what, and no other is needed.
//
// El Banani, Desai, Johnson, CVPR 2023, arXiv:2302.12248, section 3: SimCLR (LGSimCLR) of an image and its partner, the
// image with the nearest caption. Captions are compared by the words that they share, rarer ones counting more (see
// captioned.Partner), where the paper has a sentence encoder that was trained elsewhere. The recipe's [views] apply to
// both; without any the captions are the only views.
type LanguageGuided struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D; [] is none
	Temperature float64 `toml:"temperature"` // of the cosine similarities
}

// DefaultLanguageGuided has the paper's settings for ResNet-50.
func DefaultLanguageGuided() *LanguageGuided {
	return &LanguageGuided{Projector: []int{2048, 128}, Temperature: 0.1}
}

// Validate implements methods.Method.
func (m *LanguageGuided) Validate() error {
	return errors.Join(setting.Positive("temperature", m.Temperature), heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *LanguageGuided) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	project := enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)
	h := enc.New(s)(op.Concat(0, b.View(0), b.Field("partner"))) // [2B,F]
	z := project(h)                                              // [2B,D]
	return methods.Objective{
		Features: op.Slice(h, 0, 0, b.Size()),
		Terms:    []methods.Term{{Name: "ntxent", Weight: 1, Value: losses.NTXent(s, z, m.Temperature)}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z)}},
		Alarms: []methods.Alarm{methods.Guessing("ntxent", 2*b.Size()-1, "lower the temperature or the learning rate "+
			"(sections 2.2 and 3.5)")},
	}
}
