package crossmodal

import (
	"math"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// Pairing is an image tower and a text tower with a linear head each into one space. With lock = true the image tower
// has its weights from the recipe's [init], and is read and not trained.
type Pairing struct {
	Text overlay.Choice[backbones.Backbone] `toml:"text" overlay:"of=backbone"` // the tower of captions
	// of the space of both, by a linear layer on each tower; 0: that of the image's features as they are
	Dim int `toml:"dim"`
	// LiT: the image tower is read, not trained
	Lock bool `toml:"lock"`
}

func (m *Pairing) check() error {
	if m.Dim < 0 {
		return setting.Bad("dim", "%d: want at least 1, or 0 for the image's features as they are", m.Dim)
	}
	return nil
}

// towers declares both towers of a method.
func (m *Pairing) towers(method string, s *graph.Scope, enc methods.Encoder, caption feed.Field) methods.TwoTowers {
	images := s
	if m.Lock {
		images = s.Locked()
	}
	if err := m.Text.Value.Check(methods.InputOf(caption)); err != nil {
		op.Fail("", "[method.%s.text.%s] %v", method, m.Text.Name, err)
	}
	text := methods.EncoderOf(m.Text.Value, caption)
	encode := text.New(s.In(textScope))
	t := methods.TwoTowers{Encode: enc.New(images)}
	dim := m.Dim
	if t.Image = func(h *graph.Node) *graph.Node { return h }; dim > 0 {
		t.Image = head(s.In("image_head"), enc.Dim, dim)
	} else {
		dim = enc.Dim
	}
	toText := head(s.In("text_head"), text.Dim, dim)
	t.Text = func(ids *graph.Node) *graph.Node { return toText(encode(ids)) }
	return t
}

// head is a tower's linear layer without bias, of deviation 1/sqrt(in) as in the code of CLIP's authors.
func head(s *graph.Scope, in, out int) func(h *graph.Node) *graph.Node {
	w := s.Param("weight", graph.Normal(1/math.Sqrt(float64(in))), in, out)
	return func(h *graph.Node) *graph.Node { return op.MatMul(h, w, false, false) }
}

// largestLogScale is ln 100, above which the scale of the similarities makes training unstable (section 2.5 of CLIP's
// paper).
const largestLogScale = 4.605170185988092

// bounded keeps the logarithm of a scale, the parameter log_scale, from 0 to ln 100 after every step.
func bounded() []methods.Tune {
	return []methods.Tune{{Scope: "log_scale", Within: [2]float64{0, largestLogScale}}}
}

// textScope is where the tower of texts is.
const textScope = "text"

// TextTower implements methods.Reading.
func (m *Pairing) TextTower() (tower backbones.Backbone, scope string) {
	return m.Text.Value, textScope
}
