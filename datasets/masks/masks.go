// Package masks draws what a masked model may not see: one kind of mask a file, each a struct of settings with its
// paper's values.
//
// A mask is bytes 0 or 1 over a grid of tokens: patches of an image, tubelets of a clip, cells of a spectrogram. What
// it looks like depends on (seed, step, row) alone.
package masks

import (
	"fmt"

	"selfsup/datasets"
)

// Grid is the tokens of one sample: Frames x Rows x Columns in this order; an image has one frame. A spectrogram has
// time down the rows and frequency along the columns.
type Grid struct{ Frames, Rows, Columns int }

// Tokens is their number.
func (g Grid) Tokens() int { return g.Frames * g.Rows * g.Columns }

func (g Grid) String() string { return fmt.Sprintf("%dx%dx%d", g.Frames, g.Rows, g.Columns) }

// Kind is a kind of mask with its settings.
type Kind interface {
	// Validate says what is wrong with the settings, or why they do not fit the grid.
	Validate(Grid) error
	// Planes is the number of masks that one draw gives.
	Planes() int
	// Draw fills dst [Planes,Tokens]; the kind says what 1 means. step is the same for every sample of a step.
	Draw(dst []uint8, g Grid, step, sample *datasets.Rand, s *Scratch)
}

// Scratch is the memory with which one goroutine draws; the zero value is ready.
type Scratch struct{ order []int }

// Plan is a kind of mask on a grid, as a loader delivers it.
type Plan struct {
	Kind Kind
	Grid Grid
}

// Validate says what is wrong with the plan.
func (p *Plan) Validate() error {
	if p.Kind == nil || p.Grid.Frames < 1 || p.Grid.Rows < 1 || p.Grid.Columns < 1 {
		return fmt.Errorf("masks: %T on a grid of %s tokens, want a kind and at least one token along each side",
			p.Kind, p.Grid)
	}
	if err := p.Kind.Validate(p.Grid); err != nil {
		return fmt.Errorf("masks: %w", err)
	}
	return nil
}

// Size is the number of bytes of one draw.
func (p *Plan) Size() int { return p.Kind.Planes() * p.Grid.Tokens() }

// Draw fills dst [Size] for a row of a step.
func (p *Plan) Draw(dst []uint8, seed uint64, step, row int, s *Scratch) {
	shared := datasets.NewRand(seed, "mask/step", uint64(step))
	own := datasets.NewRand(seed, "mask", uint64(step), uint64(row))
	clear(dst)
	p.Kind.Draw(dst, p.Grid, &shared, &own, s)
}

// choose sets k of the given places of dst, each set of places as likely.
func (s *Scratch) choose(dst []uint8, places []int, k int, r *datasets.Rand) {
	for i := range k {
		j := i + r.Intn(len(places)-i)
		places[i], places[j] = places[j], places[i]
		dst[places[i]] = 1
	}
}

// places is 0 .. n-1.
func (s *Scratch) places(n int) []int {
	if cap(s.order) < n {
		s.order = make([]int, n)
	}
	s.order = s.order[:n]
	for i := range s.order {
		s.order[i] = i
	}
	return s.order
}

// block is a rectangle of tokens.
type block struct{ top, left, h, w int }

// paint sets the block in a plane of one frame and returns how many tokens were not set before.
func (b block) paint(dst []uint8, columns int) (fresh int) {
	for y := b.top; y < b.top+b.h; y++ {
		row := dst[y*columns+b.left:][:b.w]
		for i, v := range row {
			fresh += int(1 - v)
			row[i] = 1
		}
	}
	return fresh
}

// fresh counts the tokens of the block that are not set.
func (b block) fresh(dst []uint8, columns int) (n int) {
	for y := b.top; y < b.top+b.h; y++ {
		for _, v := range dst[y*columns+b.left:][:b.w] {
			n += int(1 - v)
		}
	}
	return n
}

func count(mask []uint8) (n int) {
	for _, v := range mask {
		n += int(v)
	}
	return n
}

func checkRatio(ratio float64) error {
	if !(ratio > 0 && ratio < 1) {
		return fmt.Errorf("ratio = %v, want a fraction between 0 and 1", ratio)
	}
	return nil
}

// hidden is how many of n tokens a ratio hides: all but the whole part of n (1 - ratio), as MAE counts.
func hidden(n int, ratio float64) int { return n - int(float64(n)*(1-ratio)+1e-9) }

// checkHidden refuses a ratio that hides all or nothing of n tokens.
func checkHidden(n int, ratio float64) error {
	if err := checkRatio(ratio); err != nil {
		return err
	}
	if k := hidden(n, ratio); k < 1 || k >= n {
		return fmt.Errorf("ratio = %v hides %d of %d tokens, want some of both kinds", ratio, k, n)
	}
	return nil
}
