package backbones

import (
	"fmt"

	"selfsup/graph"
)

// FrameMaps is a Backbone of clips that has feature maps of single frames: images [N,H,W,C] -> [N,h,w,C], coarser and
// coarser, over the same parameters as New. in is of the clips.
type FrameMaps interface {
	Backbone
	// HasFrameMaps says what keeps it from having some.
	HasFrameMaps() error
	NewFrameMaps(s *graph.Scope, in Input) func(x *graph.Node) []*graph.Node
}

// HasFrameMaps implements FrameMaps.
func (f *PerFrame) HasFrameMaps() error {
	switch f.Tower.Value.(type) {
	case Maps, Places:
		return nil
	}
	return fmt.Errorf("the tower %s has no feature maps; want a convnet, a resnet or a vit", f.Tower.Name)
}

// NewFrameMaps implements FrameMaps: the maps of the tower, or the one that its places are.
func (f *PerFrame) NewFrameMaps(s *graph.Scope, in Input) func(x *graph.Node) []*graph.Node {
	if m, ok := f.Tower.Value.(Maps); ok {
		return m.NewMaps(s, frameOf(in))
	}
	places := f.Tower.Value.(Places).NewPlaces(s, frameOf(in))
	return func(x *graph.Node) []*graph.Node {
		_, map0 := places(x)
		return []*graph.Node{map0}
	}
}
