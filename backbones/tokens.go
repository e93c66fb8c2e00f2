package backbones

import (
	"selfsup/graph"
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
	Encode  func(x *graph.Node) *graph.Node
	Symbols *SymbolEncoder // the parts of an encoder of symbols; nil: it is none
}

// Pool is the features of encoded tokens, [B,K,D] -> [B,D]: the class token, or the mean of all.
func (e *TokenEncoder) Pool(y *graph.Node) *graph.Node {
	if e.HasClass {
		return op.Reshape(op.Slice(y, 1, 0, 1), -1, e.Dim)
	}
	return op.Mean(y, false, 1)
}
