package optest

import (
	"fmt"
	"math"

	"selfsup/graph/ir"
)

// Near says where two values differ by more than a tolerance relative to the largest value. Where all values are below
// 1e-3, they are what is left of numbers of size 1 that cancel (the gradient of a batch norm of two rows), and the
// tolerance is that of size 0.1.
func Near(got, want ir.Array, tol float64) error {
	if !got.Shape.Equal(want.Shape) || got.DType != want.DType {
		return fmt.Errorf("%v, want %v", got.Type, want.Type)
	}
	if len(want.F32)+len(want.I32) == 0 {
		return nil
	}
	largest := 0.0
	for i := range want.Shape.Size() {
		if v := math.Abs(want.At(i)); !math.IsInf(v, 0) {
			largest = max(largest, v)
		}
	}
	if largest < 1e-3 {
		largest = 0.1
	}
	for i := range want.Shape.Size() {
		if g, w := got.At(i), want.At(i); g != w && !(math.Abs(g-w) <= tol*largest) {
			return fmt.Errorf("element %d of %v is %v, want %v (largest %v)", i, got.Shape, g, w, largest)
		}
	}
	return nil
}

// Same says where two values differ in a bit.
func Same(got, want ir.Array) error {
	for i := range want.F32 {
		if math.Float32bits(got.F32[i]) != math.Float32bits(want.F32[i]) {
			return fmt.Errorf("element %d is %v, want the bits of %v", i, got.F32[i], want.F32[i])
		}
	}
	for i := range want.I32 {
		if got.I32[i] != want.I32[i] {
			return fmt.Errorf("element %d is %v, want %v", i, got.I32[i], want.I32[i])
		}
	}
	return nil
}

// Compare calls near with the value and every gradient of a result and of the one that is right.
func (r *Result) Compare(want *Result, near func(got, want ir.Array) error) error {
	if err := near(r.Value, want.Value); err != nil {
		return fmt.Errorf("value: %w", err)
	}
	for k := range r.Gradients {
		if err := near(r.Gradients[k], want.Gradients[k]); err != nil {
			return fmt.Errorf("gradient of input %d: %w", k, err)
		}
	}
	return nil
}
