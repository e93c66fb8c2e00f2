// Package corruptions spoils images as a bad sensor, a lens, light or a coarse screen does, each in five severities:
// how well an encoder that never saw such images holds out. What happens to an image depends on the seed, the
// corruption, the severity and the image's number alone.
//
// Hendrycks and Dietterich 2019, arXiv:1903.12261, with the strengths of their code: those for CIFAR-10 where the
// shorter side is below 64 pixels, else those for ImageNet. Pixels are rounded, where the authors cut them off. All
// nineteen are here. The authors' frost is photographs and their motion blur and the edges of water drops come from
// programs of images: here frost is drawn, and the two are written out (see each).
package corruptions

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"selfsup/datasets"
	"selfsup/datasets/views"
)

// Severities are 1 to 5.
const Severities = 5

// largeFrom is the shorter side from which on images are spoilt as strongly as those of ImageNet.
const largeFrom = 64

// corruption changes pixels in [0,1]; what leaves that range is cut off afterwards.
type corruption struct {
	small, large [Severities][]float64 // strengths
	apply        func(p views.Pixels, c []float64, r *rand.Rand)
}

// one is a corruption whose strength is a number.
func one(small, large [Severities]float64, apply func(p views.Pixels, strength float64, r *rand.Rand)) corruption {
	c := corruption{apply: func(p views.Pixels, c []float64, r *rand.Rand) { apply(p, c[0], r) }}
	for i := range Severities {
		c.small[i], c.large[i] = small[i:i+1], large[i:i+1]
	}
	return c
}

type strengths = [Severities]float64

