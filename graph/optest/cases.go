package optest

import (
	"fmt"
	"slices"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// Cases covers every operation of package op, with its gradients, at ordinary shapes and at the edges: single elements,
// primes, sizes around the lengths of vectors, and some that are large enough to be cut into parallel pieces.
var Cases = slices.Concat(elementwiseCases(), reduceCases(), shapeCases(), matmulCases(), convCases(), convNormCases(),
	poolCases(), normCases(),
	softmaxCases(), updateCases(), fusedCases(), tokenCases(), bf16Cases(), gramCases(),
	queueCases(), compareCases(), axesCases(), recurrentCases(), factorCases())

type nodes = []*op.Node

// one is a Build of an operation of one operand.
func one(f func(x *op.Node) *op.Node) func(nodes) *op.Node {
	return func(in nodes) *op.Node { return f(in[0]) }
}

// two is a Build of an operation of two operands.
func two(f func(a, b *op.Node) *op.Node) func(nodes) *op.Node {
	return func(in nodes) *op.Node { return f(in[0], in[1]) }
}

func elementwiseCases() (cs []Case) {
	fns := make([]string, 0, len(op.Unaries))
	for fn := range op.Unaries {
		fns = append(fns, fn)
	}
	slices.Sort(fns)
	for _, fn := range fns {
		in := away
		switch fn {
		case "log", "sqrt", "rsqrt", "reciprocal":
			in = positive
		}
		for _, s := range []ir.Shape{{}, {1}, {3, 5}, {2, 3, 1, 17}, {131, 127}} {
			cs = append(cs, Case{Name: fmt.Sprintf("%s/%v", fn, s), In: []Input{in(s...)},
				Build: one(func(x *op.Node) *op.Node { return op.Apply(op.Unary{Fn: fn}, x) })})
		}
	}
	for _, fn := range []string{"exp", "tanh", "sigmoid", "softplus", "silu", "gelu", "gelu_tanh"} {
		wide := Input{Shape: ir.Shape{64}, Value: nil}
		wide.Value = ramp(-12, 12, 64)
		cs = append(cs, Case{Name: fn + "/wide", In: []Input{wide}, Build: one(func(x *op.Node) *op.Node {
			return op.Apply(op.Unary{Fn: fn}, x)
		})})
	}
	cs = append(cs,
		Case{Name: "affine", In: []Input{normal(3, 7)}, Build: one(func(x *op.Node) *op.Node {
			return op.Affine(x, -2.5, 0.5)
		})},
		Case{Name: "affine/large", In: []Input{normal(131, 127)}, Build: one(func(x *op.Node) *op.Node {
			return op.Affine(x, 0.3, -1)
		})},
		Case{Name: "affine/scalar", In: []Input{normal()}, Build: one(func(x *op.Node) *op.Node {
			return op.Scale(x, 3)
		})},
		Case{Name: "affine/shift", In: []Input{normal(5)}, Build: one(func(x *op.Node) *op.Node {
			return op.Shift(x, 3)
		})},
		Case{Name: "leaky_relu", In: []Input{away(3, 7)}, Build: one(func(x *op.Node) *op.Node {
			return op.LeakyRelu(x, 0.2)
		})},
		Case{Name: "leaky_relu/large", In: []Input{away(131, 127)}, Build: one(func(x *op.Node) *op.Node {
			return op.LeakyRelu(x, 0.01)
		})},
	)
	for _, fn := range []string{"add", "sub", "mul", "div"} {
		for _, s := range []struct{ a, b ir.Shape }{
			{ir.Shape{}, ir.Shape{}},
			{ir.Shape{3, 5}, ir.Shape{3, 5}},
			{ir.Shape{4, 5}, ir.Shape{5}},
			{ir.Shape{5}, ir.Shape{4, 5}},
			{ir.Shape{4, 5}, ir.Shape{}},
			{ir.Shape{}, ir.Shape{4, 5}},
			{ir.Shape{4, 5}, ir.Shape{4, 1}},
			{ir.Shape{4, 1}, ir.Shape{4, 5}},
			{ir.Shape{4, 1}, ir.Shape{1, 5}},
			{ir.Shape{1, 5}, ir.Shape{4, 1}},
			{ir.Shape{4, 5}, ir.Shape{1, 1}},
			{ir.Shape{2, 3, 4}, ir.Shape{3, 1}},
			{ir.Shape{2, 1, 4}, ir.Shape{3, 1}},
			{ir.Shape{2, 3, 2, 5}, ir.Shape{2, 1, 1, 5}},
			{ir.Shape{131, 127}, ir.Shape{131, 127}},
			{ir.Shape{131, 127}, ir.Shape{127}},
			{ir.Shape{131, 127}, ir.Shape{131, 1}},
			{ir.Shape{131, 127}, ir.Shape{}},
		} {
			b := normal(s.b...)
			if fn == "div" {
				b = positive(s.b...)
			}
			cs = append(cs, Case{Name: fmt.Sprintf("%s/%v%v", fn, s.a, s.b), In: []Input{normal(s.a...), b},
				Build: two(func(a, b *op.Node) *op.Node { return op.Apply(op.Binary{Fn: fn}, a, b) })})
		}
		cs = append(cs, Case{Name: fn + "/itself", In: []Input{positive(3, 5)},
			Build: one(func(x *op.Node) *op.Node { return op.Apply(op.Binary{Fn: fn}, x, x) })})
	}
	for n := 2; n <= 5; n++ {
		c := Case{Name: fmt.Sprintf("add_n/%d", n), Build: func(in nodes) *op.Node { return op.Sum(in...) }}
		for range n {
			c.In = append(c.In, normal(5, 7))
		}
		cs = append(cs, c)
	}
	return append(cs,
		Case{Name: "add_n/large", In: []Input{normal(131, 127), normal(131, 127), normal(131, 127)},
			Build: func(in nodes) *op.Node { return op.Sum(in...) }},
		Case{Name: "add_n/twice", In: []Input{normal(5, 7), normal(5, 7)}, Build: func(in nodes) *op.Node {
			return op.Sum(in[0], in[1], in[0])
		}},
		Case{Name: "add_n/rows", In: []Input{normal(5), normal(4, 3, 5), normal(1, 3, 5), normal(4, 3, 5),
			normal(3, 1)}, Build: func(in nodes) *op.Node {
			whole := ir.Shape{4, 3, 5}
			return op.Sum(op.BroadcastTo(in[0], whole), in[1], op.BroadcastTo(in[2], whole), in[3],
				op.BroadcastTo(in[4], whole))
		}},
		Case{Name: "add_n/rows alone", In: []Input{normal(5), normal(5)}, Build: func(in nodes) *op.Node {
			return op.Sum(op.BroadcastTo(in[0], ir.Shape{3, 5}), op.BroadcastTo(in[1], ir.Shape{3, 5}))
		}},
		Case{Name: "add_n/scalar", In: []Input{normal(), normal()}, Build: func(in nodes) *op.Node {
			return op.Sum(in...)
		}},
	)
}

func reduceCases() (cs []Case) {
	for _, s := range []struct{ from, to ir.Shape }{
		{ir.Shape{4, 5}, ir.Shape{5}},
		{ir.Shape{4, 5}, ir.Shape{1, 5}},
		{ir.Shape{4, 5}, ir.Shape{4, 1}},
		{ir.Shape{4, 5}, ir.Shape{}},
		{ir.Shape{4, 5}, ir.Shape{1, 1}},
		{ir.Shape{7}, ir.Shape{}},
		{ir.Shape{1}, ir.Shape{}},
		{ir.Shape{2, 3, 4}, ir.Shape{3, 1}},
		{ir.Shape{2, 3, 4}, ir.Shape{2, 1, 4}},
		{ir.Shape{2, 3, 4, 5}, ir.Shape{2, 1, 1, 5}},
		{ir.Shape{2, 3, 4, 5}, ir.Shape{1, 3, 1, 5}},
		{ir.Shape{307, 67}, ir.Shape{67}},
		{ir.Shape{307, 67}, ir.Shape{307, 1}},
		{ir.Shape{307, 67}, ir.Shape{}},
		{ir.Shape{3, 7001}, ir.Shape{3, 1}},
		{ir.Shape{8001, 3}, ir.Shape{3}},
	} {
		cs = append(cs,
			Case{Name: fmt.Sprintf("sum_to/%v%v", s.from, s.to), In: []Input{normal(s.from...)},
				Build: one(func(x *op.Node) *op.Node { return op.SumTo(x, s.to) })},
			Case{Name: fmt.Sprintf("sum_to/squares%v%v", s.from, s.to), In: []Input{normal(s.from...)},
				Build: one(func(x *op.Node) *op.Node { return op.SumTo(op.Square(x), s.to) })},
			Case{Name: fmt.Sprintf("broadcast/%v%v", s.to, s.from), In: []Input{normal(s.to...)},
				Build: one(func(x *op.Node) *op.Node { return op.BroadcastTo(x, s.from) })},
		)
	}
	return append(cs,
		Case{Name: "sum/cut0", In: []Input{normal(4, 5)}, Build: one(func(x *op.Node) *op.Node {
			return op.SumAxes(x, false, 0)
		})},
		Case{Name: "sum/cut-1", In: []Input{normal(2, 4, 5)}, Build: one(func(x *op.Node) *op.Node {
			return op.SumAxes(x, false, -1)
		})},
		Case{Name: "sum/cut02", In: []Input{normal(3, 4, 5)}, Build: one(func(x *op.Node) *op.Node {
			return op.SumAxes(x, false, 0, 2)
		})},
		Case{Name: "sum/keep12", In: []Input{normal(3, 4, 5)}, Build: one(func(x *op.Node) *op.Node {
			return op.SumAxes(x, true, 1, 2)
		})},
		Case{Name: "sum/size1", In: []Input{normal(3, 1, 5)}, Build: one(func(x *op.Node) *op.Node {
			return op.SumAxes(x, false, 1)
		})},
		Case{Name: "sum/all", In: []Input{normal(3, 4, 5)}, Build: one(op.SumAll)},
		Case{Name: "mean/all", In: []Input{normal(3, 4, 5)}, Build: one(op.MeanAll)},
		Case{Name: "mean/scalar", In: []Input{normal()}, Build: one(op.MeanAll)},
		Case{Name: "mean/keep0", In: []Input{normal(7, 3)}, Build: one(func(x *op.Node) *op.Node {
			return op.Mean(x, true, 0)
		})},
		Case{Name: "mean/cut12", In: []Input{normal(2, 3, 4, 5)}, Build: one(func(x *op.Node) *op.Node {
			return op.Mean(x, false, 1, 2)
		})},
		Case{Name: "mean/size1", In: []Input{normal(3, 1)}, Build: one(func(x *op.Node) *op.Node {
			return op.Mean(x, false, 1)
		})},
		Case{Name: "argmax", In: []Input{normal(5, 7)}, Build: one(op.Argmax)},
		Case{Name: "argmax/ties", In: []Input{levels(3, 4, 3, 7)}, Build: one(op.Argmax)},
		Case{Name: "argmax/one", In: []Input{normal(5, 1)}, Build: one(op.Argmax)},
		Case{Name: "argmax/vector", In: []Input{normal(9)}, Build: one(op.Argmax)},
		Case{Name: "argmax/large", In: []Input{normal(507, 67)}, Build: one(op.Argmax)},
	)
}

func shapeCases() (cs []Case) {
	for _, p := range []struct{ shape, perm []int }{
		{[]int{3}, []int{0}},
		{[]int{3, 5}, []int{1, 0}},
		{[]int{3, 5}, []int{0, 1}},
		{[]int{1, 5}, []int{1, 0}},
		{[]int{2, 3, 4}, []int{2, 0, 1}},
		{[]int{2, 3, 4}, []int{1, 0, 2}},
		{[]int{2, 3, 4, 5}, []int{0, 3, 1, 2}},
		{[]int{2, 3, 4, 5}, []int{0, 2, 1, 3}},
		{[]int{2, 3, 4, 5}, []int{3, 2, 1, 0}},
		{[]int{131, 127}, []int{1, 0}},
		{[]int{4, 33, 3, 65}, []int{0, 2, 1, 3}},
	} {
		cs = append(cs, Case{Name: fmt.Sprintf("transpose/%v%v", p.shape, p.perm), In: []Input{normal(p.shape...)},
			Build: one(func(x *op.Node) *op.Node { return op.Transpose(x, p.perm...) })})
	}
	return append(cs,
		Case{Name: "reshape", In: []Input{normal(3, 4)}, Build: one(func(x *op.Node) *op.Node {
			return op.Reshape(x, 2, -1)
		})},
		Case{Name: "reshape/scalar", In: []Input{normal()}, Build: one(func(x *op.Node) *op.Node {
			return op.Reshape(x, 1, 1)
		})},
		Case{Name: "reshape/through", In: []Input{normal(3, 4)}, Build: one(func(x *op.Node) *op.Node {
			return op.Reshape(op.Square(op.Reshape(op.Exp(x), 6, 2)), 4, 3)
		})},
		// the view and what it views are read
		Case{Name: "reshape/both", In: []Input{normal(3, 4)}, Build: one(func(x *op.Node) *op.Node {
			e := op.Exp(x)
			return op.MatMul(e, op.Square(op.Reshape(e, 4, 3)), false, false)
		})},
		Case{Name: "slice/0", In: []Input{normal(6, 5)}, Build: one(func(x *op.Node) *op.Node {
			return op.Slice(x, 0, 2, 5)
		})},
		Case{Name: "slice/1", In: []Input{normal(6, 5)}, Build: one(func(x *op.Node) *op.Node {
			return op.Slice(x, 1, 1, 2)
		})},
		Case{Name: "slice/-1", In: []Input{normal(2, 3, 5)}, Build: one(func(x *op.Node) *op.Node {
			return op.Slice(x, -1, 2, 5)
		})},
		Case{Name: "slice/middle", In: []Input{normal(2, 5, 3)}, Build: one(func(x *op.Node) *op.Node {
			return op.Slice(x, 1, 0, 4)
		})},
		Case{Name: "slice/views", In: []Input{normal(6, 4, 3)}, Build: one(func(x *op.Node) *op.Node {
			return op.Exp(op.Row(op.Slice(op.Square(x), 0, 2, 5), 1))
		})},
		Case{Name: "slice/halves", In: []Input{normal(6, 5)}, Build: one(func(x *op.Node) *op.Node {
			e := op.Exp(x)
			return op.Mul(op.Square(op.Slice(e, 0, 0, 3)), op.Slice(e, 0, 3, 6))
		})},
		Case{Name: "slice/large", In: []Input{normal(131, 127)}, Build: one(func(x *op.Node) *op.Node {
			return op.Slice(x, 1, 3, 120)
		})},
		Case{Name: "row", In: []Input{normal(3, 4)}, Build: one(func(x *op.Node) *op.Node { return op.Row(x, 2) })},
		Case{Name: "row/scalar", In: []Input{normal(3)}, Build: one(func(x *op.Node) *op.Node { return op.Row(x, 1) })},
		Case{Name: "pad/0", In: []Input{normal(3, 4)}, Build: one(func(x *op.Node) *op.Node {
			return op.Pad(x, 0, 1, 2)
		})},
		Case{Name: "pad/1", In: []Input{normal(2, 3, 4)}, Build: one(func(x *op.Node) *op.Node {
			return op.Pad(x, 1, 0, 2)
		})},
		Case{Name: "pad/-1", In: []Input{normal(2, 3, 4)}, Build: one(func(x *op.Node) *op.Node {
			return op.Pad(x, -1, 3, 0)
		})},
		Case{Name: "concat/0", In: []Input{normal(2, 3), normal(4, 3)}, Build: two(func(a, b *op.Node) *op.Node {
			return op.Concat(0, a, b)
		})},
		Case{Name: "concat/1", In: []Input{normal(2, 3), normal(2, 1), normal(2, 5)}, Build: func(in nodes) *op.Node {
			return op.Concat(1, in...)
		}},
		Case{Name: "concat/middle", In: []Input{normal(2, 3, 4), normal(2, 1, 4)}, Build: func(in nodes) *op.Node {
			return op.Concat(1, in...)
		}},
		Case{Name: "concat/-1", In: []Input{normal(2, 3, 4), normal(2, 3, 1)}, Build: func(in nodes) *op.Node {
			return op.Concat(-1, in...)
		}},
		Case{Name: "concat/twice", In: []Input{normal(2, 3)}, Build: one(func(x *op.Node) *op.Node {
			return op.Concat(0, x, x)
		})},
		Case{Name: "concat/large", In: []Input{normal(131, 67), normal(131, 60)}, Build: func(in nodes) *op.Node {
			return op.Concat(1, in...)
		}},
		Case{Name: "stop_gradient", In: []Input{normal(3, 4)}, Inactive: []int{0}, Build: one(op.StopGradient)},
		Case{Name: "stop_gradient/one side", In: []Input{normal(3, 4), normal(3, 4)}, Inactive: []int{1},
			Build: two(func(a, b *op.Node) *op.Node { return op.Mul(a, op.StopGradient(op.Exp(b))) })},
		Case{Name: "integers/moved", In: []Input{ints(0, 50, 6, 4), ints(0, 50, 4, 3)},
			Build: two(func(a, b *op.Node) *op.Node {
				t := op.Concat(1, op.Transpose(b, 1, 0), op.Slice(op.Slice(a, 0, 1, 4), 1, 1, 3)) // [3,6]
				return op.Pad(op.Reshape(op.StopGradient(t), 2, 9), 1, 1, 0)
			})},
		Case{Name: "integers/broadcast", In: []Input{ints(0, 50, 3, 1)}, Build: one(func(x *op.Node) *op.Node {
			return op.BroadcastTo(x, ir.Shape{2, 3, 4})
		})},
		Case{Name: "integers/gathered", In: []Input{ints(0, 50, 6, 4), ints(0, 6, 5)}, Build: two(op.Gather)},
		Case{Name: "gather", In: []Input{normal(5, 4), ints(0, 5, 9)}, Build: two(op.Gather)},
		Case{Name: "gather/one", In: []Input{normal(1, 1), ints(0, 1, 3)}, Build: two(op.Gather)},
		Case{Name: "gather/large", In: []Input{normal(307, 65), ints(0, 307, 401)}, Build: two(op.Gather)},
	)
}

func matmulCases() (cs []Case) {
	for _, s := range []struct{ m, k, n int }{{1, 1, 1}, {3, 4, 5}, {7, 17, 1}, {1, 33, 8}, {17, 1, 63}, {65, 63, 33},
		{64, 128, 96}} {
		for _, tr := range []struct{ a, b bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
			a, b := []int{s.m, s.k}, []int{s.k, s.n}
			if tr.a {
				slices.Reverse(a)
			}
			if tr.b {
				slices.Reverse(b)
			}
			cs = append(cs, Case{Name: fmt.Sprintf("matmul/%dx%dx%d/%v%v", s.m, s.k, s.n, tr.a, tr.b),
				In:    []Input{normal(a...), normal(b...)},
				Build: two(func(a, b *op.Node) *op.Node { return op.MatMul(a, b, tr.a, tr.b) })})
			if s.m == 3 || s.m == 17 {
				for _, lead := range [][]int{{1}, {5}, {2, 3}} {
					cs = append(cs, Case{Name: fmt.Sprintf("matmul/%v%dx%dx%d/%v%v", lead, s.m, s.k, s.n, tr.a, tr.b),
						In:    []Input{normal(slices.Concat(lead, a)...), normal(slices.Concat(lead, b)...)},
						Build: two(func(a, b *op.Node) *op.Node { return op.MatMul(a, b, tr.a, tr.b) })})
				}
			}
		}
	}
	return append(cs,
		Case{Name: "matmul/gram", In: []Input{normal(9, 5)}, Build: one(func(x *op.Node) *op.Node {
			return op.MatMul(x, x, false, true)
		})},
		Case{Name: "matmul/covariance", In: []Input{normal(9, 5)}, Build: one(func(x *op.Node) *op.Node {
			return op.MatMul(x, x, true, false)
		})},
		Case{Name: "matmul/square", In: []Input{normal(6, 6)}, Build: one(func(x *op.Node) *op.Node {
			return op.MatMul(x, x, true, true)
		})},
	)
}

// fusedCases are those that the planner may merge into one operation.
func fusedCases() []Case {
	return []Case{
		{Name: "fused/matmul bias", In: []Input{normal(5, 7), normal(7, 3), normal(3)}, Build: func(in nodes) *op.Node {
			return op.Add(op.MatMul(in[0], in[1], false, false), in[2])
		}},
		{Name: "fused/matmul bias relu", In: []Input{normal(17, 7), normal(7, 33), normal(33)},
			Build: func(in nodes) *op.Node {
				return op.Relu(op.Add(op.MatMul(in[0], in[1], false, false), in[2]))
			}},
		{Name: "fused/two products and their weight's gradients", In: []Input{normal(5, 7), normal(4, 7), normal(7, 3)},
			Build: func(in nodes) *op.Node {
				a, b := op.MatMul(in[0], in[2], false, false), op.MatMul(in[1], in[2], false, false)
				return op.Add(op.SumAll(op.Square(a)), op.SumAll(op.Exp(b)))
			}},
		{Name: "fused/sum of two products", In: []Input{normal(5, 7), normal(7, 3), normal(5, 4), normal(4, 3)},
			Build: func(in nodes) *op.Node {
				return op.Sum(op.MatMul(in[0], in[1], false, false), op.MatMul(in[2], in[3], false, false))
			}},
		{Name: "fused/matmul relu", In: []Input{normal(5, 7), normal(3, 7)}, Build: func(in nodes) *op.Node {
			return op.Relu(op.MatMul(in[0], in[1], false, true))
		}},
		{Name: "fused/bias is not a row", In: []Input{normal(3, 7), normal(7, 3), normal(3, 1)},
			Build: func(in nodes) *op.Node {
				return op.Add(op.MatMul(in[0], in[1], false, false), in[2])
			}},
		{Name: "fused/batch matmul bias relu", In: []Input{normal(2, 5, 7), normal(2, 7, 3), normal(3)},
			Build: func(in nodes) *op.Node {
				return op.Relu(op.Add(op.MatMul(in[0], in[1], false, false), in[2]))
			}},
		{Name: "fused/product and gelu's gradient", In: []Input{normal(17, 7), normal(7, 33), normal(33, 6)},
			Build: func(in nodes) *op.Node {
				return op.MatMul(op.Gelu(op.MatMul(in[0], in[1], false, false)), in[2], false, false)
			}},
		{Name: "fused/sum relu", In: []Input{normal(5, 7), normal(5, 7)}, Build: func(in nodes) *op.Node {
			return op.Relu(op.Add(in[0], in[1]))
		}},
		{Name: "fused/row relu", In: []Input{normal(5, 7), normal(7)}, Build: func(in nodes) *op.Node {
			return op.Relu(op.Mul(in[0], in[1]))
		}},
		{Name: "fused/batch_norm relu", In: []Input{normal(2, 3, 3, 4), normal(4), normal(4)},
			Build: func(in nodes) *op.Node {
				return op.Relu(op.BatchNorm(in[0], op.BatchStats(in[0]), op.BN{Eps: 1e-5}, in[1], in[2]))
			}},
		{Name: "fused/plain batch_norm relu", In: []Input{normal(9, 4)}, Build: func(in nodes) *op.Node {
			return op.Relu(op.BatchNorm(in[0], op.BatchStats(in[0]), op.BN{Eps: 1e-5}))
		}},
		{Name: "fused/frozen batch_norm relu", In: []Input{normal(9, 4), positive(2, 4), normal(4), normal(4)},
			Inactive: []int{1}, Build: func(in nodes) *op.Node {
				return op.Relu(op.BatchNorm(in[0], in[1], op.BN{Eps: 1e-5, Frozen: true}, in[2], in[3]))
			}},
		{Name: "fused/deep", In: []Input{normal(40, 7), normal(7, 5), normal(5), normal(5), normal(5, 19)}, Tol: 3e-5,
			Build: func(in nodes) *op.Node {
				h := op.MatMul(in[0], in[1], false, false)
				h = op.Relu(op.BatchNorm(h, op.BatchStats(h), op.BN{Eps: 1e-5}, in[2], in[3]))
				h = op.MatMul(h, in[4], false, false)
				return op.Relu(op.BatchNorm(h, op.BatchStats(h), op.BN{Eps: 1e-5}))
			}},
		// by the sum's two sides
		{Name: "fused/relu's gradient read twice", In: []Input{normal(9, 4), normal(4), normal(4)},
			Build: func(in nodes) *op.Node {
				n := op.BatchNorm(in[0], op.BatchStats(in[0]), op.BN{Eps: 1e-5}, in[1], in[2])
				return op.Relu(op.Add(n, op.BatchNorm(in[0], op.BatchStats(in[0]), op.BN{Eps: 1e-3})))
			}},
		{Name: "fused/residual", In: []Input{normal(2, 4, 4, 3), normal(3, 3, 3, 3), normal(3), normal(3)},
			Build: func(in nodes) *op.Node {
				y := op.Conv2D(in[0], in[1], op.Conv{Pad: [2]int{1, 1}})
				return op.Relu(op.Add(op.BatchNorm(y, op.BatchStats(y), op.BN{Eps: 1e-5}, in[2], in[3]), in[0]))
			}},
		// the sum is read by more than ReLU
		{Name: "fused/read twice", In: []Input{normal(5, 7), normal(5, 7)}, Build: func(in nodes) *op.Node {
			s := op.Add(in[0], in[1])
			return op.Mul(op.Relu(s), s)
		}},
	}
}
