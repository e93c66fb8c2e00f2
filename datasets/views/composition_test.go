package views

import (
	"math"
	"testing"

	"selfsup/datasets"
)

// The tests of this file follow whole views by hand, where the arithmetic is short: on images of one colour, and on
// ramps.

// flat is an image of one colour.
func flat(h, w int, colour [3]byte) datasets.Image {
	img := datasets.Image{H: h, W: w, C: 3}
	for range h * w {
		img.Pix = append(img.Pix, colour[:]...)
	}
	return img
}

// byHand is what torchvision's colour operations make of one colour, for which the mean of the grey image is the
// colour's grey.
func byHand(c [3]float64, d *plan, threshold float64) [3]float64 {
	clip := func(v float64) float64 { return min(max(v, 0), 1) }
	grey := func(c [3]float64) float64 { return 0.2989*c[0] + 0.587*c[1] + 0.114*c[2] }
	blend := func(c [3]float64, factor, with float64) [3]float64 {
		for i := range c {
			c[i] = clip(factor*c[i] + (1-factor)*with)
		}
		return c
	}
	if d.jitter {
		for _, op := range d.order {
			switch op {
			case 0:
				c = blend(c, float64(d.brightness), 0)
			case 1:
				c = blend(c, float64(d.contrast), grey(c))
			case 2:
				c = blend(c, float64(d.saturation), grey(c))
			case 3:
				c = turnHue(c, float64(d.hue))
			}
		}
	}
	if d.grayscale {
		g := grey(c)
		c = [3]float64{g, g, g}
	}
	if d.solarize {
		for i := range c {
			if c[i] >= threshold {
				c[i] = 1 - c[i]
			}
		}
	}
	return c
}

// turnHue goes to hue, saturation and value and back (Smith 1978, as in Python's colorsys).
func turnHue(c [3]float64, turns float64) [3]float64 {
	v, low := max(c[0], c[1], c[2]), min(c[0], c[1], c[2])
	if v == low {
		return c
	}
	s, span := (v-low)/v, v-low
	var h float64
	switch v {
	case c[0]:
		h = (c[1] - c[2]) / span
	case c[1]:
		h = 2 + (c[2]-c[0])/span
	default:
		h = 4 + (c[0]-c[1])/span
	}
	h = math.Mod(h/6+turns+2, 1) * 6
	i := math.Floor(h)
	f := h - i
	p, q, t := v*(1-s), v*(1-s*f), v*(1-s*(1-f))
	return [][3]float64{{v, t, p}, {q, v, p}, {p, v, t}, {p, q, v}, {t, p, v}, {v, p, q}}[int(i)%6]
}

// A view of an image of one colour has the colour that jitter in its drawn order, then grayscale, then solarize give,
// normalised by mean and deviation.
func TestColoursByHand(t *testing.T) {
	m := &datasets.Memory{Images: []datasets.Image{flat(20, 16, [3]byte{200, 90, 40}),
		flat(20, 16, [3]byte{30, 140, 220}), flat(20, 16, [3]byte{60, 61, 180})}}
	s := Defaults()
	s.Crop, s.Blur, s.Solarize = 8, PerView{0.5}, PerView{0.3, 0.6}
	s.Grayscale, s.Hue = PerView{0.3}, PerView{0.3}
	s.Mean, s.Std = []float64{0.5, 0.4, 0.3}, []float64{0.25, 0.2, 0.3}
	p := newPipeline(t, s, m, 2)
	dst := make([]float32, p.Size())
	for step := range 400 {
		img, view := &m.Images[step%3], step/3%2
		if err := p.View(dst, img, 7, step, 5, view, new(Scratch)); err != nil {
			t.Fatal(err)
		}
		d := p.drawView(7, step, 5, view, img.H, img.W)
		c := byHand([3]float64{float64(img.Pix[0]) / 255, float64(img.Pix[1]) / 255, float64(img.Pix[2]) / 255}, &d,
			128.0/255)
		for k, got := range dst {
			if want := (c[k%3] - s.Mean[k%3]) / s.Std[k%3]; math.Abs(float64(got)-want) > 1e-4 {
				t.Fatalf("step %d, view %d, colour %d: got %v, want %v; drawn %+v", step, view, k%3, got, want, d)
			}
		}
	}
}

