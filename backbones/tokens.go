package backbones

import (
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// Tokens is a Backbone that works on a sequence of patches, whose parts methods can use one by one. Its New is Embed,
// Encode and Pool in a row, over the same parameters.
type Tokens interface {
	Backbone
	NewTokens(s *graph.Scope, in Input) *TokenEncoder
}

// TokenEncoder is the parts of a token backbone. Patches are numbered by rows; T = Rows*Columns.
type TokenEncoder struct {
	Dim           int // D, of a token
	Patch         int // side of a patch, pixels; 0: its tokens are no patches of an image
	Rows, Columns int // of patches in an image
	// of a clip: tubes one after the other, and frames of each; T = Frames*Rows*Columns. 0: an image
	Frames, Tube int
	HasClass     bool                            // Encode puts a class token before the others
	Embed        func(x *graph.Node) *graph.Node // images [B,H,W,C] -> patch tokens with their positions [B,T,D]
	// any K patch tokens [B,K,D] -> [B,K,D] after the final norm, or [B,1+K,D] with a class token
	Encode func(x *graph.Node) *graph.Node
	// Embed in two: patches without positions [B,T,D], and tokens y [B,T,D] with those of images of x's size. nil: it
	// has no such parts
	Project func(x *graph.Node) *graph.Node
	Place   func(y, x *graph.Node) *graph.Node
	// Among is Encode where some tokens are not there: keys [B,K] is 0 for padding, which no token attends to. nil: as
	// Project
	Among func(x, keys *graph.Node) *graph.Node
	// Masked is Encode of tokens [B,K,D] of which each attends to what a mask says. A class token attends to all that
	// is there and is attended to; with a bias there may be none, nor registers. nil: as Project
	Masked func(x *graph.Node, m layer.Mask) *graph.Node
	// Layers is the tokens after each block, without the final norm; nil: as Project
	Layers func(x *graph.Node) []*graph.Node
	// Norm is the final norm of such tokens; nil: as Project
	Norm    func(x *graph.Node) *graph.Node
	Symbols *SymbolEncoder // the parts of an encoder of symbols; nil: it is none
}

// Hiding is Embed with token [1,1,D] in place of every hidden patch, before positions are added: hidden [B,T] of 1 and
// 0 -> [B,T,D].
func (e *TokenEncoder) Hiding(x, hidden, token *graph.Node) *graph.Node {
	y := e.Project(x)
	h := op.Reshape(hidden, op.ShapeOf(y)[0], op.ShapeOf(y)[1], 1)
	return e.Place(op.Add(op.Mul(y, op.Affine(h, -1, 1)), op.Mul(token, h)), x)
}

// Last is the last k of encoded tokens [B,n,D]: the patches, without a class token before them.
func (e *TokenEncoder) Last(y *graph.Node, k int) *graph.Node {
	n := op.ShapeOf(y)[1]
	return op.Slice(y, 1, n-k, n)
}

// Pool is the features of encoded tokens, [B,K,D] -> [B,D]: the class token, or the mean of all.
func (e *TokenEncoder) Pool(y *graph.Node) *graph.Node {
	if e.HasClass {
		return op.Reshape(op.Slice(y, 1, 0, 1), -1, e.Dim)
	}
	return op.Mean(y, false, 1)
}
