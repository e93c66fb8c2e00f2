package kern

// imageRows is a batch of images as the copies of a bf16 convolution read them: pixel after pixel of float32 channels,
// behind the prologue.
//
// With patches set, a pixel is an output and its channels are what the kernel sees there, [KH,KW,C]: few channels fill
// the depth of a product that way, and a strided 1x1 kernel skips what it does not read.
type imageRows struct {
	conv    Conv
	src     Values // [B,h,w,c]
	h, w, c int
	patches bool
}

// seesPatches says whether the forward convolution and the gradient by w go over patches.
func (c *Conv) seesPatches() bool {
	one := c.KH*c.KW == 1
	return one && c.SH*c.SW > 1 || !one && c.Ci <= pairDepth/2
}

// onPatches is the 1x1 convolution of the patches with the same weights.
func (c Conv) onPatches() Conv {
	return Conv{B: c.B, H: c.OH, W: c.OW, Ci: c.KH * c.KW * c.Ci, KH: 1, KW: 1, Co: c.Co, SH: 1, SW: 1, DH: 1, DW: 1,
		Groups: 1, OH: c.OH, OW: c.OW}
}

// inPlace says whether rows need no copy.
func (r *imageRows) inPlace() bool {
	c := &r.conv
	return !c.Prologue.on() && (!r.patches || c.KH*c.KW == 1 && c.PH == 0 && c.PW == 0)
}

// bufferFloats is the room a row of one image takes that is not in place.
func (r *imageRows) bufferFloats() int {
	c := &r.conv
	switch {
	case r.inPlace():
		return 0
	case r.patches:
		return roundUp(c.OW*c.KH*c.KW*c.Ci, lineFloats)
	}
	return roundUp(r.w*r.c, lineFloats)
}

// steps are the distances between images and between pixels of what group returns.
func (r *imageRows) steps() (image, pixel int) {
	c := &r.conv
	image, pixel = r.h*r.w*r.c, r.c
	if r.patches {
		pixel = c.KH * c.KW * c.Ci
	}
	if !r.inPlace() {
		image = r.bufferFloats()
	} else if r.patches {
		pixel = c.SW * c.Ci
	}
	return image, pixel
}

// group is row i of images b0 to b1, at least their channels c0 to c1; the buffer has room for all of them. Only what
// is in place may be in bfloat16.
func (r *imageRows) group(b0, b1, i, c0, c1 int, buffer []float32) Values {
	if r.inPlace() {
		if r.patches {
			i *= r.conv.SH
		}
		return r.src.From((b0*r.h + i) * r.w * r.c)
	}
	for b := b0; b < b1; b++ {
		dst := buffer[(b-b0)*r.bufferFloats():]
		if r.patches {
			r.patchRow(b, i, dst)
		} else {
			r.move(dst[:r.w*r.c], r.src.From((b*r.h+i)*r.w*r.c), c0, c1)
		}
	}
	return Values{F32: buffer}
}

// move takes channels c0 to c1 of a row through the prologue.
func (r *imageRows) move(dst []float32, values Values, c0, c1 int) {
	p := &r.conv.Prologue
	if c1-c0 == r.c {
		p.take(dst, values)
		return
	}
	src := values.F32
	if values.BF16 != nil {
		WidenRows(dst[c0:], r.c, values.BF16[c0:], r.c, r.w, c1-c0)
		src = dst
	}
	if !p.on() {
		return
	}
	for j := 0; j < len(dst); j += r.c {
		ScaleShift(dst[j+c0:j+c1], src[j+c0:j+c1], p.Scale[c0:c1], p.Shift[c0:c1], p.Relu)
	}
}

// patchRow writes the patches of output row i, zero outside the image.
func (r *imageRows) patchRow(b, i int, dst []float32) {
	c := &r.conv
	for j := range c.OW {
		for u := range c.KH {
			row := i*c.SH + u*c.DH - c.PH
			if !within(row, c.H) {
				clear(dst[:c.KW*c.Ci])
				dst = dst[c.KW*c.Ci:]
				continue
			}
			src := r.src.From((b*c.H + row) * c.W * c.Ci)
			if from := j*c.SW - c.PW; c.DW == 1 && from >= 0 && from+c.KW <= c.W {
				c.Prologue.take(dst[:c.KW*c.Ci], src.From(from*c.Ci))
				dst = dst[c.KW*c.Ci:]
				continue
			}
			for v := range c.KW {
				if col := j*c.SW + v*c.DW - c.PW; within(col, c.W) {
					c.Prologue.take(dst[:c.Ci], src.From(col*c.Ci))
				} else {
					clear(dst[:c.Ci])
				}
				dst = dst[c.Ci:]
			}
		}
	}
}

// stack is how the images of a group lie in a buffer: [row][phase][place][image]. Column c is place (c+left)/step of
// phase (c+left)%step, the other places are zero columns. Outputs step columns apart are neighbours then, the outputs
// of one row in all images are one run of positions, and a tap is an offset; small images fill whole tiles.
type stack struct {
	w      int // columns of a source image
	images int
	left   int // zero columns before the first
	step   int
	places int // of a phase
}

// stackFor is the stack for the outputs of a; ragged runs of positions are rounded up to whole tiles, so it takes as
// many images as waste least, but no more than limit.
func stackFor(a *axes, w, limit int) stack {
	s := stack{w: w, step: 1, images: 1}
	if !a.backward {
		s.step = a.conv.SW
	}
	shift := 0
	for r := range a.classesW() {
		if t := a.tapsW(r); t.n > 0 && t.count > 0 {
			s.left = max(s.left, -t.low(0))
		}
	}
	for r := range a.classesW() {
		if t := a.tapsW(r); t.n > 0 && t.count > 0 {
			shift = max(shift, (t.high(0)+s.left)/s.step)
		}
	}
	s.places = a.gridW + shift
	limit = min(limit, max(1, a.conv.B), bf16Rows)
	waste := func(n int) float64 { return float64(roundUp(n*a.gridW, bf16Rows)) / float64(n*a.gridW) }
	for n := 2; n <= limit; n++ {
		if waste(n) < 0.95*waste(s.images) {
			s.images = n
		}
	}
	return s
}

// positions is how many a row has.
func (s *stack) positions() int { return s.step * s.places * s.images }

// shift is the position tap t of output 0 reads, in the first image.
func (s *stack) shift(w *taps, t int) int {
	col := w.d + t*w.dStep + s.left
	return (col%s.step*s.places + col/s.step) * s.images
}

// run is where the image's columns lie in a phase: n places from place at on, the first of them column col.
func (s *stack) run(phase int) (at, col, n int) {
	at = ceil(max(0, s.left-phase), s.step)
	col = at*s.step + phase - s.left
	if col >= s.w {
		return 0, 0, 0
	}
	return at, col, min(s.places-at, ceil(s.w-col, s.step))
}

// oddLines rounds a stride in floats up to an odd number of cache lines, so that rows a stride apart do not share cache
// sets.
func oddLines(floats int) int { return (ceil(floats, lineFloats) | 1) * lineFloats }
