package views

import (
	"math"
	"strings"
	"testing"

	"selfsup/datasets"
)

// noise is a set of n images of random bytes; sizes differ by up to vary pixels.
func noise(n, h, w, c, vary int) *datasets.Memory {
	r := datasets.NewRand(1, "noise")
	m := &datasets.Memory{Origin: "noise", Class: []string{"even", "odd"}}
	for i := range n {
		img := datasets.Image{H: h + r.Intn(vary+1), W: w + r.Intn(vary+1), C: c}
		img.Pix = make([]byte, img.H*img.W*c)
		for k := range img.Pix {
			img.Pix[k] = byte(r.Uint64())
		}
		m.Images, m.Labels = append(m.Images, img), append(m.Labels, i%2)
	}
	return m
}

func data(m *datasets.Memory) *datasets.Data {
	d := &datasets.Data{Train: m, Channels: m.Images[0].C, Height: m.Images[0].H, Width: m.Images[0].W}
	for _, img := range m.Images {
		if img.H != d.Height || img.W != d.Width {
			d.Height, d.Width = 0, 0
			break
		}
	}
	return d
}

// everything turns every augmentation on.
func everything() Settings {
	s := Defaults()
	s.Blur, s.Solarize, s.Interpolation = PerView{1, 0.1}, PerView{0, 0.2}, "bicubic"
	return s
}

func newPipeline(t testing.TB, s Settings, m *datasets.Memory, views int) *Pipeline {
	t.Helper()
	p, err := New(s, data(m), views)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestViewsAreFiniteAndDecidedByTheirPlace(t *testing.T) {
	m := noise(16, 20, 20, 3, 30)
	s := everything()
	s.Crop = 24
	p := newPipeline(t, s, m, 2)
	view := func(seed uint64, step, row, v int) []float32 {
		dst := make([]float32, p.Size())
		if err := p.View(dst, &m.Images[row%16], seed, step, row, v, new(Scratch)); err != nil {
			t.Fatal(err)
		}
		return dst
	}
	base := view(1, 2, 3, 0)
	for i, v := range base {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			t.Fatalf("float %d of a view is %v", i, v)
		}
	}
	for _, c := range []struct {
		name            string
		seed            uint64
		step, row, view int
		same            bool
	}{
		{"again", 1, 2, 3, 0, true},
		{"seed", 2, 2, 3, 0, false},
		{"step", 1, 3, 3, 0, false},
		{"row", 1, 2, 19, 0, false}, // the same image
		{"view", 1, 2, 3, 1, false},
	} {
		got := view(c.seed, c.step, c.row, c.view)
		if same := equal(got, base); same != c.same {
			t.Errorf("%s: equal to the first is %v, want %v", c.name, same, c.same)
		}
	}
}

func equal(a, b []float32) bool {
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}

// Statistics of the choices over many draws: probabilities as set, factors and boxes in range.
func TestDrawFollowsSettings(t *testing.T) {
	s := everything()
	s.Flip, s.Grayscale = PerView{0.25, 1}, PerView{0.2}
	p := newPipeline(t, s, noise(2, 40, 30, 3, 0), 2)
	const n = 4000
	count := map[string]int{}
	orders := map[[4]int]int{}
	for i := range n {
		r := datasets.NewRand(9, "test", uint64(i))
		d := p.draw(&r, 0, 40, 30)
		for name, hit := range map[string]bool{"flip": d.flip, "jitter": d.jitter, "grayscale": d.grayscale,
			"blur": d.sigma > 0, "solarize": d.solarize} {
			if hit {
				count[name]++
			}
		}
		orders[d.order]++
		if d.brightness < 0.6 || d.brightness > 1.4 || d.contrast < 0.6 || d.contrast > 1.4 ||
			math.Abs(float64(d.hue)) > 0.1 || d.sigma > 2 {
			t.Fatalf("draw %d: out of range: %+v", i, d)
		}
		b := d.box
		if b.Top < 0 || b.Left < 0 || b.Height < 1 || b.Width < 1 || b.Top+b.Height > 40 || b.Left+b.Width > 30 {
			t.Fatalf("draw %d: box %+v leaves an image of 40x30", i, b)
		}
	}
	for name, want := range map[string]float64{"flip": 0.25, "jitter": 0.8, "grayscale": 0.2, "blur": 1,
		"solarize": 0} {
		if got := float64(count[name]) / n; math.Abs(got-want) > 0.03 {
			t.Errorf("%s: happened to %.3f of %d draws, want %.2f", name, got, n, want)
		}
	}
	if len(orders) != 24 {
		t.Errorf("%d orders of the colour operations, want 24", len(orders))
	}
}

