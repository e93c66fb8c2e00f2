package views

import (
	"fmt"
	"math"

	"selfsup/datasets"
)

// RandAugment are the settings of RandAugment, between the turns and the colour jitter: a few operations drawn from
// fourteen, with replacement, all of one magnitude.
//
// Cubuk et al. 2020, arXiv:1909.13719; operations, magnitudes and signs are torchvision's (nearest pixel, black
// outside), on floats.
type RandAugment struct {
	RandAugment PerView `toml:"rand_augment"`           // probability
	Operations  int     `toml:"rand_augment_ops"`       // how many of them, at most 8
	Magnitude   int     `toml:"rand_augment_magnitude"` // 0 to 30
}

const (
	maxRandomOps  = 8
	magnitudeBins = 31
)

// randomOps are the operations in torchvision's order. m is the magnitude between 0 and the operation's largest, with
// its sign.
var randomOps = [...]struct {
	name    string
	largest float64 // at bin 30; 0: the operation has no magnitude
	signed  bool
	apply   func(v Pixels, m float64, s *Scratch)
}{
	{"identity", 0, false, func(Pixels, float64, *Scratch) {}},
	{"shear x", 0.3, true, func(v Pixels, m float64, s *Scratch) { // about the corner at the top left
		Warp(v, s.copied(v), Affine{A: 1, B: m, C: m * float64(v.H) / 2, E: 1}, true)
	}},
	{"shear y", 0.3, true, func(v Pixels, m float64, s *Scratch) {
		Warp(v, s.copied(v), Affine{A: 1, D: m, E: 1, F: m * float64(v.W) / 2}, true)
	}},
	{"translate x", 150. / 331, true, func(v Pixels, m float64, s *Scratch) { // of the width
		Warp(v, s.copied(v), Affine{A: 1, C: -math.Trunc(m * float64(v.W)), E: 1}, true)
	}},
	{"translate y", 150. / 331, true, func(v Pixels, m float64, s *Scratch) {
		Warp(v, s.copied(v), Affine{A: 1, E: 1, F: -math.Trunc(m * float64(v.H))}, true)
	}},
	{"rotate", 30, true, func(v Pixels, m float64, s *Scratch) { Warp(v, s.copied(v), Rotation(m), true) }},
	{"brightness", 0.9, true, func(v Pixels, m float64, _ *Scratch) { Brightness(v, float32(1+m)) }},
	{"color", 0.9, true, func(v Pixels, m float64, _ *Scratch) { Saturation(v, float32(1+m)) }},
	{"contrast", 0.9, true, func(v Pixels, m float64, _ *Scratch) { Contrast(v, float32(1+m)) }},
	{"sharpness", 0.9, true, func(v Pixels, m float64, s *Scratch) { s.blurrer.Sharpness(v, float32(1+m)) }},
	{"posterize", 4, false, func(v Pixels, m float64, _ *Scratch) { Posterize(v, 8-int(math.RoundToEven(m))) }},
	{"solarize", 1, false, func(v Pixels, m float64, _ *Scratch) { Solarize(v, float32(1-m)) }},
	{"autocontrast", 0, false, func(v Pixels, _ float64, _ *Scratch) { Autocontrast(v) }},
	{"equalize", 0, false, func(v Pixels, _ float64, _ *Scratch) { Equalize(v) }},
}

// randomOp is one drawn operation.
type randomOp struct {
	op       int
	negative bool
}

// randomly is what RandAugment drew for a view.
type randomly struct {
	n   int
	ops [maxRandomOps]randomOp
}

func (a *RandAugment) validate() error {
	switch {
	case !a.RandAugment.any():
	case a.Operations < 1 || a.Operations > maxRandomOps:
		return fmt.Errorf("rand_augment_ops = %d, want 1 to %d", a.Operations, maxRandomOps)
	case a.Magnitude < 0 || a.Magnitude >= magnitudeBins:
		return fmt.Errorf("rand_augment_magnitude = %d, want 0 to %d", a.Magnitude, magnitudeBins-1)
	}
	return nil
}

func (a *RandAugment) draw(r *datasets.Rand, view int) (d randomly) {
	if !r.Chance(a.RandAugment.At(view)) {
		return d
	}
	d.n = a.Operations
	for i := range d.n {
		d.ops[i] = randomOp{r.Intn(len(randomOps)), r.Chance(0.5)}
	}
	return d
}

func (a *RandAugment) apply(v Pixels, d *randomly, s *Scratch) {
	for _, o := range d.ops[:d.n] {
		op := &randomOps[o.op]
		m := op.largest * float64(a.Magnitude) / (magnitudeBins - 1)
		if op.signed && o.negative {
			m = -m
		}
		op.apply(v, m, s)
	}
}
