// Package resample resizes 8-bit images to float32 with an antialiased separable filter.
//
// The filter is the one of PIL and of torchvision's resize(antialias=True): when an axis shrinks, the filter is stretched by the
// ratio, so that every source pixel counts. Bytes are read once; the result is in [0,1] for bilinear, and may leave it for bicubic.
package resample

import (
	"math"

	"selfsup/datasets/raster"
)

// Filter is the interpolation kernel.
type Filter int

const (
	Bilinear Filter = iota // triangle, support 1
	Bicubic                // Keys' cubic with a = -0.5 as in PIL, support 2
)

// Box is a rectangle in pixels.
type Box struct{ Top, Left, Height, Width int }

// Job is one resize: Box of Src becomes Size, of which Window is written.
type Job struct {
	Src      []byte // [H,Width,Channels], interleaved
	Width    int    // pixels in a row of Src
	Channels int
	Box      Box    // part of Src, inside it
	Size     [2]int // height and width the box is resized to
	Window   Box    // part of the resized box that is wanted; the zero Box means all of it
	Filter   Filter
}

// Center is the job that resizes the shorter side of an h x w image to size (the longer one in proportion, rounded down) and keeps the
// centre [size,size], as torchvision's Resize(size) and CenterCrop(size). The caller adds the source and the filter.
func Center(h, w, size int) Job {
	full := [2]int{size, size}
	if h < w {
		full[1] = max(size*w/h, size)
	} else {
		full[0] = max(size*h/w, size)
	}
	return Job{Box: Box{Height: h, Width: w}, Size: full, Window: CenterWindow(full, size, size)}
}

// CenterWindow is the central box of h x w pixels; half a pixel of offset rounds to even, as in torchvision's center_crop.
func CenterWindow(full [2]int, h, w int) Box {
	middle := func(room int) int { return int(math.RoundToEven(float64(room) / 2)) }
	return Box{Top: middle(full[0] - h), Left: middle(full[1] - w), Height: h, Width: w}
}

// Resampler holds the buffers of a resize; the zero value is ready. One goroutine uses it at a time.
type Resampler struct {
	rows, cols axis
	line       []float32 // one source row [box width, C]
	tmp        []float32 // rows resized along x [rows used, window width, C]
}

// Run writes the window [window height, window width, C] to dst in units of full scale (byte 255 is 1).
func (r *Resampler) Run(dst []float32, j Job) {
	win := j.Window
	if win == (Box{}) {
		win = Box{Height: j.Size[0], Width: j.Size[1]}
	}
	c, n := j.Channels, win.Width*j.Channels
	if j.Size == [2]int{j.Box.Height, j.Box.Width} {
		for y := range win.Height {
			o := ((j.Box.Top+win.Top+y)*j.Width + j.Box.Left + win.Left) * c
			raster.Bytes(dst[y*n:(y+1)*n], j.Src[o:o+n])
		}
		return
	}
	r.rows.set(j.Box.Height, j.Size[0], win.Top, win.Height, j.Filter)
	r.cols.set(j.Box.Width, j.Size[1], win.Left, win.Width, j.Filter)
	first, last := r.rows.extent()
	// Only the columns that the window reads; one float more, which the kernel of three channels may touch.
	from, to := r.cols.extent()
	r.cols.shift(from)
	r.line = grow(r.line, (to-from)*c+1)
	r.tmp = grow(r.tmp, (last-first)*n+1)
	for y := first; y < last; y++ {
		o := ((j.Box.Top+y)*j.Width + j.Box.Left + from) * c
		raster.Bytes(r.line[:(to-from)*c], j.Src[o:o+(to-from)*c])
		r.cols.along(r.tmp[(y-first)*n:(y-first+1)*n+1], r.line, c)
	}
	r.rows.across(dst[:win.Height*n], r.tmp, first, n)
}

// axis holds the taps of one direction: output i is the sum of weight[i*taps+k]*in[start[i]+k] over k below count[i].
type axis struct {
	taps   int
	start  []int
	weight []float32 // row i holds count[i] weights that sum to 1
	count  []int
	rows   []int // scratch of across
}

// set fills the taps for outputs offset .. offset+n of an axis resized from in to out pixels.
func (a *axis) set(in, out, offset, n int, f Filter) {
	scale := float64(in) / float64(out)
	stretch := math.Max(scale, 1)
	support := stretch
	if f == Bicubic {
		support = 2 * stretch
	}
	a.taps = min(2*int(math.Ceil(support))+1, in)
	a.start, a.count = grow(a.start, n), grow(a.count, n)
	a.weight = grow(a.weight, n*a.taps)
	for i := range n {
		center := scale * (float64(offset+i) + 0.5)
		lo := max(int(center-support+0.5), 0)
		hi := min(int(center+support+0.5), in)
		w := a.weight[i*a.taps : (i+1)*a.taps][:hi-lo]
		var sum float64
		for k := range w {
			v := f.at((float64(lo+k) - center + 0.5) / stretch)
			w[k] = float32(v)
			sum += v
		}
		for k := range w {
			w[k] = float32(float64(w[k]) / sum)
		}
		a.start[i], a.count[i] = lo, hi-lo
	}
}

// extent is the range of inputs that the outputs read.
func (a *axis) extent() (first, last int) {
	n := len(a.start)
	return a.start[0], a.start[n-1] + a.count[n-1]
}

// shift makes the taps count from input by.
func (a *axis) shift(by int) {
	for i := range a.start {
		a.start[i] -= by
	}
}

// along resizes one row in [w,c] to out [n,c].
func (a *axis) along(out, in []float32, c int) {
	if c == 3 {
		raster.Along(out, in, a.start, a.count, a.weight, a.taps)
		return
	}
	for i, s := range a.start {
		w := a.weight[i*a.taps:][:a.count[i]]
		switch c {
		case 1:
			var v float32
			for k, p := range in[s : s+len(w)] {
				v += w[k] * p
			}
			out[i] = v
		default:
			for ch := range c {
				var v float32
				for k, wk := range w {
					v += wk * in[(s+k)*c+ch]
				}
				out[i*c+ch] = v
			}
		}
	}
}

// across resizes columns: in holds rows of n floats, the first of them source row first.
func (a *axis) across(out, in []float32, first, n int) {
	for i, s := range a.start {
		a.rows = grow(a.rows, a.count[i])
		for k := range a.rows {
			a.rows[k] = (s + k - first) * n
		}
		raster.Weighted(out[i*n:(i+1)*n], in, a.rows, a.weight[i*a.taps:][:a.count[i]])
	}
}

// at is the kernel at distance x.
func (f Filter) at(x float64) float64 {
	x = math.Abs(x)
	switch {
	case f == Bilinear && x < 1:
		return 1 - x
	case f == Bicubic && x < 1:
		return (1.5*x-2.5)*x*x + 1
	case f == Bicubic && x < 2:
		return ((-0.5*x+2.5)*x-4)*x + 2
	}
	return 0
}

// grow returns s with length n, keeping its memory where it is large enough.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
