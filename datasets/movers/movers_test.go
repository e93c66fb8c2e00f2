package movers_test

import (
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/feed/feedtest"
	"selfsup/datasets/frames"
	"selfsup/datasets/movers"
	"selfsup/datasets/scenes"
	"selfsup/datasets/views"
)

func iou(t *testing.T, change func(*scenes.Scenes), m movers.Movers) (found, constant, unclear float64) {
	t.Helper()
	s := scenes.New()
	s.Form, s.Count, s.Held, s.Size, s.Frames, s.Objects = "clips", 24, 0, 32, 4, [2]int{1, 2}
	change(s)
	d, err := s.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	k, err := frames.New(frames.Defaults(), views.Defaults(), d, 1)
	if err != nil {
		t.Fatal(err)
	}
	maker := k.Evaluation(d.Train)
	f, err := maker.Field("view0")
	if err != nil {
		t.Fatal(err)
	}
	e := m.Of(f.Shape)
	if made, err := e.Edits([]feed.Field{f}); err != nil || made[0].Size() != 32*32 {
		t.Fatal(made, err)
	}
	to := []feed.Slot{{F32: make([]float32, 32*32)}}
	var truth datasets.Survey
	var both, either, moves, pixels, open float64
	for i := range d.Train.Len() {
		from := []feed.Slot{feedtest.One(t, maker, "view0", i, feed.Key{})}
		if err := e.Edit(to, from, nil); err != nil {
			t.Fatal(err)
		}
		if err := d.Train.(datasets.SurveyedSet).Survey(i, 2, &truth); err != nil {
			t.Fatal(err)
		}
		for at, v := range to[0].F32 {
			pixels++
			if truth.Moves[at] {
				moves++
			}
			if v < 0 {
				open++
				continue
			}
			if truth.Moves[at] && v == 1 {
				both++
			}
			if truth.Moves[at] || v == 1 {
				either++
			}
		}
	}
	return both / max(either, 1), moves / pixels, open / pixels
}

// What moves is found far better than by calling everything moving, while the camera moves; where nothing moves by
// itself, hardly anything is found.
func TestMovers(t *testing.T) {
	m := movers.Default()
	found, constant, unclear := iou(t, func(s *scenes.Scenes) { s.Rate = 4 }, m)
	t.Logf("iou %.3f of what is clear, everything %.3f, not clear %.3f", found, constant, unclear)
	if found < constant+0.35 || unclear > 0.5 {
		t.Errorf("iou %v, everything moving has %v; %v is not clear", found, constant, unclear)
	}
}

// Where nothing moves by itself before a camera that moves, hardly anything is found; holes are filled, and fields of
// another shape are refused.
func TestNothingMoves(t *testing.T) {
	const n, h, w = 3, 24, 24
	m := movers.Default()
	e := m.Of([]int{n, h, w, 1})
	from, to := feed.Slot{F32: make([]float32, n*h*w)}, feed.Slot{F32: make([]float32, h*w)}
	texture := func(x, y int) float32 {
		r := datasets.NewRand(uint64(x), "texture", uint64(y))
		return float32(2*r.Float64() - 1)
	}
	draw := func(object bool) {
		for f := range n {
			for i := range h * w {
				x, y := i%w, i/w
				v := texture(x+2*f, y+f) // the camera goes to the right and down
				if at := 3 + 5*f; object && x >= at && x < at+8 && y >= 8 && y < 16 {
					v = 3
				}
				from.F32[f*h*w+i] = v
			}
		}
		if err := e.Edit([]feed.Slot{to}, []feed.Slot{from}, nil); err != nil {
			t.Fatal(err)
		}
	}
	count := func(of float32, inside bool) (k int) {
		for i, v := range to.F32 {
			x, y := i%w, i/w
			if in := x >= 8 && x < 16 && y >= 8 && y < 16; v == of && in == inside {
				k++
			}
		}
		return k
	}
	if draw(false); count(1, true)+count(1, false) > 0 || count(0, false) < 300 {
		t.Errorf("%d pixels move where nothing does, and %d do not", count(1, true)+count(1, false), count(0, false))
	}
	if draw(true); count(1, true) < 56 || count(1, false) > 100 {
		t.Errorf("%d of the object's 64 pixels move, and %d others", count(1, true), count(1, false))
	}
	if _, err := e.Edits([]feed.Field{{Shape: []int{n, h, w + 1, 1}}}); err == nil {
		t.Error("another shape is taken")
	}
	if (&movers.Movers{Reach: 0.2, Still: 0.2, Moves: 0.1}).Validate() == nil {
		t.Error("what moves by less than what stands still is taken")
	}
}
