package main

import (
	"selfsup/datasets"
	"selfsup/datasets/views"
	"selfsup/setting"
)

// Noise adds uniform noise to every pixel of a view.
type Noise struct {
	Strength float64 `toml:"strength"` // largest change, of full scale
}

// Validate checks the settings.
func (n *Noise) Validate() error {
	if !(n.Strength >= 0 && n.Strength <= 1) {
		return setting.Bad("strength", "%v: want a share of full scale from 0 to 1", n.Strength)
	}
	return nil
}

// Augment implements views.Augmentation.
func (n *Noise) Augment(v views.Pixels, r *datasets.Rand, _ int) {
	for i := range v.Pix {
		v.Pix[i] = min(max(v.Pix[i]+float32(r.Uniform(-n.Strength, n.Strength)), 0), 1)
	}
}
