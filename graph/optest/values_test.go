package optest

import (
	"math"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// fixed is an input of the given values.
func fixed(shape []int, v ...float64) ir.Tensor { return ir.Tensor{Shape: shape, Data: v} }

// TestValues holds what the reference forwards decide (ties, edges, ignored rows, which side is padded) against numbers
// worked out by hand: backends are compared with the reference forwards, and gradient checks cannot see a wrong choice
// that is consistent.
func TestValues(t *testing.T) {
	seq := func(shape ...int) ir.Tensor { // 0, 1, 2 ...
		v := ir.Tensor{Shape: shape, Data: make([]float64, ir.Shape(shape).Size())}
		for i := range v.Data {
			v.Data[i] = float64(i)
		}
		return v
	}
	s := func(v float64) ir.Tensor { return fixed(nil, v) }
	max3 := op.Pool{Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Pad: [2]int{1, 1}}
	avg3, avg3pad := max3, max3
	avg3pad.CountPad = true
	maxOp := op.PoolForward{Pool: max3}
	maxOp.Max = true
	const u24 = 1 << 24
	draw := []ir.Tensor{fixed([]int{2}, 5, 7), s(11)} // key and step
	ln2, nan := math.Ln2, math.NaN()
	for _, c := range []struct {
		name string
		spec ir.Spec
		in   []ir.Tensor
		ints []int // operands that are int32
		want []float64
	}{
		{"relu", op.Unary{Fn: "relu"}, []ir.Tensor{fixed([]int{3}, -1, 0, 2)}, nil, []float64{0, 0, 2}},
		{"relu's gradient is 0 at 0", op.UnaryGrad{Fn: "relu"}, []ir.Tensor{fixed([]int{3}, 5, 5, 5),
			fixed([]int{3}, 0, 0, 2)}, nil, []float64{0, 0, 5}},
		{"softplus does not overflow", op.Unary{Fn: "softplus"}, []ir.Tensor{fixed([]int{3}, -1000, 0, 1000)}, nil,
			[]float64{0, ln2, 1000}},
		{"sigmoid does not overflow", op.Unary{Fn: "sigmoid"}, []ir.Tensor{fixed([]int{3}, -1000, 0, 1000)}, nil,
			[]float64{0, 0.5, 1}},
		{"leaky", op.LeakyReluOp{Slope: 0.1}, []ir.Tensor{fixed([]int{2}, -2, 3)}, nil, []float64{-0.2, 3}},
		{"sub, column", op.Binary{Fn: "sub"}, []ir.Tensor{seq(2, 2), fixed([]int{2, 1}, 10, 20)}, nil,
			[]float64{-10, -9, -18, -17}},
		{"div, row", op.Binary{Fn: "div"}, []ir.Tensor{seq(2, 2), fixed([]int{2}, 1, 2)}, nil,
			[]float64{0, 0.5, 2, 1.5}},
		{"sum to row", op.SumToOp{To: op.DimsOf(ir.Shape{3}), Scale: 2}, []ir.Tensor{seq(2, 3)}, nil,
			[]float64{6, 10, 14}},
		{"squares to row", op.SumToOp{To: op.DimsOf(ir.Shape{3}), Scale: 2, Squares: true}, []ir.Tensor{seq(2, 3)}, nil,
			[]float64{18, 34, 58}},
		{"add_n, row", op.AddN{}, []ir.Tensor{seq(2, 2), fixed([]int{1, 2}, 10, 20)}, nil, []float64{10, 21, 12, 23}},
		{"sum to column", op.SumToOp{To: op.DimsOf(ir.Shape{2, 1}), Scale: 1}, []ir.Tensor{seq(2, 3)}, nil,
			[]float64{3, 12}},
		{"broadcast", op.BroadcastOp{To: op.DimsOf(ir.Shape{2, 2})}, []ir.Tensor{seq(2, 1)}, nil,
			[]float64{0, 0, 1, 1}},
		{"argmax takes the first", op.ArgmaxOp{}, []ir.Tensor{fixed([]int{2, 3}, 1, 3, 3, 2, 0, 2)}, nil,
			[]float64{1, 0}},
		{"transpose", op.TransposeOp{Perm: op.DimsOf(ir.Shape{2, 0, 1})}, []ir.Tensor{seq(1, 2, 3)}, nil,
			[]float64{0, 3, 1, 4, 2, 5}},
		{"slice", op.SliceOp{Axis: 1, From: 1, To: 3}, []ir.Tensor{seq(2, 3)}, nil, []float64{1, 2, 4, 5}},
		{"int", op.IntOp{}, []ir.Tensor{fixed([]int{6}, -1.5, -1, 2.9, 3, math.NaN(), 1e20)}, nil,
			[]float64{-2, -1, 2, 3, 0, math.MaxInt32}},
		{"pad", op.PadOp{Axis: 1, Before: 1, After: 2}, []ir.Tensor{seq(2, 1)}, nil, []float64{0, 0, 0, 0, 0, 1, 0, 0}},
		{"concat", op.ConcatOp{Axis: 1}, []ir.Tensor{seq(2, 1), seq(2, 2)}, nil, []float64{0, 0, 1, 1, 2, 3}},
		{"gather", op.GatherOp{}, []ir.Tensor{seq(3, 2), fixed([]int{3}, 2, 0, 2)}, []int{1},
			[]float64{4, 5, 0, 1, 4, 5}},
		{"scatter adds", op.ScatterAdd{Rows: 3}, []ir.Tensor{seq(3, 2), fixed([]int{3}, 2, 0, 2)}, []int{1},
			[]float64{2, 3, 0, 0, 4, 6}},
		{"gather of single numbers", op.GatherOp{}, []ir.Tensor{seq(3), fixed([]int{4}, 2, 0, 2, 1)}, []int{1},
			[]float64{2, 0, 2, 1}},
		{"scatter adds single numbers", op.ScatterAdd{Rows: 3}, []ir.Tensor{seq(4), fixed([]int{4}, 2, 0, 2, 2)},
			[]int{1}, []float64{1, 0, 5}},
		{"a queue goes on with its first row", op.PutAtOp{}, []ir.Tensor{seq(3, 1), s(8), fixed([]int{2, 1}, 7, 9)},
			nil, []float64{9, 1, 7}},
		{"of two values for a row the later stays", op.PutRowsOp{},
			[]ir.Tensor{seq(4), fixed([]int{4}, 2, -1, 0, 2), fixed([]int{4}, 5, 6, 7, 8)}, []int{1},
			[]float64{7, 1, 8, 3}},
		{"less, column", op.Compare{Fn: "less"}, []ir.Tensor{seq(2, 2), fixed([]int{2, 1}, 1, 2)}, nil,
			[]float64{1, 0, 0, 0}},
		{"equal zeros, NaN", op.Compare{Fn: "equal"},
			[]ir.Tensor{fixed([]int{3}, 0, nan, 2), fixed([]int{3}, math.Copysign(0, -1), nan, 3)}, nil,
			[]float64{1, 0, 0}},
		{"NaN is not less", op.Compare{Fn: "less"}, []ir.Tensor{fixed([]int{2}, nan, 1), fixed([]int{2}, 1, nan)},
			nil, []float64{0, 0}},
		{"equal integers", op.Compare{Fn: "equal", To: ir.F64},
			[]ir.Tensor{fixed([]int{2, 1}, 7, -1), fixed([]int{3}, -1, 7, 0)}, []int{0, 1},
			[]float64{0, 1, 0, 1, 0, 0}},
		{"uniform numbers", op.RandomOp{To: op.DimsOf(ir.Shape{4}), Draw: 3}, draw, nil,
			[]float64{12995280. / u24, 16281727. / u24, 340105. / u24, 4316215. / u24}},
		{"dropout's factors", op.RandomOp{To: op.DimsOf(ir.Shape{4}), Keep: 0.7}, draw, nil,
			[]float64{0, 1 / 0.7, 0, 1 / 0.7}},
		{"draws below p", op.RandomOp{To: op.DimsOf(ir.Shape{4}), Draw: 3, Law: "bernoulli", P: 4316216. / u24}, draw,
			nil, []float64{0, 0, 1, 1}},
		{"inverse of a Cholesky factor", op.InverseCholeskyOp{}, []ir.Tensor{fixed([]int{2, 2}, 4, 2, 2, 5)}, nil,
			[]float64{0.5, 0, -0.25, 0.5}},
		{"mirrored", op.MirrorOp{}, []ir.Tensor{seq(1, 2, 2)}, nil, []float64{0, 2, 2, 3}},
		{"polar factor of columns", op.PolarOp{}, []ir.Tensor{fixed([]int{3, 2}, 0, 7, -2, 0, 0, 0)}, nil,
			[]float64{0, 1, -1, 0, 0, 0}},
		{"polar factor of equal rows", op.PolarOp{}, []ir.Tensor{fixed([]int{2, 2}, 3, 0, 3, 0)}, nil,
			[]float64{math.Sqrt(0.5), 0, math.Sqrt(0.5), 0}},
		{"columns of their own at the least cost", op.AssignOp{},
			[]ir.Tensor{fixed([]int{3, 3}, 1, 2, 9, 0, 5, 9, 0, 1, 4)}, nil, []float64{1, 0, 2}},
		{"columns of their own in each of two matrices", op.AssignOp{},
			[]ir.Tensor{fixed([]int{2, 2, 2}, 1, 2, 0, 5, 1, 2, 3, 3)}, nil, []float64{1, 0, 0, 1}},
		{"argsort is stable", op.ArgsortOp{}, []ir.Tensor{fixed([]int{2, 3}, 2, 1, 2, 5, 4, 3)}, nil,
			[]float64{1, 0, 2, 2, 1, 0}},
		{"the first of equal largest comes first, NaN before all", op.TopKOp{K: 2},
			[]ir.Tensor{fixed([]int{3, 3}, 1, 4, 4, 2, 2, 2, 5, nan, 9)}, nil, []float64{1, 2, 0, 1, 1, 2}},
		{"tokens of each image", op.GatherTokensOp{}, []ir.Tensor{seq(2, 3, 1), fixed([]int{2, 2}, 2, 0, 0, 1)},
			[]int{1}, []float64{2, 0, 3, 4}},
		{"scattered tokens add", op.ScatterTokens{Tokens: 3}, []ir.Tensor{seq(2, 2, 1), fixed([]int{2, 2}, 2, 0, 1, 1)},
			[]int{1}, []float64{1, 0, 0, 0, 5, 0}},
		{"attention of a single token is its value", op.AttentionOp{Scale: 1}, []ir.Tensor{seq(1, 1, 3, 1, 2)}, nil,
			[]float64{4, 5}},
		{"attention of equal keys is the mean", op.AttentionOp{Scale: 1},
			[]ir.Tensor{fixed([]int{1, 2, 3, 1, 1}, 1, 7, 10, 2, 7, 20)}, nil, []float64{15, 15}},
		{"attention by e^(q k)", op.AttentionOp{Scale: 0.5}, []ir.Tensor{fixed([]int{1, 2, 3, 1, 1}, 2*ln2, 1, 10, 0, 2,
			40)}, nil, []float64{30, 25}},
		{"causal attention of the first token is its value", op.AttentionOp{Scale: 0.5, Causal: true},
			[]ir.Tensor{fixed([]int{1, 2, 3, 1, 1}, 2*ln2, 1, 10, 0, 2, 40)}, nil, []float64{10, 25}},
		{"attention with a bias", op.AttentionOp{Scale: 1}, []ir.Tensor{fixed([]int{1, 2, 3, 1, 1}, 1, 7, 10, 2, 7, 22),
			fixed([]int{1, 1, 2, 2}, 0, 0, ln2, 0)}, nil, []float64{16, 14}},
		{"matmul", op.MatMulOp{TransB: true}, []ir.Tensor{seq(1, 2), seq(3, 2)}, nil, []float64{1, 3, 5}},
		{"matmul, bias, relu", op.MatMulOp{Bias: true, Relu: true}, []ir.Tensor{seq(1, 2), seq(2, 2),
			fixed([]int{2}, -5, 5)}, nil, []float64{0, 8}},
		{"conv correlates", op.ConvForward{Conv: op.Conv{Stride: [2]int{1, 1}, Dilation: [2]int{1, 1}, Groups: 1}},
			[]ir.Tensor{seq(1, 1, 3, 1), seq(1, 2, 1, 1)}, nil, []float64{1, 2}},
		{"conv transposed", op.ConvBackwardData{Conv: op.Conv{Stride: [2]int{1, 2}, Dilation: [2]int{1, 1},
			Groups: 1}, X: [4]int{1, 1, 6, 1}},
			[]ir.Tensor{fixed([]int{1, 1, 2, 1}, 1, 10), fixed([]int{1, 3, 1, 1}, 1, 2, 3)}, nil,
			[]float64{1, 2, 13, 20, 30, 0}},
		{"max pool", maxOp, []ir.Tensor{seq(1, 3, 3, 1)}, nil, []float64{4, 5, 7, 8}},
		{"max pool's gradient goes to the first", op.PoolBackward{Pool: maxOp.Pool, X: [4]int{1, 3, 3, 1}},
			[]ir.Tensor{fixed([]int{1, 2, 2, 1}, 1, 10, 100, 1000), fixed([]int{1, 3, 3, 1}, make([]float64, 9)...)},
			nil, []float64{1, 10, 0, 100, 1000, 0, 0, 0, 0}},
		{"mean without padding", op.PoolForward{Pool: avg3}, []ir.Tensor{seq(1, 3, 3, 1)}, nil, []float64{2, 3, 5, 6}},
		{"mean with padding", op.PoolForward{Pool: avg3pad}, []ir.Tensor{seq(1, 3, 3, 1)}, nil,
			[]float64{8. / 9, 12. / 9, 20. / 9, 24. / 9}},
		{"adaptive bins overlap", op.PoolForward{Pool: op.Pool{Kernel: [2]int{1, 2}, Adaptive: true}},
			[]ir.Tensor{seq(1, 1, 3, 1)}, nil, []float64{0.5, 1.5}},
		{"batch statistics", op.Stats{}, []ir.Tensor{fixed([]int{2, 2}, 1, 10, 3, 30)}, nil, []float64{2, 20, 1, 100}},
		{"running variance is unbiased", op.Running{Momentum: 0.1, N: 5}, []ir.Tensor{fixed([]int{2, 1}, 1, 2),
			fixed([]int{2, 1}, 11, 4)}, nil, []float64{2, 2.3}},
		{"normalize", op.NormalizeOp{Eps: 1}, []ir.Tensor{fixed([]int{2, 2}, 3, 4, 0.1, 0)}, nil,
			[]float64{0.6, 0.8, 0.1, 0}},
		{"layer norm", op.LayerNormOp{}, []ir.Tensor{fixed([]int{1, 2}, 1, 3), fixed([]int{2}, 2, 2),
			fixed([]int{2}, 0, 1)}, nil, []float64{-2, 3}},
		{"softmax of large numbers", op.SoftmaxOp{}, []ir.Tensor{fixed([]int{1, 2}, 1000, 1000)}, nil,
			[]float64{0.5, 0.5}},
		{"logsumexp of -inf", op.LogSumExpOp{}, []ir.Tensor{fixed([]int{1, 2}, math.Inf(-1), 3)}, nil, []float64{3}},
		{"cross-entropy ignores negative labels", op.CrossEntropyOp{}, []ir.Tensor{fixed([]int{2, 2}, 7, 7, 7, 7),
			fixed([]int{2}, 1, -1)}, []int{1}, []float64{ln2, 0}},
		{"and so does its gradient", op.CrossEntropyGrad{}, []ir.Tensor{fixed([]int{2}, 2, 2),
			fixed([]int{2, 2}, 7, 7, 7, 7), fixed([]int{2}, 1, -1)}, []int{2}, []float64{1, -1, 0, 0}},
		{"smoothed and ignored", op.CrossEntropyGrad{XEnt: op.XEnt{Smoothing: 0.5}}, []ir.Tensor{fixed([]int{2}, 2, 2),
			fixed([]int{2, 2}, 7, 7, 7, 8), fixed([]int{2}, 1, -1)}, []int{2}, []float64{0.5, -0.5, 0, 0}},
		{"soft targets need not sum to 1", op.CrossEntropyGrad{XEnt: op.XEnt{Soft: true}},
			[]ir.Tensor{fixed([]int{1}, 1), fixed([]int{1, 2}, 7, 7), fixed([]int{1, 2}, 2, 1)}, nil,
			[]float64{-0.5, 0.5}},
		{"diagonal", op.DiagonalOp{Value: -9}, []ir.Tensor{seq(2, 2)}, nil, []float64{-9, 1, 2, -9}},
		{"accuracy takes the first of a tie", op.AccuracyOp{}, []ir.Tensor{fixed([]int{4, 2}, 1, 1, 1, 1, 0, 1, 1, 0),
			fixed([]int{4}, 0, 1, 1, 1)}, []int{1}, []float64{0.5}},
		{"accuracy leaves out rows without a label", op.AccuracyOp{},
			[]ir.Tensor{fixed([]int{4, 2}, 1, 0, 1, 0, 1, 0, 1, 0), fixed([]int{4}, 0, -1, 1, -1)}, []int{1},
			[]float64{0.5}},
		{"accuracy of no labels is no number", op.AccuracyOp{},
			[]ir.Tensor{fixed([]int{1, 2}, 1, 0), fixed([]int{1}, -1)}, []int{1}, []float64{math.NaN()}},
		{"of 4 rows one has a label", op.OfLabelledOp{}, []ir.Tensor{s(0.5), fixed([]int{4}, -1, 3, -1, -1)},
			[]int{1}, []float64{2}},
		{"of 4 rows all have a label", op.OfLabelledOp{}, []ir.Tensor{s(0.1), fixed([]int{4}, 1, 3, 0, 0)}, []int{1},
			[]float64{0.1}},
		{"of 4 rows none has a label", op.OfLabelledOp{}, []ir.Tensor{s(0.1), fixed([]int{4}, -1, -1, -1, -1)},
			[]int{1}, []float64{0}},
		{"lerp", op.LerpOp{}, []ir.Tensor{fixed([]int{1}, 1), fixed([]int{1}, 2), s(0.75)}, nil, []float64{1.25}},
		{"second moment", op.Moment{Beta: 0.5, Square: true}, []ir.Tensor{fixed([]int{1}, 1), fixed([]int{1}, 3)}, nil,
			[]float64{5}},
		{"momentum", op.Momentum{Mu: 0.5}, []ir.Tensor{fixed([]int{1}, 2), fixed([]int{1}, 3), fixed([]int{1}, 10),
			s(0.1), s(2)}, nil, []float64{9}},
		{"step", op.Descend{}, []ir.Tensor{fixed([]int{1}, 5), fixed([]int{1}, 2), s(0.5)}, nil, []float64{4}},
		{"nesterov", op.DescendNesterov{Mu: 0.5}, []ir.Tensor{fixed([]int{1}, 10), fixed([]int{1}, 4),
			fixed([]int{1}, 1), s(0.5), s(0.1), s(2)}, nil, []float64{7}},
		{"adam's first step is the rate", op.Adam{Beta1: 0.9, Beta2: 0.999}, []ir.Tensor{fixed([]int{1}, 1),
			fixed([]int{1}, 0.1*3), fixed([]int{1}, 0.001*9), s(0.1), s(0.5), s(1)}, nil, []float64{0.85}},
		{"official trust ratio", op.TrustRatio{Eta: 2, Variant: "official"}, []ir.Tensor{fixed([]int{2}, 3, 4),
			fixed([]int{2}, 0, 3), s(1), s(9)}, nil, []float64{10 / math.Sqrt(58)}},
		{"solo trust ratio", op.TrustRatio{Eta: 2, Variant: "solo"}, []ir.Tensor{fixed([]int{2}, 3, 4),
			fixed([]int{2}, 0, 3), s(1), s(9)}, nil, []float64{1.25}},
		{"clipped", op.TrustRatio{Eta: 2, Variant: "solo", Clip: true}, []ir.Tensor{fixed([]int{2}, 3, 4),
			fixed([]int{2}, 0, 3), s(1), s(0.5)}, nil, []float64{1}},
		{"divided by the rate", op.TrustRatio{Eta: 2, Variant: "solo", Clip: true}, []ir.Tensor{fixed([]int{2}, 3, 4),
			fixed([]int{2}, 0, 3), s(1), s(5)}, nil, []float64{0.25}},
		{"no parameter, no ratio", op.TrustRatio{Eta: 2, Variant: "official"}, []ir.Tensor{fixed([]int{1}, 0),
			fixed([]int{1}, 3), s(1), s(9)}, nil, []float64{1}},
		{"sum of squares", op.SumSq{}, []ir.Tensor{fixed([]int{2}, 3, 4)}, nil, []float64{25}},
	} {
		types := make([]ir.Type, len(c.in))
		for i, x := range c.in {
			types[i] = ir.Type{Shape: x.Shape, DType: ir.F64}
		}
		for _, k := range c.ints {
			types[k].DType = ir.I32
		}
		out, err := c.spec.Infer(types)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := ir.Tensor{Shape: out.Shape, Data: make([]float64, out.Shape.Size())}
		c.spec.Ref(c.in, got)
		if len(got.Data) != len(c.want) {
			t.Errorf("%s: %s%v: got shape %v, want %d elements", c.name, op.Key(c.spec), types, out.Shape, len(c.want))
			continue
		}
		for i, w := range c.want {
			if !(math.Abs(got.Data[i]-w) <= 1e-12*max(1, math.Abs(w)) || math.IsNaN(w) && math.IsNaN(got.Data[i])) {
				t.Errorf("%s: %s of %v: got %v, want %v", c.name, op.Key(c.spec), c.in, got.Data, c.want)
				break
			}
		}
	}
}

// TestShapeErrors wants a wrong shape to stop the build with a message that names the sizes, the scope and the line.
func TestShapeErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(s *graph.Scope)
		want  []string
	}{
		{"matmul", func(s *graph.Scope) {
			op.MatMul(s.Input("a/x", 256, 2048), s.Input("a/w", 512, 2048), false, false)
		},
			[]string{"a: matmul [256,2048]x[512,2048]: inner sizes 2048 and 512 differ", "optest/values_test.go:"}},
		{"stacks", func(s *graph.Scope) { op.MatMul(s.Input("x", 2, 3, 4), s.Input("w", 3, 4, 5), false, false) },
			[]string{"equal leading axes"}},
		{"add", func(s *graph.Scope) { op.Add(s.Input("x", 3, 4), s.Input("y", 3)) }, []string{"binary [3,4]x[3]",
			"do not broadcast"}},
		{"types", func(s *graph.Scope) { op.Add(s.Input("x", 3), s.IntInput("y", 3)) },
			[]string{"element types f32 and i32 differ"}},
		{"conv channels", func(s *graph.Scope) {
			op.Conv2D(s.Input("x", 1, 8, 8, 3), s.Input("w", 3, 3, 4, 8), op.Conv{})
		},
			[]string{"3 channels do not fit weights for 4"}},
		{"conv size", func(s *graph.Scope) { op.Conv2D(s.Input("x", 1, 2, 2, 3), s.Input("w", 3, 3, 3, 8), op.Conv{}) },
			[]string{"an image of 2x2", "kernel of 3x3"}},
		{"transposed channels", func(s *graph.Scope) {
			op.ConvTranspose2D(s.Input("x", 1, 8, 8, 3), s.Input("w", 3, 3, 3, 8), op.Conv{}, [2]int{})
		},
			[]string{"transposed convolution [1,8,8,3]x[3,3,3,8]: 3 channels do not fit weights for 8"}},
		{"output padding", func(s *graph.Scope) {
			op.ConvTranspose2D(s.Input("x", 1, 8, 8, 3), s.Input("w", 3, 3, 8, 3), op.Conv{}, [2]int{1, 0})
		},
			[]string{"an output padding of 1, want one from 0 on and below the stride of 1"}},
		{"nothing left", func(s *graph.Scope) {
			op.ConvTranspose2D(s.Input("x", 1, 1, 1, 3), s.Input("w", 3, 3, 8, 3), op.Conv{Pad: [2]int{2, 0}}, [2]int{})
		},
			[]string{"a padding of 2 leaves a size of -1"}},
		{"pool size", func(s *graph.Scope) { op.MaxPool2D(s.Input("x", 1, 2, 2, 3), op.Pool{Kernel: [2]int{3, 3}}) },
			[]string{"an image of 2x2", "window of 3x3"}},
		{"pool padding", func(s *graph.Scope) {
			op.MaxPool2D(s.Input("x", 1, 4, 4, 3), op.Pool{Kernel: [2]int{2, 2}, Pad: [2]int{2, 2}})
		}, []string{"a kernel of 2 with a padding of 2"}},
		{"reshape", func(s *graph.Scope) { op.Reshape(s.Input("x", 3, 4), 5) },
			[]string{"12 elements cannot become [5]"}},
		{"reshape rest", func(s *graph.Scope) { op.Reshape(s.Input("x", 3, 4), 5, -1) },
			[]string{"12 elements are no multiple of 5"}},
		{"transpose", func(s *graph.Scope) { op.Transpose(s.Input("x", 3, 4), 1, 1) },
			[]string{"[1,1] is no order of 2 axes"}},
		{"slice", func(s *graph.Scope) { op.Slice(s.Input("x", 3, 4), 1, 2, 5) },
			[]string{"2 to 5 is no part of axis 1 of size 4"}},
		{"axis", func(s *graph.Scope) { op.SumAxes(s.Input("x", 3, 4), true, 2) },
			[]string{"axis 2 of a value with shape [3,4]"}},
		{"concat", func(s *graph.Scope) { op.Concat(0, s.Input("x", 3, 4), s.Input("y", 3, 5)) },
			[]string{"operand 1 is [3,5]"}},
		{"statistics", func(s *graph.Scope) { op.BatchNorm(s.Input("x", 3, 4), s.Input("y", 2, 5), op.BN{}) },
			[]string{"statistics are [2,5], want [2,4]"}},
		{"gamma alone", func(s *graph.Scope) {
			op.BatchNorm(s.Input("x", 3, 4), s.Input("y", 2, 4), op.BN{}, s.Input("g", 4))
		},
			[]string{"both gamma and beta or neither"}},
		{"layer norm", func(s *graph.Scope) {
			op.LayerNorm(s.Input("x", 3, 4), s.Input("g", 3), s.Input("b", 4), 1e-5)
		},
			[]string{"gamma and beta must be [4]"}},
		{"labels", func(s *graph.Scope) { op.CrossEntropy(s.Input("x", 3, 4), s.Input("l", 3), 0) },
			[]string{"labels must be int32 [3]"}},
		{"targets", func(s *graph.Scope) { op.CrossEntropySoft(s.Input("x", 3, 4), s.Input("l", 4, 3)) },
			[]string{"targets must be [3,4]"}},
		{"table", func(s *graph.Scope) { op.Gather(s.Input("x", 3, 4, 5), s.IntInput("l", 2)) },
			[]string{"want a table [K,D] or [K] and int32 ids [N]"}},
		{"queue too short", func(s *graph.Scope) { op.PutAt(s.Input("x", 3, 4), s.Input("at"), s.Input("y", 5, 4)) },
			[]string{"5 rows do not fit a queue of 3"}},
		{"rows of a queue", func(s *graph.Scope) { op.PutAt(s.Input("x", 3, 4), s.Input("at"), s.Input("y", 2, 5)) },
			[]string{"rows [2,5] do not fit a memory [3,4]"}},
		{"kind of rows", func(s *graph.Scope) { op.PutAt(s.Input("x", 3), s.Input("at"), s.IntInput("y", 2)) },
			[]string{"rows [2]i32 do not fit a memory [3]"}},
		{"place", func(s *graph.Scope) { op.PutAt(s.Input("x", 3, 4), s.Input("at", 1), s.Input("y", 2, 4)) },
			[]string{"the place is [1], want a scalar"}},
		{"row numbers", func(s *graph.Scope) {
			op.PutRows(s.Input("x", 3, 4), s.IntInput("l", 3),
				s.Input("y", 2, 4))
		}, []string{"row numbers are [3]i32, want int32 [2]"}},
		{"ids of tokens", func(s *graph.Scope) { op.GatherTokens(s.Input("x", 3, 4, 5), s.IntInput("l", 2, 4)) },
			[]string{"want tokens [B,T,D] and int32 ids [B,K]"}},
		{"attention", func(s *graph.Scope) { op.Attention(s.Input("x", 3, 4, 2, 5, 6), 1) },
			[]string{"want queries, keys and values [B,T,3,heads,D]"}},
		{"attention's bias", func(s *graph.Scope) {
			op.Attention(s.Input("x", 4, 5, 3, 2, 6), 1, s.Input("b", 3, 2, 5, 5))
		}, []string{"bias [3,2,5,5], want [G,2,5,5], G a divisor of 4"}},
		{"key", func(s *graph.Scope) { op.RandomUniform(s.Input("x", 3), s.Input("y"), 0, 5) },
			[]string{"want a key [2] and a step []"}},
		{"keep", func(s *graph.Scope) { op.RandomKeep(s.Input("x", 2), s.Input("y"), 0, 1.5, 5) },
			[]string{"keep is 1.5, want a probability"}},
		{"p", func(s *graph.Scope) { op.RandomBernoulli(s.Input("x", 2), s.Input("y"), 0, -1, 5) },
			[]string{"p is -1, want a probability"}},
		{"order of integers", func(s *graph.Scope) { op.Less(s.IntInput("x", 3), s.IntInput("y", 3)) },
			[]string{"compare [3]i32x[3]i32: operand 0 is int32"}},
		{"compared kinds", func(s *graph.Scope) { s.Equal(s.IntInput("x", 3), s.Input("y", 3)) },
			[]string{"element types i32 and f32 differ"}},
		{"compared shapes", func(s *graph.Scope) { op.Equal(s.Input("x", 3), s.Input("y", 2)) },
			[]string{"equal: shapes [3] and [2] do not broadcast"}},
		{"integers of integers", func(s *graph.Scope) { op.Int(s.IntInput("l", 3)) }, []string{"want f32 or f64"}},
		{"floats of floats", func(s *graph.Scope) { s.Float(s.Input("x", 3)) },
			[]string{"cannot make f32 of [3], want f32 or f64 of int32"}},
		{"axes", func(s *graph.Scope) { op.Reshape(s.Input("x", 3), 1, 1, 1, 1, 1, 1, 1, 1, 3) },
			[]string{"has more than 8 axes"}},
		{"diagonal", func(s *graph.Scope) { op.OffDiagonal(s.Input("x", 3, 4)) }, []string{"want a square matrix"}},
		{"function of integers", func(s *graph.Scope) { op.Relu(s.IntInput("x", 3)) },
			[]string{"unary [3]i32: operand 0 is int32"}},
		{"integer logits", func(s *graph.Scope) { op.CrossEntropy(s.IntInput("x", 3, 4), s.IntInput("l", 3), 0) },
			[]string{"operand 0 is int32"}},
		{"integer weights", func(s *graph.Scope) { op.MatMul(s.Input("x", 3, 4), s.IntInput("w", 4, 2), false, false) },
			[]string{"operand 1 is int32"}},
		{"nil", func(s *graph.Scope) { op.Add(s.Input("x", 3, 4), nil) }, []string{"operand 1 is nil"}},
		{"scalar setting", func(s *graph.Scope) { op.Step(s.Input("p", 3), s.Input("m", 3), s.Input("lr", 1)) },
			[]string{"operand 2 is [1], want a scalar"}},
	} {
		_, err := graph.Build(graph.Options{}, c.build)
		if err == nil {
			t.Errorf("%s: no error, want one with %q", c.name, c.want)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got %q, want it to say %q", c.name, err, w)
			}
		}
	}
}
