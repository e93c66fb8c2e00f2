package kern

import "fmt"

// A gradient by w over few pixels and many channels is a product for each tap: x at the tap's places, transposed, times
// dy at the outputs that meet them. Both are gathered into matrices, so that each element of dw is written once, where
// sums over rows of two or three pixels would read and write all of dw again for every few images. The same serves
// kernels of one tap, whose strides leave out most of x.

// Images of at most fewSide x fewSide outputs are few pixels; at least fewChannels channels on both sides are many.
const (
	fewSide     = 3
	fewChannels = 64
)

// fewPixels says whether the gradient by w is products of taps.
func (c *Conv) fewPixels() bool {
	return c.Groups == 1 && (max(c.OH, c.OW) <= fewSide || c.KH*c.KW == 1) && min(c.Ci, c.Co) >= fewChannels
}

// fewSlab is how many floats are gathered at a time, of whole images.
const fewSlab = 2 << 20

// fewTap is one tap of the gradient under way, in images b0 to b1: outputs i0 to i1, j0 to j1 of each meet it.
type fewTap struct {
	conv           Conv
	x, dy          []float32
	xs, dys        []float32 // gathered
	b0, b1         int
	u, v           int
	i0, i1, j0, j1 int
	task           func(task, worker int)
}

var fewTaps = pile[fewTap]{bind: func(f *fewTap) { f.task = f.gather }}

// set makes (u,v) the tap at hand.
func (f *fewTap) set(u, v int) {
	c := &f.conv
	h, w := forwardTaps(c.OH, c.KH, c.SH, c.PH, c.DH), forwardTaps(c.OW, c.KW, c.SW, c.PW, c.DW)
	f.u, f.v = u, v
	f.i0, f.i1 = h.meeting(u, c.H)
	f.j0, f.j1 = w.meeting(v, c.W)
}

// pixels is how many outputs of an image meet the tap.
func (f *fewTap) pixels() int { return (f.i1 - f.i0) * (f.j1 - f.j0) }

// all says whether all outputs meet the tap: dy is read where it is.
func (f *fewTap) all() bool { return f.pixels() == f.conv.OH*f.conv.OW }

// gather copies the pixels of one image.
func (f *fewTap) gather(task, _ int) {
	c, b := &f.conv, f.b0+task
	across := f.j1 - f.j0
	for i := f.i0; i < f.i1; i++ {
		first := task*f.pixels() + (i-f.i0)*across
		at := ((b*c.H+i*c.SH+f.u*c.DH-c.PH)*c.W + f.j0*c.SW + f.v*c.DW - c.PW) * c.Ci
		c.Prologue.rows(f.xs[first*c.Ci:], c.Ci, f.x[at:], c.SW*c.Ci, across, c.Ci)
		if !f.all() {
			copy(f.dys[first*c.Co:(first+across)*c.Co], f.dy[((b*c.OH+i)*c.OW+f.j0)*c.Co:])
		}
	}
}

func (c Conv) fewWeights(x, dy, dw, scratch []float32) {
	f := fewTaps.get()
	f.conv, f.x, f.dy = c, x, dy
	scratch = align(scratch)
	if need := c.fewScratch() - lineFloats; len(scratch) < need {
		panic(fmt.Sprintf("kern: conv: scratch has %d elements, %+v needs %d", len(scratch), c, lineFloats+need))
	}
	f.xs, f.dys = take(&scratch, c.fewFloats(c.Ci)), take(&scratch, c.fewFloats(c.Co))
	for tap := range c.KH * c.KW {
		f.set(tap/c.KW, tap%c.KW)
		for f.b0 = 0; f.b0 == 0 || f.b0 < c.B; f.b0 += c.fewImages() {
			f.b1 = min(f.b0+c.fewImages(), c.B)
			if f.pixels() > 0 {
				runLimited(f.b1-f.b0, 1<<30, f.task)
			}
			dys := f.dys
			if f.all() {
				dys = dy[f.b0*c.OH*c.OW*c.Co:]
			}
			Gemm(true, false, c.Ci, c.Co, (f.b1-f.b0)*f.pixels(), f.xs, c.Ci, dys, c.Co, dw[tap*c.Ci*c.Co:], c.Co,
				float32(min(f.b0, 1)), scratch)
		}
	}
	f.x, f.dy, f.xs, f.dys = nil, nil, nil, nil
	fewTaps.put(f)
}

// fewImages is how many images are gathered at a time.
func (c *Conv) fewImages() int { return max(1, min(c.B, fewSlab/(c.OH*c.OW*(c.Ci+c.Co)))) }

// fewFloats is the size of their pixels, of so many channels each.
func (c *Conv) fewFloats(channels int) int {
	return roundUp(c.fewImages()*c.OH*c.OW*channels, lineFloats)
}

func (c Conv) fewScratch() int {
	f, products, images := fewTap{conv: c}, 0, c.fewImages()
	for tap := range c.KH * c.KW {
		f.set(tap/c.KW, tap%c.KW)
		for _, n := range []int{min(images, c.B), c.B % images} {
			products = max(products, GemmScratch(true, false, c.Ci, c.Co, n*f.pixels()))
		}
	}
	return lineFloats + c.fewFloats(c.Ci) + c.fewFloats(c.Co) + products
}
