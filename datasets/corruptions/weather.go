package corruptions

import (
	"math"
	"math/rand/v2"
	"slices"

	"selfsup/datasets/views"
)

// layer is one channel of noise, of an image's size.
func layer(p views.Pixels, mean, deviation float64, r *rand.Rand) views.Pixels {
	l := views.Pixels{H: p.H, W: p.W, C: 1, Pix: make([]float32, p.H*p.W)}
	for i := range l.Pix {
		l.Pix[i] = float32(mean + deviation*r.NormFloat64())
	}
	return l
}

// snow is flakes that fall steeply, twice, once upside down, on an image that gets paler.
func snow(p views.Pixels, c []float64, r *rand.Rand) {
	flakes := magnified(layer(p, c[0], c[1], r), c[2])
	for i, v := range flakes.Pix {
		if float64(v) < c[3] {
			v = 0
		}
		flakes.Pix[i] = min(max(v, 0), 1)
	}
	streak(flakes, c[4], c[5], -math.Pi/4-r.Float64()*math.Pi/2)
	share := float32(c[6])
	for i, v := range flakes.Pix {
		pixel := p.Pix[i*p.C : (i+1)*p.C]
		pale := 1.5*luma(pixel) + 0.5
		both := v + flakes.Pix[len(flakes.Pix)-1-i]
		for k, x := range pixel {
			pixel[k] = share*x + (1-share)*max(x, pale) + both
		}
	}
}

func luma(pixel []float32) float32 {
	if len(pixel) < 3 {
		return pixel[0]
	}
	return 0.299*pixel[0] + 0.587*pixel[1] + 0.114*pixel[2]
}

// frost adds a texture of ice. The authors have six photographs; here crystals grow from random points: needles with
// side branches, blurred a little, over a cloudy ground, blue-white, the same share of them in images of every size.
func frost(p views.Pixels, c []float64, r *rand.Rand) {
	ice := plasma(p.H, p.W, 2, r)
	for i := range ice.Pix {
		ice.Pix[i] *= 0.6
	}
	side := float64(min(p.H, p.W))
	draw := func(y, x, angle, length, bright float64) {
		sin, cos := math.Sincos(angle)
		for t := 0.0; t < length; t += 0.5 {
			a, b := int(y+t*sin), int(x+t*cos)
			if a < 0 || a >= p.H || b < 0 || b >= p.W {
				return
			}
			at := a*p.W + b
			ice.Pix[at] = max(ice.Pix[at], float32(bright*(1-t/length/2)))
		}
	}
	for range 12 {
		y, x, turn := r.Float64()*float64(p.H), r.Float64()*float64(p.W), r.Float64()*math.Pi/3
		for arm := range 6 { // ice has six directions
			angle, length := turn+float64(arm)*math.Pi/3, side*(0.1+0.25*r.Float64())
			draw(y, x, angle, length, 1)
			sin, cos := math.Sincos(angle)
			for k := 1.0; k < 4; k++ {
				at := length * k / 4
				draw(y+at*sin, x+at*cos, angle+math.Pi/3, length/4, 0.9)
				draw(y+at*sin, x+at*cos, angle-math.Pi/3, length/4, 0.9)
			}
		}
	}
	blur(ice, side/128, r)
	tint := []float32{0.8, 0.92, 1}
	for i, v := range ice.Pix {
		for k := range p.C {
			t := float32(0.9)
			if p.C >= 3 {
				t = tint[k]
			}
			at := i*p.C + k
			p.Pix[at] = float32(c[0])*p.Pix[at] + float32(c[1])*t*v
		}
	}
}

// fog adds a random height map, and brings the image back to the range that it had.
func fog(p views.Pixels, c []float64, r *rand.Rand) {
	most := slices.Max(p.Pix)
	height := plasma(p.H, p.W, c[1], r)
	for i, v := range height.Pix {
		for k := range p.C {
			at := i*p.C + k
			p.Pix[at] = (p.Pix[at] + float32(c[0])*v) * most / (most + float32(c[0]))
		}
	}
}

// plasma is a height map in [0,1] by the diamond-square algorithm (Fournier, Fussell, Carpenter 1982,
// doi:10.1145/358523.358553) on a torus of a power of two, cut to size. The random part of a step falls with the square
// of decay^steps, as in the authors' code.
func plasma(h, w int, decay float64, r *rand.Rand) views.Pixels {
	n := 1
	for n < max(h, w) {
		n *= 2
	}
	m := make([]float64, n*n)
	at := func(y, x int) float64 { return m[(y+n)%n*n+(x+n)%n] }
	wibble := 100.0
	mean := func(sum float64) float64 { return sum/4 + wibble*wibble*(2*r.Float64()-1) }
	for step := n; step >= 2; step /= 2 {
		half := step / 2
		for y := 0; y < n; y += step {
			for x := 0; x < n; x += step {
				m[(y+half)*n+x+half] = mean(at(y, x) + at(y+step, x) + at(y, x+step) + at(y+step, x+step))
			}
		}
		for y := 0; y < n; y += step {
			for x := 0; x < n; x += step {
				m[y*n+x+half] = mean(at(y, x) + at(y, x+step) + at(y+half, x+half) + at(y-half, x+half))
				m[(y+half)*n+x] = mean(at(y, x) + at(y+step, x) + at(y+half, x+half) + at(y+half, x-half))
			}
		}
		wibble /= decay
	}
	least, most := slices.Min(m), slices.Max(m)
	out := views.Pixels{H: h, W: w, C: 1, Pix: make([]float32, h*w)}
	for y := range h {
		for x := range w {
			if most > least {
				out.Pix[y*w+x] = float32((m[y*n+x] - least) / (most - least))
			}
		}
	}
	return out
}
