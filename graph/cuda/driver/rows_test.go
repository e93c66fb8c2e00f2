//go:build gpu && cgo

package driver_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
)

type nodes = []*op.Node

// values are of the normal distribution, whole numbers from 0 on, as floating point and as int32.
func values(shape ...int) optest.Input {
	return optest.Input{Shape: shape, Value: func(r *rand.Rand, _ int) float64 { return r.NormFloat64() }}
}

func whole(below int, shape ...int) optest.Input {
	return optest.Input{Shape: shape, Value: func(r *rand.Rand, _ int) float64 { return float64(r.IntN(below)) }}
}

func numbers(below int, shape ...int) optest.Input {
	in := whole(below, shape...)
	in.DType = ir.I32
	return in
}

// one is a case of an operation of one operand.
func one(name string, in optest.Input, f func(x *op.Node) *op.Node) optest.Case {
	return optest.Case{Name: fmt.Sprint(name, "/", in.Shape), In: []optest.Input{in},
		Build: func(in nodes) *op.Node { return f(in[0]) }}
}

// longRows are rows that a block has to itself, many short ones, and ones between.
var longRows = []ir.Shape{{2, 5000}, {1, 8192}, {3, 1027}, {9, 1020}, {300, 2}}

// rowCases are operations over rows of the lengths at which their kernels change.
func rowCases() (cs []optest.Case) {
	for _, s := range longRows {
		k := s.Last()
		cs = append(cs,
			one("softmax", values(s...), op.Softmax),
			one("log_softmax", values(s...), op.LogSoftmax),
			one("logsumexp", values(s...), op.LogSumExp),
			one("argmax", values(s...), op.Argmax),
			one("argmax/ties", whole(3, s...), op.Argmax),
			one("normalize", values(s...), func(x *op.Node) *op.Node { return op.Normalize(x, 1e-12) }),
			optest.Case{Name: fmt.Sprint("layer_norm/", s), In: []optest.Input{values(s...), values(k), values(k)},
				Build: func(in nodes) *op.Node { return op.LayerNorm(in[0], in[1], in[2], 1e-3) }, Tol: 3e-5},
			optest.Case{Name: fmt.Sprint("cross_entropy/", s), In: []optest.Input{values(s...), numbers(k, s[0])},
				Build: func(in nodes) *op.Node { return op.CrossEntropy(in[0], in[1], 0.1) }},
			optest.Case{Name: fmt.Sprint("cross_entropy/soft", s), In: []optest.Input{values(s...), values(s...)},
				Build: func(in nodes) *op.Node { return op.CrossEntropySoft(in[0], op.Softmax(in[1])) }},
			optest.Case{Name: fmt.Sprint("accuracy/", s), In: []optest.Input{values(s...), numbers(min(k, 3), s[0])},
				Build: func(in nodes) *op.Node { return op.Accuracy(in[0], in[1]) }},
		)
	}
	return cs
}

