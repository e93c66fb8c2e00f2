package views

import "math"

// BoxBlur approximates a Gaussian of standard deviation sigma pixels by three box filters along each axis; the edge is
// repeated. It is PIL's ImageFilter.GaussianBlur (the blur of MoCo v2, DINO) without its rounding to 8 bits after each
// pass.
//
// Gwosdek et al. 2011, Theoretical Foundations of Gaussian Convolution by Extended Box Filtering: the box has a
// fractional width.
func (b *Blurrer) BoxBlur(p Pixels, sigma float64) {
	const passes = 3
	variance := sigma * sigma / passes
	l := math.Floor((math.Sqrt(12*variance+1) - 1) / 2)
	radius := l + (2*l+1)*(l*(l+1)-3*variance)/(6*(variance-(l+1)*(l+1)))
	r := int(radius)
	inner := 1 / (2*radius + 1)
	b.weight = grow(b.weight, 2*r+3)
	for k := range b.weight {
		b.weight[k] = float32(inner)
	}
	edge := float32((1 - float64(2*r+1)*inner) / 2)
	b.weight[0], b.weight[2*r+2] = edge, edge
	for range passes {
		b.convolve(p, repeat)
	}
}
