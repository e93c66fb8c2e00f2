package kern

import (
	"fmt"
	"testing"
)

// conv is a case from the numbers one would say: batch, image, channels, kernel, stride, pad, dilation, groups.
func conv(b, h, w, ci, co, k, s, p, d, g int) Conv {
	return rect(b, h, w, ci, co, k, k, s, s, p, p, d, d, g)
}

func rect(b, h, w, ci, co, kh, kw, sh, sw, ph, pw, dh, dw, g int) Conv {
	return Conv{B: b, H: h, W: w, Ci: ci, KH: kh, KW: kw, Co: co, SH: sh, SW: sw, PH: ph, PW: pw, DH: dh, DW: dw,
		Groups: g,
		OH:     (h+2*ph-(kh-1)*dh-1)/sh + 1, OW: (w+2*pw-(kw-1)*dw-1)/sw + 1}
}

func convName(c Conv) string {
	return fmt.Sprintf("%dx%dx%dx%d to %d k%dx%d s%dx%d p%dx%d d%dx%d g%d", c.B, c.H, c.W, c.Ci, c.Co, c.KH, c.KW, c.SH,
		c.SW, c.PH, c.PW, c.DH, c.DW, c.Groups)
}

func convCases() []Conv {
	cases := []Conv{
		conv(0, 8, 8, 3, 8, 3, 1, 1, 1, 1),
		conv(1, 1, 1, 1, 1, 1, 1, 0, 1, 1),
		conv(2, 1, 1, 3, 5, 3, 1, 1, 1, 1),
		conv(1, 7, 7, 5, 7, 3, 3, 0, 1, 1),
		conv(2, 9, 9, 3, 8, 2, 3, 1, 1, 1), // kernel below stride: inputs without taps
		conv(1, 6, 6, 4, 4, 1, 2, 0, 1, 1),
		conv(3, 5, 5, 4, 6, 1, 1, 2, 1, 1), // output rows wholly in the padding
		conv(3, 5, 5, 4, 6, 2, 2, 3, 1, 1),
		conv(20, 4, 4, 16, 33, 3, 2, 1, 1, 1),
		conv(17, 2, 2, 33, 40, 3, 1, 1, 1, 1),
		conv(16, 1, 1, 8, 8, 3, 1, 2, 1, 1),
		conv(29, 7, 7, 3, 20, 3, 2, 1, 1, 1),
		conv(2, 17, 17, 8, 16, 3, 1, 2, 2, 1),
		conv(2, 15, 15, 3, 16, 3, 2, 2, 3, 1),
		conv(2, 15, 15, 8, 16, 3, 3, 2, 2, 1),
		conv(2, 15, 15, 8, 16, 3, 4, 2, 2, 1),
		conv(3, 16, 16, 3, 48, 4, 4, 0, 1, 1),
		conv(2, 21, 21, 3, 10, 7, 2, 3, 1, 1),
		conv(1, 63, 17, 2, 9, 5, 1, 2, 1, 1),
		conv(2, 9, 9, 6, 8, 3, 1, 1, 1, 2),
		conv(9, 4, 4, 12, 18, 3, 2, 1, 1, 3),
		conv(2, 9, 9, 7, 7, 3, 1, 1, 1, 7),
		conv(2, 9, 9, 33, 33, 3, 2, 1, 1, 33),
		conv(3, 10, 10, 40, 40, 5, 3, 2, 2, 40),
		conv(20, 3, 3, 16, 16, 1, 1, 1, 1, 16),
		conv(2, 9, 12, 100, 100, 7, 1, 3, 1, 100),
		conv(3, 2, 3, 17, 17, 5, 2, 4, 1, 17),
		conv(2, 8, 8, 70, 70, 2, 3, 0, 1, 70),
		rect(2, 9, 10, 41, 41, 3, 5, 3, 2, 1, 4, 2, 3, 41),
		conv(2, 6, 6, 4, 12, 3, 1, 1, 1, 4),
		rect(2, 1, 65, 3, 8, 1, 7, 1, 2, 0, 3, 1, 1, 1),
		rect(2, 12, 7, 16, 16, 3, 1, 2, 1, 1, 0, 1, 1, 1),
		rect(1, 7, 63, 8, 40, 2, 5, 1, 3, 0, 4, 2, 1, 1),
		rect(2, 11, 13, 20, 24, 3, 2, 3, 2, 2, 1, 1, 2, 1),
		conv(1, 40, 40, 64, 65, 3, 1, 1, 1, 1), // several bands of rows
		conv(2, 130, 120, 3, 40, 7, 2, 3, 1, 1),
		conv(1, 90, 90, 20, 40, 3, 1, 1, 1, 1),
		conv(0, 8, 8, 16, 64, 3, 2, 1, 1, 1), // narrow: rows in one piece, dy in place
		conv(1, 96, 90, 20, 16, 3, 1, 1, 1, 1),
		conv(18, 16, 15, 16, 48, 3, 2, 1, 1, 1),
		conv(35, 9, 9, 32, 32, 3, 2, 1, 1, 1),
		conv(5, 30, 31, 3, 16, 5, 2, 2, 1, 1),
		rect(3, 20, 23, 17, 16, 2, 3, 2, 1, 0, 2, 2, 1, 1),
		conv(0, 2, 2, 64, 64, 3, 1, 1, 1, 1), // few pixels, many channels
		conv(7, 1, 1, 64, 70, 3, 1, 1, 1, 1),
		conv(5, 2, 2, 66, 64, 3, 1, 1, 1, 1),
		conv(6, 4, 5, 64, 65, 3, 2, 1, 1, 1),
		conv(3, 3, 3, 64, 64, 3, 1, 2, 2, 1),
		conv(3, 9, 7, 65, 64, 1, 2, 0, 1, 1),
		conv(2, 5, 5, 64, 64, 1, 2, 1, 1, 1),
		conv(2, 181, 182, 64, 64, 1, 2, 0, 1, 1),             // an image at a time
		rect(2, 1, 1303, 200, 40, 1, 3, 1, 2, 0, 0, 1, 1, 1), // spans of a sequence
		rect(1, 1, 4001, 60, 48, 1, 8, 1, 4, 0, 0, 1, 1, 1),
		rect(2, 1, 4001, 65, 64, 1, 2, 1, 3, 0, 0, 1, 2, 1),
		rect(1, 3, 900, 140, 34, 2, 3, 1, 1, 0, 0, 1, 1, 2),
		rect(1, 1, 1303, 200, 40, 1, 3, 1, 2, 0, 1, 1, 1, 1), // padded, in one piece
	}
	for _, ci := range []int{1, 3, 8, 16, 33, 64} {
		for i, co := range []int{1, 8, 33, 64} {
			cases = append(cases, conv(2, 9, 8+i, ci, co, 3, 1+i%2, 1, 1, 1), conv(2, 7, 5+i, ci, co, 1, 1+i/2, 0, 1,
				1))
		}
	}
	return cases
}