var all = map[string]corruption{
	"gaussian_noise": one(strengths{0.04, 0.06, 0.08, 0.09, 0.10}, strengths{0.08, 0.12, 0.18, 0.26, 0.38}, noise),
	"jpeg":           one(strengths{80, 65, 58, 50, 40}, strengths{25, 18, 15, 10, 7}, compress),
	"speckle_noise":  one(strengths{0.06, 0.1, 0.12, 0.16, 0.2}, strengths{0.15, 0.2, 0.35, 0.45, 0.6}, speckles),
	"shot_noise":     one(strengths{500, 250, 100, 75, 50}, strengths{60, 25, 12, 5, 3}, shots),
	"impulse_noise":  one(strengths{0.01, 0.02, 0.03, 0.05, 0.07}, strengths{0.03, 0.06, 0.09, 0.17, 0.27}, impulses),
	"gaussian_blur":  one(strengths{0.4, 0.6, 0.7, 0.8, 1}, strengths{1, 2, 3, 4, 6}, blur),
	"brightness":     one(strengths{0.05, 0.1, 0.15, 0.2, 0.3}, strengths{0.1, 0.2, 0.3, 0.4, 0.5}, brighten),
	"contrast":       one(strengths{0.75, 0.5, 0.4, 0.3, 0.15}, strengths{0.4, 0.3, 0.2, 0.1, 0.05}, flatten),
	"pixelate":       one(strengths{0.95, 0.9, 0.85, 0.75, 0.65}, strengths{0.6, 0.5, 0.4, 0.3, 0.25}, pixelate),

	// radius and blur of the disk
	"defocus_blur": {[...][]float64{{0.3, 0.4}, {0.4, 0.5}, {0.5, 0.6}, {1, 0.2}, {1.5, 0.1}},
		[...][]float64{{3, 0.1}, {4, 0.5}, {6, 0.5}, {8, 0.5}, {10, 0.5}}, defocus},
	// deviation of the blur, farthest swap, rounds
	"glass_blur": {[...][]float64{{0.05, 1, 1}, {0.25, 1, 1}, {0.4, 1, 1}, {0.25, 1, 2}, {0.4, 1, 2}},
		[...][]float64{{0.7, 1, 2}, {0.9, 2, 1}, {1, 2, 3}, {1.1, 3, 2}, {1.5, 4, 2}}, glass},
	// radius and deviation
	"motion_blur": {[...][]float64{{6, 1}, {6, 1.5}, {6, 2}, {8, 2}, {9, 2.5}},
		[...][]float64{{10, 3}, {15, 5}, {15, 8}, {15, 12}, {20, 15}}, motion},
	// largest zoom, and steps to it
	"zoom_blur": {[...][]float64{{0.05, 0.01}, {0.1, 0.01}, {0.15, 0.01}, {0.2, 0.01}, {0.25, 0.01}},
		[...][]float64{{0.1, 0.01}, {0.15, 0.01}, {0.2, 0.02}, {0.24, 0.02}, {0.3, 0.03}}, zooms},
	// mean and deviation of the flakes, zoom, threshold, radius and deviation of their fall, share of the image
	"snow": {[...][]float64{{0.1, 0.2, 1, 0.6, 8, 3, 0.95}, {0.1, 0.2, 1, 0.5, 10, 4, 0.9},
		{0.15, 0.3, 1.75, 0.55, 10, 4, 0.9}, {0.25, 0.3, 2.25, 0.6, 12, 6, 0.85}, {0.3, 0.3, 1.25, 0.65, 14, 12, 0.8}},
		[...][]float64{{0.1, 0.3, 3, 0.5, 10, 4, 0.8}, {0.2, 0.3, 2, 0.5, 12, 4, 0.7}, {0.55, 0.3, 4, 0.9, 12, 8, 0.7},
			{0.55, 0.3, 4.5, 0.85, 12, 8, 0.65}, {0.55, 0.3, 2.5, 0.85, 12, 12, 0.55}}, snow},
	// shares of the image and of the frost
	"frost": {[...][]float64{{1, 0.2}, {1, 0.3}, {0.9, 0.4}, {0.85, 0.4}, {0.75, 0.45}},
		[...][]float64{{1, 0.4}, {0.8, 0.6}, {0.7, 0.7}, {0.65, 0.7}, {0.6, 0.75}}, frost},
	// share of the fog, and how fast its detail fades
	"fog": {[...][]float64{{0.2, 3}, {0.5, 3}, {0.75, 2.5}, {1, 2}, {1.5, 1.75}},
		[...][]float64{{1.5, 2}, {2, 2}, {2.5, 1.7}, {2.5, 1.5}, {3, 1.4}}, fog},
	// mean, deviation and blur of the drops, threshold, strength or blur, 0 for water and 1 for mud
	"spatter": {[...][]float64{{0.62, 0.1, 0.7, 0.7, 0.5, 0}, {0.65, 0.1, 0.8, 0.7, 0.5, 0},
		{0.65, 0.3, 1, 0.69, 0.5, 0}, {0.65, 0.1, 0.7, 0.69, 0.6, 1}, {0.65, 0.1, 0.5, 0.68, 0.6, 1}},
		[...][]float64{{0.65, 0.3, 4, 0.69, 0.6, 0}, {0.65, 0.3, 3, 0.68, 0.6, 0}, {0.65, 0.3, 2, 0.68, 0.5, 0},
			{0.65, 0.3, 1, 0.65, 1.5, 1}, {0.67, 0.4, 1, 0.65, 1.5, 1}}, spatter},
	// factor of the saturation, and what is added
	"saturate": {[...][]float64{{0.3, 0}, {0.1, 0}, {1.5, 0}, {2, 0.1}, {2.5, 0.2}},
		[...][]float64{{0.3, 0}, {0.1, 0}, {2, 0}, {5, 0.1}, {20, 0.2}}, saturate},
	// in shares of the side: how far pixels move, blur of that field, how far corners move
	"elastic": {[...][]float64{{0, 0, 0.08}, {0.05, 0.2, 0.07}, {0.08, 0.06, 0.06}, {0.1, 0.04, 0.05},
		{0.1, 0.03, 0.03}}, [...][]float64{{2.18, 0.76, 0.109}, {2.18, 0.087, 0.218}, {0.0545, 0.0109, 0.0218},
		{0.0763, 0.0109, 0.0218}, {0.131, 0.0109, 0.0218}}, elastic},

	// not of the benchmark: how wide its lines are, as the deviation of what is smoothed before
	Sketch: one(strengths{0.3, 0.5, 0.7, 1, 1.4}, strengths{0.6, 1, 1.4, 2, 2.8}, sketch),
}

// Names lists the corruptions of the benchmark.
func Names() []string { return slices.Sorted(maps.Keys(benchmark())) }

// Kinds lists all there are.
func Kinds() []string { return slices.Sorted(maps.Keys(all)) }

func benchmark() map[string]corruption {
	m := maps.Clone(all)
	delete(m, Sketch)
	return m
}

// Of is a set whose images are spoilt.
func Of(set datasets.Set, name string, severity int, seed uint64) (datasets.Set, error) {
	c, ok := all[name]
	if !ok {
		return nil, fmt.Errorf("corruptions: %q: want one of %v", name, Kinds())
	}
	if severity < 1 || severity > Severities {
		return nil, fmt.Errorf("corruptions: %s: severity %d: want 1 to %d", name, severity, Severities)
	}
	return &spoilt{set, c, name, severity, seed}, nil
}

type spoilt struct {
	datasets.Set
	corruption
	name     string
	severity int
	seed     uint64
}

