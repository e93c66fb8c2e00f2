package golden

import (
	"math"
	"testing"
)

// Absolute is added to every tolerance, as the fixtures' description says.
const Absolute = 1e-7

// Compare holds max|got - want| <= rtol*max|want| + Absolute, over the whole tensor. got is in the layout of want.
func Compare(t testing.TB, name string, got []float64, want Tensor, rtol float64) {
	t.Helper()
	if len(got) != len(want.Data) {
		t.Errorf("%s: got %d elements, want %d (%v)", name, len(got), len(want.Data), want.Shape)
		return
	}
	worst, at, largest := 0.0, -1, 0.0
	for i, w := range want.Data {
		largest = max(largest, math.Abs(w))
		d := math.Abs(got[i] - w)
		if !(d <= worst) { // a NaN is the worst
			worst, at = d, i
		}
		if math.IsNaN(worst) {
			break
		}
	}
	if tol := rtol*largest + Absolute; !(worst <= tol) {
		t.Errorf("%s%v: element %d: got %v, want %v: off by %.3g, at most %.3g is allowed (rtol %g, largest %.3g)",
			name, want.Shape, at, got[at], want.Data[at], worst, tol, rtol, largest)
	}
}

// Permute moves axes: axis i of the result is axis perm[i] of x.
func Permute(x Tensor, perm ...int) Tensor {
	y := Tensor{Shape: make([]int, len(perm)), Int: x.Int, Data: make([]float64, len(x.Data))}
	steps := make([]int, len(perm))
	for i, p := range perm {
		y.Shape[i] = x.Shape[p]
		steps[i] = size(x.Shape[p+1:])
	}
	for i := range y.Data {
		at, rest := 0, i
		for d := len(perm) - 1; d >= 0; d-- {
			at += rest % y.Shape[d] * steps[d]
			rest /= y.Shape[d]
		}
		y.Data[i] = x.Data[at]
	}
	return y
}

// The layouts of the reference: each function takes a tensor from PyTorch's layout to ours.

// Layout is one of them.
type Layout func(Tensor) Tensor

// Image is [B,C,H,W] -> [B,H,W,C].
func Image(x Tensor) Tensor { return Permute(x, 0, 2, 3, 1) }

// Kernel is a convolution's weights [Co,Ci/groups,KH,KW] -> [KH,KW,Ci/groups,Co].
func Kernel(x Tensor) Tensor { return Permute(x, 2, 3, 1, 0) }

// Linear is a linear layer's weights [out,in] -> [in,out].
func Linear(x Tensor) Tensor { return Permute(x, 1, 0) }

// Same is for what has the same layout.
func Same(x Tensor) Tensor { return x }