// convData holds random operands and the float64 results of plain loops.
type convData struct {
	x, w, dy         *guarded
	y, dx, dw        []float64
	gotY, gotX, gotW *guarded
}

func newConvData(c Conv) *convData {
	r := newRand(convName(c))
	nx, nw, ny := c.B*c.H*c.W*c.Ci, c.KH*c.KW*c.Ci/c.Groups*c.Co, c.B*c.OH*c.OW*c.Co
	d := &convData{
		x: newGuarded("x", nx).random(r), w: newGuarded("w", nw).random(r), dy: newGuarded("dy", ny).random(r),
		y: make([]float64, ny), dx: make([]float64, nx), dw: make([]float64, nw),
		gotY: newGuarded("y", ny).poison(), gotX: newGuarded("dx", nx).poison(), gotW: newGuarded("dw", nw).poison(),
	}
	x, w, dy := operand(c, d.x.v), operand(c, d.w.v), operand(c, d.dy.v)
	gi, gout := c.Ci/c.Groups, c.Co/c.Groups
	for b := range c.B {
		for i := range c.OH {
			for j := range c.OW {
				for u := range c.KH {
					for v := range c.KW {
						p, q := i*c.SH+u*c.DH-c.PH, j*c.SW+v*c.DW-c.PW
						if p < 0 || p >= c.H || q < 0 || q >= c.W {
							continue
						}
						for o := range c.Co {
							iy := ((b*c.OH+i)*c.OW+j)*c.Co + o
							for m := range gi {
								ix := ((b*c.H+p)*c.W+q)*c.Ci + o/gout*gi + m
								iw := ((u*c.KW+v)*gi+m)*c.Co + o
								d.y[iy] += x[ix] * w[iw]
								d.dx[ix] += dy[iy] * w[iw]
								d.dw[iw] += x[ix] * dy[iy]
							}
						}
					}
				}
			}
		}
	}
	return d
}

