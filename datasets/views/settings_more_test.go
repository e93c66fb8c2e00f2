package views

import (
	"math"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/raster"
)

// quiet changes nothing but the crop.
func quiet() Settings {
	s := Defaults()
	s.Flip, s.Jitter, s.Grayscale = PerView{0}, PerView{0}, PerView{0}
	s.Mean, s.Std = []float64{0, 0, 0}, []float64{1, 1, 1}
	return s
}

func oneView(t testing.TB, p *Pipeline, img *datasets.Image, step, v int) (dst, params []float32) {
	t.Helper()
	dst, params = make([]float32, p.ViewSize(v)), make([]float32, len(paramNames))
	if err := p.ViewParams(dst, params, img, 1, step, 0, v, new(Scratch)); err != nil {
		t.Fatal(err)
	}
	return dst, params
}

// A new setting changes what it says and no other choice: the crop and the flip stay.
func TestNewSettingsLeaveOtherDrawsAlone(t *testing.T) {
	m := noise(1, 24, 24, 3, 0)
	base := newPipeline(t, quiet(), m, 1)
	for name, change := range map[string]func(*Settings){
		"vertical_flip": func(s *Settings) { s.VerticalFlip = PerView{1} },
		"quarter_turn":  func(s *Settings) { s.QuarterTurn = PerView{1} },
		"rotate":        func(s *Settings) { s.Rotate = PerView{1} },
		"rand_augment":  func(s *Settings) { s.RandAugment.RandAugment = PerView{1} },
		"three_augment": func(s *Settings) { s.ThreeAugment = PerView{1} },
		"posterize":     func(s *Settings) { s.Posterize = PerView{1} },
		"equalize":      func(s *Settings) { s.Equalize = PerView{1} },
		"autocontrast":  func(s *Settings) { s.Autocontrast = PerView{1} },
		"sharpen":       func(s *Settings) { s.Sharpen = PerView{1} },
		"invert":        func(s *Settings) { s.Invert = PerView{1} },
		"erase":         func(s *Settings) { s.Erase = PerView{1} },
		"erase_noise":   func(s *Settings) { s.Erase, s.EraseNoise = PerView{1}, true },
	} {
		t.Run(name, func(t *testing.T) {
			s := quiet()
			change(&s)
			p := newPipeline(t, s, m, 1)
			changed := 0
			for step := range 20 {
				a, pa := oneView(t, base, &m.Images[0], step, 0)
				b, pb := oneView(t, p, &m.Images[0], step, 0)
				again, _ := oneView(t, p, &m.Images[0], step, 0)
				if !equal(b, again) {
					t.Fatalf("step %d: a second call gives another view", step)
				}
				if !equal(pa[:5], pb[:5]) {
					t.Fatalf("step %d: crop and flip are %v, without the setting %v", step, pb[:5], pa[:5])
				}
				if !equal(a, b) {
					changed++
				}
			}
			if changed < 10 {
				t.Errorf("%d of 20 views changed, want most", changed)
			}
		})
	}
}

func TestErase(t *testing.T) {
	m := noise(1, 40, 40, 3, 0)
	s := quiet()
	s.Erase, s.EraseValue = PerView{1}, []float64{-1, -2, -3}
	p := newPipeline(t, s, m, 1)
	var area float64
	for step := range 200 {
		v, q := oneView(t, p, &m.Images[0], step, 0)
		n := 0
		for i := 0; i < len(v); i += 3 {
			if v[i] == -1 && v[i+1] == -2 && v[i+2] == -3 {
				n++
			}
		}
		if want := int(math.Round(float64(q[paramEraseHeight]) * 40 * float64(q[paramEraseWidth]) *
			40)); q[paramEraseHeight] == 0 || n != want {
			t.Fatalf("step %d: %d pixels erased, the parameters %v say %d", step, n, q[paramEraseTop:], want)
		}
		area += float64(n) / 1600 / 200
	}
	if area < 0.12 || area > 0.22 { // 0.175, less what does not fit
		t.Errorf("mean erased area %.3f, want about 0.17", area)
	}
}

