package experiment

import (
	"slices"
	"strings"

	"selfsup/encoder"
	"selfsup/graph"
	"selfsup/graph/op"
)

// layersOf lists the layers that y is made by, in the order in which they were built. A layer that is applied twice is
// listed once.
func layersOf(s *graph.Scope, y *graph.Node) []encoder.Layer {
	var nodes []*graph.Node
	seen := map[*graph.Node]bool{}
	for next := []*graph.Node{y}; len(next) > 0; {
		n := next[len(next)-1]
		next = next[:len(next)-1]
		if seen[n] {
			continue
		}
		seen[n] = true
		if op.Of(n) != nil {
			nodes = append(nodes, n)
			next = append(next, op.Operands(n)...)
		}
	}
	slices.SortFunc(nodes, func(a, b *graph.Node) int { return int(a.ID() - b.ID()) })

	var layers []encoder.Layer
	named := map[string]bool{}
	for _, n := range nodes {
		l, ok := layerOf(s, n)
		if !ok || l.Name != "" && named[l.Name] {
			continue
		}
		named[l.Name] = true
		layers = append(layers, l)
	}
	return layers
}

// layerOf describes the layer that a node applies. Its name is where its tensors are, below the backbone's scope.
func layerOf(s *graph.Scope, n *graph.Node) (encoder.Layer, bool) {
	in := op.Operands(n)
	named := func(k int) string {
		if k >= len(in) {
			return ""
		}
		name := belowBackbone(s.Name(in[k]))
		at := strings.LastIndexByte(name, '/')
		return name[:max(at, 0)]
	}
	switch o := op.Of(n).Spec.(type) {
	case op.ConvForward:
		w := op.ShapeOf(in[1])
		c := encoder.Layer{
			Name: named(1), Kind: "conv", In: w[2] * max(o.Groups, 1), Out: w[3], Kernel: []int{w[0], w[1]},
			Stride: ones(o.Stride), Padding: o.Pad[:], Dilation: ones(o.Dilation), Groups: max(o.Groups, 1),
		}
		return c, c.Name != ""
	case op.MatMulOp:
		if len(in) < 2 || len(op.ShapeOf(in[1])) != 2 || o.TransB {
			return encoder.Layer{}, false
		}
		w := op.ShapeOf(in[1])
		l := encoder.Layer{Name: named(1), Kind: "linear", In: w[0], Out: w[1]}
		return l, l.Name != ""
	case op.BatchNormOp:
		l := encoder.Layer{Name: named(1), Kind: "batch_norm", Out: op.ShapeOf(n).Last(), Eps: o.Eps,
			Affine: len(in) > 2}
		return l, l.Name != ""
	case op.LayerNormOp:
		l := encoder.Layer{Name: named(1), Kind: "layer_norm", Out: op.ShapeOf(n).Last(), Eps: o.Eps, Affine: true}
		return l, l.Name != ""
	case op.PoolForward:
		l := encoder.Layer{Kind: "max_pool", Kernel: o.Kernel[:], Stride: ones(o.Stride), Padding: o.Pad[:]}
		return l, o.Max && !o.Adaptive
	}
	return encoder.Layer{}, false
}

// ones is a pair of attributes in which 0 stands for 1.
func ones(a [2]int) []int { return []int{max(a[0], 1), max(a[1], 1)} }