// operand is what the products of the convolution take for s.
func operand(c Conv, s []float32) []float64 {
	r := make([]float64, len(s))
	for i, v := range s {
		if c.BF16 {
			_, v = unpair(uint32(RoundBF16(v)) << 16)
		}
		r[i] = float64(v)
	}
	return r
}

// run computes all three directions with poisoned scratch, and checks the canaries.
func (d *convData) run(t *testing.T, c Conv) {
	t.Helper()
	fs, ds, ws := newGuarded("forward scratch", c.ForwardScratch()).poison(),
		newGuarded("data scratch", c.BackwardDataScratch()).poison(),
		newGuarded("weights scratch", c.BackwardWeightsScratch()).poison()
	c.Forward(d.x.v, d.w.v, d.gotY.v, fs.v)
	c.BackwardData(d.dy.v, d.w.v, d.gotX.v, ds.v)
	c.BackwardWeights(d.x.v, d.dy.v, d.gotW.v, ws.v)
	for _, g := range []*guarded{d.x, d.w, d.dy, d.gotY, d.gotX, d.gotW, fs, ds, ws} {
		g.check(t)
	}
}

func TestConv(t *testing.T) {
	for _, c := range convCases() {
		t.Run(convName(c), func(t *testing.T) {
			if err := c.Check(); err != nil {
				t.Fatal(err)
			}
			d := newConvData(c)
			eachLevel(t, func(t *testing.T) {
				d.gotY.poison()
				d.gotX.poison()
				d.gotW.poison()
				d.run(t, c)
				checkClose(t, "y", d.gotY.v, d.y, 4e-6)
				checkClose(t, "dx", d.gotX.v, d.dx, 4e-6)
				checkClose(t, "dw", d.gotW.v, d.dw, 4e-6)
			})
		})
	}
}

// TestConvThreads holds that the bits do not depend on the number of threads.
func TestConvThreads(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, c := range []Conv{conv(5, 9, 9, 16, 40, 3, 2, 1, 1, 1), conv(33, 4, 4, 32, 33, 3, 1, 1, 1, 1),
			conv(9, 7, 7, 24, 24, 3, 1, 1, 1, 24), rect(2, 1, 1303, 200, 40, 1, 3, 1, 2, 0, 0, 1, 1, 1),
			conv(4, 16, 16, 3, 64, 3, 1, 1, 1, 1), conv(21, 16, 16, 16, 32, 3, 2,
				1, 1, 1), conv(9, 2, 2, 64, 64, 3, 1, 1, 1, 1)} {
			t.Run(convName(c), func(t *testing.T) {
				setThreads(t, 1)
				want := newConvData(c)
				want.run(t, c)
				for _, threads := range []int{2, 3, 8} {
					SetThreads(threads)
					d := newConvData(c)
					d.run(t, c)
					checkSame(t, fmt.Sprintf("y with %d threads", threads), d.gotY.v, want.gotY.v)
					checkSame(t, fmt.Sprintf("dx with %d threads", threads), d.gotX.v, want.gotX.v)
					checkSame(t, fmt.Sprintf("dw with %d threads", threads), d.gotW.v, want.gotW.v)
				}
			})
		}
	})
}

func TestConvAllocatesNothing(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, c := range []Conv{conv(16, 8, 8, 16, 40, 3, 2, 1, 1, 1), conv(4, 8, 8, 16, 40, 1, 1, 0, 1, 1),
			conv(4, 8, 8, 8, 8, 3, 1, 1, 1, 8), conv(4, 8, 8, 32, 32, 3, 1, 1, 1, 1), conv(4, 2, 2, 64, 64, 3, 1, 1, 1,
				1)} {
			d := newConvData(c)
			fs, ds, ws := make([]float32, c.ForwardScratch()), make([]float32, c.BackwardDataScratch()),
				make([]float32, c.BackwardWeightsScratch())
			if n := testing.AllocsPerRun(5, func() {
				c.Forward(d.x.v, d.w.v, d.gotY.v, fs)
				c.BackwardData(d.dy.v, d.w.v, d.gotX.v, ds)
				c.BackwardWeights(d.x.v, d.dy.v, d.gotW.v, ws)
			}); n != 0 {
				t.Errorf("%s: %g allocations, want 0", convName(c), n)
			}
		}
	})
}

