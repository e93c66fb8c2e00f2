package kern

// winogradRun is how many tiles side by side share a strip.
const winogradRun = 8

// stripFloats is the scratch of a strip of tiles behind a prologue: 6 rows, as wide as the patches of its tiles.
func (s *winogradTiles) stripFloats(p *Prologue) int {
	if !p.on() {
		return 0
	}
	return 6 * (4*min(s.tw, winogradRun) + 2) * s.ci
}

// input transforms tiles t0 to t1 of src behind the prologue, the first of them to row 0 of v, whose rows and points lie vRow and vPoint apart.
// With a prologue, tiles side by side go to a strip together, so that what their patches share is computed once.
func (s *winogradTiles) input(v []float32, vRow, vPoint int, src []float32, t0, t1 int, p *Prologue, patch []float32) {
	size := s.ih * s.iw * s.ci
	if !p.on() {
		for t := t0; t < t1; t++ {
			b, i, j := s.at(t)
			winogradInput.points(v[(t-t0)*vRow:], vPoint, src[b*size:(b+1)*size], s.ih, s.iw, s.ci, i-s.ph, j-s.pw, patch)
		}
		return
	}
	for t := t0; t < t1; {
		b, i, j := s.at(t)
		n := min(t1-t, s.tw-j/4, winogradRun)
		columns := 4*n + 2
		s.strip(patch, src[b*size:(b+1)*size], i-s.ph, j-s.pw, columns, p)
		for k := range n {
			winogradInput.apply(v[(t+k-t0)*vRow:], 6*vPoint, vPoint, patch, 4*k*s.ci, columns*s.ci, s.ci, s.ci)
		}
		t += n
	}
}

// strip moves 6 rows of an image from (i,j) on through the prologue; pixels outside the image are zero.
func (s *winogradTiles) strip(dst, src []float32, i, j, columns int, p *Prologue) {
	c := s.ci
	left, right := min(max(-j, 0), columns), min(max(s.iw-j, 0), columns) // columns of the strip inside the image
	right = max(left, right)
	for r := range 6 {
		row := dst[r*columns*c : (r+1)*columns*c]
		if !within(i+r, s.ih) {
			clear(row)
			continue
		}
		clear(row[:left*c])
		p.move(row[left*c:right*c], src[((i+r)*s.iw+j+left)*c:])
		clear(row[right*c:])
	}
}
