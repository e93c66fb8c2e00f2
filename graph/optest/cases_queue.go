package optest

import "selfsup/graph/op"

// queueCases are the operations that replace rows of a memory, and gathering from a table of one axis.
func queueCases() []Case {
	putAt := func(in nodes) *op.Node { return op.PutAt(in[0], in[1], in[2]) }
	putRows := func(in nodes) *op.Node { return op.PutRows(in[0], in[1], in[2]) }
	all := []int{0, 1, 2}
	return []Case{
		{Name: "put_at/first", In: []Input{normal(7, 3), always(0), normal(2, 3)}, Inactive: all, Build: putAt},
		{Name: "put_at/around the end", In: []Input{normal(7, 3), always(5), normal(4, 3)}, Inactive: all,
			Build: putAt},
		{Name: "put_at/the whole queue", In: []Input{normal(4, 3), always(2), normal(4, 3)}, Inactive: all,
			Build: putAt},
		{Name: "put_at/a later round", In: []Input{normal(7, 3), always(16777215), normal(4, 3)}, Inactive: all,
			Build: putAt},
		{Name: "put_at/counter", In: []Input{normal(5, 2, 3), ints(3, 900), normal(2, 2, 3)}, Inactive: all,
			Build: putAt},
		{Name: "put_at/labels", In: []Input{ints(0, 50, 9), ints(0, 900), ints(0, 50, 4)}, Build: putAt},
		{Name: "put_at/one", In: []Input{normal(1), always(3), normal(1)}, Inactive: all, Build: putAt},
		{Name: "put_at/large", In: []Input{normal(307, 129), always(201), normal(200, 129)}, Inactive: all,
			Build: putAt},
		{Name: "put_at/twice", In: []Input{normal(7, 3), always(3), normal(2, 3)}, Inactive: all,
			Build: func(in nodes) *op.Node {
				return op.PutAt(op.PutAt(op.Exp(in[0]), in[1], in[2]), op.Shift(in[1], 2), in[2]) // over a temporary
			}},
		{Name: "put_rows", In: []Input{normal(7, 3), ints(0, 7, 4), normal(4, 3)}, Inactive: all, Build: putRows},
		{Name: "put_rows/repeated", In: []Input{normal(3, 5), ints(0, 3, 9), normal(9, 5)}, Inactive: all,
			Build: putRows},
		{Name: "put_rows/left out", In: []Input{normal(3), ints(-3, 3, 9), normal(9)}, Inactive: all, Build: putRows},
		{Name: "put_rows/assignments", In: []Input{ints(0, 9, 40), ints(-1, 40, 9), ints(0, 9, 9)}, Build: putRows},
		{Name: "put_rows/large", In: []Input{normal(99, 2, 200), ints(-1, 99, 131), normal(131, 2, 200)},
			Inactive: all, Build: putRows},
		{Name: "gather/single numbers", In: []Input{normal(5), ints(0, 5, 9)}, Build: two(op.Gather)},
		{Name: "gather/single integers", In: []Input{ints(0, 50, 5), ints(0, 5, 9)}, Build: two(op.Gather)},
		{Name: "gather/many single numbers", In: []Input{normal(307), ints(0, 307, 20011)}, Build: two(op.Gather)},
	}
}
