package dense

import (
	"math"
	"testing"

	"selfsup/graph"
)

// A paste as large as the canvas is the view; a smaller one leaves the background as it is, and a constant view is a
// constant box.
func TestPasted(t *testing.T) {
	const h, w = 6, 5
	front, back := make([]float64, 3*h*w), make([]float64, 3*h*w)
	for i := range front {
		front[i], back[i] = math.Sin(float64(i*i)), float64(i)
		if i >= 2*h*w {
			front[i] = -7
		}
	}
	boxes := []float64{0, 0, w, h, 1, 2, 3, 5, 2, 0, 5, 4}
	got := run(t, nil, []string{"y"}, func(s *graph.Scope) {
		s.Output("y", pasted(s, s.Floats("front", front, 3, h, w, 1), s.Floats("back", back, 3, h, w, 1),
			s.Floats("boxes", boxes, 3, 4)))
	})["y"]
	for i, y := range got {
		image, row, column := i/(h*w), i/w%h, i%w
		box := boxes[image*4:][:4]
		in := float64(column) >= box[0] && float64(column) < box[2] && float64(row) >= box[1] && float64(row) < box[3]
		switch {
		case image == 0 && math.Abs(y-front[i]) > 1e-5:
			t.Errorf("pixel %d of the whole canvas is %v, want the view's %v", i, y, front[i])
		case !in && y != back[i]:
			t.Errorf("pixel (%d,%d) of canvas %d is %v, want the background's %v", row, column, image, y, back[i])
		case image == 2 && in && math.Abs(y+7) > 1e-5:
			t.Errorf("pixel (%d,%d) of a constant paste is %v, want -7", row, column, y)
		case image == 1 && in && math.Abs(y) > 1:
			t.Errorf("pixel (%d,%d) of a paste is %v, want a mean of pixels from -1 to 1", row, column, y)
		}
	}
}

// Boxes are whole pixels inside the canvas, with sides and ratios as asked for; moved ones overlap with them enough,
// and are not all the same.
func TestBoxes(t *testing.T) {
	const n, h, w = 200, 32, 48
	m := smallInsLoc()
	got := run(t, nil, []string{"box", "moved"}, func(s *graph.Scope) {
		r := s.Random("boxes")
		box := m.box(s, r, n, h, w)
		s.Output("box", box)
		s.Output("moved", m.moved(s, r, box))
	})
	same := 0
	for i := range n {
		a, b := got["box"][i*4:][:4], got["moved"][i*4:][:4]
		width, height := (a[2]-a[0])/w, (a[3]-a[1])/h
		if a[0] < 0 || a[1] < 0 || a[2] > w || a[3] > h || width < 0.48 || height < 0.48 || width/height > 2.1 ||
			height/width > 2.1 || a[0] != math.Round(a[0]) || a[3] != math.Round(a[3]) {
			t.Errorf("box %v on a canvas of %dx%d", a, w, h)
		}
		across := math.Min(a[2], b[2]) - math.Max(a[0], b[0])
		down := math.Min(a[3], b[3]) - math.Max(a[1], b[1])
		area := func(x []float64) float64 { return (x[2] - x[0]) * (x[3] - x[1]) }
		if both := across * down; both/(area(a)+area(b)-both) < 0.5-1e-4 {
			t.Errorf("box %v moved to %v: they overlap by %v", a, b, both/(area(a)+area(b)-both))
		}
		if a[0] == b[0] {
			same++
		}
	}
	if same > n/10 {
		t.Errorf("%d of %d boxes have not moved", same, n)
	}
}
