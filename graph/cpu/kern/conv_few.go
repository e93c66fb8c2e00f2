package kern

import "fmt"

// A gradient by w over few pixels and many channels is a product for each tap: x at the tap's places, transposed, times dy at the outputs that
// meet them. Both are gathered into matrices, so that each element of dw is written once, where sums over rows of two or three pixels
// would read and write all of dw again for every few images.

// Images of at most fewSide x fewSide outputs with at least fewChannels channels on both sides are few pixels.
const (
	fewSide     = 3
	fewChannels = 64
)

// fewPixels says whether the gradient by w is products of taps.
func (c *Conv) fewPixels() bool {
	return c.Groups == 1 && (max(c.OH, c.OW) <= fewSide || c.KH*c.KW == 1) && min(c.Ci, c.Co) >= fewChannels
}

// fewTap is one tap of the gradient under way: outputs i0 to i1, j0 to j1 of each image meet it.
type fewTap struct {
	conv           Conv
	x, dy          []float32
	xs, dys        []float32 // gathered
	u, v           int
	i0, i1, j0, j1 int
	task           func(task, worker int)
}

var fewTaps = pile[fewTap]{bind: func(f *fewTap) { f.task = f.gather }}

// set makes (u,v) the tap at hand and returns the number of its pixels in all images.
func (f *fewTap) set(u, v int) int {
	c := &f.conv
	h, w := forwardTaps(c.OH, c.KH, c.SH, c.PH, c.DH), forwardTaps(c.OW, c.KW, c.SW, c.PW, c.DW)
	f.u, f.v = u, v
	f.i0, f.i1 = h.meeting(u, c.H)
	f.j0, f.j1 = w.meeting(v, c.W)
	return c.B * (f.i1 - f.i0) * (f.j1 - f.j0)
}

// all says whether all outputs meet the tap: dy is read where it is.
func (f *fewTap) all() bool { return f.i1-f.i0 == f.conv.OH && f.j1-f.j0 == f.conv.OW }

// gather copies the pixels of one image.
func (f *fewTap) gather(b, _ int) {
	c := &f.conv
	across := f.j1 - f.j0
	for i := f.i0; i < f.i1; i++ {
		first := (b*(f.i1-f.i0) + i - f.i0) * across
		at := ((b*c.H+i*c.SH+f.u*c.DH-c.PH)*c.W + f.j0*c.SW + f.v*c.DW - c.PW) * c.Ci
		for j := range across {
			c.Prologue.move(f.xs[(first+j)*c.Ci:(first+j+1)*c.Ci], f.x[at+j*c.SW*c.Ci:])
		}
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
		n := f.set(tap/c.KW, tap%c.KW)
		if n > 0 {
			runLimited(c.B, 1<<30, f.task)
		}
		dys := f.dys
		if f.all() {
			dys = dy
		}
		Gemm(true, false, c.Ci, c.Co, n, f.xs, c.Ci, dys, c.Co, dw[tap*c.Ci*c.Co:], c.Co, 0, scratch)
	}
	f.x, f.dy, f.xs, f.dys = nil, nil, nil, nil
	fewTaps.put(f)
}

// fewFloats is the size of the pixels of the largest tap, of so many channels each.
func (c *Conv) fewFloats(channels int) int { return roundUp(c.B*c.OH*c.OW*channels, lineFloats) }

func (c Conv) fewScratch() int {
	f, products := fewTap{conv: c}, 0
	for tap := range c.KH * c.KW {
		products = max(products, GemmScratch(true, false, c.Ci, c.Co, f.set(tap/c.KW, tap%c.KW)))
	}
	return lineFloats + c.fewFloats(c.Ci) + c.fewFloats(c.Co) + products
}