// columnCases are sums of columns and norms of channels, in one part and in several.
func columnCases() (cs []optest.Case) {
	for _, s := range []ir.Shape{{700, 64}, {120, 300}, {9000, 3}, {34, 1030}, {20000, 1}} {
		c := s.Last()
		norm := func(in nodes) *op.Node {
			return op.BatchNorm(in[0], op.BatchStats(in[0]), op.BN{Eps: 1e-5}, in[1], in[2])
		}
		add := func(name string, build func(in nodes) *op.Node) {
			cs = append(cs, optest.Case{Name: fmt.Sprint(name, s), Build: build,
				In: []optest.Input{values(s...), values(c), values(c), values(s...)}})
		}
		add("batch_norm/", norm)
		add("batch_norm/relu ", func(in nodes) *op.Node { return op.Relu(norm(in)) })
		add("batch_norm/residual ", func(in nodes) *op.Node { return op.Relu(op.Add(norm(in), in[3])) })
		add("batch_norm/rounded ", func(in nodes) *op.Node { return op.Round(op.Relu(norm(in))) })
		cs[len(cs)-1].Tol = 0.01
	}
	for _, s := range []struct{ from, to ir.Shape }{
		{ir.Shape{20, 3, 100}, ir.Shape{1, 3, 1}}, {ir.Shape{40000}, ir.Shape{}}, {ir.Shape{2, 20001}, ir.Shape{2, 1}},
		{ir.Shape{3, 9000, 2}, ir.Shape{3, 1, 2}}, {ir.Shape{6, 7, 7, 260}, ir.Shape{6, 1, 1, 260}},
		{ir.Shape{3, 20, 5, 12, 4}, ir.Shape{1, 20, 1, 12, 1}}, {ir.Shape{34, 5, 1000}, ir.Shape{34, 1, 1000}},
		{ir.Shape{60, 32, 4}, ir.Shape{1, 32, 1}}, {ir.Shape{5, 1, 3}, ir.Shape{5, 1, 3}},
	} {
		for _, f := range []func(*op.Node) *op.Node{func(x *op.Node) *op.Node { return x }, op.Square} {
			cs = append(cs, one(fmt.Sprint("sum_to", len(cs), s.to), values(s.from...), func(x *op.Node) *op.Node {
				return op.SumTo(f(x), s.to)
			}))
		}
	}
	many := func(in nodes) *op.Node { // which wait for each other, while others go on
		var norms []*op.Node
		for i, x := range in {
			e := op.Exp(x)
			norms = append(norms, op.Reshape(op.Sqrt(op.SumSquares(e)), 1))
			if i == 1 {
				part := op.SumSquares(op.Slice(op.Tanh(op.Transpose(e, 1, 0)), 0, 1, 4)) // not at 16 bytes
				norms = append(norms, op.Reshape(op.Softmax(op.Reshape(part, 1)), 1),
					op.Reshape(op.SumSquares(op.MatMul(e, e, false, true)), 1))
			}
		}
		return op.Concat(0, norms...)
	}
	trust := op.TrustRatio{Eta: 0.02, Variant: "official"}
	return append(cs, one("sum_squares", values(40001), op.SumSquares),
		optest.Case{Name: "sum_squares/many", Build: many,
			In: []optest.Input{values(40001), values(5, 7), values(8192), values(), values(3, 3, 7, 100)}},
		optest.Case{Name: "trust_ratio", In: []optest.Input{values(40001), values(40001), values(), values()},
			Build: func(in nodes) *op.Node { return op.Trust(in[0], in[1], in[2], in[3], trust) }})
}

// sortCases are rows of one piece and of several, with keys of which few or many are wanted.
func sortCases() (cs []optest.Case) {
	holes := func(n int) optest.Input {
		return optest.Input{Shape: ir.Shape{2, n}, Value: func(r *rand.Rand, i int) float64 {
			if i%(n/7) == 3 {
				return math.NaN()
			}
			return r.NormFloat64()
		}}
	}
	for _, n := range []int{1, 64, 600, 4097, 9000} {
		for _, in := range []optest.Input{whole(5, 2, n), numbers(5, 1, n)} {
			cs = append(cs, one(fmt.Sprint("argsort", len(cs)), in, op.Argsort))
			for _, k := range []int{5, 33, 5000} {
				if k <= n {
					cs = append(cs, one(fmt.Sprint("top_k", len(cs), "/", k), in, func(x *op.Node) *op.Node {
						return op.TopK(x, k)
					}))
				}
			}
		}
		if n > 7 {
			cs = append(cs, one("top_k/few and NaN", holes(n), func(x *op.Node) *op.Node { return op.TopK(x, 9) }),
				one("top_k/many and NaN", holes(n), func(x *op.Node) *op.Node { return op.TopK(x, 60) }))
		}
		for _, width := range []int{3, 260} { // the gradient adds rows by number
			if width*n > 1<<18 {
				continue
			}
			cs = append(cs, optest.Case{Name: fmt.Sprint("gather/", n, "x", width),
				In:    []optest.Input{values(5, width), numbers(5, n)},
				Build: func(in nodes) *op.Node { return op.Gather(in[0], in[1]) }})
		}
	}
	return append(cs, optest.Case{Name: "gather_tokens", In: []optest.Input{values(3, 70, 260), numbers(70, 3, 100)},
		Build: func(in nodes) *op.Node { return op.GatherTokens(in[0], in[1]) }})
}

