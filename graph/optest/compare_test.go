package optest

import (
	"fmt"
	"math"
	"testing"

	"selfsup/graph/ir"
)

// compare holds every element of a result within tol of the wanted one's largest value (gradients: or of 1, since they
// may cancel to nothing).
func compare(t *testing.T, got, want *Result, tol float64) {
	t.Helper()
	compareArrays(t, "value", got.Value, want.Value, tol, 1e-2)
	for k := range want.Gradients {
		compareArrays(t, fmt.Sprintf("gradient by input %d", k), got.Gradients[k], want.Gradients[k], tol, 1)
	}
}

// compareArrays holds |got - want| <= tol*max(largest, floor). Integers must be equal.
func compareArrays(t *testing.T, name string, got, want ir.Array, tol, floor float64) {
	t.Helper()
	if !got.Shape.Equal(want.Shape) {
		t.Errorf("%s: got shape %v, want %v", name, got.Shape, want.Shape)
		return
	}
	n := want.Shape.Size()
	if want.F32 == nil && want.F64 == nil && want.I32 == nil {
		n = 0 // no such gradient
	}
	largest := floor
	for i := range n {
		largest = max(largest, math.Abs(want.At(i)))
	}
	if want.DType == ir.I32 {
		tol = 0
	}
	bad := 0
	for i := range n {
		if g, w := got.At(i), want.At(i); !(math.Abs(g-w) <= tol*largest) {
			if bad++; bad <= 3 {
				t.Errorf("%s%v[%d]: got %v, want %v within %.3g", name, want.Shape, i, g, w, tol*largest)
			}
		}
	}
	if bad > 3 {
		t.Errorf("%s%v: %d of %d elements are off", name, want.Shape, bad, n)
	}
}
