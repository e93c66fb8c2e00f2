package crossmodal

import (
	"errors"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/methods/contrastive"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// SLIP adds a method of two views of an image to CLIP: one image tower learns from captions and from itself.
//
// Mu, Kirillov, Wagner, Xie, ECCV 2022, arXiv:2112.12750, section 3 and algorithm 1: SimCLR with a projector of its
// own, beside the head to captions; the two views and the image that meets its caption, view 2, are three crops. Any
// method of views may stand for SimCLR, as in the paper's table 6. With several processes the authors' code
// takes no gradient through what other processes embedded for the captions' term; here both terms do.
type SLIP struct {
	Pairing
	Base overlay.Choice[methods.Method] `toml:"base" overlay:"of=method"` // the method of two views
	// weight of all its terms
	Weight float64 `toml:"weight"`
}

// DefaultSLIP has the paper's settings for ViT-B.
func DefaultSLIP() *SLIP {
	simclr := &contrastive.SimCLR{Projector: []int{4096, 4096, 256}, Temperature: 0.1}
	return &SLIP{Pairing: Pairing{Dim: 512}, Base: overlay.Choice[methods.Method]{Name: "simclr", Value: simclr},
		Weight: 1}
}

// Validate implements methods.Method.
func (m *SLIP) Validate() error {
	var bad []error
	_, towers := m.Base.Value.(methods.Towers)
	if towers || m.Base.Value != nil && methods.UsesLabels(m.Base.Value) {
		bad = append(bad, setting.Bad("base", "%s: want a method that learns from views of an image alone",
			m.Base.Name))
	}
	if m.Lock {
		bad = append(bad, setting.Bad("lock", "true: the method %s trains the image tower; want false, or the method "+
			"clip", m.Base.Name))
	}
	return errors.Join(append(bad, m.check(), setting.Weight("weight", m.Weight))...)
}

// Build implements methods.Method.
func (m *SLIP) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	_, x := b.Aside()
	o := m.Base.Value.Build(s, enc, b)
	if o.Players != nil {
		op.Fail("", "base = %s has several optimisers, of which none would train the towers; want a method with "+
			"one loss", m.Base.Name)
	}
	for i := range o.Terms {
		o.Terms[i].Weight *= m.Weight
	}
	c := contrast(s, m.Towers(s, enc, b.Of("caption")), x, b.Field("caption"))
	o.Encoder = "" // the tower of both, where the base would evaluate its teacher
	o.Terms, o.Metrics, o.Tune = append(c.Terms, o.Terms...), append(o.Metrics, c.Metrics...), append(o.Tune, c.Tune...)
	return o
}

// Towers implements methods.Towers.
func (m *SLIP) Towers(s *graph.Scope, enc methods.Encoder, caption feed.Field) methods.TwoTowers {
	return m.towers("slip", s, enc, caption)
}
