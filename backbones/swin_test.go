package backbones_test

import (
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// smallSwin is one of two stages that a test changes.
func smallSwin(change func(w *backbones.Swin)) *backbones.Swin {
	w := &backbones.Swin{Channels: 4, Depth: []int{2, 1}, Heads: []int{2, 2}, Patch: 2, Window: 2}
	change(w)
	return w
}

func TestSwinGradients(t *testing.T) {
	img := backbones.Pixels(8, 16, 2)
	for name, w := range map[string]*backbones.Swin{
		"plain": smallSwin(func(*backbones.Swin) {}),
		"depth": smallSwin(func(w *backbones.Swin) { w.DropPath = 0.4 }),
	} {
		t.Run(name, func(t *testing.T) {
			checkGradients(t, w, img, nil, 3)
		})
	}
}

// Swin-T has as many parameters as torchvision's without its classifier of 1,000 classes.
func TestSwinSize(t *testing.T) {
	w := backbones.DefaultSwin()
	img := backbones.Pixels(224, 224, 3)
	if err := w.Check(img); err != nil {
		t.Fatal(err)
	}
	if got := parameters(t, w, img) + 1000*(w.Dim()+1); got != 28288354 {
		t.Errorf("%d parameters with a classifier, want 28,288,354", got)
	}
}

// The maps are half as large and twice as wide in each stage, over the parameters of New.
func TestSwinMaps(t *testing.T) {
	w, img := smallSwin(func(*backbones.Swin) {}), backbones.Pixels(8, 16, 1)
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		x := s.Input("x", 3, 8, 16, 1)
		for i, m := range w.NewMaps(s, img)(x) {
			if want := (ir.Shape{3, 4 >> i, 8 >> i, 4 << i}); !op.ShapeOf(m).Equal(want) {
				t.Errorf("map %d is %v, want %v", i, op.ShapeOf(m), want)
			}
		}
		n := len(s.Params())
		s.Output("y", w.New(s, img)(x))
		if len(s.Params()) != n {
			t.Errorf("New has %d parameters, NewMaps %d", len(s.Params()), n)
		}
	})
	if err != nil || g == nil {
		t.Fatal(err)
	}
}

func TestSwinChecks(t *testing.T) {
	for _, c := range []struct {
		change func(w *backbones.Swin)
		want   string // part of the error
	}{
		{func(w *backbones.Swin) { w.Channels = 0 }, "0: want at least 1 channel"},
		{func(w *backbones.Swin) { w.Heads = []int{2} }, "want a number for each of the stages"},
		{func(w *backbones.Swin) { w.Heads = []int{3, 2} }, "no multiple of 3"},
		{func(w *backbones.Swin) { w.Patch = 0 }, "0: want at least 1 pixel"},
		{func(w *backbones.Swin) { w.Patch = 3 }, "no multiple of the network's stride of 6"},
		{func(w *backbones.Swin) { w.Window = 1 }, "1: want at least 2 tokens"},
		{func(w *backbones.Swin) { w.Window = 3 }, "stage 1 has maps of 4 tokens"},
		{func(w *backbones.Swin) { w.Depth = []int{1, 0} }, "every stage wants at least 1 block"},
		{func(w *backbones.Swin) { w.DropPath = 1 }, "1: want a probability"},
	} {
		if err := smallSwin(c.change).Check(backbones.Pixels(8, 16, 2)); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want an error with %q", err, c.want)
		}
	}
}
