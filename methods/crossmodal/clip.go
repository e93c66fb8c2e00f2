// Package crossmodal holds methods that learn from samples in two forms, such as images and texts: section 4.2 of the
// Cookbook (arXiv:2304.12210).
package crossmodal

import (
	"math"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// CLIP makes an image and its caption recognise each other among all others of the batch. With lock = true it is LiT:
// the image tower is read and not trained, so that the text tower learns to say what it sees.
//
// Radford et al. 2021, arXiv:2103.00020, section 2.3 and figure 3; Zhai et al. 2022, arXiv:2111.07991, section 3.2. As
// in the authors' code the logarithm of the scale is learned, from ln(1/0.07), and kept from 0 to ln 100 after every
// step. The text tower is any backbone of symbols; the authors' is a causal transformer. LiT's image tower has its
// weights from the recipe's [init], and dim = 0 gives it no head, as in that paper.
type CLIP struct {
	Text overlay.Choice[backbones.Backbone] `toml:"text" overlay:"of=backbone"` // the tower of captions
	// of the space of both, by a linear layer on each tower; 0: that of the image's features as they are
	Dim int `toml:"dim"`
	// LiT: the image tower is read, not trained
	Lock bool `toml:"lock"`
}

// DefaultCLIP has the paper's width for ViT-B.
func DefaultCLIP() *CLIP { return &CLIP{Dim: 512} }

// Validate implements methods.Method.
func (m *CLIP) Validate() error {
	if m.Dim < 0 {
		return setting.Bad("dim", "%d: want at least 1, or 0 for the image's features as they are", m.Dim)
	}
	return nil
}

// largestLogScale is ln 100, above which the scale of the similarities makes training unstable (section 2.5 of the
// paper).
const largestLogScale = 4.605170185988092

// Build implements methods.Method.
func (m *CLIP) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	t := m.Towers(s, enc, b.Of("caption"))
	h := t.Encode(b.View(0)) // [B,F]
	scale := s.Param("log_scale", graph.Fill(math.Log(1/0.07)))
	logits := Logits(s, t.Image(h), t.Text(b.Field("caption")), scale) // [N,N], N over all ranks
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "clip", Weight: 1, Value: losses.Matching(s, logits)}},
		Metrics: []methods.Metric{
			{Name: "matched", Value: op.Accuracy(logits, losses.Own(s, logits))},
			{Name: "scale", Value: op.Exp(scale)},
		},
		Tune: []methods.Tune{{Scope: "log_scale", Within: [2]float64{0, largestLogScale}}},
	}
}

// Logits are the scaled similarities of all images u [B,D] with all texts v [B,D], a row an image. Rows are made unit
// here.
func Logits(s *graph.Scope, u, v, logScale *graph.Node) *graph.Node {
	u, v = s.AllRows(op.Normalize(u, losses.Eps)), s.AllRows(op.Normalize(v, losses.Eps))
	return op.Mul(op.MatMul(u, v, false, true), op.Exp(logScale))
}

// Towers implements methods.Towers.
func (m *CLIP) Towers(s *graph.Scope, enc methods.Encoder, caption feed.Field) methods.TwoTowers {
	images := s
	if m.Lock {
		images = s.Locked()
	}
	if err := m.Text.Value.Check(methods.InputOf(caption)); err != nil {
		op.Fail("", "[method.clip.text.%s] %v", m.Text.Name, err)
	}
	text := methods.EncoderOf(m.Text.Value, caption)
	encode := text.New(s.In("text"))
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

// head is a tower's linear layer without bias, of deviation 1/sqrt(in) as in the authors' code.
func head(s *graph.Scope, in, out int) func(h *graph.Node) *graph.Node {
	w := s.Param("weight", graph.Normal(1/math.Sqrt(float64(in))), in, out)
	return func(h *graph.Node) *graph.Node { return op.MatMul(h, w, false, false) }
}
