package cpu

// The loops below are what elementwise passes are made of. All slices have the length of y, which may be one of the operands.

func subVV(y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = a[i] - b[i]
	}
}

func mulVV(y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = a[i] * b[i]
	}
}

func divVV(y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = a[i] / b[i]
	}
}

func addVS(y, a []float32, b float32) { affine(y, a, 1, b) }
func subVS(y, a []float32, b float32) { affine(y, a, 1, -b) }
func subSV(y, b []float32, a float32) { affine(y, b, -1, a) }

func mulVS(y, a []float32, b float32) {
	a = a[:len(y)]
	for i := range y {
		y[i] = a[i] * b
	}
}

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

// affine is y = s*x + t.
func affine(y, x []float32, s, t float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = s*x[i] + t
	}
}

// mix is y = s*a + t*b.
func mix(y, a, b []float32, s, t float32) {
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = s*a[i] + t*b[i]
	}
}

// maximum is y = max(y, x).
func maximum(y, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = max(y[i], x[i])
	}
}
