package kern

import (
	"fmt"
	"slices"
	"testing"
)

// The gradient by w behind a norm has the bits of the pass that makes dy first, on any number of threads. Only images
// that do not fit are cut differently.
func TestNormBehind(t *testing.T) {
	for _, c := range []Conv{
		conv(0, 8, 8, 3, 16, 3, 2, 1, 1, 1),
		conv(37, 32, 32, 3, 16, 3, 2, 1, 1, 1),
		conv(3, 9, 8, 3, 64, 3, 1, 1, 1, 1),
		conv(2, 30, 31, 1, 48, 5, 2, 2, 1, 1),
		conv(17, 14, 15, 7, 32, 3, 1, 0, 1, 1),
		conv(1, 300, 200, 3, 64, 7, 2, 3, 1, 1), // bands of an image
		rect(2, 11, 13, 12, 64, 3, 2, 3, 2, 2, 1, 1, 2, 1),
	} {
		for _, relu := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s relu %v", convName(c), relu), func(t *testing.T) {
				eachLevel(t, func(t *testing.T) {
					if work := c.B * c.OH * c.OW * c.weights(); active == generic && work > 4e7 {
						t.Skip("slow in plain Go")
					}
					testNormBehind(t, c, relu)
				})
			})
		}
	}
}

func testNormBehind(t *testing.T, c Conv, relu bool) {
	r := newRand("norm behind", convName(c))
	nx, ny := c.B*c.H*c.W*c.Ci, c.B*c.OH*c.OW*c.Co
	x, dy, y := newGuarded("x", nx).random(r), newGuarded("dy", ny).random(r), newGuarded("y", ny).random(r)
	var numbers [5][]float32
	for i := range numbers {
		numbers[i] = newGuarded("numbers", c.Co).random(r).v
	}
	run := func(c Conv, dy *guarded) []float32 {
		s, dw := newGuarded("scratch", c.BackwardWeightsScratch()).poison(), newGuarded("dw", c.weights()).poison()
		c.BackwardWeights(x.v, dy.v, dw.v, s.v)
		for _, g := range []*guarded{x, dy, y, s, dw} {
			g.check(t)
		}
		return dw.v
	}
	norm := func(times int) NormGradient {
		n := NormGradient{Y: y.v, A: slices.Repeat(numbers[0], times), B: slices.Repeat(numbers[1], times),
			C: slices.Repeat(numbers[2], times)}
		if relu {
			n.Scale, n.Shift = slices.Repeat(numbers[3], times), slices.Repeat(numbers[4], times)
		}
		return n
	}
	made := newGuarded("dy before the norm", ny)
	for i := range made.v {
		k := i % c.Co
		d := dy.v[i]
		if relu && !(float32(y.v[i]*numbers[3][k])+numbers[4][k] > 0) {
			d = 0
		}
		made.v[i] = float32(d*numbers[0][k]) + float32(y.v[i]*numbers[1][k]) + numbers[2][k]
	}
	want, banded := run(c, made), []float32(nil)
	for _, threads := range []int{1, 3} {
		setThreads(t, threads)
		for _, times := range []int{1, 5} {
			with := c
			with.Behind = norm(times)
			got := run(with, dy)
			if g := new(correlate); c.H > 100 {
				if g.set(with); g.bands == 1 {
					t.Error("the image fits")
				}
				checkClose(t, "dw", got, float64s(want), 8e-6) // the strips of rows add up in another order
				if threads > 1 {
					checkSame(t, "dw with more threads", got, banded)
				}
				banded = got
				continue
			}
			checkSame(t, fmt.Sprintf("dw with %d threads", threads), got, want)
		}
	}
	with := c
	with.Behind = norm(1)
	s, dw := make([]float32, with.BackwardWeightsScratch()), make([]float32, c.weights())
	if n := testing.AllocsPerRun(3, func() { with.BackwardWeights(x.v, dy.v, dw, s) }); n != 0 {
		t.Errorf("%g allocations, want 0", n)
	}
}

func TestNormBehindRefused(t *testing.T) {
	ones := slices.Repeat([]float32{1}, 32)
	norm := NormGradient{Y: make([]float32, 64*32), A: ones, B: ones, C: ones, Scale: ones, Shift: ones}
	fine := conv(1, 8, 8, 3, 16, 3, 1, 1, 1, 1)
	fine.Behind = norm
	if err := fine.Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(c *Conv){
		"bf16":         func(c *Conv) { c.BF16 = true },
		"groups":       func(c *Conv) { c.Ci, c.Groups = 2, 2 },
		"prologue":     func(c *Conv) { c.Prologue = Prologue{Scale: ones[:3], Shift: ones[:3]} },
		"one pixel":    func(c *Conv) { c.KH, c.KW, c.PH, c.PW = 1, 1, 0, 0 },
		"many in":      func(c *Conv) { c.Ci = 16 },
		"many out":     func(c *Conv) { c.Co = 80 },
		"uneven out":   func(c *Conv) { c.Co = 8 },
		"no y":         func(c *Conv) { c.Behind.Y = nil },
		"no factors":   func(c *Conv) { c.Behind.A = ones[:0] },
		"part factors": func(c *Conv) { c.Behind.A = ones[:24] },
		"fewer":        func(c *Conv) { c.Behind.B = ones[:16] },
		"scales":       func(c *Conv) { c.Behind.Scale, c.Behind.Shift = ones[:16], ones[:16] },
		"shifts":       func(c *Conv) { c.Behind.Shift = nil },
	} {
		c := fine
		change(&c)
		if c.Check() == nil {
			t.Errorf("%s: %+v passes", name, c)
		}
	}
}
