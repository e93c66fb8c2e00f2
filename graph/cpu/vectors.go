package cpu

import "selfsup/graph/cpu/kern"

// The loops below are what elementwise passes are made of, beside those of package kern. All slices have the length of
// y, which may be one of the operands.

func divVV(y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = a[i] / b[i]
	}
}

func addVS(y, a []float32, b float32) { kern.Affine(y, a, 1, b) }
func subVS(y, a []float32, b float32) { kern.Affine(y, a, 1, -b) }
func subSV(y, b []float32, a float32) { kern.Affine(y, b, -1, a) }

func divVS(y, a []float32, b float32) {
	a = a[:len(y)]
	for i := range y {
		y[i] = a[i] / b
	}
}

func divSV(y, b []float32, a float32) {
	b = b[:len(y)]
	for i := range y {
		y[i] = a / b[i]
	}
}

// maximum is y = max(y, x).
func maximum(y, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = max(y[i], x[i])
	}
}
