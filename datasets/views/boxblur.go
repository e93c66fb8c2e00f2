package views

import "math"

// BoxBlur approximates a Gaussian of standard deviation sigma pixels by three box filters along each axis; the edge is repeated. It is
// PIL's ImageFilter.GaussianBlur (the blur of MoCo v2, DINO) without its rounding to 8 bits after each pass.
//
// Gwosdek et al. 2011, Theoretical Foundations of Gaussian Convolution by Extended Box Filtering: the box has a fractional width.
func (b *Blurrer) BoxBlur(p Pixels, sigma float64) {
	const passes = 3
	variance := sigma * sigma / passes
	l := math.Floor((math.Sqrt(12*variance+1) - 1) / 2)
	radius := l + (2*l+1)*(l*(l+1)-3*variance)/(6*(variance-(l+1)*(l+1)))
	r := int(radius)
	inner := float32(1 / (2*radius + 1))
	edge := (1 - float32(2*r+1)*inner) / 2

	n := p.W * p.C
	b.line, b.tmp = grow(b.line, max(p.H, p.W)*p.C), grow(b.tmp, max(p.H, p.W)*p.C)
	for range passes {
		for y := range p.H {
			box(p.Pix[y*n:(y+1)*n], b.line[:n], p.W, p.C, r, inner, edge)
		}
	}
	for x := range p.W {
		column := b.tmp[:p.H*p.C]
		for y := range p.H {
			copy(column[y*p.C:(y+1)*p.C], p.Pix[y*n+x*p.C:])
		}
		for range passes {
			box(column, b.line[:p.H*p.C], p.H, p.C, r, inner, edge)
		}
		for y := range p.H {
			copy(p.Pix[y*n+x*p.C:][:p.C], column[y*p.C:])
		}
	}
}

// box filters n pixels of c values in place: the pixels up to r away weigh inner each, the two at r+1 edge.
func box(v, from []float32, n, c, r int, inner, edge float32) {
	copy(from, v)
	at := func(i, ch int) float32 { return from[min(max(i, 0), n-1)*c+ch] }
	for ch := range c {
		var sum float64 // a running sum loses nothing in float64
		for i := -r; i <= r; i++ {
			sum += float64(at(i, ch))
		}
		for i := range n {
			v[i*c+ch] = float32(sum)*inner + (at(i-r-1, ch)+at(i+r+1, ch))*edge
			sum += float64(at(i+r+1, ch)) - float64(at(i-r, ch))
		}
	}
}
