package kern

import (
	"fmt"
	"testing"
)

func bf16Cases() []Conv {
	cases := append(convCases(),
		conv(5, 32, 32, 32, 64, 3, 1, 1, 1, 1), // rows that are whole tiles
		conv(9, 16, 16, 32, 32, 3, 1, 1, 1, 1), // two images to a tile, the last alone
		conv(9, 4, 4, 64, 96, 3, 1, 1, 1, 1),
		conv(40, 2, 2, 32, 32, 3, 2, 1, 1, 1),
		conv(33, 1, 1, 32, 32, 1, 1, 0, 1, 1),
		conv(3, 56, 56, 16, 32, 3, 1, 1, 1, 1),
		conv(1, 200, 65, 64, 32, 3, 1, 1, 1, 1), // one image larger than a buffer
		conv(2, 14, 14, 320, 40, 3, 1, 1, 1, 1),
	)
	for i := range cases {
		cases[i].BF16 = true
	}
	return cases
}

// TestConvBF16 compares with sums of products of rounded operands.
func TestConvBF16(t *testing.T) {
	for _, c := range bf16Cases() {
		t.Run(convName(c), func(t *testing.T) {
			if err := c.Check(); err != nil {
				t.Fatal(err)
			}
			d := newConvData(c)
			eachLevel(t, func(t *testing.T) {
				for _, a := range []Algorithm{Auto, Direct} { // Direct: pairs, whatever pays
					c.Algorithm = a
					tol := 4e-6
					if inner := c.exact(); c.roundsCopies() && inner.method() == patches {
						tol = 5e-5
					}
					d.gotY.poison()
					d.gotX.poison()
					d.gotW.poison()
					d.run(t, c)
					checkClose(t, "y", d.gotY.v, d.y, tol)
					checkClose(t, "dx", d.gotX.v, d.dx, tol)
					checkClose(t, "dw", d.gotW.v, d.dw, tol)
				}
			})
		})
	}
}

// TestConvBF16Threads holds that the bits do not depend on the number of threads.
func TestConvBF16Threads(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, c := range []Conv{conv(5, 9, 9, 16, 40, 3, 2, 1, 1, 1), conv(33, 4, 4, 64, 33, 3, 1, 1, 1, 1),
			conv(9, 7, 7, 24, 24, 3, 1, 1, 1, 24), conv(4, 16, 16, 3, 64, 3, 1, 1, 1, 1)} {
			c.BF16, c.Algorithm = true, Direct
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

func TestConvBF16AllocatesNothing(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, c := range []Conv{conv(16, 8, 8, 16, 40, 3, 2, 1, 1, 1), conv(4, 8, 8, 16, 40, 1, 1, 0, 1, 1),
			conv(4, 8, 8, 8, 8, 3, 1, 1, 1, 8), conv(4, 8, 8, 32, 32, 3, 1, 1, 1, 1)} {
			c.BF16, c.Algorithm = true, Direct
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

// TestConvBF16Prologue holds that a prologue gives the bits of a pass before, rounded after it.
func TestConvBF16Prologue(t *testing.T) {
	for _, c := range append(prologueCases(), conv(5, 32, 32, 32, 64, 3, 1, 1, 1, 1)) {
		c.BF16 = true
		t.Run(convName(c), func(t *testing.T) {
			eachLevel(t, func(t *testing.T) {
				if active == generic && c.Ci*c.Co > 1<<11 {
					t.Skip("slow in plain Go")
				}
				testPrologue(t, c, true)
			})
		})
	}
}
