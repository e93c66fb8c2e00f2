package kern

import (
	"fmt"
	"math"
	"testing"
)

// TestConvHalf holds that images in bfloat16 give the bits of the same numbers in float32, and a result in bfloat16
// those of a rounded one.
func TestConvHalf(t *testing.T) {
	for _, c := range append(bf16Cases(), prologueCases()...) {
		c.BF16 = true
		t.Run(convName(c), func(t *testing.T) {
			pixels := c.B * c.OH * c.OW
			x32, w, dy := make([]float32, c.B*c.H*c.W*c.Ci), make([]float32, c.weights()), make([]float32, pixels*c.Co)
			x := make([]uint16, len(x32))
			for i := range x {
				x[i] = RoundBF16(float32(i*7%113)/16 - 3)
				x32[i] = math.Float32frombits(uint32(x[i]) << 16)
			}
			for i := range w {
				w[i] = float32(i*11%97)/32 - 1.4
			}
			for i := range dy {
				dy[i] = float32(i*5%89)/64 - 0.6
			}
			norm := Prologue{Scale: make([]float32, c.Ci), Shift: make([]float32, c.Ci), Relu: true}
			for i := range norm.Scale {
				norm.Scale[i], norm.Shift[i] = 0.9+float32(i%5)/8, float32(i%3)/4-0.2
			}
			eachLevel(t, func(t *testing.T) {
				if active == generic && pixels*c.weights()/c.Groups > 1<<22 {
					t.Skip("slow in plain Go")
				}
				for _, a := range []Algorithm{Auto, Direct} {
					for _, p := range []Prologue{{}, norm} {
						c := c
						if c.Algorithm, c.Prologue = a, p; p.on() && c.Groups > 1 {
							continue
						}
						y, dw := make([]float32, len(dy)), make([]float32, len(w))
						dx := make([]float32, len(x))
						c.Forward(x32, w, y, make([]float32, c.ForwardScratch()))
						c.BackwardWeights(x32, dy, dw, make([]float32, c.BackwardWeightsScratch()))
						c.BackwardData(dy, w, dx, make([]float32, c.BackwardDataScratch()))
						testHalf(t, c, x, w, dy, y, dw, dx)
					}
				}
			})
		})
	}
}

func testHalf(t *testing.T, c Conv, x []uint16, w, dy, y, dw, dx []float32) {
	t.Helper()
	const behind, canary = 64, 0x7fc1
	c.HalfX, c.HalfY = true, true
	got := make([]uint16, len(y)+behind)
	for i := range got {
		got[i] = canary
	}
	what := fmt.Sprintf("algorithm %d, prologue %v", c.Algorithm, c.Prologue.on())
	fs, ws, gotW := newGuarded("forward scratch", c.ForwardScratch()).poison(), newGuarded("weights scratch",
		c.BackwardWeightsScratch()).poison(), newGuarded("dw", len(dw)).poison()
	c.ForwardHalf(Values{BF16: x}, w, Values{BF16: got[:len(y)]}, fs.v)
	for i, v := range y {
		if got[i] != RoundBF16(v) {
			t.Fatalf("%s: y[%d] is %x, want %v rounded, %x", what, i, got[i], v, RoundBF16(v))
		}
	}
	for i, v := range got[len(y):] {
		if v != canary {
			t.Fatalf("%s: element %d behind y was overwritten", what, i)
		}
	}
	half := make([]uint16, len(dy))
	Round(half, dy)
	c.BackwardWeightsHalf(Values{BF16: x}, Values{BF16: half}, gotW.v, ws.v)
	checkSame(t, what+": dw", gotW.v, dw)
	ds, gotX := newGuarded("data scratch", c.BackwardDataScratch()).poison(), newGuarded("dx", len(dx)).poison()
	c.BackwardDataHalf(Values{BF16: half}, w, gotX.v, ds.v)
	checkSame(t, what+": dx", gotX.v, dx)
	c.HalfY = false
	c.BackwardWeightsHalf(Values{BF16: x}, Values{F32: dy}, gotW.v, ws.v)
	checkSame(t, what+": dw of dy in float32", gotW.v, dw)
	for _, g := range []*guarded{fs, ws, gotW, ds, gotX} {
		g.check(t)
	}
}

// TestWiden holds that widening and rounding undo each other, over runs of any length.
func TestWiden(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 7, 15, 16, 17, 31, 32, 33, 63, 65, 200} {
			for _, rows := range []int{1, 3} {
				lds, ldd := n+3, n+5
				src := make([]uint16, rows*lds)
				for i := range src {
					src[i] = uint16(i*31%0x7f00) | uint16(i%2)<<15
				}
				dst := newGuarded("dst", rows*ldd).poison()
				WidenRows(dst.v, ldd, src, lds, rows, n)
				back := make([]uint16, rows*lds)
				for i := range rows {
					for j, v := range dst.v[i*ldd : i*ldd+n] {
						if math.Float32bits(v) != uint32(src[i*lds+j])<<16 {
							t.Fatalf("%d rows of %d: element %d,%d is %v, want the bits %x", rows, n, i, j, v,
								src[i*lds+j])
						}
					}
					for j, v := range dst.v[i*ldd+n : (i+1)*ldd] {
						if v == v {
							t.Fatalf("%d rows of %d: element %d behind row %d was overwritten", rows, n, j, i)
						}
					}
					Round(back[i*lds:][:n], dst.v[i*ldd:][:n])
				}
				for i := range back {
					if i%lds < n && back[i] != src[i] {
						t.Fatalf("%d rows of %d: element %d went from %x to %x", rows, n, i, src[i], back[i])
					}
				}
			}
		}
	})
}
