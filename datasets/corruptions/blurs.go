package corruptions

import (
	"math"
	"math/rand/v2"

	"selfsup/datasets/views"
)

// disk is the picture of a point by a lens out of focus, [side,side] with sum 1: a circle, blurred.
func disk(radius, blurred float64) (kernel []float32, side int) {
	half, near := 8, 1
	if radius > 8 {
		half, near = int(radius), 2
	}
	side = 2*half + 1
	kernel = make([]float32, side*side)
	for y := -half; y <= half; y++ {
		for x := -half; x <= half; x++ {
			if float64(x*x+y*y) <= radius*radius {
				kernel[(y+half)*side+x+half] = 1
			}
		}
	}
	new(views.Blurrer).GaussianBlur(views.Pixels{H: side, W: side, C: 1, Pix: kernel}, 2*near+1, blurred)
	var sum float32 // after the blur, whose mirrored border adds to a circle that reaches it
	for _, v := range kernel {
		sum += v
	}
	for i := range kernel {
		kernel[i] /= sum
	}
	return kernel, side
}

// defocus convolves with the picture of a point. The border is mirrored.
func defocus(p views.Pixels, c []float64, _ *rand.Rand) {
	kernel, side := disk(c[0], c[1])
	from := clone(p)
	for y := range p.H {
		for x := range p.W {
			at := (y*p.W + x) * p.C
			clear(p.Pix[at : at+p.C])
			for k, w := range kernel {
				if w == 0 {
					continue
				}
				sy, sx := mirror(y+k/side-side/2, p.H), mirror(x+k%side-side/2, p.W)
				for ch := range p.C {
					p.Pix[at+ch] += w * from.Pix[(sy*p.W+sx)*p.C+ch]
				}
			}
		}
	}
}

// glass swaps neighbouring pixels between two blurs. The authors' swap of two views into an array copies one pixel over
// the other; here the two change places.
func glass(p views.Pixels, c []float64, r *rand.Rand) {
	blur(p, c[0], r)
	far := int(c[1])
	for range int(c[2]) {
		for y := p.H - far; y > far; y-- {
			for x := p.W - far; x > far; x-- {
				a, b := y+r.IntN(2*far)-far, x+r.IntN(2*far)-far
				for ch := range p.C {
					i, j := (y*p.W+x)*p.C+ch, (a*p.W+b)*p.C+ch
					p.Pix[i], p.Pix[j] = p.Pix[j], p.Pix[i]
				}
			}
		}
	}
	blur(p, c[0], r)
}

// motion is a movement within 45 degrees of the horizontal.
func motion(p views.Pixels, c []float64, r *rand.Rand) {
	streak(p, c[0], c[1], (r.Float64()-0.5)*math.Pi/2)
}

// streak smears pixels along a direction, the weights falling on one side as half a Gaussian does, cut at 2 radius; the
// border repeats. So do the programs of images whose motion blur the authors call.
func streak(p views.Pixels, radius, deviation, angle float64) {
	from := clone(p)
	weights := make([]float64, 2*int(math.Ceil(radius))+1)
	var sum float64
	for i := range weights {
		weights[i] = math.Exp(-float64(i*i) / (2 * deviation * deviation))
		sum += weights[i]
	}
	sin, cos := math.Sincos(angle)
	clear(p.Pix)
	for i, w := range weights {
		dy, dx := int(math.Round(float64(i)*sin)), int(math.Round(float64(i)*cos))
		share := float32(w / sum)
		for y := range p.H {
			sy := min(max(y+dy, 0), p.H-1)
			for x := range p.W {
				sx := min(max(x+dx, 0), p.W-1)
				for ch := range p.C {
					p.Pix[(y*p.W+x)*p.C+ch] += share * from.Pix[(sy*p.W+sx)*p.C+ch]
				}
			}
		}
	}
}

// zooms is the mean of the image and of its middle at rising magnifications.
func zooms(p views.Pixels, c []float64, _ *rand.Rand) {
	from := clone(p)
	steps := int(math.Round(c[0]/c[1])) + 1
	for k := range steps {
		near := magnified(from, 1+float64(k)*c[1])
		for i, v := range near.Pix {
			p.Pix[i] += v
		}
	}
	for i := range p.Pix {
		p.Pix[i] /= float32(steps + 1)
	}
}

// magnified is the middle of an image at a magnification of 1 or more.
func magnified(p views.Pixels, by float64) views.Pixels {
	cy, cx := float64(p.H-1)/2, float64(p.W-1)/2
	return warped(p, func(y, x float64) (float64, float64) { return cy + (y-cy)/by, cx + (x-cx)/by })
}
