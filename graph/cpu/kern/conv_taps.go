package kern

import "unsafe"

// taps are the kernel positions that one class of outputs meets along one axis. Output number i of the class is
// outFirst + i*outStep; its tap t is kernel position k + t*kStep and reads source position i*step + d + t*dStep.
//
// A forward convolution has one class. In the gradient by x, outputs a stride apart meet the same taps: one class per
// remainder.
type taps struct {
	n, k, kStep       int
	d, dStep, step    int
	count             int // outputs in the class
	outFirst, outStep int
}

// forwardTaps is the only class of a forward axis: out outputs, kernel size k, stride s, pad p, dilation d.
func forwardTaps(out, k, s, p, d int) taps {
	return taps{n: k, kStep: 1, d: -p, dStep: d, step: s, count: out, outStep: 1}
}

// backwardTaps is class r < s of the gradient's axis of length in: x[r + s*i] meets u with (r + p - u*d) divisible by
// s.
func backwardTaps(r, in, k, s, p, d int) taps {
	t := taps{kStep: 1, step: 1, count: max(0, ceil(in-r, s)), outFirst: r, outStep: s}
	for u := range k {
		if (r+p-u*d)%s != 0 {
			continue
		}
		at := (r + p - u*d) / s
		switch t.n {
		case 0:
			t.k, t.d = u, at
		case 1:
			t.kStep, t.dStep = u-t.k, at-t.d
		}
		t.n++
	}
	return t
}

// low and high bound the source positions output i reads, all taps.
func (t *taps) low(i int) int  { return i*t.step + t.d + min(0, (t.n-1)*t.dStep) }
func (t *taps) high(i int) int { return i*t.step + t.d + max(0, (t.n-1)*t.dStep) }

// inside is the range of taps of output i that fall into a source of the given length.
func (t *taps) inside(i, length int) (from, to int) {
	for to = t.n; from < to && !within(i*t.step+t.d+from*t.dStep, length); from++ {
	}
	for ; to > from && !within(i*t.step+t.d+(to-1)*t.dStep, length); to-- {
	}
	return from, to
}

// interior is the range of outputs all of whose taps fall into a source of the given length.
func (t *taps) interior(length int) (from, to int) {
	return t.between(t.low(0), t.high(0), length)
}

// meeting is the range of outputs whose tap r falls into a source of the given length.
func (t *taps) meeting(r, length int) (from, to int) {
	at := t.d + r*t.dStep
	return t.between(at, at, length)
}

// between is the range of outputs i with low + i*step and high + i*step inside.
func (t *taps) between(low, high, length int) (from, to int) {
	from = min(t.count, ceil(max(0, -low), t.step))
	if high < length {
		to = min(t.count, (length-1-high)/t.step+1)
	}
	return from, max(from, to)
}

func within(i, length int) bool { return i >= 0 && i < length }

// offsetList places n offsets into scratch and returns what is left.
func offsetList(s []float32, n int) ([]uintptr, []float32) {
	used := roundUp(2*n, lineFloats)
	return unsafe.Slice((*uintptr)(unsafe.Pointer(&s[0])), n), s[used:]
}

func offsetFloats(n int) int { return roundUp(2*n, lineFloats) }

// window copies rows of images to a buffer with zero columns left and right of them.
type window struct {
	h, w, c     int // source image; c is its pixel stride
	first, take int // channels copied
	left, right int // zero columns
	pixel       int // pixel stride of the copy
	prologue    Prologue
}

func (v *window) columns() int { return v.left + v.w + v.right }
func (v *window) row() int     { return v.columns() * v.pixel }

// frame writes the zero columns of rows rows of dst, which copy leaves as they are.
func (v *window) frame(dst []float32, rows int) {
	left, right := v.left*v.pixel, v.right*v.pixel
	for r := 0; r < rows && left+right > 0; r++ {
		row := dst[r*v.row() : (r+1)*v.row()]
		clear(row[:left])
		clear(row[len(row)-right:])
	}
}

// copy writes rows r0 to r1 of image src to dst, through the prologue, if there is one; a window with one takes all
// channels.
func (v *window) copy(dst, src []float32, r0, r1 int) {
	dst = dst[v.left*v.pixel:]
	if v.pixel == v.c && v.take == v.c {
		v.prologue.rows(dst, v.row(), src[r0*v.w*v.c:r1*v.w*v.c], v.w*v.c, r1-r0, v.w*v.c)
		return
	}
	v.copySpan(dst, v.row(), src, r0, r1, 0, v.w)
}

// copySpan writes n columns from column c0 on of rows r0 to r1 of image src to dst, rows apart by stride.
func (v *window) copySpan(dst []float32, stride int, src []float32, r0, r1, c0, n int) {
	for r := range r1 - r0 {
		v.prologue.rows(dst[r*stride:], v.pixel, src[((r0+r)*v.w+c0)*v.c+v.first:], v.c, n, v.take)
	}
}

// pixelStride is the stride of a copied pixel of c channels. Wide ones are padded: strides of large powers of two share
// cache sets.
func pixelStride(c int) int {
	if c <= narrowChannels {
		return c
	}
	return roundUp(c, lineFloats) + lineFloats
}

// narrowChannels is up to how many channels rows are copied in one piece, and read in place.
const narrowChannels = 64
