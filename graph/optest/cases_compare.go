package optest

import (
	"fmt"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// compareCases are the comparisons, and numbers made of integers.
func compareCases() (cs []Case) {
	both := []int{0, 1}
	for _, s := range []struct{ a, b ir.Shape }{
		{ir.Shape{}, ir.Shape{}}, {ir.Shape{3, 5}, ir.Shape{3, 5}}, {ir.Shape{3, 5}, ir.Shape{5}},
		{ir.Shape{3, 1}, ir.Shape{1, 5}},
		{ir.Shape{}, ir.Shape{7}}, {ir.Shape{2, 3, 17}, ir.Shape{3, 1}}, {ir.Shape{131, 127}, ir.Shape{131, 127}},
	} {
		on := fmt.Sprint(s.a, s.b)
		cs = append(cs,
			Case{Name: "less/" + on, In: []Input{levels(3, s.a...), levels(3, s.b...)}, Inactive: both,
				Build: two(op.Less)},
			Case{Name: "greater/" + on, In: []Input{normal(s.a...), normal(s.b...)}, Inactive: both,
				Build: two(op.Greater)},
			Case{Name: "equal/" + on, In: []Input{levels(3, s.a...), levels(3, s.b...)}, Inactive: both,
				Build: two(op.Equal)},
			Case{Name: "equal/integers" + on, In: []Input{ints(-1, 2, s.a...), ints(-1, 2, s.b...), normal()},
				Inactive: []int{2},
				Build:    func(in nodes) *op.Node { return op.EqualInts(in[0], in[1], op.TypeOf(in[2]).DType) }},
		)
	}
	return append(cs,
		Case{Name: "less/as a factor", In: []Input{normal(3, 5), normal(3, 5)},
			Build: two(func(a, b *op.Node) *op.Node { // the larger of both
				m := op.Less(a, b)
				return op.Add(op.Mul(m, b), op.Mul(op.Affine(m, -1, 1), a))
			})},
		Case{Name: "float", In: []Input{ints(-90, 90, 3, 5), normal()}, Inactive: []int{1},
			Build: func(in nodes) *op.Node { return op.Float(in[0], op.TypeOf(in[1]).DType) }},
		Case{Name: "int", In: []Input{normal(3, 5)}, Inactive: []int{0}, Build: func(in nodes) *op.Node {
			return op.Float(op.Int(op.Scale(in[0], 3)), op.TypeOf(in[0]).DType)
		}},
		Case{Name: "int/large", In: []Input{normal(131, 127)}, Inactive: []int{0}, Build: func(in nodes) *op.Node {
			return op.Float(op.Int(op.Scale(in[0], 7)), op.TypeOf(in[0]).DType)
		}},
		Case{Name: "float/large", In: []Input{ints(0, 1<<24, 131, 127), normal()}, Inactive: []int{1},
			Build: func(in nodes) *op.Node { return op.Float(in[0], op.TypeOf(in[1]).DType) }},
	)
}

// axesCases are values of the most axes that there may be.
func axesCases() []Case {
	return []Case{
		{Name: "axes/tubes", In: []Input{normal(2, 4, 6, 6, 3)},
			Build: one(func(x *op.Node) *op.Node { // cut into 2x3x2
				tubes := op.Transpose(op.Reshape(x, 2, 2, 2, 2, 3, 3, 2, 3), 0, 1, 3, 5, 2, 4, 6, 7)
				return op.Reshape(tubes, 2, 12, 36)
			})},
		{Name: "axes/repeated", In: []Input{normal(2, 1, 2, 1, 3, 1, 2, 1)}, Build: one(func(x *op.Node) *op.Node {
			return op.BroadcastTo(x, ir.Shape{2, 3, 2, 2, 3, 2, 2, 3})
		})},
		{Name: "axes/summed", In: []Input{normal(2, 3, 2, 2, 3, 2, 2, 3)}, Build: one(func(x *op.Node) *op.Node {
			return op.SumTo(x, ir.Shape{2, 1, 2, 1, 3, 1, 2, 1})
		})},
		{Name: "axes/multiplied", In: []Input{normal(1, 3, 1, 2, 1, 2, 1, 3), normal(2, 1, 2, 1, 3, 1, 2, 1)},
			Build: two(op.Mul)},
		{Name: "axes/compared", In: []Input{levels(3, 1, 3, 1, 2, 1, 2, 1, 3), levels(3, 2, 1, 2, 1, 3, 1, 2, 1)},
			Inactive: []int{0, 1}, Build: two(op.Less)},
		{Name: "axes/sliced", In: []Input{normal(2, 1, 2, 3, 2, 2, 5, 2), normal(2, 1, 2, 3, 2, 2, 1, 2)},
			Build: two(func(a, b *op.Node) *op.Node {
				return op.Pad(op.Slice(op.Concat(6, a, b), 6, 2, 6), 3, 1, 1)
			})},
	}
}
