package kern

// gatherPart is one task of a gather: images b0 to b1, copied from row r0 on, and panels p0 to p1.
type gatherPart struct {
	g          *gather
	buffer     []float32
	aoff, boff []uintptr
	b0, b1     int
	r0         int
	p0, p1     int
	fetches    fetches // of the images that come next, and of what is made of them
}

// begin sets what all tiles of a class share; tap offsets count from the first tap used.
func (p *gatherPart) begin(h, w *taps) tower {
	g := p.g
	p.offsets(h, w, w.n)
	return tower{tile: tile{cs: floatSize, bs: bytes(g.level.nr), k: uintptr(g.depth), aoff: &p.aoff[0],
		boff: &p.boff[0]}, fetches: p.fetches}
}

// offsets lists the first so many taps of each kernel row.
func (p *gatherPart) offsets(h, w *taps, columns int) {
	g := p.g
	for r := range h.n {
		for s := range columns {
			p.aoff[r*columns+s] = bytes((r*h.dStep*g.view.columns() + s*w.dStep) * g.view.pixel)
			p.boff[r*columns+s] = bytes((r*w.n + s) * g.depth * g.level.nr)
		}
	}
}

// source is where in the buffer output (i,j) finds tap (r,s) of image b.
func (p *gatherPart) source(h, w *taps, b, i, j, r, s int) int {
	v := &p.g.view
	row := i*h.step + h.d + r*h.dStep - p.r0
	col := j*w.step + w.d + s*w.dStep + v.left
	return (b-p.b0)*p.g.imageFloats + row*v.row() + col*v.pixel
}

// target is where output (i,j) of image b begins.
func (p *gatherPart) target(h, w *taps, b, i, j int) int {
	g := p.g
	height, width := g.outputs()
	return ((b*height+h.outFirst+i*h.outStep)*width+w.outFirst+j*w.outStep)*g.dstC + g.group*g.n
}

// alongRows computes rows i0 to i1 of a class with tiles of neighbouring pixels.
func (p *gatherPart) alongRows(h, w taps, base, i0, i1 int) {
	g, nr := p.g, p.g.level.nr
	if w.count == 0 || i1 <= i0 {
		return
	}
	t := p.begin(&h, &w)
	t.rs, t.ldc = bytes(w.step*g.view.pixel), bytes(w.outStep*g.dstC)
	size := h.n * w.n * g.depth * nr
	segments := ceil(w.count, g.level.mr)
	group := max(1, gatherSlice/max(1, w.n*g.depth*nr)) // kernel rows at a time
	rows := g.rowsOf(&h)
	in0, in1 := h.interior(g.srcH)
	_, width := g.outputs()
	stepA, stepC := bytes(h.step*g.view.row()), bytes(h.outStep*width*g.dstC)
	for q := p.p0; q < p.p1; q++ {
		t.columns(min(nr, g.n-q*nr))
		for from := 0; from == 0 || from < h.n; from += group {
			for b := p.b0; b < p.b1; b++ {
				for i, end := i0, 0; i < i1; i = end {
					u0, u1 := 0, h.n // rows that meet the same taps
					if i >= in0 && i < in1 {
						end = min(i1, in1, i+rows)
					} else {
						u0, u1 = h.inside(i, g.srcH)
						for end = i + 1; end < min(i1, i+rows); end++ {
							if a, b := h.inside(end, g.srcH); a != u0 || b != u1 {
								break
							}
						}
					}
					u0, u1 = max(u0, from), min(u1, from+group)
					t.nb, t.add = 0, 0
					if from > 0 {
						t.add = 1
					}
					if u1 > u0 && w.n > 0 {
						t.nb = uintptr((u1 - u0) * w.n)
						t.b = ptr(g.panels, base+q*size+u0*w.n*g.depth*nr)
					} else if from > 0 {
						continue
					}
					for s := range segments {
						j0, j1 := cut(w.count, segments, s)
						if t.nb > 0 {
							t.a = ptr(p.buffer, p.source(&h, &w, b, i, j0, u0, 0))
						}
						t.c = ptr(g.dst, p.target(&h, &w, b, i, j0)+q*nr)
						t.tiles(end-i, j1-j0, stepA, stepC)
					}
				}
			}
		}
	}
	p.fetches = t.fetches
}

// acrossImages computes rows i0 to i1 of a class with tiles of one pixel in several images, whose taps outside are left
// out on all sides.
func (p *gatherPart) acrossImages(h, w taps, base, i0, i1 int) {
	g, nr := p.g, p.g.level.nr
	if w.count == 0 || i1 <= i0 {
		return
	}
	t := p.begin(&h, &w)
	t.rs, t.ldc = bytes(g.imageFloats), bytes(p.target(&h, &w, 1, 0, 0)-p.target(&h, &w, 0, 0, 0))
	size := h.n * w.n * g.depth * nr
	columns := w.n                 // that the offsets are for
	one := p.b1-p.b0 <= g.level.mr // the images are one tile, and pixels that meet the same taps one tower
	in0, in1 := 0, w.count
	if !g.merged {
		in0, in1 = w.interior(g.view.w)
	}
	stepA, stepC := bytes(w.step*g.view.pixel), bytes(w.outStep*g.dstC)
	for q := p.p0; q < p.p1; q++ {
		t.columns(min(nr, g.n-q*nr))
		for i := i0; i < i1; i++ {
			u0, u1 := h.inside(i, g.srcH)
			for j, end := 0, 0; j < w.count; j = end {
				v0, v1 := 0, w.n
				if j < in0 || j >= in1 {
					v0, v1 = w.inside(j, g.view.w)
				}
				end = j + 1
				if one && j >= in0 {
					end = max(end, in1)
				}
				t.nb = uintptr((u1 - u0) * (v1 - v0))
				if v1-v0 != columns {
					columns = v1 - v0
					p.offsets(&h, &w, columns)
				}
				if t.nb > 0 {
					t.a = ptr(p.buffer, p.source(&h, &w, p.b0, i, j, u0, v0))
					t.b = ptr(g.panels, base+q*size+(u0*w.n+v0)*g.depth*nr)
				}
				t.c = ptr(g.dst, p.target(&h, &w, p.b0, i, j)+q*nr)
				if one {
					t.tiles(end-j, p.b1-p.b0, stepA, stepC)
				} else {
					t.rows(p.b1 - p.b0)
				}
			}
		}
	}
	p.fetches = t.fetches
}