func TestConvCheck(t *testing.T) {
	good := conv(1, 8, 8, 4, 4, 3, 1, 1, 1, 1)
	for name, edit := range map[string]func(*Conv){
		"no channels":  func(c *Conv) { c.Ci = 0 },
		"groups":       func(c *Conv) { c.Groups = 3 },
		"output size":  func(c *Conv) { c.OH = 7 },
		"large kernel": func(c *Conv) { c.KH = 11 },
		"stride 0":     func(c *Conv) { c.SW = 0 },
		"negative pad": func(c *Conv) { c.PH = -1 },
	} {
		c := good
		edit(&c)
		if err := c.Check(); err == nil {
			t.Errorf("%s: %+v passes", name, c)
		}
	}
	zero := good
	zero.DH, zero.DW, zero.Groups = 0, 0, 0
	if err := zero.Check(); err != nil {
		t.Errorf("zero dilation and groups: %v", err)
	}
}

// BenchmarkConv is the convolutions of ResNet-18 with a CIFAR stem, batch 64, those bench/conv.sh reads at batch 256
// too, and narrow ones.
func BenchmarkConv(b *testing.B) {
	for _, c := range []Conv{
		conv(64, 32, 32, 3, 64, 3, 1, 1, 1, 1),
		conv(64, 32, 32, 64, 64, 3, 1, 1, 1, 1), conv(64, 32, 32, 64, 128, 3, 2, 1, 1, 1),
		conv(64, 16, 16, 128, 128, 3, 1, 1, 1, 1), conv(64, 16, 16, 128, 256, 3, 2, 1, 1, 1),
		conv(64, 8, 8, 256, 256, 3, 1, 1, 1, 1), conv(64, 8, 8, 256, 512, 3, 2, 1, 1, 1),
		conv(64, 4, 4, 512, 512, 3, 1, 1, 1, 1),
		conv(256, 32, 32, 64, 64, 3, 1, 1, 1, 1), conv(256, 16, 16, 128, 128, 3, 1, 1, 1, 1),
		conv(256, 8, 8, 256, 256, 3, 1, 1, 1, 1), conv(256, 4, 4, 512, 512, 3, 1, 1, 1, 1),
		conv(64, 32, 32, 64, 128, 1, 2, 0, 1, 1), conv(64, 8, 8, 256, 512, 1, 2, 0, 1, 1),
		conv(64, 32, 32, 64, 64, 3, 1, 1, 1, 64),
		// sequences
		rect(2, 1, 3199, 512, 512, 1, 3, 1, 2, 0, 0, 1, 1, 1), rect(2, 1, 399, 512, 512, 1, 3, 1, 2, 0, 0, 1, 1, 1),
		// narrow
		conv(256, 32, 32, 3, 16, 3, 2, 1, 1, 1), conv(256, 16, 16, 16, 32, 3, 2, 1, 1, 1), conv(256, 8, 8, 32, 64, 3, 2,
			1, 1, 1),
	} {
		x, w, y := make([]float32, c.B*c.H*c.W*c.Ci), make([]float32, c.weights()), make([]float32, c.B*c.OH*c.OW*c.Co)
		r := newRand(convName(c))
		for _, s := range [][]float32{x, w, y} {
			for i := range s {
				s[i] = r.Float32()
			}
		}
		flop := 2 * float64(len(y)) * float64(len(w)) / float64(c.Co)
		fs, ds, ws := make([]float32, c.ForwardScratch()), make([]float32, c.BackwardDataScratch()),
			make([]float32, c.BackwardWeightsScratch())
		for name, f := range map[string]func(){
			"forward": func() { c.Forward(x, w, y, fs) },
			"data":    func() { c.BackwardData(y, w, x, ds) },
			"weights": func() { c.BackwardWeights(x, y, w, ws) },
		} {
			b.Run(name+" "+convName(c), func(b *testing.B) {
				for b.Loop() {
					f()
				}
				b.ReportMetric(flop*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOPS")
			})
		}
	}
}
