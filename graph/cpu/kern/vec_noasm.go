//go:build noasm || !amd64

package kern

// passes is empty: plain Go serves generic and neon.
var passes [avx512 + 1]passTable

var halfPasses halfTable

func exps(level, *float32, *float32, uintptr, float32) {
	panic("kern: this level has no exp kernel")
}

func giveLargestAt(*float32, *float32, *float32, *int, uintptr, uintptr) {
	panic("kern: this level has no kernel for the gradient of a maximum")
}

func columnSum(_ int, s *stripSums, x []float32, c, n int) { columnSum4(s, x, c, n) }

func columnSpread(_ int, s, q *stripSums, x, pivot []float32, c, n int) {
	columnSpread4(s, q, x, pivot, c, n)
}

func columnCentred(_ int, s, q *stripSums, dy, x, mean []float32, c, n int) {
	columnCentred4(s, q, dy, x, mean, c, n)
}

func columnCentredRelu(_ int, s, q *stripSums, dy, x, mean, a, b []float32, c, n int) {
	columnCentredRelu4(s, q, dy, x, mean, a, b, c, n)
}
