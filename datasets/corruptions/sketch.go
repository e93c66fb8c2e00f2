package corruptions

import (
	"math"
	"math/rand/v2"

	"selfsup/datasets/views"
)

// Sketch is a kind that is not of the benchmark: a drawing of an image's edges, dark lines on white.
const Sketch = "sketch"

// sketch draws the strength of the edges, the largest over the channels of Sobel's gradient of the smoothed image,
// in grey; the strongest of the image is black. Colours and what is inside of lines are gone.
func sketch(p views.Pixels, sigma float64, r *rand.Rand) {
	blur(p, sigma, r)
	at := func(y, x, c int) float64 {
		y, x = min(max(y, 0), p.H-1), min(max(x, 0), p.W-1)
		return float64(p.Pix[(y*p.W+x)*p.C+c])
	}
	edges := make([]float64, p.H*p.W)
	most := 0.0
	for y := range p.H {
		for x := range p.W {
			for c := range p.C {
				var dx, dy float64
				for k, w := range []float64{1, 2, 1} {
					dx += w * (at(y+k-1, x+1, c) - at(y+k-1, x-1, c))
					dy += w * (at(y+1, x+k-1, c) - at(y-1, x+k-1, c))
				}
				edges[y*p.W+x] = max(edges[y*p.W+x], math.Hypot(dx, dy))
			}
			most = max(most, edges[y*p.W+x])
		}
	}
	for i, e := range edges {
		for c := range p.C {
			p.Pix[i*p.C+c] = 1
			if most > 0 {
				p.Pix[i*p.C+c] = float32(1 - e/most)
			}
		}
	}
}
