//go:build !noasm

package kern

var rowPasses = [...]rowTable{
	generic: {},
	avx2: {scale: scale256, affine: affine256, mix: mix256, mixSquare: mixSquare256, multiply: multiply256,
		subtract: subtract256, momentum: momentum256,
		nesterov: nesterov256, adam: adam256, norm: norm256, normGrad: normGrad256, addNormed: addNormed256,
		softmaxGrad: softmaxGrad256},
	avx512: {scale: scale512, affine: affine512, mix: mix512, mixSquare: mixSquare512, multiply: multiply512,
		subtract: subtract512, momentum: momentum512,
		nesterov: nesterov512, adam: adam512, norm: norm512, normGrad: normGrad512, addNormed: addNormed512,
		softmaxGrad: softmaxGrad512},
}

// Direct calls: what lies on the caller's stack would escape through a table.

func rowSum(x []float32) float32 {
	switch active {
	case avx512:
		return rowSum512(&x[0], uintptr(len(x)))
	case avx2:
		return rowSum256(&x[0], uintptr(len(x)))
	}
	return rowSum16(x)
}

func rowDot(x, y []float32) float32 {
	switch active {
	case avx512:
		return rowDot512(&x[0], &y[0], uintptr(len(x)))
	case avx2:
		return rowDot256(&x[0], &y[0], uintptr(len(x)))
	}
	return rowDot16(x, y)
}

func rowSpread(x []float32, mean float32) float32 {
	switch active {
	case avx512:
		return rowSpread512(&x[0], uintptr(len(x)), mean)
	case avx2:
		return rowSpread256(&x[0], uintptr(len(x)), mean)
	}
	return rowSpread16(x, mean)
}

func rowSlopes(dy, x, gamma []float32, mean float32) (s, q float32) {
	switch active {
	case avx512:
		return rowSlopes512(&dy[0], &x[0], &gamma[0], uintptr(len(dy)), mean)
	case avx2:
		return rowSlopes256(&dy[0], &x[0], &gamma[0], uintptr(len(dy)), mean)
	}
	return rowSlopes16(dy, x, gamma, mean)
}

func rowNorms(p, g []float32, wd float32) (pp, gg, uu float32) {
	switch active {
	case avx512:
		return rowNorms512(&p[0], &g[0], uintptr(len(p)), wd)
	case avx2:
		return rowNorms256(&p[0], &g[0], uintptr(len(p)), wd)
	}
	return rowNorms16(p, g, wd)
}

func rowMax(x []float32) float32 {
	switch active {
	case avx512:
		return rowMax512(&x[0], uintptr(len(x)))
	case avx2:
		return rowMax256(&x[0], uintptr(len(x)))
	}
	return rowMax16(x)
}

func softmaxRows(y, x []float32, ld, rows, n int, scale float32) {
	if active == avx512 {
		softmaxRow512(&y[0], &x[0], bytes(ld), uintptr(rows), uintptr(n), scale)
	} else {
		softmaxRow256(&y[0], &x[0], bytes(ld), uintptr(rows), uintptr(n), scale)
	}
}
