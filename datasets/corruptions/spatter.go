package corruptions

import (
	"math"
	"math/rand/v2"
	"slices"

	"selfsup/datasets/views"
)

// spatter is drops of water, whose edges are bright, or of mud.
func spatter(p views.Pixels, c []float64, r *rand.Rand) {
	drops := layer(p, c[0], c[1], r)
	blur(drops, c[2], r)
	for i, v := range drops.Pix {
		if float64(v) < c[3] {
			drops.Pix[i] = 0
		}
	}
	if c[5] == 0 {
		water(p, drops, float32(c[4]))
		return
	}
	for i, v := range drops.Pix {
		if v > 0 {
			drops.Pix[i] = 1
		}
	}
	blur(drops, c[4], r)
	for i, m := range drops.Pix {
		if m < 0.8 {
			continue
		}
		for k, mud := range tinted(p.C, [3]float32{63. / 255, 42. / 255, 20. / 255}) {
			at := i*p.C + k
			p.Pix[at] = p.Pix[at]*(1-m) + mud*m
		}
	}
}

// tinted is a colour in as many channels as an image has.
func tinted(channels int, colour [3]float32) []float32 {
	if channels < 3 {
		return []float32{luma(colour[:])}
	}
	return colour[:]
}

// water adds pale turquoise to drops by how far they are from their edge, lit from one corner. Edges are where a drop
// begins, where the authors look for them by Canny's filter.
func water(p, drops views.Pixels, strength float32) {
	d := distances(drops)
	d = boxed(d)
	equalize(d)
	lit := views.Pixels{H: d.H, W: d.W, C: 1, Pix: make([]float32, len(d.Pix))}
	kernel := [9]float32{-2, -1, 0, -1, 1, 1, 0, 1, 2}
	for y := range d.H {
		for x := range d.W {
			var sum float32
			for k, w := range kernel {
				sum += w * d.Pix[mirror(y+k/3-1, d.H)*d.W+mirror(x+k%3-1, d.W)]
			}
			lit.Pix[y*d.W+x] = min(max(sum, 0), 1)
		}
	}
	lit = boxed(lit)
	var most float32
	for i, v := range drops.Pix {
		lit.Pix[i] *= v
		most = max(most, lit.Pix[i])
	}
	if most == 0 {
		return // there is no drop
	}
	for i, v := range lit.Pix {
		for k, t := range tinted(p.C, [3]float32{175. / 255, 238. / 255, 238. / 255}) {
			p.Pix[i*p.C+k] += v / most * strength * t
		}
	}
}

// distances of every pixel from the nearest edge of a drop, at most 20 pixels: two passes of steps of 1 and root 2.
func distances(drops views.Pixels) views.Pixels {
	const far = 20
	h, w := drops.H, drops.W
	d := views.Pixels{H: h, W: w, C: 1, Pix: make([]float32, h*w)}
	there := func(y, x int) bool { return drops.Pix[mirror(y, h)*w+mirror(x, w)] > 0 }
	for y := range h {
		for x := range w {
			if edge := there(y, x) && !(there(y-1, x) && there(y+1, x) && there(y, x-1) && there(y, x+1)); !edge {
				d.Pix[y*w+x] = far
			}
		}
	}
	relax := func(y, x int, steps [4][2]int) {
		for _, s := range steps {
			a, b := y+s[0], x+s[1]
			if a >= 0 && a < h && b >= 0 && b < w {
				step := float32(math.Hypot(float64(s[0]), float64(s[1])))
				d.Pix[y*w+x] = min(d.Pix[y*w+x], d.Pix[a*w+b]+step)
			}
		}
	}
	for y := range h {
		for x := range w {
			relax(y, x, [4][2]int{{-1, -1}, {-1, 0}, {-1, 1}, {0, -1}})
		}
	}
	for y := h - 1; y >= 0; y-- {
		for x := w - 1; x >= 0; x-- {
			relax(y, x, [4][2]int{{1, 1}, {1, 0}, {1, -1}, {0, 1}})
		}
	}
	return d
}

// boxed is the mean of 3x3 pixels.
func boxed(p views.Pixels) views.Pixels {
	out := views.Pixels{H: p.H, W: p.W, C: 1, Pix: make([]float32, len(p.Pix))}
	for y := range p.H {
		for x := range p.W {
			for k := range 9 {
				out.Pix[y*p.W+x] += p.Pix[mirror(y+k/3-1, p.H)*p.W+mirror(x+k%3-1, p.W)] / 9
			}
		}
	}
	return out
}

// equalize gives every value its rank among all, as a share.
func equalize(p views.Pixels) {
	sorted := slices.Sorted(slices.Values(p.Pix))
	n := float32(len(sorted))
	for i, v := range p.Pix {
		below, _ := slices.BinarySearch(sorted, v)
		p.Pix[i] = float32(below) / n
	}
}
