package views

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets/masks"
)

func multicrop() Settings {
	s := quiet()
	s.Blur = PerView{0.5}
	s.Crops = []Crops{{Count: 2, Size: 28, Area: [2]float64{0.4, 1}}, {Count: 3, Size: 12, Area: [2]float64{0.05, 0.4}}}
	return s
}

func TestMultiCrop(t *testing.T) {
	m := noise(40, 40, 50, 3, 8)
	p := newPipeline(t, multicrop(), m, 5)
	if p.Height != 28 || p.Width != 28 {
		t.Errorf("the evaluated size is %dx%d, want the first crops' 28x28", p.Height, p.Width)
	}
	plan := &masks.Plan{Kind: masks.DefaultRandom(), Grid: masks.Grid{Frames: 1, Rows: 7, Columns: 7}}
	l, err := NewLoader(m, p, LoaderConfig{Seed: 1, Batch: 8, Params: true, Masks: plan, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var last []float32
	for range 3 {
		b, err := l.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		want := make([]uint8, plan.Size())
		plan.Draw(want, 1, b.Step, 5, new(masks.Scratch))
		if got := b.Masks[5*plan.Size() : 6*plan.Size()]; !slices.EqualFunc(got, want, func(a float32, b uint8) bool {
			return a == float32(b)
		}) {
			t.Errorf("step %d: the mask of row 5 is not the plan's", b.Step)
		}
		for v, x := range b.Views {
			side := []int{28, 28, 12, 12, 12}[v]
			if len(x) != 8*side*side*3 || p.ViewSize(v) != side*side*3 {
				t.Fatalf("view %d has %d floats, want 8 x %d x %d x 3", v, len(x), side, side)
			}
			for row := range 8 {
				q := b.Params[(row*5+v)*len(paramNames):]
				area := float64(q[paramCropHeight]) * float64(q[paramCropWidth])
				if lo, hi := []float64{0.35, 0.04}[min(v/2, 1)], []float64{1, 0.45}[min(v/2, 1)]; area < lo ||
					area > hi {
					t.Errorf("view %d, row %d: a crop of %.3f of the area, want %.2f to %.2f", v, row, area, lo, hi)
				}
			}
		}
		if last != nil && equal(last, b.Views[4]) {
			t.Error("two steps have the same last view")
		}
		last = append(last[:0], b.Views[4]...)
		b.Release()
	}
}

func TestMoreErrors(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*Settings)
		views   int
		message string
	}{
		{"crops", func(s *Settings) { *s = multicrop() }, 5, ""},
		{"crops for another method", func(s *Settings) { *s = multicrop() }, 2,
			"crops make 5 views of an image, the method takes 2"},
		{"crop beside crops", func(s *Settings) { *s = multicrop(); s.Crop = 28 }, 5, "crop = 28 beside crops"},
		{"no count", func(s *Settings) { *s = multicrop(); s.Crops[1].Count = 0 }, 5, "crops[1]: count = 0"},
		{"too many", func(s *Settings) { *s = multicrop(); s.Crops[1].Count = 1 << 40 }, 5, "crops[1]: count"},
		{"no size", func(s *Settings) { *s = multicrop(); s.Crops[0].Size = 0 }, 5, "crops[0]: size = 0"},
		{"no area", func(s *Settings) { *s = multicrop(); s.Crops[0].Area = [2]float64{} }, 5,
			"crops[0]: area = [0 0]"},
		{"kernel past a small crop", func(s *Settings) { *s = multicrop(); s.BlurKernel = 25 }, 5,
			"past a view of 12x12"},
		{"boxes with a kernel", func(s *Settings) { s.BlurKernel, s.BlurFilter = 25, boxesFilter }, 2,
			"blur_kernel = 25 with blur_filter"},
		{"boxes", func(s *Settings) { *s = multicrop(); s.BlurFilter = boxesFilter }, 5, ""},
		{"pad with crops", func(s *Settings) { *s = multicrop(); s.Pad, s.CropArea = 2, [2]float64{1, 1} }, 5,
			"pad = 2 beside crops"},
		{"blur_filter", func(s *Settings) { s.BlurFilter = "median" }, 2, `blur_filter = "median"`},
		{"boxes too wide", func(s *Settings) { s.BlurSigma, s.BlurFilter = [2]float64{1, 1e9}, boxesFilter }, 2,
			"blur_sigma = [1 1e+09]"},
		{"named statistics", func(s *Settings) { s.Statistics = "imagenet" }, 2, ""},
		{"unknown statistics", func(s *Settings) { s.Statistics = "coco" }, 2, `statistics = "coco"`},
		{"statistics and mean", func(s *Settings) {
			s.Statistics, s.Mean, s.Std = "clip", []float64{0, 0, 0}, []float64{1, 1, 1}
		}, 2, "beside mean"},
		{"quarter turns of a rectangle", func(s *Settings) { s.QuarterTurn = PerView{0.5} }, 2, "quarter_turn"},
		{"degrees", func(s *Settings) { s.Rotate, s.RotateDegrees = PerView{0.5}, [2]float64{3, 1} }, 2,
			"rotate_degrees = [3 1]"},
		{"bits", func(s *Settings) { s.Posterize, s.PosterizeBits = PerView{0.5}, 9 }, 2, "posterize_bits = 9"},
		{"operations", func(s *Settings) { s.RandAugment.RandAugment, s.Operations = PerView{1}, 9 }, 2,
			"rand_augment_ops = 9"},
		{"magnitude", func(s *Settings) { s.RandAugment.RandAugment, s.Magnitude = PerView{1}, 31 }, 2,
			"rand_augment_magnitude = 31"},
		{"erase area", func(s *Settings) { s.Erase, s.EraseArea = PerView{1}, [2]float64{0, 1} }, 2,
			"erase_area = [0 1]"},
		{"erase value", func(s *Settings) { s.Erase, s.EraseValue = PerView{1}, []float64{1, 2} }, 2,
			"erase_value = [1 2]"},
		{"sharpen", func(s *Settings) { s.Sharpen, s.SharpenFactor = PerView{1}, -1 }, 2, "sharpen_factor = -1"},
		{"erase probability", func(s *Settings) { s.Erase = PerView{2} }, 2, "erase = 2"},
		{"a list of three", func(s *Settings) { s.Invert = PerView{0, 0, 1} }, 2, "invert = [0 0 1] has 3 values"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Defaults()
			c.change(&s)
			_, err := New(s, data(noise(2, 40, 50, 3, 0)), c.views)
			if c.message == "" && err != nil || c.message != "" &&
				(err == nil || !strings.Contains(err.Error(), c.message)) {
				t.Errorf("got %v, want an error with %q", err, c.message)
			}
		})
	}
}

