package cpu

import (
	"math"

	"selfsup/graph/cpu/kern"
)

// tanh is within 2e-7 of its value, relatively; Cephes' tanhf polynomial below 0.625.
func tanh(x float32) float32 {
	z := x * x
	if z < 0.625*0.625 {
		p := float32(-5.70498872745e-3)
		p = p*z + 2.06390887954e-2
		p = p*z - 5.37397155531e-2
		p = p*z + 1.33314422036e-1
		p = p*z - 3.33332819422e-1
		return p*z*x + x
	}
	return 1 - 2/(kern.Exp(2*x)+1)
}

func sigmoid(x float32) float32 { return 1 / (1 + kern.Exp(-x)) }

const (
	geluA = 0.7978845608028654 // sqrt(2/pi)
	geluB = 0.044715
)

// geluTanh is the approximation of gelu by tanh (Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2).
func geluTanh(x float32) float32 {
	return 0.5 * x * (1 + tanh(geluA*(x+geluB*x*x*x)))
}

func geluTanhSlope(x float32) float32 {
	t := tanh(geluA * (x + geluB*x*x*x))
	return 0.5*(1+t) + 0.5*x*(1-t*t)*geluA*(1+3*geluB*x*x)
}

func softplus(x float32) float32 {
	return max(x, 0) + float32(math.Log1p(math.Exp(-math.Abs(float64(x)))))
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }
