// Package resample resizes 8-bit images to float32 with an antialiased separable filter.
//
// The filter is the one of PIL and of torchvision's resize(antialias=True): when an axis shrinks, the filter is
// stretched by the ratio, so that every source pixel counts. Bytes are read once; the result is in [0,1] for bilinear,
// and may leave it for bicubic.
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

// Whole is the box of all pixels of an image.
func Whole(h, w int) Box { return Box{Height: h, Width: w} }

// Union is the smallest box that holds both; the zero Box is empty.
func (b Box) Union(o Box) Box {
	if b == (Box{}) {
		return o
	}
	top, left := min(b.Top, o.Top), min(b.Left, o.Left)
	return Box{
		Top: top, Left: left,
		Height: max(b.Top+b.Height, o.Top+o.Height) - top, Width: max(b.Left+b.Width, o.Left+o.Width) - left,
	}
}

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

// Center is the job that resizes the shorter side of an h x w image to size (the longer one in proportion, rounded
// down) and keeps the centre [size,size], as torchvision's Resize(size) and CenterCrop(size). The caller adds the
// source and the filter.
func Center(h, w, size int) Job {
	full := [2]int{size, size}
	if h < w {
		full[1] = max(size*w/h, size)
	} else {
		full[0] = max(size*h/w, size)
	}
	return Job{Box: Box{Height: h, Width: w}, Size: full, Window: CenterWindow(full, size, size)}
}

// CenterWindow is the central box of h x w pixels; half a pixel of offset rounds to even, as in torchvision's
// center_crop.
func CenterWindow(full [2]int, h, w int) Box {
	middle := func(room int) int { return int(math.RoundToEven(float64(room) / 2)) }
	return Box{Top: middle(full[0] - h), Left: middle(full[1] - w), Height: h, Width: w}
}

// Resampler holds the buffers of a resize; the zero value is ready. One goroutine uses it at a time.
type Resampler struct {
	rows, cols axis
	lines      []float32 // some source rows [strip, columns used, C]
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
	from, to := r.cols.extent() // only the columns that the window reads
	r.cols.shift(from)
	wide := (to - from) * c
	// Rows begin at multiples of a vector and have a float to spare, which raster.Along asks for.
	in, out := (wide+8)&^7, (n+8)&^7
	r.lines = grow(r.lines, strip*in)
	r.tmp = grow(r.tmp, (last-first)*out)
	for y := first; y < last; y += strip {
		rows := min(strip, last-y)
		for k := range rows {
			o := ((j.Box.Top+y+k)*j.Width + j.Box.Left + from) * c
			raster.Bytes(r.lines[k*in:k*in+wide], j.Src[o:o+wide])
		}
		r.cols.along(r.tmp[(y-first)*out:], r.lines, rows, out, in, c)
	}
	r.rows.across(dst[:win.Height*n], r.tmp, first, n, out)
}

// strip is how many rows are resized along x at a time.
const strip = 4

// axis holds the taps of one direction; the weights of an output sum to 1.
type axis struct {
	raster.Taps
	rows []int // scratch of across
}

// set fills the taps for outputs offset .. offset+n of an axis resized from in to out pixels.
func (a *axis) set(in, out, offset, n int, f Filter) {
	scale := float64(in) / float64(out)
	stretch := math.Max(scale, 1)
	support := stretch
	if f == Bicubic {
		support = 2 * stretch
	}
	a.Most = min(2*int(math.Ceil(support))+1, in)
	a.Start, a.Count = grow(a.Start, n), grow(a.Count, n)
	a.Weight = grow(a.Weight, n*a.Most)
	for i := range n {
		center := scale * (float64(offset+i) + 0.5)
		lo := max(int(center-support+0.5), 0)
		hi := min(int(center+support+0.5), in)
		w := a.Weight[i*a.Most : (i+1)*a.Most][:hi-lo]
		var sum float64
		for k := range w {
			v := f.at((float64(lo+k) - center + 0.5) / stretch)
			w[k] = float32(v)
			sum += v
		}
		for k := range w {
			w[k] = float32(float64(w[k]) / sum)
		}
		a.Start[i], a.Count[i] = lo, hi-lo
	}
}

// extent is the range of inputs that the outputs read.
func (a *axis) extent() (first, last int) {
	n := len(a.Start)
	return a.Start[0], a.Start[n-1] + a.Count[n-1]
}

// shift makes the taps count from input by.
func (a *axis) shift(by int) {
	for i := range a.Start {
		a.Start[i] -= by
	}
}

// along resizes rows [w,c] of in, of inRow values each, to rows [n,c] of out.
func (a *axis) along(out, in []float32, rows, outRow, inRow, c int) {
	if c == 3 {
		raster.Along(out, in, rows, outRow, inRow, &a.Taps)
		return
	}
	for y := range rows {
		out, in := out[y*outRow:], in[y*inRow:]
		for i, s := range a.Start {
			w := a.Weight[i*a.Most:][:a.Count[i]]
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

// across resizes columns: in holds rows of n floats, row floats apart, the first of them source row first.
func (a *axis) across(out, in []float32, first, n, row int) {
	for i, s := range a.Start {
		a.rows = grow(a.rows, a.Count[i])
		for k := range a.rows {
			a.rows[k] = (s + k - first) * row
		}
		raster.Weighted(out[i*n:(i+1)*n], in, a.rows, a.Weight[i*a.Most:][:a.Count[i]])
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
