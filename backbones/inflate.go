package backbones

import (
	"fmt"
	"maps"

	"selfsup/graph/ir"
)

// Inflater is a Backbone for clips that can begin with the weights of one for images.
type Inflater interface {
	Backbone
	// Inflate makes the encoder's entries, by their names below its scope, of those of an encoder of images.
	Inflate(how Inflation, image map[string]ir.Array, in Input) (map[string]ir.Array, error)
}

// Inflation is how the weights of a patch become those of a tube of t patches.
type Inflation string

const (
	// InflateMean gives every frame the patch's weights over t, so that a clip that stands still gives the image's
	// tokens (Carreira and Zisserman 2017, arXiv:1705.07750, section 2.1).
	InflateMean Inflation = "mean"
	// InflateCentral gives frame floor(t/2) the patch's weights and the others 0 (Arnab et al. 2021, arXiv:2103.15691,
	// eq. 9), so that the tubes begin as the patches of single frames.
	InflateCentral Inflation = "central"
)

// Tubes makes the weights of tubes of t frames [t*N,D] of those of patches [N,D], the pixels of a tube by frames.
func (how Inflation) Tubes(patch ir.Array, t int) ir.Array {
	n, d := patch.Shape[0], patch.Shape[1]
	tubes := ir.NewArray(ir.Type{DType: patch.DType, Shape: ir.Shape{t * n, d}})
	for frame := range t {
		factor := 1 / float64(t)
		if how == InflateCentral {
			factor = 0
			if frame == t/2 {
				factor = 1
			}
		}
		for i := range n * d {
			tubes.Set(frame*n*d+i, factor*patch.At(i))
		}
	}
	return tubes
}

// Inflate implements Inflater: the weights of a ViT, whose patches become tubes and whose positions are those of every
// tube at their place, until they are trained (Arnab et al. 2021, arXiv:2103.15691, section 3.4). Where positions are
// separable they are those of places, and those of times begin at 0. A class token and its position are left out where
// clips have none; where they have one, it sees every place as often as there are tubes, and itself once.
func (v *ViT3D) Inflate(how Inflation, image map[string]ir.Array, in Input) (map[string]ir.Array, error) {
	patch, ok := image["patch/weight"]
	position, placed := image["position"]
	if !ok || !placed || len(patch.Shape) != 2 || len(position.Shape) != 2 {
		return nil, fmt.Errorf("the encoder has no patches and positions to inflate: want one of [backbone.vit]")
	}
	if v.Position == "sincos" {
		return nil, fmt.Errorf("positions that stand for space alone are the same in all frames, and position = %q "+
			"does not train them: want backbone.vit3d.position = \"learned\" or \"separable\"", v.Position)
	}
	out := maps.Clone(image)
	out["patch/weight"] = how.Tubes(patch, v.Tube)

	frames, places := in.Shape[0]/v.Tube, in.Shape[1]/v.Patch*(in.Shape[2]/v.Patch)
	first, d := 0, position.Shape[1]
	class, classed := image["class"]
	if classed && position.Shape[0] == 1+places {
		first = 1
	}
	if position.Shape[0] != first+places {
		return nil, fmt.Errorf("the encoder has %d positions, and a frame of %dx%d has %d patches of side %d: want "+
			"frames of the images' size", position.Shape[0], in.Shape[1], in.Shape[2], places, v.Patch)
	}
	table := func(rows, from int) ir.Array { // rows of the positions again and again, from one on
		t := ir.NewArray(ir.Type{DType: position.DType, Shape: ir.Shape{rows, d}})
		for i := range rows * d {
			t.Set(i, position.At(from*d+i%(places*d)))
		}
		return t
	}
	delete(out, "class")
	if v.Class {
		if first == 0 {
			return nil, fmt.Errorf("the encoder has no class token with a position: want backbone.vit3d.class = false")
		}
		out["class"] = ir.NewArray(ir.Type{DType: class.DType, Shape: ir.Shape{1, d}})
		for i := range d {
			out["class"].Set(i, class.At(i))
		}
		out["class_position"] = table(1, 0)
	}
	if v.Position == "separable" {
		delete(out, "position")
		out["position/space"] = table(places, first)
		out["position/time"] = ir.NewArray(ir.Type{DType: position.DType, Shape: ir.Shape{frames, d}})
		return out, nil
	}
	out["position"] = table(frames*places, first)
	return out, nil
}
