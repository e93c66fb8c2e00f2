package kern

import (
	"fmt"
	"math"
	"testing"
)

// TestWinogradTransforms compares the assembly with the plain definition, strides and signs included.
func TestWinogradTransforms(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for k := range winogradTransforms {
			down, right := winogradMatrices[k][0], winogradMatrices[k][1]
			srcRows, srcColumns, rows, columns := k.size()
			for _, c := range []struct {
				n, count int
				to, from winogradStrides
			}{
				{16, 1, winogradStrides{6 * 70, 70, 0}, winogradStrides{6 * 16, 16, 0}},
				{48, 2, winogradStrides{7 * 48, 48, 7 * 7 * 48}, winogradStrides{411, 67, 59}},
				{32, 3, winogradStrides{6 * 40, 40, 6 * 6 * 40}, winogradStrides{-200, -33, 300}},
			} {
				r := newRand("winograd", int(k), c.n)
				src := newGuarded("src", 4000).random(r)
				dst := newGuarded("dst", c.to.at(rows-1, columns-1, c.count-1)+c.n).poison()
				at := 0
				if c.from.row < 0 {
					at = 1500
				}
				k.apply(dst.v, c.to, src.v, at, c.from, c.n, c.count)
				dst.check(t)
				for l := range c.count * c.n {
					l, m := l%c.n, l/c.n
					for i := range rows {
						for j := range columns {
							want, size := 0.0, 0.0
							for a := range srcRows {
								for b := range srcColumns {
									p := float64(down[i][a]) * float64(right[j][b]) *
										float64(src.v[at+c.from.at(a, b, m)+l])
									want += p
									size += math.Abs(p)
								}
							}
							got := float64(dst.v[c.to.at(i, j, m)+l])
							if !(math.Abs(got-want) <= 1e-6*size) {
								t.Fatalf("transform %d, %d channels, rectangle %d, strides %v %v: element "+
									"(%d,%d,%d) is %g, want %g", k, c.n, m, c.to, c.from, i, j, l, got, want)
							}
						}
					}
				}
			}
		}
	})
}

func winogradCases() []Conv {
	return []Conv{
		conv(0, 8, 8, 16, 16, 3, 1, 1, 1, 1),
		conv(1, 1, 1, 16, 16, 3, 1, 1, 1, 1),
		conv(2, 4, 4, 16, 48, 3, 1, 1, 1, 1),
		conv(3, 8, 8, 32, 16, 3, 1, 1, 1, 1),
		conv(2, 7, 9, 32, 64, 3, 1, 1, 1, 1),
		conv(2, 6, 5, 16, 32, 3, 1, 0, 1, 1),
		conv(2, 6, 3, 16, 32, 3, 1, 2, 1, 1),
		conv(3, 17, 15, 48, 32, 3, 1, 1, 1, 1),
		rect(2, 5, 12, 32, 32, 3, 3, 1, 1, 0, 2, 1, 1, 1),
		conv(9, 16, 16, 64, 64, 3, 1, 1, 1, 1),  // several groups of tiles
		conv(3, 8, 8, 256, 256, 3, 1, 1, 1, 1),  // staged
		conv(66, 6, 7, 256, 272, 3, 1, 1, 1, 1), // staged, two chunks

		conv(0, 8, 8, 16, 16, 3, 2, 1, 1, 1),
		conv(1, 1, 1, 16, 16, 3, 2, 1, 1, 1),
		conv(2, 8, 8, 16, 48, 3, 2, 1, 1, 1),
		conv(3, 7, 9, 32, 16, 3, 2, 1, 1, 1),
		conv(2, 2, 3, 16, 32, 3, 2, 1, 1, 1),
		conv(3, 17, 16, 48, 32, 3, 2, 1, 1, 1),
		conv(2, 31, 70, 32, 64, 3, 2, 1, 1, 1),
		conv(33, 16, 16, 32, 64, 3, 2, 1, 1, 1),   // several groups of tiles
		conv(3, 8, 8, 256, 256, 3, 2, 1, 1, 1),    // staged
		conv(66, 10, 15, 160, 208, 3, 2, 1, 1, 1), // staged, two chunks
	}
}

