package views

import (
	"slices"
	"testing"

	"selfsup/datasets/feed"
)

// A maker of turned images makes the evaluation view turned by quarters, counter-clockwise, and nothing else.
func TestTurned(t *testing.T) {
	m := noise(3, 6, 6, 2, 0)
	s := Defaults()
	s.Mean, s.Std = []float64{0.4, 0.5}, []float64{0.2, 0.3}
	p := newPipeline(t, s, m, 1)
	view := func(maker feed.Maker, name string) []float32 {
		t.Helper()
		f, err := maker.Field(name)
		if err != nil {
			t.Fatal(err)
		}
		w, err := maker.Worker([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		to := feed.NewSlot(f, 1)
		if err := w.Make([]feed.Slot{to}, 1, feed.Key{}); err != nil {
			t.Fatal(err)
		}
		return to.F32
	}
	upright := view(NewEvalMaker(m, p), feed.View(0))
	at := func(x []float32, row, column, c int) float32 { return x[(row*6+column)*2+c] }
	for quarters := range 4 {
		maker, err := Turned(NewEvalMaker(m, p), quarters)
		if err != nil {
			t.Fatal(err)
		}
		got := view(maker, feed.View(0))
		for y := range 6 {
			for x := range 6 {
				for c := range 2 {
					row, column := y, x
					for range quarters { // what is at the right comes to the top
						row, column = column, 5-row
					}
					if at(got, y, x, c) != at(upright, row, column, c) {
						t.Fatalf("%d quarters: (%d,%d) is %v, want %v", quarters, y, x, at(got, y, x, c),
							at(upright, row, column, c))
					}
				}
			}
		}
		if !slices.Equal(view(maker, feed.Raw), view(NewEvalMaker(m, p), feed.Raw)) {
			t.Errorf("%d quarters: the raw pixels are turned too", quarters)
		}
	}
	long := noise(2, 4, 6, 1, 0)
	if _, err := Turned(NewEvalMaker(long, newPipeline(t, Defaults(), long, 1)), 1); err == nil {
		t.Error("images of 4x6: no error")
	}
}
