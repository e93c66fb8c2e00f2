package kern

import "math"

// Constants of Exp. Those of the assembly are the same.
const (
	expMin   = -87.33654   // and below: 0
	expMax   = 89.41       // and above: +Inf
	expRound = 3 << 22     // added, it leaves the nearest whole number in the low bits
	ln2Hi    = 0.693359375 // 9 bits: times a small whole number it is exact
	ln2Lo    = -2.12194440e-4
)

// Exp is e^x within 2 ulp; 0 where the result would be subnormal (below -86.99), so that no slow numbers enter the next
// product.
//
// x = n ln 2 + r, e^x = 2^n p(r) with the polynomial of Cephes' expf (Moshier 1989). 2^n is made as 2^(n-1), doubled
// before: that factor is 0 at the lower end and keeps n = 128 finite. Conversions keep the compiler from fusing
// multiplications with additions.
func Exp(x float32) float32 {
	if x < expMin {
		x = expMin
	}
	if x > expMax {
		x = expMax
	}
	t := float32(x*math.Log2E) + expRound
	n := t - expRound
	x -= float32(n * ln2Hi)
	x -= float32(n * ln2Lo)
	p := float32(x * 1.9875691500e-4)
	p = float32((p + 1.3981999507e-3) * x)
	p = float32((p + 8.3334519073e-3) * x)
	p = float32((p + 4.1665795894e-2) * x)
	p = float32((p + 1.6666665459e-1) * x)
	p = float32(float32((p+5.0000001201e-1)*x) * x)
	p = p + x + 1
	return (p + p) * math.Float32frombits(math.Float32bits(t)<<23+126<<23)
}

// Flush is x, or 0 with its sign where x is subnormal.
func Flush(x float32) float32 {
	if b := math.Float32bits(x); b&0x7f800000 == 0 {
		return math.Float32frombits(b & 0x80000000)
	}
	return x
}

// tail is P(X > a) of the standard normal distribution for a >= 0, by Abramowitz and Stegun 7.1.26 within 1e-7, and
// e^(-a*a/2), which both it and the density need.
func tail(a float32) (q, e float32) {
	e = Exp(float32(-0.5*a) * a)
	t := 1 / (1 + float32(a*(0.3275911*math.Sqrt2/2)))
	q = float32(t * (0.5 * 1.061405429))
	q = float32((q + 0.5*-1.453152027) * t)
	q = float32((q + 0.5*1.421413741) * t)
	q = float32((q + 0.5*-0.284496736) * t)
	q = float32((q + 0.5*0.254829592) * t)
	return Flush(float32(q * e)), e
}

// Gelu is x P(X <= x) for a standard normal X, absolutely within 6e-7; exactly 0 or x far out.
func Gelu(x float32) float32 {
	a := float32(math.Abs(float64(x)))
	q, _ := tail(a)
	return max(x, 0) - Flush(float32(a*q))
}

// geluSlope is the derivative of Gelu.
func geluSlope(x float32) float32 {
	q, e := tail(float32(math.Abs(float64(x))))
	cdf := q
	if !math.Signbit(float64(x)) {
		cdf = 1 - q
	}
	return cdf + float32(x*Flush(float32(e*0.3989422804014327)))
}
