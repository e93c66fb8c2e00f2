package views

import (
	"fmt"
	"math"

	"selfsup/datasets"
)

// Tones are the settings that change colours after solarize, in the order of the fields.
type Tones struct {
	// probability of one of grayscale, solarize and blur, each as likely (DeiT III)
	ThreeAugment  PerView `toml:"three_augment"`
	Posterize     PerView `toml:"posterize"`      // probability
	PosterizeBits int     `toml:"posterize_bits"` // 1 to 8, kept of every grey level
	Equalize      PerView `toml:"equalize"`       // probability of a flat histogram
	Autocontrast  PerView `toml:"autocontrast"`   // probability of stretching every channel to the full range
	Sharpen       PerView `toml:"sharpen"`        // probability
	SharpenFactor float64 `toml:"sharpen_factor"` // 0: smoothed, 1: as it is, 2: sharpened
	Invert        PerView `toml:"invert"`         // probability
}

// three is the choice of three-augment. Touvron et al. 2022, DeiT III, arXiv:2204.07118, section 3.3.
type three int

const (
	noneOfThree three = iota
	threeGrayscale
	threeSolarize
	threeBlur
)

// toning is what Tones drew for a view.
type toning struct {
	three                                              three
	sigma                                              float64 // of the blur of three-augment
	posterize, equalize, autocontrast, sharpen, invert bool
}

func (t *Tones) any() bool {
	return t.ThreeAugment.any() || t.Posterize.any() || t.Equalize.any() || t.Autocontrast.any() || t.Sharpen.any() ||
		t.Invert.any()
}

func (t *Tones) validate() error {
	switch {
	case t.Posterize.any() && (t.PosterizeBits < 1 || t.PosterizeBits > 8):
		return fmt.Errorf("posterize_bits = %d, want 1 to 8", t.PosterizeBits)
	case t.Sharpen.any() && !(t.SharpenFactor >= 0 && !math.IsInf(t.SharpenFactor, 1)):
		return fmt.Errorf("sharpen_factor = %v, want a factor of at least 0", t.SharpenFactor)
	}
	return nil
}

func (t *Tones) draw(r *datasets.Rand, view int, sigma [2]float64) (d toning) {
	if hit, which := r.Chance(t.ThreeAugment.At(view)), three(1+r.Intn(3)); hit {
		d.three = which
	}
	d.sigma = r.Uniform(sigma[0], sigma[1])
	d.posterize = r.Chance(t.Posterize.At(view))
	d.equalize = r.Chance(t.Equalize.At(view))
	d.autocontrast = r.Chance(t.Autocontrast.At(view))
	d.sharpen = r.Chance(t.Sharpen.At(view))
	d.invert = r.Chance(t.Invert.At(view))
	return d
}

func (p *Pipeline) tone(v Pixels, d *toning, view int, s *Scratch) {
	t := &p.settings.Tones
	switch d.three {
	case threeGrayscale:
		Grayscale(v)
	case threeSolarize:
		Solarize(v, p.threshold)
	case threeBlur:
		p.blur(v, d.sigma, view, s)
	}
	if d.posterize {
		Posterize(v, t.PosterizeBits)
	}
	if d.equalize {
		Equalize(v)
	}
	if d.autocontrast {
		Autocontrast(v)
	}
	if d.sharpen {
		s.blurrer.Sharpness(v, float32(t.SharpenFactor))
	}
	if d.invert {
		Invert(v)
	}
}
