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

// sin and cos are within 2e-7 of their values: x less quarter turns, in float64, then Cephes' polynomials
// of sinf and cosf. Beyond 8192 it is Go's, in float64.
func sin(x float32) float32 {
	if !(x >= -8192 && x <= 8192) {
		return float32(math.Sin(float64(x)))
	}
	return turned(x, 0)
}

func cos(x float32) float32 {
	if !(x >= -8192 && x <= 8192) {
		return float32(math.Cos(float64(x)))
	}
	return turned(x, 1)
}

// turned is the sine of x and so many quarter turns.
func turned(x float32, quarters int32) float32 {
	turns := float32(math.RoundToEven(float64(x * (2 / math.Pi))))
	r := float32(float64(x) - float64(turns)*(math.Pi/2))
	quarters += int32(turns)
	z := r * r
	var y float32
	if quarters&1 == 0 {
		p := float32(-1.9515295891e-4)
		p = p*z + 8.3321608736e-3
		p = p*z - 1.6666654611e-1
		y = p*z*r + r
	} else {
		p := float32(2.443315711809948e-5)
		p = p*z - 1.388731625493765e-3
		p = p*z + 4.166664568298827e-2
		y = p*z*z - 0.5*z + 1
	}
	if quarters&2 != 0 {
		return -y
	}
	return y
}