// Point undoes what the parameters say: on an image whose pixels are their own coordinates, every pixel of a view shows
// where it is from.
func TestPointFollowsTheGeometry(t *testing.T) {
	const side = 64
	img := datasets.Image{H: side, W: side, C: 3, Pix: make([]byte, side*side*3)}
	for y := range side {
		for x := range side {
			copy(img.Pix[(y*side+x)*3:], []byte{byte(2 * y), byte(2 * x), 255})
		}
	}
	m := &datasets.Memory{Images: []datasets.Image{img}, Origin: "coordinates"}
	s := quiet()
	s.Crop, s.CropArea, s.Flip = 33, [2]float64{0.3, 0.9}, PerView{0.5}
	s.VerticalFlip, s.QuarterTurn, s.Rotate = PerView{0.5}, PerView{1}, PerView{0.5}
	p := newPipeline(t, s, m, 1)
	kinds := map[[3]float32]bool{}
	for step := range 60 {
		v, q := oneView(t, p, &m.Images[0], step, 0)
		kinds[[3]float32{q[paramFlipped], q[paramFlippedVertically], q[paramQuarterTurns]}] = true
		for y := 8; y < 25; y++ { // no corner, where a rotation shows black
			for x := 8; x < 25; x++ {
				iy, ix := Point(q, 33, 33, (float64(y)+0.5)/33, (float64(x)+0.5)/33)
				at := v[(y*33+x)*3:]
				gotY, gotX := (float64(at[0])*255/2+0.5)/side, (float64(at[1])*255/2+0.5)/side
				if math.Abs(iy-gotY) > 0.02 || math.Abs(ix-gotX) > 0.02 {
					t.Fatalf("step %d, %v: pixel %d, %d shows %.3f, %.3f, Point says %.3f, %.3f", step, q[:8], y, x,
						gotY, gotX, iy, ix)
				}
			}
		}
	}
	if len(kinds) < 12 {
		t.Errorf("%d of 16 combinations of flips and turns in 60 views", len(kinds))
	}
}

func TestParamNames(t *testing.T) {
	m := noise(1, 20, 20, 3, 0)
	s := everything()
	s.Jitter, s.Hue = PerView{1}, PerView{0.1}
	_, q := oneView(t, newPipeline(t, s, m, 2), &m.Images[0], 1, 0)
	r := datasets.NewRand(1, "view", 1, 0, 0)
	d := newPipeline(t, s, m, 2).draw(&r, 0, 20, 20)
	for name, want := range map[string]float32{
		"crop_top": float32(d.box.Top) / 20, "crop_width": float32(d.box.Width) / 20, "flip": indicator(d.flip),
		"jitter":     1,
		"brightness": d.brightness, "hue": d.hue, "blur": float32(d.sigma), "solarize": indicator(d.solarize),
		"quarter_turns": 0,
	} {
		found := false
		for i, n := range ParamNames() {
			if n == name {
				found = true
				if q[i] != want {
					t.Errorf("%s: got %v, want %v", name, q[i], want)
				}
			}
		}
		if !found {
			t.Errorf("no parameter %s in %v", name, ParamNames())
		}
	}
}

// Every operation of RandAugment moves an image away from itself, at magnitude 0 none does but those without a
// magnitude.
func TestRandAugmentOperations(t *testing.T) {
	smooth := func() Pixels {
		p := Pixels{H: 20, W: 24, C: 3, Pix: make([]float32, 20*24*3)}
		for i := range p.Pix {
			p.Pix[i] = 0.2 + 0.5*float32(i%72)/72*float32(1+i%3)/3 + float32(i/72%7)/70
		}
		return p
	}
	for _, op := range randomOps {
		for _, m := range []float64{0, op.largest * 9 / 30, -op.largest * 9 / 30} {
			if m < 0 && !op.signed {
				continue
			}
			p := smooth()
			op.apply(p, m, new(Scratch))
			moved := !equal(p.Pix, smooth().Pix)
			want := m != 0 || op.largest == 0 && op.name != "identity" || op.name == "posterize" // rounds to 8 bits
			if near := difference(p.Pix, smooth().Pix) < 1e-2; moved != want && !(near && m == 0) {
				t.Errorf("%s %v: changed the image is %v, want %v", op.name, m, moved, want)
			}
		}
	}
	counts := map[int]int{}
	a := Defaults().RandAugment
	a.RandAugment = PerView{1}
	for i := range 4000 {
		r := datasets.NewRand(1, "test", uint64(i))
		d := a.draw(&r, 0)
		if d.n != 2 {
			t.Fatalf("%d operations, want 2", d.n)
		}
		counts[d.ops[0].op]++
	}
	for i, op := range randomOps {
		if n := counts[i]; n < 200 || n > 380 {
			t.Errorf("%s came %d times of 4000, want about 286", op.name, n)
		}
	}
}

