package cpu

import (
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// compareKernelCases are those of comparisons, and of numbers made of integers.
func compareKernelCases(add func(spec ir.Spec, in ...string)) {
	for _, in := range [][2]string{
		{" 50007", " 50007"}, {" 50007", ""}, {"", " 50007"}, {" 300,70", " 70"}, {" 70", " 300,70"},
		{" 300,70", " 300,1"},
		{" 300,1", " 1,70"}, {" 3,1,5,1", " 4,1,7"}, {"", ""}, {" 2,40000", " 2,1"},
	} {
		add(op.Compare{Fn: "less"}, "l"+in[0], "l"+in[1])
		add(op.Compare{Fn: "less"}, "z"+in[0], "z"+in[1])
		add(op.Compare{Fn: "equal"}, "l"+in[0], "l"+in[1])
		add(op.Compare{Fn: "equal"}, "z0"+in[0], "z"+in[1])
		add(op.Compare{Fn: "equal"}, "s"+in[0], "i"+in[1])
	}
	add(op.FloatOp{}, "s 50007")
	add(op.IntOp{}, "n 50007")
}

// axesKernelCases are those of values with eight axes.
func axesKernelCases(add func(spec ir.Spec, in ...string)) {
	const x, y = "2,3,4,5,3,5,2,7", "2,1,4,1,3,1,2,1"
	add(op.TransposeOp{Perm: op.DimsOf(ir.Shape{0, 1, 3, 5, 2, 4, 6, 7})}, "n "+x)
	add(op.TransposeOp{Perm: op.DimsOf(ir.Shape{7, 6, 5, 4, 3, 2, 1, 0})}, "n "+x)
	add(op.BroadcastOp{To: op.DimsOf(operand("n "+x, nil).Shape)}, "n "+y)
	add(op.SumToOp{To: op.DimsOf(operand("n "+y, nil).Shape), Scale: 0.5}, "n "+x)
	add(op.Binary{Fn: "mul"}, "n "+x, "n "+y)
	add(op.Binary{Fn: "sub"}, "n 1,3,1,5,1,5,1,7", "n "+y)
}
