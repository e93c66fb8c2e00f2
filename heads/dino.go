package heads

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// DINO is the projector of DINO and of its successors: an MLP with GELU and, if not asked for, no norms, rows of unit
// length, and the cosines with K prototypes.
//
// Caron et al. 2021, arXiv:2104.14294, section 3.1 and appendix C; widths and weights of 0.02 as in its code.
type DINO struct {
	Layers     int  // of the MLP, 3 in the paper; one layer is linear
	Hidden     int  // width between them, 2048 in the paper
	Bottleneck int  // width of the rows, 256 in the paper
	K          int  // prototypes, 65536 in the paper
	Norm       bool // batch norm before every GELU, for convolutional networks (use_bn_in_head of the code)
	Gain       bool // prototypes have learned lengths; without, as in the paper for its large models, they are 1
}

// New is the head on features [B,in] -> [B,K], the MLP in mlp/0, mlp/1 ... and the prototypes in last.
func (o DINO) New(s *graph.Scope, in int) layer.Func {
	var layers []layer.Func
	for i := range o.Layers {
		out := o.Hidden
		if i == o.Layers-1 {
			out = o.Bottleneck
		}
		at := s.In(fmt.Sprintf("mlp/%d", i))
		layers = append(layers, normalLinear(at, in, out))
		if i < o.Layers-1 && o.Norm {
			layers = append(layers, layer.BatchNorm(at.In("norm"), out))
		}
		if i < o.Layers-1 {
			layers = append(layers, op.Gelu)
		}
		in = out
	}
	unit := func(x *graph.Node) *graph.Node { return op.Normalize(x, 1e-12) }
	return layer.Chain(append(layers, unit, layer.WeightNormLinear(s.In("last"), in, o.K, o.Gain))...)
}

// normalLinear is a linear layer whose weights are drawn from a normal distribution of deviation 0.02 and whose bias
// starts at 0.
func normalLinear(s *graph.Scope, in, out int) layer.Func {
	w, b := s.Param("weight", graph.Normal(0.02), in, out), s.Param("bias", graph.Fill(0), out)
	return func(x *graph.Node) *graph.Node { return op.Add(layer.Product(s, x, w), b) }
}
