package cuda

import (
	"fmt"
	"maps"
	"slices"

	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/plan"
)

// lowerings are the operations of package op (and plan's copy) by name. Each family's file adds its own.
var lowerings = map[string]lowering{}

// add enters a family.
func add(family map[string]lowering) struct{} {
	for name, l := range family {
		if _, twice := lowerings[name]; twice {
			panic("two lowerings of " + name)
		}
		lowerings[name] = l
	}
	return struct{}{}
}

// Names lists the operations that have kernels.
func Names() []string { return slices.Sorted(maps.Keys(lowerings)) }

// ours reports whether a spec is of the packages whose operations the kernels are for.
func ours(s ir.Spec) bool {
	_, copied := s.(plan.Copy)
	return copied || op.Defines(s)
}

// complaint says what an operation could not do with a value that its kernel reported.
func complaint(s ir.Spec, value int) string {
	switch s.(type) {
	case op.InverseCholeskyOp:
		return fmt.Sprintf("a matrix is not positive definite in row %d. A covariance needs more samples than "+
			"dimensions", value)
	case op.CrossEntropyOp, op.CrossEntropyGrad, op.AccuracyOp:
		return fmt.Sprintf("a label is %d, want one below the number of classes", value)
	case op.PutAtOp:
		return fmt.Sprintf("rows are to be put at about %d, want a whole number from 0 on", value)
	case op.PolarOp:
		return fmt.Sprintf("a matrix has a value that is not finite in row %d", value)
	case op.AssignOp:
		return fmt.Sprintf("the cost of row %d is not finite in some column", value)
	}
	return fmt.Sprintf("row number %d is outside the table", value)
}
