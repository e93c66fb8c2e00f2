package views

import (
	"fmt"
	"math"

	"selfsup/datasets"
)

// Turns are the settings that move pixels after the crop and the left-right flip, in the order of the fields.
type Turns struct {
	VerticalFlip PerView `toml:"vertical_flip"` // probability of a top-bottom flip
	// probability of a turn by 0, 1, 2 or 3 quarters, each as likely; views have to be square
	QuarterTurn   PerView    `toml:"quarter_turn"`
	Rotate        PerView    `toml:"rotate"`         // probability of a rotation; outside is black
	RotateDegrees [2]float64 `toml:"rotate_degrees"` // counter-clockwise angle uniform in this range
}

// turning is what Turns drew for a view.
type turning struct {
	flip     bool    // top and bottom
	quarters int     // counter-clockwise
	degrees  float64 // 0: not rotated
}

func (t *Turns) any() bool { return t.VerticalFlip.any() || t.QuarterTurn.any() || t.Rotate.any() }

func (t *Turns) validate(square bool) error {
	switch d := t.RotateDegrees; {
	case t.QuarterTurn.any() && !square:
		return fmt.Errorf("quarter_turn = %v, but the views are not square; want crop above 0", t.QuarterTurn)
	case t.Rotate.any() && !(d[0] <= d[1] && !math.IsInf(d[0], 0) && !math.IsInf(d[1], 0)):
		return fmt.Errorf("rotate_degrees = %v, want [smallest, largest]", d)
	}
	return nil
}

func (t *Turns) draw(r *datasets.Rand, view int) (d turning) {
	d.flip = r.Chance(t.VerticalFlip.At(view))
	if turn, n := r.Chance(t.QuarterTurn.At(view)), r.Intn(4); turn {
		d.quarters = n
	}
	if turn, a := r.Chance(t.Rotate.At(view)), r.Uniform(t.RotateDegrees[0], t.RotateDegrees[1]); turn {
		d.degrees = a
	}
	return d
}

func (d *turning) apply(v Pixels, s *Scratch) {
	if d.flip {
		FlipVertical(v)
	}
	if d.quarters != 0 {
		Turn(v, s.copied(v), d.quarters)
	}
	if d.degrees != 0 {
		Warp(v, s.copied(v), Rotation(d.degrees), false)
	}
}

// copied is v in memory of its own, until the next call.
func (s *Scratch) copied(v Pixels) Pixels {
	s.other = grow(s.other, len(v.Pix))
	copy(s.other, v.Pix)
	v.Pix = s.other
	return v
}