// A view of a ramp is a ramp, within a grey level: the drawn box stretched to the view's size, then mirrored if it was
// to be, then normalised.
func TestGeometryByHand(t *testing.T) {
	const h, w, side = 40, 30, 16
	img := datasets.Image{H: h, W: w, C: 1}
	for y := range h {
		for x := range w {
			img.Pix = append(img.Pix, byte(5*x+2*y))
		}
	}
	for _, interpolation := range []string{"bilinear", "bicubic"} {
		s := Defaults()
		s.Crop, s.Interpolation, s.Jitter, s.Mean, s.Std = side, interpolation, PerView{0}, []float64{0.4},
			[]float64{0.2}
		s.CropArea = [2]float64{0.1, 1}
		p := newPipeline(t, s, &datasets.Memory{Images: []datasets.Image{img}}, 2)
		dst, checked, mirrored := make([]float32, p.Size()), 0, 0
		for step := range 200 {
			if err := p.View(dst, &img, 3, step, 1, step%2, new(Scratch)); err != nil {
				t.Fatal(err)
			}
			d := p.drawView(3, step, 1, step%2, h, w)
			if d.flip {
				mirrored++
			}
			sy, sx := float64(d.box.Height)/side, float64(d.box.Width)/side
			for i := range side {
				for j := range side {
					y, x := (float64(i)+0.5)*sy, (float64(j)+0.5)*sx
					ry, rx := 2*max(sy, 1), 2*max(sx, 1) // what the filter reads at most; nearer the edges it is cut
					if y < ry || y > float64(d.box.Height)-ry || x < rx || x > float64(d.box.Width)-rx {
						continue
					}
					at := i*side + j
					if d.flip {
						at = i*side + side - 1 - j
					}
					value := 5*(float64(d.box.Left)+x-0.5) + 2*(float64(d.box.Top)+y-0.5)
					if want := (value/255 - 0.4) / 0.2; math.Abs(float64(dst[at])-want) > 1.0/255/0.2 {
						t.Fatalf("%s, step %d: pixel (%d,%d) of the box %+v, flipped %v: got %v, want %v",
							interpolation, step, i, j, d.box, d.flip, dst[at], want)
					}
					checked++
				}
			}
		}
		if checked < 5000 || mirrored < 60 || mirrored > 140 {
			t.Errorf("%s: %d pixels were checked, %d of 200 views are mirrored", interpolation, checked, mirrored)
		}
	}
}

// Each view has its own probabilities and strengths, and what is drawn fills their range.
func TestEveryViewHasItsSettings(t *testing.T) {
	s := Defaults()
	s.Flip, s.Jitter, s.Grayscale, s.Blur, s.Solarize = PerView{0.2, 0.9}, PerView{1, 0.8}, PerView{0.1, 0.6},
		PerView{1, 0.1}, PerView{0, 0.3}
	s.Brightness, s.Contrast, s.Saturation, s.Hue = PerView{0.1, 0.4}, PerView{0.5, 0.2}, PerView{0.3, 0.6},
		PerView{0.05, 0.2}
	s.CropArea = [2]float64{0.3, 1}
	m := noise(1, 64, 64, 3, 0)
	p := newPipeline(t, s, m, 2)
	const n = 3000
	for view := range 2 {
		count := map[string]float64{}
		low, high := [4]float64{9, 9, 9, 9}, [4]float64{-9, -9, -9, -9}
		area := [2]float64{9, 0}
		for step := range n {
			d := p.drawView(1, step, 0, view, 64, 64)
			for name, hit := range map[string]bool{"flip": d.flip, "jitter": d.jitter, "grayscale": d.grayscale,
				"blur": d.sigma > 0, "solarize": d.solarize} {
				if hit {
					count[name] += 1.0 / n
				}
			}
			for k, v := range []float32{d.brightness, d.contrast, d.saturation, d.hue} {
				low[k], high[k] = min(low[k], float64(v)), max(high[k], float64(v))
			}
			a := float64(d.box.Height*d.box.Width) / (64 * 64)
			area = [2]float64{min(area[0], a), max(area[1], a)}
		}
		for name, want := range map[string]PerView{"flip": s.Flip, "jitter": s.Jitter, "grayscale": s.Grayscale,
			"blur": s.Blur, "solarize": s.Solarize} {
			if got := count[name]; math.Abs(got-want[view]) > 0.05 {
				t.Errorf("view %d: %s happened to %.3f of the views, want %v", view, name, got, want[view])
			}
		}
		for k, want := range []struct {
			name     string
			strength PerView
			middle   float64
		}{{"brightness", s.Brightness, 1}, {"contrast", s.Contrast, 1}, {"saturation", s.Saturation, 1},
			{"hue", s.Hue, 0}} {
			v := want.strength[view]
			if math.Abs(low[k]-want.middle+v) > 0.01*v || math.Abs(high[k]-want.middle-v) > 0.01*v {
				t.Errorf("view %d: %s is from %.4f to %.4f, want %v to %v", view, want.name, low[k], high[k],
					want.middle-v, want.middle+v)
			}
		}
		if area[0] < 0.28 || area[0] > 0.34 || area[1] < 0.9 {
			t.Errorf("view %d: crops take %.3f to %.3f of the image, want 0.3 to nearly 1", view, area[0], area[1])
		}
	}
}

