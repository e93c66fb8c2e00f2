package kern

// winogradTiles are the tiles of a convolution, or of its gradient by x, counted through the batch.
type winogradTiles struct {
	form    *winogradForm
	b       int
	ci, co  int          // channels of the source and of the result
	in, out winogradView // source and result
}

func newWinogradTiles(c *Conv, backward bool) winogradTiles {
	s := winogradTiles{form: winogradFormOf(c, backward), b: c.B, ci: c.Ci, co: c.Co}
	s.in = winogradView{side: &s.form.in, h: c.H, w: c.W, c: c.Ci, ph: c.PH, pw: c.PW}
	s.out = winogradView{side: &s.form.out, h: c.OH, w: c.OW, c: c.Co}
	if backward {
		s.ci, s.co = c.Co, c.Ci
		s.in = winogradView{side: &s.form.in, h: c.OH, w: c.OW, c: c.Co, ph: 2 - c.PH, pw: 2 - c.PW}
		s.out = winogradView{side: &s.form.out, h: c.H, w: c.W, c: c.Ci}
		if c.SH == 2 {
			s.in.ph, s.in.pw = 0, 0
		}
	}
	th, tw := ceil(s.out.h, s.form.out.size), ceil(s.out.w, s.form.out.size)
	s.in.th, s.in.tw, s.out.th, s.out.tw = th, tw, th, tw
	return s
}

// count is the number of tiles of the batch.
func (s *winogradTiles) count() int { return s.b * s.out.th * s.out.tw }

// inputFloats is the width of a tile at a point: the parts of the source one behind the other.
func (s *winogradTiles) inputFloats() int { return len(s.form.in.parts) * s.ci }

// patchFloats is the scratch for patches.
func (s *winogradTiles) patchFloats(p *Prologue) int { return max(s.in.patchFloats(p), 16*s.co) }

// winogradView is a batch of images [H,W,C] in th x tw patches each; the first begins at row -ph, column -pw.
type winogradView struct {
	side    *winogradSide
	th, tw  int
	h, w, c int
	ph, pw  int
}

// winogradPoints are the points of the tiles at hand.
type winogradPoints struct {
	first      []float32 // of the first tile
	side       int       // points of a row
	point, row int       // distances between points, and between tiles
	patch      []float32 // scratch for patches at edges
}

func (p *winogradPoints) strides() winogradStrides {
	return winogradStrides{p.side * p.point, p.point, p.row}
}

// at is the image of tile t and where in it the patch begins.
func (v *winogradView) at(t int) (b, i, j int) {
	step := 4 * v.side.step
	return t / (v.th * v.tw), t/v.tw%v.th*step - v.ph, t%v.tw*step - v.pw
}

// run is how many tiles from t on, before t1, have size x size pixels from (i,j) on inside their images, at equal
// distances: tiles side by side, or all where an image is one tile.
func (v *winogradView) run(t, t1, i, j, size int) (n, next int) {
	if i < 0 || j < 0 || i+size > v.h || j+size > v.w {
		return 0, 0
	}
	if v.th*v.tw == 1 {
		return t1 - t, v.h * v.w * v.c
	}
	step := 4 * v.side.step
	return min(t1-t, v.tw-t%v.tw, (v.w-j-size)/step+1), step * v.c
}

// span is the part of the images that tiles t0 to t1 read or write, with whole rows.
func (v *winogradView) span(images []float32, t0, t1 int) []float32 {
	b0, i0, _ := v.at(t0)
	b1, i1, _ := v.at(t1 - 1)
	return images[(b0*v.h+max(i0, 0))*v.w*v.c : (b1*v.h+min(i1+v.side.size, v.h))*v.w*v.c]
}

// winogradAhead is what a task asks for while it multiplies, a part with each product: where its results go, and the
// images of the next task.
type winogradAhead struct {
	results, images []float32
	part, parts     int
}

// next is the next part.
func (a *winogradAhead) next() []float32 {
	first := len(a.results)
	from, to := cut(first+len(a.images), a.parts, a.part)
	a.part++
	if from < first {
		return a.results[from:min(to, first)]
	}
	return a.images[from-first : to-first]
}

const (
	winogradRun  = 8       // tiles side by side that share a strip behind a prologue
	winogradEdge = 8 << 10 // floats of patches that are transformed in one call
)

// edges is how many patches are transformed in one call, where they are copied one by one.
func (v *winogradView) edges() int {
	return max(1, min(winogradRun, winogradEdge/(v.side.size*v.side.size*v.c)))
}

// patchFloats is the scratch that reading wants.
func (v *winogradView) patchFloats(p *Prologue) int {
	n := v.edges() * v.side.size
	if p.on() {
		n = max(n, v.side.columns(min(v.tw, winogradRun)))
	}
	return n * v.side.size * v.c
}

