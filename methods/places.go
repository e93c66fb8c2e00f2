package methods

import (
	"selfsup/graph"
	"selfsup/graph/op"
)

// HasPlaces reports whether Places has what to make: feature maps, or the patches of an image's tokens.
func (enc Encoder) HasPlaces(s *graph.Scope) bool {
	return enc.Maps != nil || enc.Tokens != nil && enc.Tokens(s).Grid != nil
}

// Places is the encoder in s with the places that its features are made of: a view [B,H,W,C] -> features [B,Dim] and a
// map [B,h,w,C], the last feature map of a convolutional network or the encoded patches of a transformer. nil: the
// backbone has neither.
func (enc Encoder) Places(s *graph.Scope) func(x *graph.Node) (features, places *graph.Node) {
	if enc.Maps != nil {
		maps := enc.Maps(s)
		return func(x *graph.Node) (features, places *graph.Node) {
			all := maps(x)
			last := all[len(all)-1]
			return op.GlobalAvgPool(last), last
		}
	}
	if enc.Tokens != nil {
		return enc.Tokens(s).Grid
	}
	return nil
}

// NeedPlaces is Places for methods that compare places; other backbones stop the build.
func (b *Batch) NeedPlaces(s *graph.Scope, enc Encoder) func(x *graph.Node) (features, places *graph.Node) {
	places := enc.Places(s)
	if places == nil {
		b.Unfit("the backbone has no feature maps, whose places are compared; want a convnet, a resnet or a vit")
	}
	return places
}
