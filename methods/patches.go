package methods

import (
	"selfsup/backbones"
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/op"
)

// Patches is the encoder in s of a backbone of patches whose embedding and positions are apart, so that tokens can
// stand for hidden patches; other backbones stop the build.
func Patches(s *graph.Scope, enc Encoder, b *Batch) *backbones.TokenEncoder {
	if enc.Tokens == nil {
		b.Unfit("this backbone has no patch tokens to hide: choose one that has, such as [backbone.vit]")
	}
	e := enc.Tokens(s)
	if e.Patch == 0 || e.Project == nil || e.Frames > 0 {
		b.Unfit("the tokens of this backbone are no patches of an image that a mask token can stand for: choose " +
			"[backbone.vit]")
	}
	return e
}

// MaskToken is a learned token [1,1,D] in place of hidden patches; it has two axes in the Store, so that it decays.
func MaskToken(s *graph.Scope, dim int) *graph.Node {
	return op.Reshape(s.Param("mask", graph.Normal(0.02), 1, dim), 1, 1, dim)
}

// GridOf is the patches of an image.
func GridOf(e *backbones.TokenEncoder) masks.Grid {
	return masks.Grid{Frames: 1, Rows: e.Rows, Columns: e.Columns}
}

// HiddenPatches is a mask with one plane, [B,T] of 1 and 0.
func HiddenPatches(b *Batch, k masks.Kind, e *backbones.TokenEncoder) *graph.Node {
	return op.Reshape(b.Mask(k, GridOf(e)), b.Size(), e.Rows*e.Columns)
}
