package corruptions

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/views"
)

func flat(h, w, c int, v float32) views.Pixels {
	p := views.Pixels{H: h, W: w, C: c, Pix: make([]float32, h*w*c)}
	for i := range p.Pix {
		p.Pix[i] = v
	}
	return p
}

// Blurs and movements leave an image of one colour as it is, at every severity.
func TestEvenImagesStay(t *testing.T) {
	for _, name := range []string{"defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "elastic",
		"gaussian_blur"} {
		for _, side := range []int{32, 70} {
			for severity := range Severities {
				c := all[name]
				strength := c.small[severity]
				if side >= largeFrom {
					strength = c.large[severity]
				}
				p := flat(side, side+3, 3, 0.6)
				c.apply(p, strength, rand.New(rand.NewPCG(1, 2)))
				for i, v := range p.Pix {
					if math.Abs(float64(v)-0.6) > 1e-4 {
						t.Fatalf("%s at severity %d: value %d is %v, want 0.6", name, severity+1, i, v)
					}
				}
			}
		}
	}
}

// A point that moves to the left at angle 0 leaves half a Gaussian to its left; at a right angle it leaves it above.
func TestStreak(t *testing.T) {
	for angle, step := range map[float64][2]int{0: {0, -1}, math.Pi / 2: {-1, 0}} {
		p := flat(21, 21, 1, 0)
		p.Pix[10*21+10] = 1
		streak(p, 3, 2, angle)
		var sum, all float64
		for i := range 7 {
			sum += math.Exp(-float64(i*i) / 8)
		}
		for i := range 7 {
			got := float64(p.Pix[(10+i*step[0])*21+10+i*step[1]])
			if want := math.Exp(-float64(i*i)/8) / sum; math.Abs(got-want) > 1e-6 {
				t.Errorf("angle %v: %v after %d pixels, want %v", angle, got, i, want)
			}
			all += got
		}
		if math.Abs(all-1) > 1e-6 {
			t.Errorf("angle %v: %v of the point is on its way, want all", angle, all)
		}
	}
}

// A magnification of 2 shows the middle half; the affine map of an elastic image takes its three points where they go.
func TestWarps(t *testing.T) {
	p := flat(9, 9, 1, 0)
	for y := range 9 {
		for x := range 9 {
			p.Pix[y*9+x] = float32(10*y + x)
		}
	}
	m := magnified(p, 2)
	for y := range 9 {
		for x := range 9 {
			if want := 10*(4+float64(y-4)/2) + 4 + float64(x-4)/2; math.Abs(float64(m.Pix[y*9+x])-want) > 1e-5 {
				t.Errorf("pixel %d,%d is %v, want %v", y, x, m.Pix[y*9+x], want)
			}
		}
	}
	from, to := [3][2]float64{{1, 2}, {5, 1}, {3, 7}}, [3][2]float64{{2, 2}, {4, 0}, {3, 9}}
	f := affine(from, to)
	for i, q := range from {
		if y, x := f(q[0], q[1]); math.Abs(y-to[i][0])+math.Abs(x-to[i][1]) > 1e-9 {
			t.Errorf("%v goes to %v,%v, want %v", q, y, x, to[i])
		}
	}
	for i, want := range map[int]int{-1: 1, -8: 8, 9: 7, 16: 0, 4: 4, 17: 1} {
		if got := mirror(i, 9); got != want {
			t.Errorf("mirror(%d, 9) is %d, want %d", i, got, want)
		}
	}
}

// Saturation by hand: value 0.8, saturation 0.5; halved, and doubled and cut at 1. A grey pixel gets a little red.
func TestSaturate(t *testing.T) {
	for _, c := range []struct {
		pixel, want [3]float32
		strength    []float64
	}{
		{[3]float32{0.8, 0.4, 0.6}, [3]float32{0.8, 0.6, 0.7}, []float64{0.5, 0}},
		{[3]float32{0.8, 0.4, 0.6}, [3]float32{0.8, 0, 0.4}, []float64{3, 0}},
		{[3]float32{0.5, 0.5, 0.5}, [3]float32{0.5, 0.4, 0.4}, []float64{2, 0.2}},
	} {
		p := views.Pixels{H: 1, W: 1, C: 3, Pix: c.pixel[:]}
		saturate(p, c.strength, nil)
		for k, v := range p.Pix {
			if math.Abs(float64(v-c.want[k])) > 1e-6 {
				t.Errorf("%v is %v, want %v", c.strength, p.Pix, c.want)
			}
		}
	}
}

