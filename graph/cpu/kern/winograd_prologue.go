package kern

// winogradRun is how many tiles side by side share a strip.
const winogradRun = 8

// input transforms tiles t0 to t1 of src behind the prologue, the first of them to row 0 of v, whose rows and points lie vRow and vPoint apart.
// With a prologue, tiles side by side go to a strip together, so that what their patches share is computed once.
func (s *winogradTiles) input(v []float32, vRow, vPoint int, src []float32, t0, t1 int, p *Prologue, patch []float32) {
	size, side, in := s.ih*s.iw*s.ci, s.form.side, &s.form.in
	step := 4 * in.step
	if !p.on() {
		for t := t0; t < t1; t++ {
			b, i, j := s.at(t)
			in.points(v[(t-t0)*vRow:], side, vPoint, src[b*size:(b+1)*size], s.ih, s.iw, s.ci, i*step-s.ph, j*step-s.pw, patch)
		}
		return
	}
	for t := t0; t < t1; {
		b, i, j := s.at(t)
		n := min(t1-t, s.tw-j, winogradRun)
		columns := in.run(n)
		s.strip(patch, src[b*size:(b+1)*size], i*step-s.ph, j*step-s.pw, columns, p)
		for k := range n {
			in.apply(v[(t+k-t0)*vRow:], side, vPoint, patch, k*step*s.ci, columns*s.ci, s.ci)
		}
		t += n
	}
}

// strip moves the rows of a patch, from (i,j) of an image on, through the prologue; pixels outside the image are zero.
func (s *winogradTiles) strip(dst, src []float32, i, j, columns int, p *Prologue) {
	c, n := s.ci, columns*s.ci
	left, right := min(max(-j, 0), columns), min(max(s.iw-j, 0), columns) // columns of the strip inside the image
	right = max(left, right)
	top, bottom := min(max(-i, 0), s.form.in.size), min(max(s.ih-i, 0), s.form.in.size)
	bottom = max(top, bottom)
	clear(dst[:top*n])
	clear(dst[bottom*n : s.form.in.size*n])
	if top == bottom {
		return
	}
	if left > 0 || right < columns {
		for r := top; r < bottom; r++ {
			clear(dst[r*n : r*n+left*c])
			clear(dst[r*n+right*c : (r+1)*n])
		}
	}
	if left < right {
		p.rows(dst[top*n+left*c:], n, src[((i+top)*s.iw+j+left)*c:], s.iw*c, bottom-top, (right-left)*c)
	}
}
