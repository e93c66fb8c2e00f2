package views

import (
	"fmt"

	"selfsup/datasets/feed"
)

// Turned makes what a maker of square images makes, with the pixels of view 0 turned by quarters of a circle,
// counter-clockwise.
func Turned(m feed.Maker, quarters int) (feed.Maker, error) {
	f, err := m.Field(feed.View(0))
	if err != nil {
		return nil, err
	}
	if len(f.Shape) != 3 || f.Shape[0] != f.Shape[1] || f.Int {
		return nil, fmt.Errorf("views: %v cannot be turned by quarters; want square images", f)
	}
	return &turnedMaker{m, f.Shape[0], f.Shape[2], quarters}, nil
}

type turnedMaker struct {
	feed.Maker
	side, channels, quarters int
}

// Worker implements feed.Maker.
func (m *turnedMaker) Worker(names []string) (feed.Worker, error) {
	w, err := m.Maker.Worker(names)
	return &turnedWorker{w, m, feed.Index(names, feed.View(0)), make([]float32, m.side*m.side*m.channels)}, err
}

type turnedWorker struct {
	feed.Worker
	m       *turnedMaker
	view    int // among the fields; -1: nobody wants it
	upright []float32
}

// Make implements feed.Worker.
func (w *turnedWorker) Make(to []feed.Slot, i int, key feed.Key) error {
	if err := w.Worker.Make(to, i, key); err != nil || w.view < 0 {
		return err
	}
	dst := Pixels{H: w.m.side, W: w.m.side, C: w.m.channels, Pix: to[w.view].F32}
	src := dst
	src.Pix = w.upright
	copy(src.Pix, dst.Pix)
	Turn(dst, src, w.m.quarters)
	return nil
}

// Turning says which setting turns the views, so that an encoder learns of their orientation; empty: none does.
func (s *Settings) Turning() string {
	switch {
	case s.QuarterTurn.any():
		return fmt.Sprintf("quarter_turn = %v", s.QuarterTurn)
	case s.Rotate.any():
		return fmt.Sprintf("rotate = %v", s.Rotate)
	case s.RandAugment.RandAugment.any():
		return fmt.Sprintf("rand_augment = %v, of whose operations one rotates", s.RandAugment.RandAugment)
	case s.VerticalFlip.any() && s.Flip.any():
		return fmt.Sprintf("vertical_flip = %v with flip = %v, which together are half a turn", s.VerticalFlip, s.Flip)
	}
	return ""
}
