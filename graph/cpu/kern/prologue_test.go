package kern

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// prologueCases are convolutions of every method that takes a prologue, with images at the edge of each way to cut
// them.
func prologueCases() []Conv {
	return []Conv{
		conv(0, 8, 8, 16, 16, 3, 1, 1, 1, 1),
		conv(2, 9, 8, 3, 8, 3, 1, 1, 1, 1), // merged taps
		conv(3, 16, 16, 16, 33, 3, 2, 1, 1, 1),
		conv(20, 4, 4, 33, 40, 3, 2, 1, 1, 1), // a tile's rows are images
		conv(3, 5, 5, 4, 6, 1, 1, 2, 1, 1),
		conv(2, 9, 9, 20, 24, 1, 2, 0, 1, 1),
		rect(2, 11, 13, 20, 24, 3, 2, 3, 2, 2, 1, 1, 2, 1),
		conv(3, 7, 9, 24, 40, 1, 1, 0, 1, 1),  // a product
		conv(9, 70, 70, 40, 8, 1, 1, 0, 1, 1), // of two slabs
		conv(5, 13, 13, 16, 32, 3, 1, 1, 1, 1),
		conv(40, 4, 3, 32, 16, 3, 1, 1, 1, 1),
		conv(3, 6, 3, 16, 32, 3, 1, 2, 1, 1),
		conv(1, 40, 50, 32, 32, 3, 1, 0, 1, 1), // several runs of tiles to a row
		conv(4, 8, 8, 256, 256, 3, 1, 1, 1, 1), // staged
		conv(5, 2, 3, 64, 66, 3, 1, 1, 1, 1),   // few pixels
		conv(7, 13, 12, 16, 32, 3, 2, 1, 1, 1),
		conv(30, 8, 7, 32, 32, 3, 2, 1, 1, 1), // one tile an image
		conv(1, 20, 72, 32, 16, 3, 2, 1, 1, 1),
	}
}

// A prologue gives the bits of ScaleShift over the images before the same convolution, on any number of threads. Only
// the sum over pixels of a 1x1 convolution's gradient is cut differently.
func TestPrologue(t *testing.T) {
	for _, c := range prologueCases() {
		for _, relu := range []bool{true, false} {
			for _, a := range []Algorithm{Auto, Direct, Winograd} {
				if c.Algorithm = a; c.Check() != nil {
					continue // not by Winograd's algorithm
				}
				t.Run(fmt.Sprintf("%s algorithm %d relu %v", convName(c), a, relu), func(t *testing.T) {
					eachLevel(t, func(t *testing.T) {
						if work := c.B * c.OH * c.OW * c.weights(); active == generic && work > 4e6 {
							t.Skip("slow in plain Go")
						}
						testPrologue(t, c, relu)
					})
				})
			}
		}
	}
}

func testPrologue(t *testing.T, c Conv, relu bool) {
	r := newRand("prologue", convName(c))
	nx, nw, ny := c.B*c.H*c.W*c.Ci, c.weights(), c.B*c.OH*c.OW*c.Co
	x, w, dy := newGuarded("x", nx).random(r), newGuarded("w", nw).random(r), newGuarded("dy", ny).random(r)
	p := Prologue{Scale: newGuarded("scale", c.Ci).random(r).v, Shift: newGuarded("shift", c.Ci).random(r).v,
		Relu: relu}
	run := func(c Conv, x *guarded) (y, dw []float32) {
		fs, ws := newGuarded("forward scratch", c.ForwardScratch()).poison(), newGuarded("weights scratch",
			c.BackwardWeightsScratch()).poison()
		gy, gw := newGuarded("y", ny).poison(), newGuarded("dw", nw).poison()
		c.Forward(x.v, w.v, gy.v, fs.v)
		c.BackwardWeights(x.v, dy.v, gw.v, ws.v)
		for _, g := range []*guarded{x, w, dy, fs, ws, gy, gw} {
			g.check(t)
		}
		return gy.v, gw.v
	}
	moved := newGuarded("moved x", nx)
	p.move(moved.v, x.v)
	wantY, wantW := run(c, moved)
	for _, threads := range []int{1, 3} {
		setThreads(t, threads)
		for _, times := range []int{1, 5} {
			with := c
			with.Prologue = Prologue{Scale: slices.Repeat(p.Scale, times), Shift: slices.Repeat(p.Shift, times),
				Relu: relu}
			y, dw := run(with, x)
			checkSame(t, fmt.Sprintf("y with %d threads", threads), y, wantY)
			if d := c.defaults(); d.method() == pointwise && nx > pointSlab {
				checkClose(t, "dw", dw, float64s(wantW), 4e-6)
				continue
			}
			checkSame(t, fmt.Sprintf("dw with %d threads", threads), dw, wantW)
		}
	}
}

