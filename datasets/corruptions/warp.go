package corruptions

import (
	"math"
	"math/rand/v2"
	"slices"

	"selfsup/datasets/views"
)

func clone(p views.Pixels) views.Pixels {
	p.Pix = slices.Clone(p.Pix)
	return p
}

// mirror is a place within 0 to n-1 for one beyond: the border is mirrored without repeating the edge.
func mirror(i, n int) int {
	if n == 1 {
		return 0
	}
	period := 2 * (n - 1)
	if i = i % period; i < 0 {
		i += period
	}
	if i >= n {
		i = period - i
	}
	return i
}

// warped is an image whose pixel (y,x) is the one of p at from(y,x), between four pixels by both distances. The border
// is mirrored.
func warped(p views.Pixels, from func(y, x float64) (sy, sx float64)) views.Pixels {
	out := views.Pixels{H: p.H, W: p.W, C: p.C, Pix: make([]float32, len(p.Pix))}
	for y := range p.H {
		for x := range p.W {
			sy, sx := from(float64(y), float64(x))
			top, left := math.Floor(sy), math.Floor(sx)
			b, r := float32(sy-top), float32(sx-left)
			y0, y1 := mirror(int(top), p.H)*p.W, mirror(int(top)+1, p.H)*p.W
			x0, x1 := mirror(int(left), p.W), mirror(int(left)+1, p.W)
			for c := range p.C {
				upper := (1-r)*p.Pix[(y0+x0)*p.C+c] + r*p.Pix[(y0+x1)*p.C+c]
				lower := (1-r)*p.Pix[(y1+x0)*p.C+c] + r*p.Pix[(y1+x1)*p.C+c]
				out.Pix[(y*p.W+x)*p.C+c] = (1-b)*upper + b*lower
			}
		}
	}
	return out
}

// elastic moves three points of the image, and the others with them as an affine map does, and then every pixel by a
// smooth random field. Lengths are shares of the shorter side.
func elastic(p views.Pixels, c []float64, r *rand.Rand) {
	side := float64(min(p.H, p.W))
	cy, cx, arm := float64(p.H/2), float64(p.W/2), float64(min(p.H, p.W)/3)
	var to, at [3][2]float64
	for i, q := range [3][2]float64{{cy + arm, cx + arm}, {cy - arm, cx + arm}, {cy - arm, cx - arm}} {
		at[i] = q
		for k := range 2 {
			to[i][k] = q[k] + (2*r.Float64()-1)*c[2]*side
		}
	}
	back := affine(to, at)
	shift := func() views.Pixels {
		f := views.Pixels{H: p.H, W: p.W, C: 1, Pix: make([]float32, p.H*p.W)}
		for i := range f.Pix {
			f.Pix[i] = float32(2*r.Float64() - 1)
		}
		if c[1] > 0 {
			half := min(int(3*c[1]*side+0.5), p.H-1, p.W-1)
			new(views.Blurrer).GaussianBlur(f, 2*half+1, c[1]*side)
		}
		return f
	}
	dx, dy := shift(), shift()
	moved := warped(p, back)
	moved = warped(moved, func(y, x float64) (float64, float64) {
		i := int(y)*p.W + int(x)
		return y + c[0]*side*float64(dy.Pix[i]), x + c[0]*side*float64(dx.Pix[i])
	})
	copy(p.Pix, moved.Pix)
}

// affine is the affine map that takes three points to three others; points on a line are taken to the last.
func affine(from, to [3][2]float64) func(y, x float64) (float64, float64) {
	a, b := from[0][0]-from[2][0], from[0][1]-from[2][1]
	c, d := from[1][0]-from[2][0], from[1][1]-from[2][1]
	det := a*d - b*c
	if math.Abs(det) < 1e-9 {
		det = math.Inf(1)
	}
	return func(y, x float64) (float64, float64) {
		y, x = y-from[2][0], x-from[2][1]
		u, v := (y*d-x*c)/det, (x*a-y*b)/det // y,x = u (from0 - from2) + v (from1 - from2)
		at := func(k int) float64 { return to[2][k] + u*(to[0][k]-to[2][k]) + v*(to[1][k]-to[2][k]) }
		return at(0), at(1)
	}
}

// saturate changes the saturation of hue, saturation and value. Grey images have none, and stay as they are; a grey
// pixel of a coloured image has the hue of red.
func saturate(p views.Pixels, c []float64, _ *rand.Rand) {
	if p.C < 3 {
		return
	}
	for at := 0; at < len(p.Pix); at += p.C {
		pixel := p.Pix[at : at+3]
		most, least := slices.Max(pixel), slices.Min(pixel)
		if most == 0 {
			continue
		}
		was := (most - least) / most
		now := min(max(was*float32(c[0])+float32(c[1]), 0), 1)
		for k, v := range pixel {
			far := float32(1) // from the value, of the way to the least
			switch {
			case most > least:
				far = (most - v) / (most - least)
			case k == 0:
				far = 0
			}
			pixel[k] = most * (1 - now*far)
		}
	}
}