func difference(a, b []float32) (worst float64) {
	for i := range a {
		worst = max(worst, math.Abs(float64(a[i]-b[i])))
	}
	return worst
}

func TestThreeAugmentIsOneOfThree(t *testing.T) {
	s := Defaults().Tones
	s.ThreeAugment = PerView{1}
	counts := map[three]int{}
	for i := range 3000 {
		r := datasets.NewRand(2, "test", uint64(i))
		d := s.draw(&r, 0, [2]float64{0.1, 2})
		counts[d.three]++
	}
	if counts[noneOfThree] != 0 || len(counts) != 3 {
		t.Fatalf("got %v, want three kinds", counts)
	}
	for k, n := range counts {
		if n < 900 || n > 1100 {
			t.Errorf("kind %d came %d times of 3000", k, n)
		}
	}
}

// The three boxes are near the Gaussian that they stand for.
func TestBoxBlurIsNearAGaussian(t *testing.T) {
	m := noise(1, 40, 40, 3, 0)
	for _, sigma := range []float64{1, 2.5, 6} {
		a := Pixels{H: 40, W: 40, C: 3, Pix: make([]float32, 4800)}
		raster.Bytes(a.Pix, m.Images[0].Pix)
		b := Pixels{H: 40, W: 40, C: 3, Pix: append([]float32(nil), a.Pix...)}
		new(Blurrer).BoxBlur(a, sigma)
		new(Blurrer).GaussianBlur(b, 39, sigma)
		var worst float64
		for y := 12; y < 28; y++ { // away from the border, where one repeats and one reflects
			n := y*40*3 + 36
			worst = max(worst, difference(a.Pix[n:n+48], b.Pix[n:n+48]))
		}
		if worst > 0.06 {
			t.Errorf("sigma %v: off by %.3f, want at most 0.06", sigma, worst)
		}
	}
}

// allOn is every setting at work.
func allOn() Settings {
	s := everything()
	one := PerView{1}
	s.Blur, s.Solarize = one, one
	s.VerticalFlip, s.QuarterTurn, s.Rotate, s.RandAugment.RandAugment, s.ThreeAugment = one, one, one, one, one
	s.Posterize, s.Equalize, s.Autocontrast, s.Sharpen, s.Invert, s.Erase = one, one, one, one, one, one
	return s
}

func TestViewAllocatesNothing(t *testing.T) {
	m := noise(1, 40, 40, 3, 0)
	for _, filter := range []string{gaussianFilter, boxesFilter} {
		s := allOn()
		s.Crop, s.BlurFilter = 24, filter
		p := newPipeline(t, s, m, 1)
		dst, params, scratch, step := make([]float32, p.Size()), make([]float32, paramCount), new(Scratch), 0
		view := func() {
			step++
			if err := p.ViewParams(dst, params, &m.Images[0], 1, step, 0, 0, scratch); err != nil {
				t.Fatal(err)
			}
		}
		for range 300 { // until every buffer has its largest size
			view()
		}
		if n := testing.AllocsPerRun(100, view); n != 0 {
			t.Errorf("%s: %v allocations a view, want none", filter, n)
		}
		for i, v := range dst {
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				t.Fatalf("%s: value %d is %v", filter, i, v)
			}
		}
	}
}
