package cpu

import (
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// queueKernelCases are those of the operations that replace rows of a memory, and of gathering from one.
func queueKernelCases(add func(spec ir.Spec, in ...string)) {
	for _, at := range []string{"l", "i", "p1000"} {
		add(op.PutAtOp{}, "n 300,257", at, "n 140,257")
		add(op.PutAtOp{}, "n 5,4,3", at, "n 5,4,3")
		add(op.PutAtOp{}, "i 30007", at, "i 29999")
		add(op.PutAtOp{}, "n 2,9000", at, "n 1,9000")
	}
	add(op.PutRowsOp{}, "n 30,257", "i 140", "n 140,257")
	add(op.PutRowsOp{}, "n 30,4,500", "i 14", "n 14,4,500")
	add(op.PutRowsOp{}, "i 40000", "s 300", "i 300")
	add(op.PutRowsOp{}, "n 9", "s 5000", "n 5000")
	add(op.GatherOp{}, "n 30", "i 40000")
	add(op.GatherOp{}, "i 9", "i 4")
	add(op.ScatterAdd{Rows: 30}, "n 50007", "i 50007")
}
