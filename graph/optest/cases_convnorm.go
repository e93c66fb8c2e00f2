package optest

import (
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// convNormCases are convolutions of what a batch norm makes, which the compiler lets them do themselves.
func convNormCases() (cs []Case) {
	bn := op.BN{Eps: 1e-5}
	pad := op.Conv{Pad: [2]int{1, 1}}
	norm := func(in nodes) *op.Node { return op.BatchNorm(in[0], op.BatchStats(in[0]), bn, in[2], in[3]) }
	add := func(name string, x, w ir.Shape, build func(in nodes) *op.Node) {
		c := x.Last()
		cs = append(cs, Case{Name: "conv2d/" + name, Tol: 3e-5, In: []Input{normal(x...), normal(w...), normal(c),
			normal(c)}, Build: build})
	}
	for _, s := range []struct {
		name string
		x, w ir.Shape
		c    op.Conv
	}{
		{"3x3", ir.Shape{2, 6, 5, 5}, ir.Shape{3, 3, 5, 4}, pad},
		{"3x3 wide", ir.Shape{3, 17, 9, 32}, ir.Shape{3, 3, 32, 16}, pad},
		{"3x3 stride", ir.Shape{2, 7, 8, 20}, ir.Shape{3, 3, 20, 6}, op.Conv{Stride: [2]int{2, 2}, Pad: [2]int{1, 1}}},
		{"pointwise", ir.Shape{2, 5, 4, 7}, ir.Shape{1, 1, 7, 3}, op.Conv{}},
		{"depthwise", ir.Shape{2, 6, 6, 5}, ir.Shape{3, 3, 1, 5}, op.Conv{Pad: [2]int{1, 1}, Groups: 5}}, // does not
	} {
		add("of norm, relu "+s.name, s.x, s.w, func(in nodes) *op.Node {
			return op.Conv2D(op.Relu(norm(in)), in[1], s.c)
		})
		add("of norm "+s.name, s.x, s.w, func(in nodes) *op.Node { return op.Conv2D(norm(in), in[1], s.c) })
	}
	// The sum needs what the norm makes; the gradient by the weights, behind it, does not.
	add("beside a skip", ir.Shape{2, 7, 6, 16}, ir.Shape{3, 3, 16, 16}, func(in nodes) *op.Node {
		x := op.Relu(norm(in))
		return op.Add(op.Conv2D(x, in[1], pad), x)
	})
	return cs
}
