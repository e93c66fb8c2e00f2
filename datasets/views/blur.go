package views

import (
	"math"

	"selfsup/datasets/raster"
)

// Blurrer holds the buffers of GaussianBlur; the zero value is ready.
type Blurrer struct {
	weight []float32 // [kernel]
	line   []float32 // one row with its reflected margins [W+kernel-1,C]
	tmp    []float32 // blurred along x [H,W,C]
	offset []int     // of each weight's pixels
}

// GaussianBlur convolves with a Gaussian of standard deviation sigma pixels, cut to kernel (odd) pixels and normalised;
// the border is reflected without repeating the edge. kernel/2 is below H and W. torchvision convolves once with the
// outer product of the weights; here rows and columns go in turn.
func (b *Blurrer) GaussianBlur(p Pixels, kernel int, sigma float64) {
	b.weights(kernel, sigma)
	b.convolve(p, mirror)
}

// convolve runs the weights along rows, then along columns. Position i outside 0 .. n-1 takes the pixel at border(i,
// n).
func (b *Blurrer) convolve(p Pixels, border func(i, n int) int) {
	kernel := len(b.weight)
	half := kernel / 2
	n := p.W * p.C
	b.line = grow(b.line, n+2*half*p.C)
	b.tmp = grow(b.tmp, p.H*n)
	b.offset = grow(b.offset, kernel)
	for k := range b.offset {
		b.offset[k] = k * p.C
	}
	for y := range p.H {
		row := p.Pix[y*n : (y+1)*n]
		copy(b.line[half*p.C:], row)
		for k := 1; k <= half; k++ {
			copy(b.line[(half-k)*p.C:][:p.C], row[border(-k, p.W)*p.C:])
			copy(b.line[(half+p.W-1+k)*p.C:][:p.C], row[border(p.W-1+k, p.W)*p.C:])
		}
		raster.Weighted(b.tmp[y*n:(y+1)*n], b.line, b.offset, b.weight)
	}
	for from := 0; from < n; from += stripe { // whose rows stay in the first-level cache
		end := min(from+stripe, n)
		for y := range p.H {
			for k := range b.offset {
				b.offset[k] = border(y+k-half, p.H)*n + from
			}
			raster.Weighted(p.Pix[y*n+from:y*n+end], b.tmp, b.offset, b.weight)
		}
	}
}

// stripe is the columns, in floats, that are convolved at a time.
const stripe = 256

// weights sets the Gaussian of the given width and spread.
func (b *Blurrer) weights(kernel int, sigma float64) {
	b.weight = grow(b.weight, kernel)
	var sum float64
	for pass := range 2 {
		for k := range b.weight {
			x := float64(k-kernel/2) / sigma
			v := math.Exp(-x * x / 2)
			if pass == 0 {
				sum += v
			} else {
				b.weight[k] = float32(v / sum)
			}
		}
	}
}

// mirror is the position in 0 .. n-1 that i mirrors to, without repeating the edge; -n < i < 2n-1.
func mirror(i, n int) int {
	if i < 0 {
		return -i
	}
	if i >= n {
		return 2*n - 2 - i
	}
	return i
}

// repeat is the nearest position in 0 .. n-1.
func repeat(i, n int) int { return min(max(i, 0), n-1) }

// grow returns s with length n, keeping its memory where it is large enough.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
