// Package crossmodal holds methods that learn from samples in two forms, such as images and texts: section 4.2 of the
// Cookbook (arXiv:2304.12210).
package crossmodal

import (
	"math"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
)

// CLIP makes an image and its caption recognise each other among all others of the batch. With lock = true it is LiT:
// the image tower is read and not trained, so that the text tower learns to say what it sees.
//
// Radford et al. 2021, arXiv:2103.00020, section 2.3 and figure 3; Zhai et al. 2022, arXiv:2111.07991, section 3.2. As
// in the authors' code the logarithm of the scale is learned, from ln(1/0.07), and kept from 0 to ln 100 after every
// step. The text tower is any backbone of symbols; the authors' is a causal transformer. LiT's image tower has its
// weights from the recipe's [init], and dim = 0 gives it no head, as in that paper.
type CLIP struct{ Pairing }

// DefaultCLIP has the paper's width for ViT-B.
func DefaultCLIP() *CLIP { return &CLIP{Pairing{Dim: 512}} }

// Validate implements methods.Method.
func (m *CLIP) Validate() error { return m.check() }

// Build implements methods.Method.
func (m *CLIP) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	t := m.Towers(s, enc, b.Of("caption"))
	return contrast(s, t, b.View(0), b.Field("caption"))
}

// Towers implements methods.Towers.
func (m *CLIP) Towers(s *graph.Scope, enc methods.Encoder, caption feed.Field) methods.TwoTowers {
	return m.towers("clip", s, enc, caption)
}

// contrast is CLIP's objective of images x [B,H,W,C] and captions ids [B,T].
func contrast(s *graph.Scope, t methods.TwoTowers, x, ids *graph.Node) methods.Objective {
	h := t.Encode(x) // [B,F]
	scale := s.Param("log_scale", graph.Fill(math.Log(1/0.07)))
	logits := Logits(s, t.Image(h), t.Text(ids), scale) // [N,N], N over all ranks
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "clip", Weight: 1, Value: losses.Matching(s, logits, 0)}},
		Metrics: []methods.Metric{
			{Name: "matched", Value: op.Accuracy(logits, losses.Own(s, logits))},
			{Name: "scale", Value: op.Exp(scale)},
		},
		Tune: bounded(),
	}
}

// Logits are the scaled similarities of all images u [B,D] with all texts v [B,D], a row an image. Rows are made unit
// here.
func Logits(s *graph.Scope, u, v, logScale *graph.Node) *graph.Node {
	return op.Mul(losses.Cosines(s, u, v), op.Exp(logScale))
}