func TestPrologueAllocatesNothing(t *testing.T) {
	for _, c := range []Conv{conv(2, 8, 8, 32, 32, 3, 1, 1, 1, 1), conv(4, 8, 8, 16, 40, 3, 2, 1, 1, 1),
		conv(4, 8, 8, 16, 40, 1, 1, 0, 1, 1)} {
		d := newConvData(c)
		c.Prologue = Prologue{Scale: make([]float32, c.Ci), Shift: make([]float32, c.Ci)}
		fs, ws := make([]float32, c.ForwardScratch()), make([]float32, c.BackwardWeightsScratch())
		if n := testing.AllocsPerRun(5, func() {
			c.Forward(d.x.v, d.w.v, d.gotY.v, fs)
			c.BackwardWeights(d.x.v, d.dy.v, d.gotW.v, ws)
		}); n != 0 {
			t.Errorf("%s: %g allocations, want 0", convName(c), n)
		}
	}
}

func TestPrologueRefused(t *testing.T) {
	ones := slices.Repeat([]float32{1}, 8)
	for name, c := range map[string]Conv{
		"groups":    {Groups: 2, Prologue: Prologue{Scale: ones, Shift: ones}},
		"scales":    {Prologue: Prologue{Scale: ones[:6], Shift: ones[:6]}},
		"shifts":    {Prologue: Prologue{Scale: ones, Shift: ones[:4]}},
		"no scales": {Prologue: Prologue{Scale: ones[:0], Shift: ones[:0]}},
	} {
		d := conv(1, 8, 8, 4, 4, 3, 1, 1, 1, 1)
		d.Groups, d.Prologue = c.Groups, c.Prologue
		if d.Check() == nil {
			t.Errorf("%s: %+v passes", name, d.Prologue)
		}
	}
}

// BenchmarkPrologue is the convolutions of ResNet-18 that follow a norm directly, forward and by weights: with the
// prologue, and with a pass of its own before.
func BenchmarkPrologue(b *testing.B) {
	for _, c := range []Conv{
		conv(32, 32, 32, 64, 64, 3, 1, 1, 1, 1), conv(32, 16, 16, 128, 128, 3, 1, 1, 1, 1),
		conv(32, 8, 8, 256, 256, 3, 1, 1, 1, 1), conv(32, 4, 4, 512, 512, 3, 1, 1, 1, 1),
		conv(32, 16, 16, 64, 256, 1, 1, 0, 1, 1), conv(32, 32, 32, 64, 64, 3, 2, 1, 1, 1),
	} {
		with := c
		with.Prologue = Prologue{Scale: slices.Repeat([]float32{0.5}, 512), Shift: slices.Repeat([]float32{0.1}, 512),
			Relu: true}
		x, moved, w, y := make([]float32, c.B*c.H*c.W*c.Ci), make([]float32, c.B*c.H*c.W*c.Ci),
			make([]float32, c.weights()), make([]float32, c.B*c.OH*c.OW*c.Co)
		r := newRand(convName(c))
		for _, s := range [][]float32{x, w, y} {
			for i := range s {
				s[i] = r.Float32()
			}
		}
		dw := make([]float32, len(w))
		fs, ws := make([]float32, with.ForwardScratch()), make([]float32, with.BackwardWeightsScratch())
		pass := func(task, _ int) {
			with.Prologue.move(moved[task*len(moved)/c.B:(task+1)*len(moved)/c.B], x[task*len(moved)/c.B:])
		}
		for _, side := range []struct {
			name string
			f    func()
		}{
			{"within", func() { with.Forward(x, w, y, fs); with.BackwardWeights(x, y, dw, ws) }},
			{"apart", func() {
				runLimited(c.B, 1<<30, pass)
				c.Forward(moved, w, y, fs)
				c.BackwardWeights(moved, y, dw, ws)
			}},
		} {
			b.Run(side.name+" "+convName(c), func(b *testing.B) {
				least := math.Inf(1)
				for b.Loop() {
					begin := time.Now()
					side.f()
					least = min(least, time.Since(begin).Seconds())
				}
				b.ReportMetric(1e3*least, "ms-least")
			})
		}
	}
}