func TestWinograd(t *testing.T) {
	for _, c := range winogradCases() {
		c.Algorithm = Winograd
		t.Run(convName(c), func(t *testing.T) {
			if err := c.Check(); err != nil {
				t.Fatal(err)
			}
			if testing.Short() && c.Ci >= 256 {
				t.Skip("large")
			}
			// The direct kernels are the reference of the large cases; small ones are held to plain loops too.
			var d *convData
			if c.Ci*c.Co*c.B*c.OH*c.OW < 40e6 {
				d = newConvData(c)
			} else {
				d = directData(t, c)
			}
			eachLevel(t, func(t *testing.T) {
				if active == generic && c.Ci >= 256 && c.B > 3 {
					t.Skip("slow in plain Go")
				}
				d.gotY.poison()
				d.gotX.poison()
				d.gotW.poison()
				d.run(t, c)
				checkClose(t, "y", d.gotY.v, d.y, 2e-5)
				checkClose(t, "dx", d.gotX.v, d.dx, 2e-5)
				checkClose(t, "dw", d.gotW.v, d.dw, 2e-5)
			})
		})
	}
}

// directData takes the results of the direct kernels for the truth.
func directData(t *testing.T, c Conv) *convData {
	c.Algorithm = Direct
	empty := c
	empty.B = 0
	d := newConvData(empty)
	r := newRand("direct", convName(c))
	nx, ny := c.B*c.H*c.W*c.Ci, c.B*c.OH*c.OW*c.Co
	d.x, d.dy = newGuarded("x", nx).random(r), newGuarded("dy", ny).random(r)
	d.gotX, d.gotY = newGuarded("dx", nx), newGuarded("y", ny)
	d.run(t, c)
	wide := func(s []float32) []float64 {
		w := make([]float64, len(s))
		for i, v := range s {
			w[i] = float64(v)
		}
		return w
	}
	d.y, d.dx, d.dw = wide(d.gotY.v), wide(d.gotX.v), wide(d.gotW.v)
	return d
}

func TestWinogradThreads(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, c := range []Conv{conv(9, 13, 13, 32, 64, 3, 1, 1, 1, 1), conv(9, 17, 18, 32, 64, 3, 2, 1, 1, 1),
			conv(3, 8, 8, 256, 256, 3, 1, 1, 1, 1)} {
			if (active == generic || testing.Short()) && c.Ci > 64 {
				continue
			}
			c.Algorithm = Winograd
			t.Run(convName(c), func(t *testing.T) {
				setThreads(t, 1)
				want := directData(t, c)
				want.run(t, c)
				for _, threads := range []int{2, 3, 8} {
					SetThreads(threads)
					d := directData(t, c)
					d.run(t, c)
					checkSame(t, fmt.Sprintf("y with %d threads", threads), d.gotY.v, want.gotY.v)
					checkSame(t, fmt.Sprintf("dx with %d threads", threads), d.gotX.v, want.gotX.v)
					checkSame(t, fmt.Sprintf("dw with %d threads", threads), d.gotW.v, want.gotW.v)
				}
			})
		}
	})
}

func TestWinogradAllocatesNothing(t *testing.T) {
	for _, c := range []Conv{conv(2, 8, 8, 32, 32, 3, 1, 1, 1, 1), conv(2, 8, 8, 32, 32, 3, 2, 1, 1, 1),
		conv(1, 8, 8, 256, 256, 3, 1, 1, 1, 1)} {
		if testing.Short() && c.Ci >= 256 {
			continue
		}
		c.Algorithm = Winograd
		d := directData(t, c)
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
}

func TestWinogradRefused(t *testing.T) {
	for _, c := range []Conv{conv(1, 8, 8, 16, 16, 3, 2, 0, 1, 1), rect(1, 8, 8, 16, 16, 3, 3, 2, 1, 1, 1, 1, 1, 1),
		rect(1, 8, 8, 16, 16, 3, 3, 2, 2, 1, 0, 1, 1, 1), conv(1, 8, 8, 16, 17, 3, 1, 1, 1, 1),
		conv(1, 8, 8, 16, 16, 3, 1, 3, 1, 1), conv(1, 8, 8, 16, 16, 5, 1, 1, 1, 1)} {
		if c.Algorithm = Winograd; c.Check() == nil {
			t.Errorf("%s: Winograd is accepted", convName(c))
		}
		if c.Algorithm = Auto; c.Check() != nil {
			t.Errorf("%s: %v", convName(c), c.Check())
		}
	}
}
