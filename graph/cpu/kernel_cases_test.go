package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"

	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/plan"
)

// kernelCase is one operation on operands of given shapes, larger than optest's: several tasks, odd sizes, every
// special case of a kernel.
type kernelCase struct {
	spec ir.Spec
	in   []string // shapes with a letter for the values, see operand
	tol  float64  // relative to the largest value; 0 means 2e-6
}

func kernelCases() []kernelCase {
	var cases []kernelCase
	add := func(spec ir.Spec, in ...string) { cases = append(cases, kernelCase{spec: spec, in: in}) }
	loose := func(tol float64, spec ir.Spec, in ...string) {
		cases = append(cases, kernelCase{spec, in, tol})
	}
	for _, fn := range []string{"add", "sub", "mul", "div"} {
		for _, in := range [][2]string{
			{"n 50007", "p 50007"}, {"n 50007", "p"}, {"n", "p 50007"}, {"n 300,70", "p 70"}, {"n 70", "p 300,70"},
			{"n 300,70", "p 300,1"},
			{"n 300,1", "p 1,70"}, {"n 3,1,5,1", "p 4,1,7"}, {"n 1,1", "p 1"}, {"n", "p"}, {"n 2,40000", "p 2,1"},
			{"n 9,8,7", "p 9,1,7"},
		} {
			add(op.Binary{Fn: fn, Relu: fn == "add" || fn == "sub"}, in[0], in[1])
			add(op.Binary{Fn: fn}, in[0], in[1])
		}
	}
	add(op.Binary{Fn: "add", Relu: true, Rounded: true}, "n 3,50,201", "n 3,50,201")
	add(op.Binary{Fn: "add", Rounded: true}, "n 300,70", "n 70")
	add(op.RoundOp{}, "n 33,1001")
	add(op.AddN{}, "n 33,1001", "n 33,1001")
	add(op.AddN{}, "n 33,1001", "n 33,1001", "n 33,1001", "n 33,1001")
	add(op.AddN{}, "n 301,77", "n 1,77")
	add(op.AddN{}, "n 9,10,67", "n 9,10,67", "n 67", "n 1,10,67", "n 1,9,10,67")
	for fn, f := range op.Unaries {
		kind := "n"
		if fn == "log" || fn == "sqrt" || fn == "rsqrt" || fn == "reciprocal" {
			kind = "p"
		}
		loose(3e-6, op.Unary{Fn: fn}, kind+" 50003")
		if f.FromY && fn != "neg" {
			kind = "p" // results of exp, sqrt ...; tanh and sigmoid read 0..1 just as well
		}
		loose(3e-6, op.UnaryGrad{Fn: fn}, "n 50003", kind+" 50003")
	}
	add(op.UnaryGrad{Fn: "relu"}, "n 50003", "z 50003")
	add(op.UnaryGrad{Fn: "abs"}, "n 50003", "z 50003")
	add(op.AffineOp{A: -0.7, B: 2}, "n 50003")
	add(op.LeakyReluOp{Slope: 0.1}, "n 50003")
	add(op.LeakyReluGrad{Slope: 0.1}, "n 50003", "z 50003")

	for _, s := range []struct {
		from string
		to   ir.Shape
	}{
		{"n 50007", ir.Shape{}}, {"n 1,1", ir.Shape{}}, {"n 1,5,1", ir.Shape{5, 1}}, {"n 5,1,3", ir.Shape{1, 3}},
		{"n 301,77", ir.Shape{301, 1}},
		{"n 9001,77", ir.Shape{77}}, {"n 9000,5", ir.Shape{5}}, {"n 515,16", ir.Shape{16}}, {"n 3,700", ir.Shape{700}},
		{"n 8,9,10,67", ir.Shape{8, 1, 1, 67}}, {"n 8,9,10,67", ir.Shape{1, 9, 1, 67}},
		{"n 8,9,10,67", ir.Shape{9, 1, 1}}, {"n 8,9,10,67", ir.Shape{8, 1, 10, 1}},
		{"n 3,4,5,6,2", ir.Shape{3, 1, 5, 1, 2}}, {"n 40,3,200", ir.Shape{40, 1, 200}},
	} {
		add(op.SumToOp{To: op.DimsOf(s.to), Scale: 0.25}, s.from)
		add(op.SumToOp{To: op.DimsOf(s.to), Scale: 0.25, Squares: true}, s.from)
		add(op.BroadcastOp{To: op.DimsOf(operand(s.from, nil).Shape)}, "n "+join(s.to))
	}
	add(op.BroadcastOp{To: op.DimsOf(ir.Shape{4, 3})}, "i 3")
	add(op.ArgmaxOp{}, "l 501,130")
	add(op.ArgmaxOp{}, "l 7")
	add(op.AccuracyOp{}, "n 1501,12", "i 1501")
	add(op.OfLabelledOp{}, "n ", "i 1501")
	add(op.SumSq{}, "n 50007")

	for _, m := range []struct {
		o    op.MatMulOp
		a, b string
	}{
		{op.MatMulOp{}, "n 67,130", "n 130,45"}, {op.MatMulOp{TransA: true}, "n 130,67", "n 130,45"},
		{op.MatMulOp{TransB: true}, "n 67,130", "n 45,130"},
		{op.MatMulOp{TransA: true, TransB: true}, "n 130,67", "n 45,130"}, {op.MatMulOp{}, "n 3,5,17,9", "n 3,5,9,8"},
		{op.MatMulOp{TransB: true}, "n 20,65,64", "n 20,65,64"}, {op.MatMulOp{}, "n 1,1", "n 1,1"},
		{op.MatMulOp{}, "n 300,64", "n 64,300"},
	} {
		loose(1e-5, m.o, m.a, m.b)
	}
	loose(1e-5, op.GramOp{}, "n 130,67")
	loose(1e-5, op.GramOp{Columns: true}, "n 300,130")
	loose(1e-5, op.MatMulOp{Bias: true}, "n 300,64", "n 64,100", "n 100")
	loose(1e-5, op.MatMulOp{Bias: true, Relu: true}, "n 300,64", "n 64,100", "n 100")
	loose(1e-5, op.MatMulOp{Relu: true}, "n 4,30,64", "n 4,64,100")
	loose(1e-5, op.MatMulOp{Slope: "gelu"}, "n 300,64", "n 64,100", "n 300,100")
	loose(1e-5, op.MatMulOp{Slope: "silu"}, "n 4,30,64", "n 4,64,100", "n 4,30,100")
	loose(1e-5, op.MatMulOp{TransA: true, Plus: true}, "n 64,300", "n 64,100", "n 300,100")
	loose(1e-5, op.MatMulOp{Plus: true}, "n 4,30,64", "n 4,64,100", "n 4,30,100")

	for _, x := range []string{"n 1,1", "n 67,130", "n 300,64", "n 256,512"} {
		loose(1e-5, op.GramOp{}, x)
		loose(1e-5, op.GramOp{Columns: true}, x)
	}

	add(op.TransposeOp{Perm: op.DimsOf(ir.Shape{1, 0})}, "n 133,257")
	add(op.TransposeOp{Perm: op.DimsOf(ir.Shape{0, 2, 1})}, "n 5,133,35")
	add(op.TransposeOp{Perm: op.DimsOf(ir.Shape{0, 2, 1, 3})}, "n 5,13,35,16")
	add(op.TransposeOp{Perm: op.DimsOf(ir.Shape{3, 1, 0, 2})}, "n 5,13,35,6")
	add(op.TransposeOp{Perm: op.DimsOf(ir.Shape{2, 0, 1})}, "n 50,13,35")
	add(op.TransposeOp{Perm: op.DimsOf(ir.Shape{0, 1})}, "n 300,133")
	add(op.TransposeOp{Perm: op.DimsOf(ir.Shape{1, 0})}, "n 1,7")
	add(op.TransposeOp{Perm: op.DimsOf(ir.Shape{1, 0})}, "i 6,7")
	add(op.SliceOp{Axis: 0, From: 2, To: 5}, "n 9,7000")
	add(op.SliceOp{Axis: 1, From: 2, To: 5}, "n 9,7,700")
	add(op.SliceOp{Axis: 2, From: 2, To: 5}, "n 9,7,700")
	add(op.PadOp{Axis: 0, Before: 3, After: 2}, "n 9,7000")
	add(op.PadOp{Axis: 2, Before: 1, After: 0}, "n 9,7,700")
	add(op.PadOp{Axis: 1, Before: 0, After: 4}, "n 9,7,700")
	add(op.ConcatOp{Axis: 0}, "n 9,7000", "n 1,7000", "n 3,7000")
	add(op.ConcatOp{Axis: 1}, "n 90,1,7", "n 90,3,7", "n 90,5,7")
	add(op.ConcatOp{Axis: 0}, "i 9", "i 4")
	add(op.GatherOp{}, "n 30,257", "i 140")
	add(op.ScatterAdd{Rows: 30}, "n 140,257", "i 140")
	add(plan.Copy{}, "n 50007")
	add(plan.Copy{}, "i 50007")

	for _, s := range []string{"5000,3", "9000,7", "2500,64", "130,700", "5,1030", "3,4,5,16", "1,9"} {
		c := s[lastComma(s)+1:]
		bn := op.BN{Eps: 1e-5}
		add(op.Stats{}, "n "+s)
		add(op.Stats{}, "m "+s)
		for _, relu := range []bool{false, true} {
			add(op.BatchNormOp{BN: bn, Relu: relu}, "n "+s, "p 2,"+c)
			add(op.BatchNormOp{BN: bn, Relu: relu}, "n "+s, "p 2,"+c, "n "+c, "n "+c)
			add(op.BatchNormOp{BN: bn, Relu: relu, Residual: true}, "n "+s, "p 2,"+c, "n "+s)
			add(op.BatchNormOp{BN: bn, Relu: relu, Residual: true}, "n "+s, "p 2,"+c, "n "+c, "n "+c, "n "+s)
			loose(4e-3, op.BatchNormOp{BN: bn, Relu: relu, Residual: true, Rounded: true}, "n "+s, "p 2,"+c, "n "+c,
				"n "+c, "n "+s)
		}
		add(op.NormSums{Eps: 1e-5}, "n "+s, "n "+s, "p 2,"+c)
		add(op.NormSums{Eps: 1e-5, Relu: true}, "n "+s, "n "+s, "p 2,"+c)
		add(op.NormSums{Eps: 1e-5, Relu: true}, "n "+s, "n "+s, "p 2,"+c, "n "+c, "n "+c)
		add(op.NormBackward{BN: bn, Relu: true}, "n "+s, "n "+s, "p 2,"+c, "n 2,"+c)
		add(op.NormBackward{BN: bn, Relu: true}, "n "+s, "n "+s, "p 2,"+c, "n 2,"+c, "n "+c, "n "+c)
		add(op.NormBackward{BN: op.BN{Eps: 1e-5, Frozen: true}, Relu: true}, "n "+s, "n "+s, "p 2,"+c, "n 2,"+c, "n "+c,
			"n "+c)
		add(op.NormBackward{BN: bn}, "n "+s, "n "+s, "p 2,"+c, "n 2,"+c)
		add(op.NormBackward{BN: bn}, "n "+s, "n "+s, "p 2,"+c, "n 2,"+c, "n "+c)
		add(op.NormBackward{BN: op.BN{Eps: 1e-5, Frozen: true}}, "n "+s, "n "+s, "p 2,"+c, "n 2,"+c, "n "+c)
		add(op.Running{Momentum: 0.1, N: 5}, "n 2,"+c, "p 2,"+c)
		add(op.LayerNormOp{Eps: 1e-5}, "n "+s, "n "+c, "n "+c)
		add(op.LayerNormBackward{Eps: 1e-5}, "n "+s, "n "+s, "n "+c)
		add(op.LayerNormSums{Eps: 1e-5}, "n "+s, "n "+s)
		add(op.NormalizeOp{Eps: 1e-12}, "n "+s)
		add(op.NormalizeGrad{Eps: 1e-12}, "n "+s, "n "+s)
		add(op.NormalizeGrad{Eps: 1e3}, "n "+s, "n "+s)
		loose(4e-6, op.SoftmaxOp{}, "n "+s)
		add(op.SoftmaxOp{Log: true}, "n "+s)
		add(op.SoftmaxGrad{}, "n "+s, "p "+s)
		loose(4e-6, op.SoftmaxGrad{Log: true}, "n "+s, "n "+s)
		add(op.LogSumExpOp{}, "n "+s)
		if lastComma(s) == 0 || len(operand("n "+s, nil).Shape) != 2 {
			continue
		}
		n := s[:lastComma(s)]
		for _, o := range []op.XEnt{{}, {Smoothing: 0.1}} {
			add(op.CrossEntropyOp{XEnt: o}, "n "+s, "i "+n)
			add(op.CrossEntropyGrad{XEnt: o}, "n "+n, "n "+s, "i "+n)
		}
		add(op.CrossEntropyOp{XEnt: op.XEnt{Soft: true}}, "n "+s, "p "+s)
		add(op.CrossEntropyGrad{XEnt: op.XEnt{Soft: true}}, "n "+n, "n "+s, "p "+s)
	}
	add(op.DiagonalOp{Value: 3}, "n 201,201")

	for _, p := range []op.Pool{
		{Kernel: [2]int{2, 2}, Stride: [2]int{2, 2}}, {Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Pad: [2]int{1, 1}},
		{Kernel: [2]int{3, 2}, Stride: [2]int{1, 3}, Pad: [2]int{0, 1}, CountPad: true},
		{Kernel: [2]int{4, 3}, Adaptive: true}, {Kernel: [2]int{1, 1}, Adaptive: true},
	} {
		for _, most := range []bool{false, true} {
			p.Max = most
			f := op.PoolForward{Pool: p}
			out, err := f.Infer([]ir.Type{{Shape: ir.Shape{3, 11, 10, 70}}})
			if err != nil {
				panic(err)
			}
			add(f, "l 3,11,10,70")
			in := []string{"n " + join(out.Shape)}
			if most {
				in = append(in, "l 3,11,10,70")
			}
			add(op.PoolBackward{Pool: p, X: [4]int{3, 11, 10, 70}}, in...)
		}
	}

	conv := op.Conv{Stride: [2]int{2, 1}, Pad: [2]int{1, 2}, Dilation: [2]int{1, 2}, Groups: 2}
	for _, norm := range []op.ImageNorm{{On: true, Eps: 1e-5, Relu: true}, {On: true, Eps: 1e-3}} {
		for _, c := range []struct {
			o       op.Conv
			x, w, y string
			k       [4]int
		}{
			{op.Conv{Stride: [2]int{2, 1}, Pad: [2]int{1, 2}, Dilation: [2]int{1, 2}, Groups: 1}, "n 2,9,8,6",
				"n 3,3,6,8", "n 2,5,8,8", [4]int{3, 3, 6, 8}},
			{op.Conv{Stride: [2]int{1, 1}, Dilation: [2]int{1, 1}, Groups: 1}, "n 3,7,9,24", "n 1,1,24,10",
				"n 3,7,9,10", [4]int{1, 1, 24, 10}},
			{op.Conv{Stride: [2]int{1, 1}, Pad: [2]int{1, 1}, Dilation: [2]int{1, 1}, Groups: 1}, "n 9,9,14,32",
				"n 3,3,32,16", "n 9,9,14,16", [4]int{3, 3, 32, 16}},
		} {
			channels := fmt.Sprint(c.k[2])
			for _, stats := range [][]string{{"p 2," + channels}, {"p 2," + channels, "n " + channels,
				"n " + channels}} {
				loose(5e-5, op.ConvForward{Conv: c.o, Norm: norm}, append([]string{c.x, c.w}, stats...)...)
				loose(5e-5, op.ConvBackwardWeights{Conv: c.o, W: c.k, Norm: norm},
					append([]string{c.x, c.y}, stats...)...)
			}
		}
	}
	for _, relu := range []bool{false, true} {
		behind := op.GradientNorm{On: true, Of: op.NormBackward{BN: op.BN{Eps: 1e-5}, Relu: relu}}
		first := op.ConvBackwardWeights{Conv: op.Conv{Stride: [2]int{2, 1}, Pad: [2]int{1, 2}, Dilation: [2]int{1, 2},
			Groups: 1}, W: [4]int{3, 3, 6, 32}, Behind: behind}
		in := []string{"n 2,9,8,6", "n 2,5,8,32", "n 2,5,8,32", "p 2,32", "n 2,32"}
		loose(5e-5, first, in...)
		loose(5e-5, first, append(in, "n 32", "n 32")...)
	}
	loose(1e-5, op.ConvForward{Conv: conv}, "n 2,9,8,6", "n 3,3,3,8")
	loose(1e-5, op.ConvBackwardData{Conv: conv, X: [4]int{2, 9, 8, 6}}, "n 2,5,8,8", "n 3,3,3,8")
	loose(1e-5, op.ConvBackwardWeights{Conv: conv, W: [4]int{3, 3, 3, 8}}, "n 2,9,8,6", "n 2,5,8,8")

	tokenKernelCases(add, loose)
	queueKernelCases(add)
	factorKernelCases(add)
	recurrentKernelCases(loose)
	compareKernelCases(add)
	axesKernelCases(add)

	add(op.LerpOp{}, "n 50007", "n 50007", "p")
	add(op.Moment{Beta: 0.9}, "n 50007", "n 50007")
	add(op.Moment{Beta: 0.999, Square: true}, "p 50007", "n 50007")
	add(op.Momentum{Mu: 0.9}, "n 50007", "n 50007", "n 50007", "p", "p")
	add(op.Descend{}, "n 50007", "n 50007", "p")
	add(op.DescendNesterov{Mu: 0.9}, "n 50007", "n 50007", "n 50007", "p", "p", "p")
	add(op.Adam{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}, "n 50007", "n 50007", "p 50007", "p", "p", "p")
	for _, v := range []string{"official", "solo"} {
		add(op.TrustRatio{Eta: 0.02, Eps: 1e-8, Variant: v, Clip: true}, "n 50007", "n 50007", "p", "p")
		add(op.TrustRatio{Eta: 0.02, Eps: 1e-8, Variant: v}, "n 50007", "z0 50007", "p", "p")
	}
	return cases
}

