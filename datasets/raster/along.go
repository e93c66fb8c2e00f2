package raster

// Taps says which pixels of a row make a pixel of the resized one: pixel i is the sum over k below Count[i] of
// Weight[i*Most+k] times pixel Start[i]+k.
type Taps struct {
	Start, Count []int
	Weight       []float32
	Most         int // above every count
}

// Along resizes rows of pixels of three values; toRow and fromRow are the lengths of a row in values, and hold one
// value more than the pixels: what stands there in to is lost.
func Along(to, from []float32, rows, toRow, fromRow int, t *Taps) {
	n := len(t.Start)
	if n == 0 || rows == 0 {
		return
	}
	if toRow <= 3*n || fromRow <= 3*(t.Start[n-1]+t.Count[n-1]) {
		panic("raster: a row has no value to spare")
	}
	to, from = to[:rows*toRow], from[:rows*fromRow]
	if alongFast(to, from, rows, toRow, fromRow, t) {
		return
	}
	for y := range rows {
		t.row(to[y*toRow:], from[y*fromRow:])
	}
}

// row resizes one row.
func (t *Taps) row(to, from []float32) {
	for i, s := range t.Start {
		w := t.Weight[i*t.Most:][:t.Count[i]]
		p := from[s*3:][:len(w)*3]
		r, g, b := w[0]*p[0], w[0]*p[1], w[0]*p[2]
		for k := 1; k < len(w); k++ {
			r += w[k] * p[3*k]
			g += w[k] * p[3*k+1]
			b += w[k] * p[3*k+2]
		}
		to[3*i], to[3*i+1], to[3*i+2] = r, g, b
	}
}
