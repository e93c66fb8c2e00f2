package kern

import (
	"fmt"
	"testing"
)

func roundedValue(x float64) float64 { return bf16Value(RoundBF16(float32(x))) }

func TestHeadBF16(t *testing.T) {
	eachPairLevel(t, func(t *testing.T) {
		for _, c := range headCases() {
			t.Run(fmt.Sprint(c), func(t *testing.T) {
				h := newHeadData(c)
				y, dx := h.want(roundedValue)
				s := newGuarded("scratch", h.ScratchBF16()).poison()
				x := h.operands()
				h.ForwardBF16(Values{F32: h.y.v}, x, s.v, Operands{})
				dq, dk, dv := h.parts(h.dx)
				s.poison()
				h.BackwardBF16(dq, dk, dv, x, s.v, x)
				h.check(t)
				s.check(t)
				h.compare(t, y, dx, 4e-3) // a weight on the other side of a rounding step moves by 1/256
			})
		}
	})
}

// Operands kept in bfloat16 give the bits of the same numbers in float32, and y in bfloat16 is y rounded.
func TestHeadBF16Narrow(t *testing.T) {
	eachPairLevel(t, func(t *testing.T) {
		for _, c := range headCases() {
			t.Run(fmt.Sprint(c), func(t *testing.T) {
				h := newHeadData(c)
				RoundFloats(h.x.v)
				RoundFloats(h.dy.v)
				x, dy := make([]uint16, len(h.x.v)), make([]uint16, len(h.dy.v))
				Round(x, h.x.v)
				Round(dy, h.dy.v)
				half := Operands{Q: Values{BF16: x}, K: Values{BF16: x[h.D:]}, V: Values{BF16: x[2*h.D:]},
					Dy: Values{BF16: dy}}
				s := newGuarded("scratch", h.ScratchBF16()).poison()
				h.ForwardBF16(Values{F32: h.y.v}, h.operands(), s.v, Operands{})
				s.poison()
				y := newGuarded("y in float32", len(h.y.v)).poison()
				h.ForwardBF16(Values{F32: y.v}, half, s.v, half)
				checkSame(t, "y", y.v, h.y.v)
				s.poison()
				yh, want := make([]uint16, len(h.y.v)+1), make([]uint16, len(h.y.v)+1)
				Round(want, append(h.y.v[:len(h.y.v):len(h.y.v)], 7))
				Round(yh, append(y.poison().v[:len(h.y.v):len(h.y.v)], 7))
				h.ForwardBF16(Values{BF16: yh[:len(h.y.v)]}, half, s.v, Operands{})
				for i, v := range want {
					if yh[i] != v {
						t.Fatalf("y in bfloat16: element %d is %x, want %x", i, yh[i], v)
					}
				}
				s.poison()
				dq, dk, dv := h.parts(h.dx)
				h.BackwardBF16(dq, dk, dv, h.operands(), s.v, Operands{})
				s.poison()
				dx := newGuarded("dqkv of halves", len(h.dx.v)).poison()
				dq, dk, dv = h.parts(dx)
				h.BackwardBF16(dq, dk, dv, half, s.v, half)
				checkSame(t, "dqkv", dx.v, h.dx.v)
				for _, g := range []*guarded{s, y, dx} {
					g.check(t)
				}
				h.check(t)
			})
		}
	})
}

func TestHeadBF16AllocatesNothing(t *testing.T) {
	eachPairLevel(t, func(t *testing.T) {
		h := newHeadData(Head{T: 17, D: 20, Step: 60, StepY: 20, Scale: 0.3})
		s := make([]float32, h.ScratchBF16())
		x := h.operands()
		dq, dk, dv := h.parts(h.dx)
		if n := testing.AllocsPerRun(3, func() {
			h.ForwardBF16(Values{F32: h.y.v}, x, s, Operands{})
			h.BackwardBF16(dq, dk, dv, x, s, x)
		}); n != 0 {
			t.Errorf("%v allocations, want 0", n)
		}
	})
}

func TestHeadBF16Refuses(t *testing.T) {
	h := newHeadData(Head{T: 5, D: 4, Step: 12, StepY: 4, Scale: 1})
	s := make([]float32, h.ScratchBF16())
	x := h.operands()
	short := func(v Values, n int) Values { return Values{F32: v.F32[:n]} }
	q, k, v := h.parts(h.dx)
	for name, f := range map[string]func(){
		"short y": func() { h.ForwardBF16(Values{F32: h.y.v[:19]}, x, s, Operands{}) },
		"short v": func() {
			h.ForwardBF16(Values{F32: h.y.v}, Operands{Q: x.Q, K: x.K, V: short(x.V, 51)}, s, Operands{})
		},
		"short half": func() { h.ForwardBF16(Values{BF16: make([]uint16, 19)}, x, s, Operands{}) },
		"no scratch": func() { h.ForwardBF16(Values{F32: h.y.v}, x, nil, Operands{}) },
		"short dk":   func() { h.BackwardBF16(q, k[:40], v, x, s, x) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		})
	}
}