// Crops lie anywhere in the image with the same probability, their share of it is uniform, and so is the logarithm of
// width over height.
func TestRandomBoxIsUniform(t *testing.T) {
	const n, h, w = 20000, 300, 400
	area, ratio := [2]float64{0.1, 0.3}, [2]float64{0.5, 1.5}
	names := [4]string{"top", "left", "area", "logarithm of width over height"}
	var mean, square, low, high [4]float64
	for i := range n {
		r := datasets.NewRand(11, "box", uint64(i))
		b := randomBox(&r, h, w, area, ratio)
		share := float64(b.Height*b.Width) / (h * w)
		for k, v := range [4]float64{
			float64(b.Top) / float64(h-b.Height), float64(b.Left) / float64(w-b.Width),
			(share - area[0]) / (area[1] - area[0]),
			math.Log(float64(b.Width)/float64(b.Height)/ratio[0]) / math.Log(ratio[1]/ratio[0]),
		} {
			mean[k] += v / n
			square[k] += v * v / n
			low[k], high[k] = min(low[k], v), max(high[k], v)
		}
	}
	for k, name := range names { // of numbers uniform from 0 to 1 the mean is 1/2 and the deviation 1/sqrt(12)
		deviation := math.Sqrt(square[k] - mean[k]*mean[k])
		if math.Abs(mean[k]-0.5) > 0.015 || math.Abs(deviation-1/math.Sqrt(12)) > 0.01 || low[k] < -0.05 ||
			high[k] > 1.05 {
			t.Errorf("%s, scaled to 0 to 1: mean %.3f, deviation %.3f, from %.3f to %.3f; want 0.5, 0.289, 0 to 1",
				name, mean[k], deviation, low[k], high[k])
		}
	}
}

// The evaluation view is the largest central square, stretched to the view's size; nothing is drawn.
func TestEvaluationViewByHand(t *testing.T) {
	const h, w, side = 30, 45, 16 // 16x24 before the cut
	m := &datasets.Memory{Images: []datasets.Image{{H: h, W: w, C: 1}, {H: w, W: h, C: 1}}}
	for k := range m.Images {
		img := &m.Images[k]
		for y := range img.H {
			for x := range img.W {
				img.Pix = append(img.Pix, byte(3*x+3*y))
			}
		}
	}
	s := Defaults()
	s.Crop, s.Mean, s.Std = side, []float64{0.4}, []float64{0.2}
	p := newPipeline(t, s, m, 2)
	dst := make([]float32, 2*p.Size())
	if err := p.EvalBatch(dst, m, []int32{0, 1}); err != nil {
		t.Fatal(err)
	}
	const scale = float64(h) / side
	for k, from := range [][2]float64{{0, (w - h) / 2.0}, {(w - h) / 2.0, 0}} { // top and left of the square
		for i := 2; i < side-2; i++ {
			for j := 2; j < side-2; j++ {
				value := 3*(from[0]+(float64(i)+0.5)*scale-0.5) + 3*(from[1]+(float64(j)+0.5)*scale-0.5)
				got, want := float64(dst[k*p.Size()+i*side+j]), (value/255-0.4)/0.2
				if math.Abs(got-want) > 1.0/255/0.2 {
					t.Fatalf("image %d, pixel (%d,%d): got %v, want %v", k, i, j, got, want)
				}
			}
		}
	}
}

// Bicubic interpolation overshoots; views are clipped to the range of pixels, in training and in evaluation.
func TestBicubicIsClipped(t *testing.T) {
	m := noise(4, 24, 24, 1, 0)
	s := Defaults()
	s.Crop, s.Interpolation, s.Jitter, s.Mean, s.Std = 40, "bicubic", PerView{0}, []float64{0}, []float64{1}
	p := newPipeline(t, s, m, 1)
	dst := make([]float32, 4*p.Size())
	if err := p.EvalBatch(dst, m, []int32{0, 1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	views := make([]float32, p.Size())
	for step := range 20 {
		if err := p.View(views, &m.Images[step%4], 1, step, 0, 0, new(Scratch)); err != nil {
			t.Fatal(err)
		}
		dst = append(dst, views...)
	}
	ends := 0
	for i, v := range dst {
		if v < 0 || v > 1 {
			t.Fatalf("float %d is %v, want a number from 0 to 1", i, v)
		}
		if v == 0 || v == 1 {
			ends++
		}
	}
	if ends < 100 {
		t.Errorf("%d of %d pixels are 0 or 1: the images do not overshoot", ends, len(dst))
	}
}
