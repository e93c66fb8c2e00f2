package cpu

import (
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// factorKernelCases are those of the operations that factor matrices.
func factorKernelCases(add func(spec ir.Spec, in ...string)) {
	for _, s := range []string{"n 1,1", "n 3,7,7", "n 64,64"} {
		add(op.InverseCholeskyOp{}, s)
		add(op.MirrorOp{}, s)
	}
	for _, s := range []string{"n 1,1", "n 2,3,9,4", "n 50,70", "n 70,50"} {
		add(op.PolarOp{}, s)
	}
	add(op.MirrorOp{}, "n 300,300")
}
