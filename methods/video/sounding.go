package video

import (
	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/recipes/overlay"
)

// Hearing is the tower of the sound, beside the recipe's backbone, which sees the clip.
type Hearing struct {
	Sound overlay.Choice[backbones.Backbone] `toml:"sound" overlay:"of=backbone"` // of log-mels or waves
}

// soundField is a clip's sound, see package sounded.
const soundField = "sound"

// soundScope is where the tower of the sound is.
const soundScope = "sound"

// tower declares the tower of the sound of a method.
func (m *Hearing) tower(method string, s *graph.Scope, sound feed.Field) (encode layer.Func, dim int) {
	if err := m.Sound.Value.Check(methods.InputOf(sound)); err != nil {
		op.Fail("", "[method.%s.sound.%s] %v", method, m.Sound.Name, err)
	}
	enc := methods.EncoderOf(m.Sound.Value, sound)
	return enc.New(s.In(soundScope)), enc.Dim
}

// towers declares both towers, each with a projector of its own.
func (m *Hearing) towers(method string, s *graph.Scope, enc methods.Encoder, sound feed.Field,
	projector []int) methods.TwoTowers {
	hear, dim := m.tower(method, s, sound)
	listened := heads.MLP(s.In("sound_projector"), dim, projector...)
	return methods.TwoTowers{Encode: enc.New(s), Image: enc.Projector.MLP(s.In("projector"), enc.Dim, projector...),
		Text: func(x *graph.Node) *graph.Node { return listened(hear(x)) }}
}
