package kern

// Softmax is y = e^(scale*x) over its sum. The largest scale*x is taken off before; y may be x.
func Softmax(y, x []float32, scale float32) { SoftmaxRows(y, x, len(y), 1, len(y), scale) }

// SoftmaxRows is Softmax for rows of n elements, ld elements apart in y and in x.
func SoftmaxRows(y, x []float32, ld, rows, n int, scale float32) {
	if rows == 0 || n == 0 {
		return
	}
	_, _ = y[(rows-1)*ld+n-1], x[(rows-1)*ld+n-1]
	if n <= few && active > generic {
		softmaxRows(y, x, ld, rows, n, scale)
		return
	}
	for i := range rows {
		softmaxSteps(y[i*ld:][:n], x[i*ld:][:n], scale)
	}
}

// softmaxSteps is a row of SoftmaxRows in its steps.
func softmaxSteps(y, x []float32, scale float32) {
	if len(y) == 0 {
		return
	}
	if scale != 1 {
		Scale(y, x, scale)
		x = y
	}
	Exps(y, x, Max(x))
	Scale(y, y, float32(1/Sum(y)))
}
