// Package corruptions spoils images as a bad sensor, a lens, light or a coarse screen does, each in five severities:
// how well an encoder that never saw such images holds out. What happens to an image depends on the seed, the
// corruption, the severity and the image's number alone.
//
// Hendrycks and Dietterich 2019, arXiv:1903.12261, with the strengths of their code: those for CIFAR-10 where the
// shorter side is below 64 pixels, else those for ImageNet. Pixels are rounded, where the authors cut them off. Of
// their nineteen corruptions these need neither photographs of frost nor a program of images.
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
	small, large [Severities]float64
	apply        func(p views.Pixels, strength float64, r *rand.Rand)
}

var all = map[string]corruption{
	"gaussian_noise": {[...]float64{0.04, 0.06, 0.08, 0.09, 0.10}, [...]float64{0.08, 0.12, 0.18, 0.26, 0.38}, noise},
	"jpeg":           {[...]float64{80, 65, 58, 50, 40}, [...]float64{25, 18, 15, 10, 7}, compress},
	"speckle_noise":  {[...]float64{0.06, 0.1, 0.12, 0.16, 0.2}, [...]float64{0.15, 0.2, 0.35, 0.45, 0.6}, speckles},
	"shot_noise":     {[...]float64{500, 250, 100, 75, 50}, [...]float64{60, 25, 12, 5, 3}, shots},
	"impulse_noise": {[...]float64{0.01, 0.02, 0.03, 0.05, 0.07}, [...]float64{0.03, 0.06, 0.09, 0.17, 0.27},
		impulses},
	"gaussian_blur": {[...]float64{0.4, 0.6, 0.7, 0.8, 1}, [...]float64{1, 2, 3, 4, 6}, blur},
	"brightness":    {[...]float64{0.05, 0.1, 0.15, 0.2, 0.3}, [...]float64{0.1, 0.2, 0.3, 0.4, 0.5}, brighten},
	"contrast":      {[...]float64{0.75, 0.5, 0.4, 0.3, 0.15}, [...]float64{0.4, 0.3, 0.2, 0.1, 0.05}, flatten},
	"pixelate":      {[...]float64{0.95, 0.9, 0.85, 0.75, 0.65}, [...]float64{0.6, 0.5, 0.4, 0.3, 0.25}, pixelate},
}

// Names lists the corruptions.
func Names() []string { return slices.Sorted(maps.Keys(all)) }

// Of is a set whose images are spoilt.
func Of(set datasets.Set, name string, severity int, seed uint64) (datasets.Set, error) {
	c, ok := all[name]
	if !ok {
		return nil, fmt.Errorf("corruptions: %q: want one of %v", name, Names())
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
	p := views.Pixels{H: dst.H, W: dst.W, C: dst.C, Pix: make([]float32, len(dst.Pix))}
	for k, v := range dst.Pix {
		p.Pix[k] = float32(v) / 255
	}
	stream := datasets.NewRand(s.seed, "corruption "+s.name, uint64(s.severity), uint64(i))
	s.apply(p, strength, rand.New(&stream))
	for k, v := range p.Pix {
		dst.Pix[k] = byte(math.Round(255 * float64(min(max(v, 0), 1))))
	}
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
