package kern

import "fmt"

// Prologue is what a convolution does to its images while it reads them: x*Scale + Shift by channel, then max(x, 0) if
// Relu. It comes before the padding, whose zeros stay zeros. Forward and BackwardWeights take images from before it;
// BackwardData, whose result is the gradient behind it, has no use for it. The numbers are those of ScaleShift, bit for
// bit.
type Prologue struct {
	// Scale and Shift hold one number a channel, the Ci of them any number of times over: the longer, the longer are
	// the runs of pixels done at a time. Without them there is no prologue.
	Scale, Shift []float32
	Relu         bool
}

func (p *Prologue) on() bool { return p.Scale != nil }

// check says what is wrong with a prologue of a convolution of ci channels in groups.
func (p *Prologue) check(ci, groups int) error {
	switch {
	case !p.on():
		return nil
	case groups > 1:
		return fmt.Errorf("kern: conv: a prologue is for convolutions of one group, this one has %d", groups)
	case len(p.Scale) == 0 || len(p.Scale)%ci != 0 || len(p.Shift) != len(p.Scale):
		return fmt.Errorf(
			"kern: conv: the prologue has %d scales and %d shifts, %d channels need as many or a multiple",
			len(p.Scale), len(p.Shift), ci)
	}
	return nil
}

// move copies len(dst) elements, whole pixels, through the prologue if there is one.
func (p *Prologue) move(dst, src []float32) {
	if !p.on() {
		copy(dst, src[:len(dst)])
		return
	}
	for i := 0; i < len(dst); i += len(p.Scale) {
		end := min(i+len(p.Scale), len(dst))
		ScaleShift(dst[i:end], src[i:end], p.Scale, p.Shift, p.Relu)
	}
}

// rows is move for m rows of n elements, whole pixels, ldd and lds elements apart.
func (p *Prologue) rows(dst []float32, ldd int, src []float32, lds, m, n int) {
	switch {
	case !p.on():
		copyRows(dst, ldd, src, lds, m, n)
	case n <= len(p.Scale):
		scaleShiftRows(dst, ldd, src, lds, p.Scale, p.Shift, m, n, p.Relu)
	default:
		for i := range m {
			p.move(dst[i*ldd:i*ldd+n], src[i*lds:])
		}
	}
}

// take is move from memory of either type.
func (p *Prologue) take(dst []float32, src Values) {
	if src.BF16 == nil {
		p.move(dst, src.F32)
		return
	}
	Widen(dst, src.BF16)
	if p.on() {
		p.move(dst, dst)
	}
}

// A 1x1 convolution with a prologue is a product of slabs of pixels, which go through the prologue to scratch memory
// first.

const pointSlab = 1 << 20 // floats of a slab

// pointRows is the number of pixels in a slab; 0 without a prologue.
func (c *Conv) pointRows() int {
	if !c.Prologue.on() {
		return 0
	}
	return min(c.B*c.H*c.W, max(1, pointSlab/c.Ci))
}

func (c *Conv) pointFloats() int { return roundUp(c.pointRows()*c.Ci, lineFloats) }

// points is the prologue of one slab under way.
type points struct {
	prologue Prologue
	dst      []float32
	src      Values
	task     func(task, worker int)
}

var pointsJobs = pile[points]{bind: func(p *points) { p.task = p.rows }}

// rows moves one task's part of a slab: a multiple of the prologue's own length, which is whole pixels.
func (p *points) rows(task, _ int) {
	size := p.size()
	p.prologue.take(p.dst[task*size:min((task+1)*size, len(p.dst))], p.src.From(task*size))
}

func (p *points) size() int { return roundUp(sumFloats, len(p.prologue.Scale)) }

// slabs calls f for every slab with its first pixel, its pixels behind the prologue, and their number.
func (c *Conv) slabs(x Values, scratch []float32, f func(first int, rows []float32, n int)) {
	p := pointsJobs.get()
	p.prologue = c.Prologue
	pixels, most := c.B*c.H*c.W, c.pointRows()
	for i := 0; i < pixels; i += most {
		n := min(most, pixels-i)
		p.dst, p.src = scratch[:n*c.Ci], x.From(i*c.Ci)
		runLimited(ceil(len(p.dst), p.size()), 1<<30, p.task)
		f(i, p.dst, n)
	}
	p.prologue, p.dst, p.src = Prologue{}, nil, Values{}
	pointsJobs.put(p)
}

// product is Gemm in the convolution's precision.
func (c *Conv) product(transA, transB bool, m, n, k int, a Values, lda int, b Values, ldb int, y Values, ldy int,
	beta float32, scratch []float32) {
	if c.BF16 {
		GemmHalf(transA, transB, m, n, k, a, lda, b, ldb, y, ldy, beta, scratch, nil)
	} else {
		Gemm(transA, transB, m, n, k, a.F32, lda, b.F32, ldb, y.F32, ldy, beta, scratch)
	}
}

func (c *Conv) productScratch(transA, transB bool, m, n, k int) int {
	if c.BF16 {
		return GemmHalfScratch(transA, transB, m, n, k, c.HalfY)
	}
	return GemmScratch(transA, transB, m, n, k)
}

// pointForward is y = prologue(x) w.
func (c *Conv) pointForward(x Values, w []float32, y Values, scratch []float32) {
	if !c.Prologue.on() {
		c.product(false, false, c.B*c.H*c.W, c.Co, c.Ci, x, c.Ci, Values{F32: w}, c.Co, y, c.Co, 0, scratch)
		return
	}
	own := align(scratch)
	c.slabs(x, own, func(first int, rows []float32, n int) {
		c.product(false, false, n, c.Co, c.Ci, Values{F32: rows}, c.Ci, Values{F32: w}, c.Co, y.From(first*c.Co), c.Co,
			0, own[c.pointFloats():])
	})
}

// pointWeights is dw = prologue(x)' dy.
func (c *Conv) pointWeights(x, dy Values, dw, scratch []float32) {
	if !c.Prologue.on() {
		c.product(true, false, c.Ci, c.Co, c.B*c.H*c.W, x, c.Ci, dy, c.Co, Values{F32: dw}, c.Co, 0, scratch)
		return
	}
	if c.B == 0 {
		clear(dw[:c.weights()])
		return
	}
	own := align(scratch)
	c.slabs(x, own, func(first int, rows []float32, n int) {
		c.product(true, false, c.Ci, c.Co, n, Values{F32: rows}, c.Ci, dy.From(first*c.Co), c.Co, Values{F32: dw}, c.Co,
			float32(min(first, 1)), own[c.pointFloats():])
	})
}

// pointScratch is what both want: a slab, and what the product of the longest slab or of the last wants.
func (c *Conv) pointScratch(weights bool) int {
	gemm := func(n int) int {
		if weights {
			return c.productScratch(true, false, c.Ci, c.Co, n)
		}
		return c.productScratch(false, false, n, c.Co, c.Ci)
	}
	pixels, rows := c.B*c.H*c.W, c.pointRows()
	if rows == 0 {
		return gemm(pixels)
	}
	return lineFloats + c.pointFloats() + max(gemm(rows), gemm(pixels%rows))
}
