package kern

// Softmax is y = e^(scale*x) over its sum. The largest scale*x is taken off before; y may be x.
func Softmax(y, x []float32, scale float32) {
	x = x[:len(y)]
	if n := len(y); n > 0 && n <= few && active > generic {
		softmaxRow(y, x, scale)
		return
	}
	softmaxSteps(y, x, scale)
}

// softmaxSteps is softmaxRow in its steps.
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
