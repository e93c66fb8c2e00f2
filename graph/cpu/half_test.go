package cpu

import (
	"fmt"
	"testing"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// halfCases are products and convolutions that round, with and without what the compiler fuses.
func halfCases() (cases []kernelCase) {
	conv := func(c op.Conv, x, w, y string) {
		c.BF16 = true
		c.Dilation, c.Groups = [2]int{1, 1}, max(c.Groups, 1)
		ch := operand(x, nil).Shape.Last()
		norm := []string{fmt.Sprintf("p 2,%d", ch), fmt.Sprintf("n %d", ch), fmt.Sprintf("n %d", ch)}
		shape := operand(w, nil).Shape
		dw := [4]int(shape)
		cases = append(cases,
			kernelCase{spec: op.ConvForward{Conv: c, Rounded: true}, in: []string{x, w}, tol: 4e-3},
			kernelCase{spec: op.ConvBackwardData{Conv: c, X: [4]int(operand(x, nil).Shape)}, in: []string{y, w},
				tol: 1e-5},
			kernelCase{spec: op.ConvBackwardWeights{Conv: c, W: dw}, in: []string{x, y}, tol: 1e-5})
		if c.Groups == 1 {
			on := op.ImageNorm{On: true, Eps: 1e-5, Relu: true}
			cases = append(cases,
				kernelCase{spec: op.ConvForward{Conv: c, Norm: on, Rounded: true}, in: append([]string{x, w}, norm...),
					tol: 4e-3},
				kernelCase{spec: op.ConvBackwardWeights{Conv: c, W: dw, Norm: on}, in: append([]string{x, y}, norm...),
					tol: 1e-4})
		}
	}
	for _, m := range []struct {
		o  op.MatMulOp
		in []string
	}{
		{op.MatMulOp{}, []string{"n 130,64", "n 64,200"}},
		{op.MatMulOp{TransA: true}, []string{"n 65,130", "n 65,70"}},
		{op.MatMulOp{TransB: true, Bias: true, Rounded: true}, []string{"n 70,33", "n 45,33", "n 45"}},
		{op.MatMulOp{Bias: true, Relu: true}, []string{"n 70,32", "n 32,150", "n 150"}},
		{op.MatMulOp{TransB: true, Slope: "gelu", Rounded: true}, []string{"n 70,64", "n 150,64", "n 70,150"}},
		{op.MatMulOp{TransA: true, Plus: true}, []string{"n 64,70", "n 64,150", "n 70,150"}},
		{op.MatMulOp{Slope: "tanh"}, []string{"n 70,64", "n 64,31", "n 70,31"}},
	} {
		m.o.BF16 = true
		cases = append(cases, kernelCase{spec: m.o, in: m.in, tol: 4e-3})
	}
	conv(op.Conv{Stride: [2]int{1, 1}, Pad: [2]int{1, 1}}, "n 5,9,8,24", "n 3,3,24,40", "n 5,9,8,40")
	conv(op.Conv{Stride: [2]int{2, 2}, Pad: [2]int{1, 1}}, "n 3,9,9,3", "n 3,3,3,17", "n 3,5,5,17")
	conv(op.Conv{Stride: [2]int{2, 2}}, "n 7,8,8,32", "n 1,1,32,64", "n 7,4,4,64")
	conv(op.Conv{Stride: [2]int{1, 1}}, "n 7,8,8,32", "n 1,1,32,64", "n 7,8,8,64")
	conv(op.Conv{Stride: [2]int{1, 1}, Pad: [2]int{1, 1}, Groups: 8}, "n 2,6,6,8", "n 3,3,1,8", "n 2,6,6,8")
	return cases
}

// Where Narrows says so, a kernel gives the same bits for an operand kept in bfloat16 as for the same numbers in
// float32, and writes to bfloat16 what is its result rounded.
func TestNarrows(t *testing.T) {
	tested := map[string]bool{}
	for _, k := range append(kernelCases(), halfCases()...) {
		types := make([]ir.Type, len(k.in))
		for i, a := range k.operands() {
			types[i] = a.Type
		}
		narrow := make([]bool, len(k.in))
		some := false
		for i, ty := range types {
			narrow[i] = ty.DType == ir.F32 && Backend{}.Narrows(k.spec, types, i)
			some = some || narrow[i]
		}
		last := Backend{}.Narrows(k.spec, types, ir.Result)
		if !some && !last {
			continue
		}
		tested[k.spec.Name()] = true
		t.Run(k.String(), func(t *testing.T) {
			wide, half := k.operands(), k.operands()
			for i := range wide {
				if narrow[i] {
					half[i] = converted(wide[i], ir.BF16)
					wide[i] = converted(half[i], ir.F32)
				}
			}
			setThreads(t, 2)
			run, want, err := k.bind(wide, -1)
			if err != nil {
				t.Fatal(err)
			}
			run()
			if some {
				run, got, err := k.bind(half, -1)
				if err != nil {
					t.Fatal(err)
				}
				run()
				same(t, "operands in bfloat16", got, want)
				if n := Allocations(2, run); n != 0 {
					t.Errorf("%v allocations a run, want 0", n)
				}
			}
			if last {
				want := converted(want, ir.BF16)
				for _, threads := range []int{1, 3} {
					setThreads(t, threads)
					got := ir.NewArray(want.Type)
					run := k.bindTo(half, got)
					run()
					for i, v := range want.BF16 {
						if got.BF16[i] != v {
							t.Fatalf("%d threads: result in bfloat16: element %d is %x, want %x", threads, i,
								got.BF16[i], v)
						}
					}
				}
			}
		})
	}
	for _, name := range []string{"conv2d", "conv2d_dw", "conv2d_dx", "matmul", "sum_to", "batch_stats", "batch_norm",
		"batch_norm_sums", "batch_norm_dx", "binary", "unary", "unary_grad", "layer_norm", "round", "attention",
		"attention_grad"} {
		if !tested[name] {
			t.Errorf("no case of %s has an operand in bfloat16", name)
		}
	}
}

// converted is a in another floating-point type.
func converted(a ir.Array, d ir.DType) ir.Array {
	c := ir.NewArray(ir.Type{Shape: a.Shape, DType: d})
	for i := range a.Shape.Size() {
		c.Set(i, a.At(i))
	}
	return c
}