// read transforms tiles t0 to t1 of src behind the prologue to points. Patches at edges are copied first, behind a
// prologue all of them: tiles side by side to a strip, so that what their patches share is computed once.
func (v *winogradView) read(p *winogradPoints, src []float32, t0, t1 int, prologue *Prologue) {
	s, c := v.side, v.c
	n := 0
	for t := t0; t < t1; t += n {
		b, i, j := v.at(t)
		if !prologue.on() {
			var next int
			if n, next = v.run(t, t1, i, j, s.size); n > 0 {
				v.transform(p, t-t0, src, ((b*v.h+i)*v.w+j)*c, v.w, next, n)
				continue
			}
		} else if v.tw > 1 {
			n = min(t1-t, v.tw-t%v.tw, winogradRun)
			columns := s.columns(n)
			v.fill(p.patch, src, b, i, j, columns, prologue)
			v.transform(p, t-t0, p.patch, 0, columns, 4*s.step*c, n)
			continue
		}
		size := s.size * s.size * c
		for n = 0; n < min(t1-t, v.edges()); n++ {
			b, i, j := v.at(t + n)
			if inside, _ := v.run(t+n, t1, i, j, s.size); inside > 0 && !prologue.on() {
				break
			}
			v.fill(p.patch[n*size:], src, b, i, j, s.size, prologue)
		}
		v.transform(p, t-t0, p.patch, 0, s.size, size, n)
	}
}

// transform takes n patches, the first at src[at] in rows of so many columns, to the points of tiles from t on.
func (v *winogradView) transform(p *winogradPoints, t int, src []float32, at, columns, next, n int) {
	s, c := v.side, v.c
	from := winogradStrides{s.step * columns * c, s.step * c, next}
	for k, part := range s.parts {
		part.transform.apply(p.first[t*p.row+k*c:], p.strides(), src, at+(part.i*columns+part.j)*c, from, c, n)
	}
}

// fill copies the rows of a patch, from (i,j) of image b on and so many columns wide, through the prologue; pixels
// outside the image are zero.
func (v *winogradView) fill(dst, src []float32, b, i, j, columns int, p *Prologue) {
	size, n := v.side.size, columns*v.c
	left, right := min(max(-j, 0), columns), min(max(v.w-j, 0), columns) // columns inside the image
	top, bottom := min(max(-i, 0), size), min(max(v.h-i, 0), size)
	if top >= bottom || left >= right {
		clear(dst[:size*n])
		return
	}
	clear(dst[:top*n])
	clear(dst[bottom*n : size*n])
	if left > 0 || right < columns {
		for r := top; r < bottom; r++ {
			clear(dst[r*n : r*n+left*v.c])
			clear(dst[r*n+right*v.c : (r+1)*n])
		}
	}
	p.rows(dst[top*n+left*v.c:], n, src[((b*v.h+i+top)*v.w+j+left)*v.c:], v.w*v.c, bottom-top, (right-left)*v.c)
}

// write transforms points to one part of tiles t0 to t1 of dst, channels c0 to c0+n; pixels outside the image are
// dropped.
func (v *winogradView) write(dst []float32, part, c0, n int, p *winogradPoints, t0, t1 int) {
	s, c := v.side, v.c
	one := s.parts[part]
	to := winogradStrides{row: s.step * v.w * c, column: s.step * c}
	count := 0
	for t := t0; t < t1; t += count {
		b, i, j := v.at(t)
		i, j = i+one.i, j+one.j
		if count, to.next = v.run(t, t1, i, j, 3*s.step+1); count > 0 {
			one.transform.apply(dst[((b*v.h+i)*v.w+j)*c+c0:], to, p.first, (t-t0)*p.row, p.strides(), n, count)
			continue
		}
		count = 1
		one.transform.apply(p.patch, winogradStrides{4 * n, n, 0}, p.first, (t-t0)*p.row, p.strides(), n, 1)
		for r := 0; r < 4 && i+r*s.step < v.h; r++ {
			for q := 0; q < 4 && j+q*s.step < v.w; q++ {
				copy(dst[((b*v.h+i+r*s.step)*v.w+j+q*s.step)*c+c0:][:n], p.patch[(4*r+q)*n:])
			}
		}
	}
}

// pointStride is the distance between two points of n floats each: never a multiple of 4 KiB, which would make the
// points share cache sets.
func pointStride(n int) int { return roundUp(n, 1024) + pointGap }

// pointGap keeps the distance between points off the multiples of 1024 floats: three cache lines.
const pointGap = 48