func TestStatistics(t *testing.T) {
	m := noise(2, 8, 8, 3, 0)
	s := Defaults()
	s.Statistics = "imagenet"
	if p := newPipeline(t, s, m, 1); p.Mean[1] != 0.456 || p.Std[2] != 0.225 {
		t.Errorf("imagenet: mean %v, std %v", p.Mean, p.Std)
	}
	if p := newPipeline(t, Defaults(), m, 1); p.Mean[1] < 0.4 || p.Mean[1] > 0.6 || p.Mean[1] == 0.456 {
		t.Errorf("measured on noise: mean %v, want about 0.5", p.Mean)
	}
	if _, err := New(s, data(noise(2, 8, 8, 1, 0)), 1); err == nil || !strings.Contains(err.Error(),
		"the images have 1") {
		t.Errorf("imagenet on grey images: got %v", err)
	}
}

// Views of every setting, their parameters and the masks are the same from any number of workers, and after a resume.
func TestEverythingDependsOnSeedAndStepAlone(t *testing.T) {
	m := noise(30, 36, 36, 3, 5)
	s := allOn()
	s.Crops = []Crops{{Count: 1, Size: 20, Area: [2]float64{0.4, 1}}, {Count: 1, Size: 12, Area: [2]float64{0.05, 0.4}}}
	p := newPipeline(t, s, m, 2)
	plan := &masks.Plan{Kind: masks.DefaultMultiBlock(), Grid: masks.Grid{Frames: 1, Rows: 10, Columns: 10}}
	load := func(cfg LoaderConfig, steps int) (views [][]float32, drawn [][]float32) {
		cfg.Seed, cfg.Batch, cfg.Params, cfg.Masks = 4, 10, true, plan
		l, err := NewLoader(m, p, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for range steps {
			b, err := l.Next(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			views = append(views, slices.Concat(b.Views[0], b.Views[1], b.Params))
			drawn = append(drawn, slices.Clone(b.Masks))
			b.Release()
		}
		return views, drawn
	}
	wantViews, wantMasks := load(LoaderConfig{Workers: 1}, 6)
	for _, cfg := range []LoaderConfig{{Workers: 4, Prefetch: 3}, {Workers: 3, Start: 2}} {
		views, drawn := load(cfg, 6-cfg.Start)
		for i := range views {
			if !equal(views[i], wantViews[cfg.Start+i]) || !slices.Equal(drawn[i], wantMasks[cfg.Start+i]) {
				t.Errorf("%+v: step %d differs from one worker's", cfg, cfg.Start+i)
			}
		}
	}
}

// Images of a pixel or two and odd shapes go through every setting.
func TestSmallestImages(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {2, 1}, {1, 90}, {3, 2}} {
		for _, crop := range []int{2, 3, 5} {
			for _, channels := range []int{1, 3} {
				m := noise(1, size[0], size[1], channels, 0)
				s := allOn()
				s.Crop, s.BlurKernel = crop, 3
				p := newPipeline(t, s, m, 1)
				for step := range 30 {
					v, _ := oneView(t, p, &m.Images[0], step, 0)
					for i, x := range v {
						if f := float64(x); math.IsNaN(f) || math.IsInf(f, 0) {
							t.Fatalf("%v to %d, %d channels: value %d is %v", size, crop, channels, i, x)
						}
					}
				}
			}
		}
	}
}