func TestRandomBox(t *testing.T) {
	for _, c := range []struct {
		name        string
		h, w        int
		area, ratio [2]float64
		wantH       int // of every box; 0: any
		wantW       int
	}{
		{"whole square", 28, 28, [2]float64{1, 1}, [2]float64{1, 1}, 28, 28},
		{"too wide falls back to the largest ratio", 10, 100, [2]float64{1, 1}, [2]float64{0.75, 1.5}, 10, 15},
		{"too tall falls back to the smallest ratio", 90, 15, [2]float64{1, 1}, [2]float64{0.75, 1.5}, 20, 15},
		{"one pixel", 1, 1, [2]float64{0.08, 1}, [2]float64{0.75, 1.3333}, 1, 1},
		{"usual", 32, 32, [2]float64{0.2, 1}, [2]float64{0.75, 1.3333}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var area float64
			for i := range 2000 {
				r := datasets.NewRand(3, "box", uint64(i))
				b := randomBox(&r, c.h, c.w, c.area, c.ratio)
				if c.wantH > 0 && (b.Height != c.wantH || b.Width != c.wantW) {
					t.Fatalf("draw %d: got %+v, want height %d, width %d", i, b, c.wantH, c.wantW)
				}
				if b.Top+b.Height > c.h || b.Left+b.Width > c.w || b.Top < 0 || b.Left < 0 {
					t.Fatalf("draw %d: box %+v leaves an image of %dx%d", i, b, c.h, c.w)
				}
				area += float64(b.Height*b.Width) / float64(c.h*c.w) / 2000
			}
			// 0.6 less what does not fit in ten tries near the whole image
			if c.wantH == 0 && (area < 0.5 || area > 0.62) {
				t.Errorf("mean area %.3f of the image, want about 0.57", area)
			}
		})
	}
}

func TestGreyIgnoresColour(t *testing.T) {
	m := noise(1, 12, 12, 1, 0)
	plain := Defaults()
	plain.Saturation, plain.Hue, plain.Grayscale = PerView{0}, PerView{0}, PerView{0}
	a, b := newPipeline(t, Defaults(), m, 1), newPipeline(t, plain, m, 1)
	x, y := make([]float32, a.Size()), make([]float32, b.Size())
	for step := range 50 {
		for p, dst := range map[*Pipeline][]float32{a: x, b: y} {
			if err := p.View(dst, &m.Images[0], 1, step, 0, 0, new(Scratch)); err != nil {
				t.Fatal(err)
			}
		}
		if !equal(x, y) {
			t.Fatalf("step %d: saturation, hue or grayscale changed a grey view", step)
		}
	}
}

func TestPadShifts(t *testing.T) {
	m := noise(1, 8, 8, 1, 0)
	s := Settings{CropArea: [2]float64{1, 1}, CropRatio: [2]float64{1, 1}, Interpolation: "bilinear",
		BlurSigma: [2]float64{1, 1}, BlurFilter: gaussianFilter, Statistics: Measured, Pad: 2,
		Mean: []float64{0}, Std: []float64{1}}
	p := newPipeline(t, s, m, 1)
	offsets := map[[2]int]bool{}
	dst := make([]float32, p.Size())
	for step := range 400 {
		if err := p.View(dst, &m.Images[0], 1, step, 0, 0, new(Scratch)); err != nil {
			t.Fatal(err)
		}
		at := [2]int{-1, -1}
		for top := range 5 {
			for left := range 5 {
				want := Pixels{H: 8, W: 8, C: 1, Pix: make([]float32, 64)}
				shifted(want, &m.Images[0], 2, top, left)
				if equal(dst, want.Pix) {
					at = [2]int{top, left}
				}
			}
		}
		if at[0] < 0 {
			t.Fatalf("step %d: the view is no window of the padded image", step)
		}
		offsets[at] = true
	}
	if len(offsets) != 25 {
		t.Errorf("%d offsets in 400 views, want all 25", len(offsets))
	}
}

func TestNewErrors(t *testing.T) {
	s := Defaults()
	s.Blur = PerView{1, 0.1, 0.5}
	_, err := New(s, data(noise(2, 8, 8, 3, 0)), 2)
	if err == nil || !strings.Contains(err.Error(), "blur = [1 0.1 0.5] has 3 values, the method takes 2 views") {
		t.Errorf("a list of 3 for 2 views: got %v", err)
	}
}

func TestEvalBatch(t *testing.T) {
	m := noise(5, 8, 8, 3, 0)
	p := newPipeline(t, Defaults(), m, 2)
	rows := []int32{4, 0, 4}
	raw, got := make([]float32, 3*p.Size()), make([]float32, 3*p.Size())
	if err := p.RawBatch(raw, m, rows); err != nil {
		t.Fatal(err)
	}
	if err := p.EvalBatch(got, m, rows); err != nil {
		t.Fatal(err)
	}
	for i, v := range raw {
		k := i % p.Size()
		if want := float32(m.Images[rows[i/p.Size()]].Pix[k]) / 255; v != want {
			t.Fatalf("raw float %d: got %v, want %v", i, v, want)
		}
		if want := (v - p.Mean[k%3]) / p.Std[k%3]; math.Abs(float64(got[i]-want)) > 1e-5 {
			t.Fatalf("normalised float %d: got %v, want %v", i, got[i], want)
		}
	}
	if err := p.EvalBatch(got, m, []int32{0, 9, 7}); err == nil || !strings.Contains(err.Error(), "no image 9") {
		t.Errorf("rows out of range: got %v, want an error on image 9", err)
	}
	if err := p.EvalBatch(got, noise(1, 8, 8, 1, 0), []int32{0}); err == nil || !strings.Contains(err.Error(),
		"1 channels, want 3") {
		t.Errorf("a grey set: got %v", err)
	}
	wide := noise(3, 20, 31, 3, 9)
	s := Defaults()
	s.Crop = 16
	if err := newPipeline(t, s, wide, 1).EvalBatch(make([]float32, 3*16*16*3), wide, []int32{0, 1, 2}); err != nil {
		t.Errorf("images of different sizes: %v", err)
	}
}
