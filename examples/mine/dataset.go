package main

import (
	"fmt"
	"math"

	"selfsup/datasets"
	"selfsup/setting"
)

// Stripes are grey images of stripes; their direction, one of four, is the class.
type Stripes struct {
	Images int `toml:"images"` // of the training set; the test set has half as many
	Size   int `toml:"size"`   // side, pixels
}

// Validate checks the settings.
func (s *Stripes) Validate() error {
	if s.Images < 8 || s.Size < 4 {
		return setting.Bad("images", "%d of size %d: want 8 images or more of 4 pixels or more", s.Images, s.Size)
	}
	return nil
}

// Open implements datasets.Source.
func (s *Stripes) Open(datasets.Env) (*datasets.Data, error) {
	return &datasets.Data{Train: stripes{s, "train", s.Images}, Test: stripes{s, "test", s.Images / 2}, Channels: 1,
		Height: s.Size, Width: s.Size}, nil
}

// stripes implements datasets.Set.
type stripes struct {
	*Stripes
	name string
	n    int
}

func (s stripes) Len() int          { return s.n }
func (s stripes) Classes() []string { return []string{"across", "along", "rising", "falling"} }
func (s stripes) Label(i int) int   { return i % 4 }
func (s stripes) Name(i int) string { return fmt.Sprintf("%s[%d]", s.name, i) }

func (s stripes) Image(i int, dst *datasets.Image) error {
	r := datasets.NewRand(1, "stripes/"+s.name, uint64(i))
	wave, phase := r.Uniform(0.8, 2), r.Uniform(0, 2*math.Pi)
	dy, dx := [4]float64{1, 0, 0.7, 0.7}[i%4], [4]float64{0, 1, -0.7, 0.7}[i%4]
	*dst = datasets.Image{H: s.Size, W: s.Size, C: 1, Pix: make([]byte, s.Size*s.Size)}
	for k := range dst.Pix {
		at := wave*(dy*float64(k/s.Size)+dx*float64(k%s.Size)) + phase
		dst.Pix[k] = byte(127 + 90*math.Sin(at) + r.Uniform(-30, 30))
	}
	return nil
}
