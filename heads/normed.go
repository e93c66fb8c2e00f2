package heads

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
)

// Normed is MLP with a norm behind every layer, [B,in] -> [B,widths[last]]: linear layers without bias, each followed
// by a batch norm, and ReLU between them. The last norm scales and shifts where affine says so: NNCLR's projector
// (Dwibedi et al. 2021, arXiv:2104.14548, section 4.1) does, MoCo v3's (Chen et al. 2021, arXiv:2104.02057, section
// 4.2, its code) does not.
func Normed(s *graph.Scope, in int, affine bool, widths ...int) layer.Func {
	var layers []layer.Func
	for i, w := range widths {
		at := s.In(fmt.Sprint(i))
		layers = append(layers, layer.Linear(at, in, w, false))
		switch last := i == len(widths)-1; {
		case !last:
			layers = append(layers, layer.BatchNorm(at.In("norm"), w), layer.Relu)
		case affine:
			layers = append(layers, layer.BatchNorm(at.In("norm"), w))
		default:
			layers = append(layers, layer.BatchNormPlain(at.In("norm"), w))
		}
		in = w
	}
	return layer.Chain(layers...)
}
