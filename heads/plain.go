package heads

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
)

// Plain is MLP without norms, [B,in] -> [B,widths[last]]: linear layers with bias and ReLU between them, the projector
// of MoCo v2.
func Plain(s *graph.Scope, in int, widths ...int) layer.Func {
	var layers []layer.Func
	for i, w := range widths {
		layers = append(layers, layer.Linear(s.In(fmt.Sprint(i)), in, w, true))
		if i < len(widths)-1 {
			layers = append(layers, layer.Relu)
		}
		in = w
	}
	return layer.Chain(layers...)
}
