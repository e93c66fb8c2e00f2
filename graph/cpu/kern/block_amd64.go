//go:build !noasm

package kern

// Direct calls: what lies on the caller's stack would escape through a table.

func blockSum(s, x *float32, rows, n uintptr) {
	if active == avx512 {
		blockSum512(s, x, rows, n)
	} else {
		blockSum256(s, x, rows, n)
	}
}

func blockSpread(s, x, mean *float32, rows, n uintptr) {
	if active == avx512 {
		blockSpread512(s, x, mean, rows, n)
	} else {
		blockSpread256(s, x, mean, rows, n)
	}
}

func blockSlopes(s, q, dy, x, gamma, mean *float32, rows, n uintptr) {
	if active == avx512 {
		blockSlopes512(s, q, dy, x, gamma, mean, rows, n)
	} else {
		blockSlopes256(s, q, dy, x, gamma, mean, rows, n)
	}
}

func blockNorm(y, x, gamma, beta, mean, rstd *float32, rows, n uintptr) {
	if active == avx512 {
		blockNorm512(y, x, gamma, beta, mean, rstd, rows, n)
	} else {
		blockNorm256(y, x, gamma, beta, mean, rstd, rows, n)
	}
}

func blockNormGrad(y, dy, x, gamma, mean, rstd, a, b *float32, rows, n uintptr) {
	if active == avx512 {
		blockNormGrad512(y, dy, x, gamma, mean, rstd, a, b, rows, n)
	} else {
		blockNormGrad256(y, dy, x, gamma, mean, rstd, a, b, rows, n)
	}
}

func blockColumns(s, q, dy, x, mean, rstd *float32, rows, n uintptr) {
	if active == avx512 {
		blockColumns512(s, q, dy, x, mean, rstd, rows, n)
	} else {
		blockColumns256(s, q, dy, x, mean, rstd, rows, n)
	}
}