// A height map fills [0,1]; a fast decay leaves it smooth, a slow one rough. Fog keeps the largest value at most where
// it was, and the drops of spatter change some pixels and leave others.
func TestWeather(t *testing.T) {
	rough := func(decay float64) float64 {
		m := plasma(32, 32, decay, rand.New(rand.NewPCG(3, 4)))
		var sum float64
		least, most := m.Pix[0], m.Pix[0]
		for i, v := range m.Pix {
			least, most = min(least, v), max(most, v)
			if i%32 > 0 {
				sum += math.Abs(float64(v - m.Pix[i-1]))
			}
		}
		if least != 0 || most != 1 {
			t.Errorf("heights from %v to %v, want 0 to 1", least, most)
		}
		return sum
	}
	if smooth, coarse := rough(3), rough(1.4); smooth > coarse/2 {
		t.Errorf("neighbours differ by %v with a decay of 3, by %v with 1.4", smooth, coarse)
	}
	p := flat(32, 32, 3, 0.7)
	fog(p, []float64{1, 2}, rand.New(rand.NewPCG(5, 6)))
	for _, v := range p.Pix {
		if v > 0.7+1e-6 || v < 0.7*0.7/1.7-1e-6 {
			t.Fatalf("fog makes 0.7 %v", v)
		}
	}
	for severity := range Severities {
		p := flat(64, 64, 3, 0.3)
		spatter(p, all["spatter"].large[severity], rand.New(rand.NewPCG(7, 8)))
		moved := 0
		for _, v := range p.Pix {
			if math.Abs(float64(v)-0.3) > 1e-3 {
				moved++
			}
		}
		if moved == 0 || moved == len(p.Pix) {
			t.Errorf("spatter of severity %d changes %d of %d values", severity+1, moved, len(p.Pix))
		}
	}
}

// every kind of copy changes an image, always in the same way for a seed.
func TestCopies(t *testing.T) {
	set := &steps{}
	for _, kind := range CopyKinds() {
		var clean, one, again datasets.Image
		copies, err := CopiesOf(set, kind, 5)
		if err == nil {
			err = errors.Join(set.Image(3, &clean), copies.Image(3, &one), copies.Image(3, &again))
		}
		if err != nil {
			t.Fatal(err)
		}
		moved := 0
		for i, v := range one.Pix {
			if again.Pix[i] != v {
				t.Fatalf("%s: a copy is made in two ways", kind)
			}
			if v != clean.Pix[i] {
				moved++
			}
		}
		if moved < len(one.Pix)/10 {
			t.Errorf("%s changes %d of %d values", kind, moved, len(one.Pix))
		}
		if kind == "mirror" {
			for x := range 30 {
				if one.Pix[x*3] != clean.Pix[(29-x)*3] {
					t.Fatalf("mirror: pixel %d is %d", x, one.Pix[x*3])
				}
			}
		}
	}
	if _, err := CopiesOf(set, "print", 1); err == nil {
		t.Error("a kind that is not there is not refused")
	}
}

// steps are images of a pattern of their number.
type steps struct{}

func (steps) Len() int          { return 9 }
func (steps) Classes() []string { return nil }
func (steps) Label(int) int     { return -1 }
func (steps) Name(int) string   { return "steps" }
func (steps) Image(i int, dst *datasets.Image) error {
	dst.Reshape(24, 30, 3)
	for k := range dst.Pix {
		dst.Pix[k] = byte(k*(i+1)/7 + k/90*5)
	}
	return nil
}

// A step of brightness is a dark line on white, and nothing is where the image is even, whatever its colour.
func TestSketch(t *testing.T) {
	p := flat(12, 12, 3, 0.2)
	for y := range 12 {
		for x := 6; x < 12; x++ {
			p.Pix[(y*12+x)*3+1] = 0.9
		}
	}
	sketch(p, 0.3, nil)
	for y := range 12 {
		for x, want := range []float64{1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1} {
			for c := range 3 {
				if got := float64(p.Pix[(y*12+x)*3+c]); math.Abs(got-want) > 0.01 {
					t.Fatalf("(%d,%d): %v, want %v", y, x, got, want)
				}
			}
		}
	}
	p = flat(5, 5, 1, 0.7)
	sketch(p, 1, nil)
	for _, v := range p.Pix {
		if v != 1 {
			t.Fatalf("an even image becomes %v, want white", p.Pix)
		}
	}
}