// factorCases are matrices of several panels, and assignments with ties.
func factorCases() (cs []optest.Case) {
	for _, n := range []int{15, 16, 17, 33, 100} {
		cs = append(cs, one("inverse_cholesky", values(n, 2*n), func(x *op.Node) *op.Node {
			return op.InverseCholesky(op.MatMul(x, x, false, true))
		}))
		cs[len(cs)-1].Tol = 1e-4
	}
	dependent := func(x *op.Node) *op.Node { return op.Polar(op.Concat(0, x, op.Scale(x, 2))) }
	return append(cs, one("polar/tall", values(70, 40), op.Polar), one("polar/wide", values(2, 17, 40), op.Polar),
		one("polar/dependent rows", values(9, 40), dependent),
		one("polar/nothing", whole(1, 5, 9), op.Polar),
		one("assign", values(70, 70), op.Assign), one("assign/ties", whole(4, 70, 70), op.Assign),
		one("assign/more than a block", values(260, 260), op.Assign))
}

// recurrentCases are batches of which a block has several rows.
func recurrentCases() (cs []optest.Case) {
	for _, cell := range []string{"gru", "lstm"} {
		g := op.Recurrent{Cell: cell}.Gates()
		for _, s := range [][3]int{{130, 3, 5}, {301, 2, 9}, {1, 2, 530}} {
			b, t, n := s[0], s[1], s[2]
			cs = append(cs, optest.Case{Name: fmt.Sprint(cell, s),
				In: []optest.Input{values(b, t, g*n), values(n, g*n), values(g * n)},
				Build: func(in nodes) *op.Node {
					w := op.Scale(in[1], 1/math.Sqrt(float64(n)))
					return op.Apply(op.Recurrent{Cell: cell}, in[0], w, in[2])
				}})
		}
	}
	return cs
}

// Operations over rows agree with the reference backend where the sizes are such that kernels are cut otherwise than in
// optest's cases.
func TestRows(t *testing.T)      { agree(t, rowCases()) }
func TestColumns(t *testing.T)   { agree(t, columnCases()) }
func TestSorting(t *testing.T)   { agree(t, sortCases()) }
func TestFactors(t *testing.T)   { agree(t, factorCases()) }
func TestRecurrent(t *testing.T) { agree(t, recurrentCases()) }

// Values that kernels cannot use end a step with an error that says which.
func TestReports(t *testing.T) {
	b := open(t)
	number := func(v float64, shape ...int) optest.Input {
		return optest.Input{Shape: shape, DType: ir.I32, Value: func(*rand.Rand, int) float64 { return v }}
	}
	nan := optest.Input{Shape: ir.Shape{2, 2}, Value: func(r *rand.Rand, i int) float64 {
		if i == 2 {
			return math.NaN()
		}
		return r.NormFloat64()
	}}
	two := func(f func(a, b *op.Node) *op.Node) func(in nodes) *op.Node {
		return func(in nodes) *op.Node { return f(in[0], in[1]) }
	}
	three := func(f func(a, b, c *op.Node) *op.Node) func(in nodes) *op.Node {
		return func(in nodes) *op.Node { return f(in[0], in[1], in[2]) }
	}
	for _, c := range []struct {
		name  string
		in    []optest.Input
		build func(in nodes) *op.Node
		want  string
	}{
		{"label", []optest.Input{values(2, 3), number(3, 2)}, two(func(x, l *op.Node) *op.Node {
			return op.CrossEntropy(x, l, 0)
		}), "a label is 3"},
		{"accuracy", []optest.Input{values(2, 3), number(3, 2)}, two(op.Accuracy), "a label is 3"},
		{"gather", []optest.Input{values(2, 3), number(2, 2)}, two(op.Gather), "row number 2"},
		{"token", []optest.Input{values(1, 2, 3), number(-1, 1, 2)}, two(op.GatherTokens), "row number -1"},
		{"put_rows", []optest.Input{values(2, 3), number(2, 2), values(2, 3)}, three(op.PutRows), "row number 2"},
		{"put_at", []optest.Input{values(2, 3), number(-1), values(2, 3)}, three(op.PutAt), "put at about -1"},
		{"inverse_cholesky", []optest.Input{number(1, 2, 2)}, func(in nodes) *op.Node {
			return op.InverseCholesky(op.Float(in[0], ir.F32))
		}, "not positive definite in row 1"},
		{"polar", []optest.Input{nan}, func(in nodes) *op.Node { return op.Polar(in[0]) }, "not finite in row 1"},
		{"assign", []optest.Input{nan}, func(in nodes) *op.Node { return op.Assign(in[0]) }, "the cost of row 1"},
	} {
		_, err := optest.Case{Name: c.name, In: c.in, Build: c.build}.Run(b, ir.F32)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the error is %v, want one with %q", c.name, err, c.want)
		}
	}
}
