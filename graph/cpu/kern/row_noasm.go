//go:build noasm || !amd64

package kern

// rowPasses is empty: there is no level above generic here.
var rowPasses [avx512 + 1]rowTable

func rowSum(x []float32) float32 { return rowSum16(x) }

func rowDot(x, y []float32) float32 { return rowDot16(x, y) }

func rowSpread(x []float32, mean float32) float32 { return rowSpread16(x, mean) }

func rowSlopes(dy, x, gamma []float32, mean float32) (s, q float32) {
	return rowSlopes16(dy, x, gamma, mean)
}

func rowNorms(p, g []float32, wd float32) (pp, gg, uu float32) { return rowNorms16(p, g, wd) }

func rowMax(x []float32) float32 { return rowMax16(x) }

func softmaxRows(y, x []float32, ld, rows, n int, scale float32) {
	for i := range rows {
		softmaxSteps(y[i*ld:][:n], x[i*ld:][:n], scale)
	}
}