func lastComma(s string) int {
	for i := len(s) - 1; i > 0; i-- {
		if s[i] == ',' {
			return i
		}
	}
	return 0
}

func join(s ir.Shape) string {
	t := fmt.Sprint(s)
	return t[1 : len(t)-1]
}

// operand makes an operand: "n 3,4" is normal, p between 0.25 and 2.25, m normal around 1000, l few levels, z normal
// with zeros of both signs, z0 only zeros, small a tenth of n, p1000 whole and about 1000, i int32 from 0 to 8, s
// int32 from -2 to 8. Without a source it has a type only.
func operand(s string, r *rand.Rand) ir.Array {
	var kind string
	t := ir.Type{Shape: ir.Shape{}}
	var dims string
	fmt.Sscan(s, &kind, &dims)
	for len(dims) > 0 {
		var d int
		n := 0
		for n < len(dims) && dims[n] != ',' {
			d = d*10 + int(dims[n]-'0')
			n++
		}
		t.Shape = append(t.Shape, d)
		dims = dims[min(n+1, len(dims)):]
	}
	if kind == "i" || kind == "s" {
		t.DType = ir.I32
	}
	a := ir.NewArray(t)
	for i := 0; r != nil && i < t.Shape.Size(); i++ {
		v := r.NormFloat64()
		switch kind {
		case "p":
			v = 0.25 + 2*r.Float64()
		case "m":
			v = 1000 + v
		case "l":
			v = float64(r.IntN(5))
		case "z":
			if k := r.IntN(6); k < 2 {
				v = math.Copysign(0, float64(k)-0.5)
			}
		case "z0":
			v = 0
		case "small":
			v *= 0.1
		case "p1000":
			v = 1000 + float64(r.IntN(9))
		case "i":
			v = float64(r.IntN(9))
		case "s":
			v = float64(r.IntN(11) - 2)
		}
		a.Set(i, v)
	}
	return a
}
