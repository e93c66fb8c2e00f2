package methods

import (
	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/layer"
)

// Towers is a Method that puts images and captions into one space, in which evaluations compare them by their cosine.
type Towers interface {
	Method
	// Towers declares both, in the scopes that Build has them in. caption is the field of the symbols.
	Towers(s *graph.Scope, enc Encoder, caption feed.Field) TwoTowers
}

// Reading is a Method with a tower of texts, which others can read symbol by symbol.
type Reading interface {
	Method
	// TextTower is the tower, and the scope above its parameters: Scope/backbone.
	TextTower() (tower backbones.Backbone, scope string)
}

// Sounding is a Method that puts clips and their sounds into one space, in which an evaluation looks for one by the
// other.
type Sounding interface {
	Method
	// SoundTowers declares both, in the scopes that Build has them in: Text of the towers takes the field of the sound.
	SoundTowers(s *graph.Scope, enc Encoder, sound feed.Field) TwoTowers
}

// TwoTowers are encoders into one space of D dimensions.
type TwoTowers struct {
	Encode layer.Func                        // a view -> features [B,F]
	Image  func(h *graph.Node) *graph.Node   // features [B,F] -> [B,D]
	Text   func(ids *graph.Node) *graph.Node // symbols [B,T] -> [B,D]
}
