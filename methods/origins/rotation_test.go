package origins

import (
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/views"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/optest"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// corner is a set of one grey image of 4x4 pixels, white in its top left corner.
type corner struct{}

func (corner) Len() int          { return 1 }
func (corner) Label(int) int     { return -1 }
func (corner) Classes() []string { return nil }
func (corner) Name(int) string   { return "corner" }

func (corner) Image(_ int, dst *datasets.Image) error {
	*dst = datasets.Image{H: 4, W: 4, C: 1, Pix: make([]byte, 16)}
	dst.Pix[0] = 255
	return nil
}

// turning is the views of corner in which nothing is drawn but quarter turns.
func turning(t *testing.T, probability float64) methods.Data {
	t.Helper()
	set := corner{}
	pipe, err := views.New(views.Settings{
		CropArea: [2]float64{1, 1}, CropRatio: [2]float64{1, 1}, Interpolation: "bilinear", BlurSigma: [2]float64{1, 1},
		BlurFilter: "gaussian",
		Turns:      views.Turns{QuarterTurn: views.PerView{probability}}, Statistics: views.Measured,
	}, &datasets.Data{Train: set, Channels: 1, Height: 4, Width: 4}, 4)
	if err != nil {
		t.Fatal(err)
	}
	return methods.Data{Maker: pipe.Training(set), Samples: 1}
}

// The labels say where the pixels of the views are: the corner goes from the top left to the bottom left, the bottom
// right and the top right.
func TestRotationLabels(t *testing.T) {
	const size, copies = 8, 3
	data, m := turning(t, 1), &Rotation{Copies: copies}
	var wants []string
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, size, data)
		s.Output("labels", m.labels(s, b))
		wants = b.Wants()
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	names := append(wants, "view0", "view1", "view2")
	w, err := data.Maker.Worker(names)
	if err != nil {
		t.Fatal(err)
	}
	where := make([]int32, copies*size) // the white pixel is, as turns
	at := map[int]int32{0: 0, 12: 1, 15: 2, 3: 3}
	for row := range size {
		var to []feed.Slot
		for _, name := range names {
			f, err := data.Maker.Field(name)
			if err != nil {
				t.Fatal(err)
			}
			to = append(to, feed.NewSlot(f, 1))
		}
		if err := w.Make(to, 0, feed.Key{Seed: 1, Row: row}); err != nil {
			t.Fatal(err)
		}
		for i, name := range names {
			if _, ok := feed.Numbered(name, "params"); ok {
				in, err := p.Input(name)
				if err != nil {
					t.Fatal(err)
				}
				copy(in.F32[row*len(to[i].F32):], to[i].F32)
			}
			if v, ok := feed.Numbered(name, "view"); ok {
				for pixel, x := range to[i].F32 {
					if x > 0 {
						where[v*size+row] = at[pixel]
					}
				}
			}
		}
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	out, err := p.Output("labels")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int32]bool{}
	for i, want := range where {
		seen[want] = true
		if got := out.I32[i]; got != want {
			t.Errorf("view %d of image %d: got %d quarters, want %d", i/size, i%size, got, want)
		}
	}
	if len(seen) != quarters {
		t.Errorf("the views have the turns %v, want all four", seen)
	}
}

// Views that are never turned are refused.
func TestRotationWantsTurns(t *testing.T) {
	_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 2, turning(t, 0))
		DefaultRotation().Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
	})
	if want := "view 0 is never turned"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// The loss through a small encoder against central differences.
func TestRotationGradients(t *testing.T) {
	optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
		data := methodtest.Data(feed.Field{Name: "view", Shape: []int{6, 6, 2}},
			feed.Field{Name: "params", Shape: []int{2}, Columns: []string{"flip", "quarter_turns"},
				Range: []float64{1, 3}})
		b := methods.NewBatch(s, 4, data)
		m := &Rotation{Copies: 2}
		return m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4, 5}}, b.Of("view0")), b).Loss()
	}, nil, 8, 2e-5)
}
