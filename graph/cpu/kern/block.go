package kern

import "math"

// BlockRows is the most rows that a NormBlock holds.
const BlockRows = 16

// NormBlock is a few rows of a layer norm, one after the other, done at a time: what one row's sums wait for, the
// processor does of the next. Every result is that of the row alone, bit for bit.
type NormBlock struct {
	n, rows    int
	mean, rstd [BlockRows]float32
	s, q       [BlockRows]float32
}

// Moments sets the rows of n elements in x, at most BlockRows, and takes of each the mean and 1/sqrt(variance + eps).
func (b *NormBlock) Moments(x []float32, n int, eps float64) {
	b.n, b.rows = n, len(x)/n
	if !b.fast() {
		for r := range b.rows {
			row := x[r*n : (r+1)*n]
			b.mean[r] = float32(Sum(row) / float64(n))
			b.rstd[r] = invRoot(Spread(row, b.mean[r]), n, eps)
		}
		return
	}
	rows := b.count(x)
	blockSum(&b.s[0], &x[0], rows, uintptr(n))
	for r := range b.rows {
		b.mean[r] = float32(float64(b.s[r]) / float64(n))
	}
	blockSpread(&b.s[0], &x[0], &b.mean[0], rows, uintptr(n))
	for r := range b.rows {
		b.rstd[r] = invRoot(float64(b.s[r]), n, eps)
	}
}

func invRoot(spread float64, n int, eps float64) float32 {
	return float32(1 / math.Sqrt(spread/float64(n)+eps))
}

// fast says whether the assembly takes the rows.
func (b *NormBlock) fast() bool { return active >= avx2 && b.n%rowLanes == 0 && b.n <= few }

// count is the number of rows, checked against what they are read from.
func (b *NormBlock) count(slices ...[]float32) uintptr {
	for _, s := range slices {
		_ = s[b.rows*b.n-1]
	}
	return uintptr(b.rows)
}

// Norm is y = (x - mean)*rstd*gamma + beta.
func (b *NormBlock) Norm(y, x, gamma, beta []float32) {
	if b.fast() {
		_, _ = gamma[b.n-1], beta[b.n-1]
		blockNorm(&y[0], &x[0], &gamma[0], &beta[0], &b.mean[0], &b.rstd[0], b.count(y, x), uintptr(b.n))
		return
	}
	for r := range b.rows {
		i, j := r*b.n, (r+1)*b.n
		Norm(y[i:j], x[i:j], gamma, beta, b.mean[r], b.rstd[r])
	}
}

// Grad is dx, the gradient by x, from dy: rstd*(dy*gamma - mean of that - xhat*(mean of dy*gamma*xhat)).
func (b *NormBlock) Grad(dx, dy, x, gamma []float32) {
	n := float64(b.n)
	if !b.fast() {
		for r := range b.rows {
			i, j := r*b.n, (r+1)*b.n
			s, q := Slopes(dy[i:j], x[i:j], gamma, b.mean[r])
			NormGrad(dx[i:j], dy[i:j], x[i:j], gamma, b.mean[r], b.rstd[r], float32(s/n),
				float32(q/n)*b.rstd[r]*b.rstd[r])
		}
		return
	}
	_ = gamma[b.n-1]
	rows := b.count(dx, dy, x)
	blockSlopes(&b.s[0], &b.q[0], &dy[0], &x[0], &gamma[0], &b.mean[0], rows, uintptr(b.n))
	for r := range b.rows {
		b.s[r], b.q[r] = float32(float64(b.s[r])/n), float32(float64(b.q[r])/n)*b.rstd[r]*b.rstd[r]
	}
	blockNormGrad(&dx[0], &dy[0], &x[0], &gamma[0], &b.mean[0], &b.rstd[0], &b.s[0], &b.q[0], rows, uintptr(b.n))
}

// Add adds dy to s and dy*xhat to q, both [n], row after row.
func (b *NormBlock) Add(s, q, dy, x []float32) {
	if b.fast() {
		_, _ = s[b.n-1], q[b.n-1]
		blockColumns(&s[0], &q[0], &dy[0], &x[0], &b.mean[0], &b.rstd[0], b.count(dy, x), uintptr(b.n))
		return
	}
	for r := range b.rows {
		i, j := r*b.n, (r+1)*b.n
		Add(s, s, dy[i:j])
		AddNormed(q, q, dy[i:j], x[i:j], b.mean[r], b.rstd[r])
	}
}