// Image implements datasets.Set.
func (s *spoilt) Image(i int, dst *datasets.Image) error {
	if err := s.Set.Image(i, dst); err != nil {
		return err
	}
	strength := s.small[s.severity-1]
	if min(dst.H, dst.W) >= largeFrom {
		strength = s.large[s.severity-1]
	}
	p := pixelsOf(dst)
	stream := datasets.NewRand(s.seed, "corruption "+s.name, uint64(s.severity), uint64(i))
	s.apply(p, strength, rand.New(&stream))
	bytesOf(p, dst)
	return nil
}

// noise adds a normal number to every value.
func noise(p views.Pixels, deviation float64, r *rand.Rand) {
	for k := range p.Pix {
		p.Pix[k] += float32(deviation * r.NormFloat64())
	}
}

// speckles adds a normal number in proportion to every value.
func speckles(p views.Pixels, deviation float64, r *rand.Rand) {
	for k, v := range p.Pix {
		p.Pix[k] += v * float32(deviation*r.NormFloat64())
	}
}

// shots counts so many photons at most.
func shots(p views.Pixels, photons float64, r *rand.Rand) {
	for k, v := range p.Pix {
		if v > 0 {
			p.Pix[k] = float32(distuv.Poisson{Lambda: float64(v) * photons, Src: r}.Rand() / photons)
		}
	}
}

// impulses makes a share of the values black or white.
func impulses(p views.Pixels, share float64, r *rand.Rand) {
	for k := range p.Pix {
		if r.Float64() < share {
			p.Pix[k] = float32(r.IntN(2))
		}
	}
}

// blur reflects the border, where the authors repeat its pixels.
func blur(p views.Pixels, sigma float64, _ *rand.Rand) {
	half := min(int(4*sigma+0.5), p.H-1, p.W-1)
	new(views.Blurrer).GaussianBlur(p, 2*half+1, sigma)
}

// brighten raises the largest of a pixel's channels, and the others in proportion: the value of hue, saturation and
// value.
func brighten(p views.Pixels, by float64, _ *rand.Rand) {
	for at := 0; at < len(p.Pix); at += p.C {
		pixel := p.Pix[at : at+p.C]
		most := slices.Max(pixel)
		raised := min(most+float32(by), 1)
		for c, v := range pixel {
			if most == 0 {
				pixel[c] = raised
			} else {
				pixel[c] = v * (raised / most)
			}
		}
	}
}

// flatten keeps a share of the distance from each channel's mean.
func flatten(p views.Pixels, share float64, _ *rand.Rand) {
	mean := make([]float64, p.C)
	for k, v := range p.Pix {
		mean[k%p.C] += float64(v) / float64(p.H*p.W)
	}
	for k, v := range p.Pix {
		p.Pix[k] = float32((float64(v)-mean[k%p.C])*share + mean[k%p.C])
	}
}

// pixelate gives every pixel the mean of the cell of a coarser grid that its centre is in.
func pixelate(p views.Pixels, share float64, _ *rand.Rand) {
	rows, cols := max(1, int(float64(p.H)*share)), max(1, int(float64(p.W)*share))
	cell := func(y, x int) int { return (2*y+1)*rows/(2*p.H)*cols + (2*x+1)*cols/(2*p.W) }
	sums, counts := make([]float64, rows*cols*p.C), make([]float64, rows*cols)
	for y := range p.H {
		for x := range p.W {
			at := cell(y, x)
			counts[at]++
			for c := range p.C {
				sums[at*p.C+c] += float64(p.Pix[(y*p.W+x)*p.C+c])
			}
		}
	}
	for y := range p.H {
		for x := range p.W {
			at := cell(y, x)
			for c := range p.C {
				p.Pix[(y*p.W+x)*p.C+c] = float32(sums[at*p.C+c] / counts[at])
			}
		}
	}
}

// compress goes through a JPEG file of a quality.
func compress(p views.Pixels, quality float64, _ *rand.Rand) {
	m := image.NewRGBA(image.Rect(0, 0, p.W, p.H))
	for at := range p.H * p.W {
		for c := range 3 {
			m.Pix[4*at+c] = byte(math.Round(255 * float64(p.Pix[at*p.C+min(c, p.C-1)])))
		}
		m.Pix[4*at+3] = 255
	}
	var file bytes.Buffer
	if err := jpeg.Encode(&file, m, &jpeg.Options{Quality: int(quality)}); err != nil {
		panic(err) // memory takes every byte, and an image has a size that files have
	}
	back, err := jpeg.Decode(&file)
	if err != nil {
		panic(err)
	}
	for y := range p.H {
		for x := range p.W {
			r, g, b, _ := back.At(x, y).RGBA()
			for c := range p.C {
				p.Pix[(y*p.W+x)*p.C+c] = float32([3]uint32{r, g, b}[c]) / 0xffff
			}
		}
	}
}
