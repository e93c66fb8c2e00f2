package evaluations

import (
	"context"
	"math"
	"slices"
	"testing"

	"selfsup/datasets"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/layer"
)

// Corners add up to what the layer's bilinear interpolation makes.
func TestCornersAreBilinear(t *testing.T) {
	for _, size := range [][4]int{{3, 4, 7, 8}, {2, 2, 8, 6}, {5, 5, 5, 5}, {1, 1, 3, 3}} {
		h, w, toH, toW := size[0], size[1], size[2], size[3]
		g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
			s.Output("y", layer.Interpolate2D(s, s.Input("x", 1, h, w, 1), layer.Interpolation{Mode: "bilinear",
				Height: toH, Width: toW}))
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
		if err != nil {
			t.Fatal(err)
		}
		in, _ := p.Input("x")
		r := datasets.NewRand(1, "map")
		for i := range in.F32 {
			in.F32[i] = float32(r.Uniform(-1, 1))
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		out, _ := p.Output("y")
		for y := range toH {
			for x := range toW {
				var got float64
				for _, c := range Corners(h, w, toH, toW, y, x) {
					got += c.Weight * float64(in.F32[c.At])
				}
				if want := out.At(y*toW + x); math.Abs(got-want) > 1e-6 {
					t.Errorf("%v: pixel (%d,%d): got %v, want %v", size, y, x, got, want)
				}
			}
		}
	}
}

// By hand: of two classes 3 and 2 pixels are right, 1 of the first is taken for the second and 2 of the second for the
// first. A third class is nowhere.
func TestIntersectionOverUnion(t *testing.T) {
	iou, mean, right := confusion{3, 1, 0, 2, 2, 0, 0, 0, 0}.scores()
	if iou[0] != 3./6 || iou[1] != 2./5 || !math.IsNaN(iou[2]) || mean != (3./6+2./5)/2 || right != 5./8 {
		t.Errorf("got %v, %v, %v", iou, mean, right)
	}
}

// maps of 4x4 places whose first number says the class of the place, upsampled to masks of 8x8. Numbers of no meaning
// say nothing.
func maps(n int, meaning bool) Features {
	f := Features{Dim: 2, Classes: 2, Seed: 1, Maps: &Maps{H: 4, W: 4, MaskH: 8, MaskW: 8, Ignored: 255,
		ClassNames: []string{"ground", "thing"}}}
	r := datasets.NewRand(2, "maps")
	for range n {
		var class [16]byte
		for at := range class {
			class[at] = byte(at % 4 / 2)
			x := r.Uniform(-1, 1)
			if meaning {
				x = float64(class[at])
			}
			f.Maps.X = append(f.Maps.X, float32(x), float32(r.Uniform(-1, 1)))
			f.TrainX, f.TrainY = append(f.TrainX, f.Maps.X[len(f.Maps.X)-2:]...), append(f.TrainY, int32(class[at]))
		}
		for y := range 8 {
			for x := range 8 {
				f.Maps.Masks = append(f.Maps.Masks, class[y/2*4+x/2])
			}
		}
	}
	return f
}

func meanIoU(t *testing.T, f Features) float64 {
	t.Helper()
	rs, err := DefaultSegmentation().Evaluate(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	if rs[0].Metric != "mean_iou" || rs[1].Metric != "iou ground" || rs[2].Metric != "iou thing" {
		t.Fatalf("got %+v", rs)
	}
	return rs[0].Value
}

// Maps that say the class give a mask without a mistake, others none; pixels of no class change nothing, whatever is
// said of them.
func TestSegmentation(t *testing.T) {
	f := maps(6, true)
	if v := meanIoU(t, f); v != 1 {
		t.Errorf("maps of classes give %v, want 1", v)
	}
	if v := meanIoU(t, maps(6, false)); v > 0.6 {
		t.Errorf("maps of noise give %v, want about a third to a half", v)
	}
	wrong := slices.Clone(f.Maps.Masks)
	for i := range wrong {
		if i%8 < 2 {
			wrong[i] = 1 - wrong[i] // 2 of 8 columns are wrong
		}
	}
	f.Maps.Masks = wrong
	if v := meanIoU(t, f); v > 0.7 {
		t.Errorf("masks that are wrong in a quarter give %v, want much less than 1", v)
	}
	for i := range wrong {
		if i%8 < 2 {
			wrong[i] = 255
		}
	}
	if v := meanIoU(t, f); v != 1 {
		t.Errorf("ignored pixels give %v, want 1", v)
	}
	f.Maps = nil
	if _, err := DefaultSegmentation().Evaluate(context.Background(), f); err == nil {
		t.Error("no maps, and no error")
	}
}
