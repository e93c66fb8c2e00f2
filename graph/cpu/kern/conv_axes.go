package kern

// axes are the classes of outputs of a forward convolution, or of its gradient by x, and the source rows they read.
type axes struct {
	conv         Conv
	backward     bool
	srcH         int
	gridH, gridW int // most outputs of a class
	list         []class
}

// class is a class of outputs: its taps, and how many taps the classes before it have.
type class struct {
	h, w   taps
	before int
}

// set makes a the axes of c, or of its gradient by x, in the memory of those that it was before.
func (a *axes) set(c Conv, backward bool) {
	list := a.list[:0]
	*a = axes{conv: c, srcH: c.H, gridH: c.OH, gridW: c.OW}
	if backward {
		*a = axes{conv: c, backward: true, srcH: c.OH, gridH: ceil(c.H, c.SH), gridW: ceil(c.W, c.SW)}
	}
	before := 0
	for r := range a.classesH() {
		for s := range a.classesW() {
			h, w := a.tapsH(r), a.tapsW(s)
			list = append(list, class{h, w, before})
			before += h.n * w.n
		}
	}
	a.list = list
}

// maxRows bounds how many source rows one of so many bands of outputs reads.
func (a *axes) maxRows(bands int) int {
	low, high, step := 0, 0, 1
	for r := range a.classesH() {
		t := a.tapsH(r)
		low, high, step = min(low, t.low(0)), max(high, t.high(0)), t.step
	}
	return min(a.srcH, (ceil(a.gridH, bands)-1)*step+high-low+1)
}

// span is the range of source rows that outputs i0 to i1 of all classes read.
func (a *axes) span(i0, i1 int) (r0, r1 int) {
	r0, r1 = a.srcH, 0
	for r := range a.classesH() {
		t := a.tapsH(r)
		if last := min(i1, t.count) - 1; t.n > 0 && last >= i0 {
			r0, r1 = min(r0, t.low(i0)), max(r1, t.high(last)+1)
		}
	}
	r0 = max(r0, 0)
	return r0, max(r0, min(r1, a.srcH))
}

func (a *axes) classesH() int {
	if a.backward {
		return a.conv.SH
	}
	return 1
}

func (a *axes) classesW() int {
	if a.backward {
		return a.conv.SW
	}
	return 1
}

func (a *axes) tapsH(r int) taps {
	c := &a.conv
	if a.backward {
		return backwardTaps(r, c.H, c.KH, c.SH, c.PH, c.DH)
	}
	return forwardTaps(c.OH, c.KH, c.SH, c.PH, c.DH)
}

func (a *axes) tapsW(r int) taps {
	c := &a.conv
	if a.backward {
		return backwardTaps(r, c.W, c.KW, c.SW, c.PW, c.DW)
	}
	return forwardTaps(c.OW, c.KW, c.SW, c.PW, c.DW)
}
