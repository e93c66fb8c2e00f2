package kern

import (
	"fmt"
	"math"
	"testing"
)

// headData are the matrices of a head as rows of one buffer each: q, k and v side by side, and so their gradients.
type headData struct {
	Head
	x, dx, y, dy *guarded
}

func headCases() []Head {
	var cases []Head
	for i, t := range []int{1, 2, 15, 16, 17, 31, 32, 33, 64, 65, 97} {
		for j, d := range []int{1, 8, 16, 20, 32, 33, 64} {
			if (i+j)%2 == 0 || t == 65 {
				cases = append(cases, Head{T: t, D: d, Step: 3*d + 1, StepY: d + 2, Scale: 0.3})
			}
		}
	}
	return cases
}

func newHeadData(h Head) headData {
	r := newRand(h)
	n, m := (h.T-1)*h.Step+3*h.D, (h.T-1)*h.StepY+h.D
	return headData{h, newGuarded("qkv", n).random(r), newGuarded("dqkv", n).poison(), newGuarded("y", m).poison(), newGuarded("dy", m).random(r)}
}

func (h *headData) parts(g *guarded) (q, k, v []float32) { return g.v, g.v[h.D:], g.v[2*h.D:] }

func (h *headData) operands() Operands {
	q, k, v := h.parts(h.x)
	return Operands{Values{F32: q}, Values{F32: k}, Values{F32: v}, Values{F32: h.dy.v}}
}

func (h *headData) check(t *testing.T) {
	for _, g := range []*guarded{h.x, h.dx, h.y, h.dy} {
		g.check(t)
	}
}

func roundedValue(x float64) float64 { return bf16Value(RoundBF16(float32(x))) }

// wantBF16 is y and dqkv in float64; what is not a head's own stays NaN.
func (h *headData) wantBF16() (y, dx []float64) {
	y, dx = make([]float64, len(h.y.v)), make([]float64, len(h.dx.v))
	at := func(part, i, l int) int { return i*h.Step + part*h.D + l }
	x := func(part, i, l int) float64 { return roundedValue(float64(h.x.v[at(part, i, l)])) }
	dy := func(i, l int) float64 { return roundedValue(float64(h.dy.v[i*h.StepY+l])) }
	for i := range h.T {
		p, d := make([]float64, h.T), make([]float64, h.T)
		var sum, mean float64
		for j := range p {
			for l := range h.D {
				p[j] += float64(h.Scale) * x(0, i, l) * x(1, j, l)
				d[j] += dy(i, l) * x(2, j, l)
			}
		}
		for j := range p {
			p[j] = math.Exp(p[j])
			sum += p[j]
		}
		for j := range p {
			p[j] /= sum
			mean += p[j] * d[j]
		}
		for j := range p {
			w, ds := roundedValue(p[j]), roundedValue(float64(h.Scale)*p[j]*(d[j]-mean))
			for l := range h.D {
				y[i*h.StepY+l] += w * x(2, j, l)
				dx[at(0, i, l)] += ds * x(1, j, l)
				dx[at(1, j, l)] += ds * x(0, i, l)
				dx[at(2, j, l)] += w * dy(i, l)
			}
		}
	}
	return y, dx
}

// own are the elements of s that belong to the head: width in each row, rows step apart.
func (h Head) own(s []float32, want []float64, step, width int) (got []float32, w []float64) {
	for i := range h.T {
		got, w = append(got, s[i*step:i*step+width]...), append(w, want[i*step:i*step+width]...)
	}
	return got, w
}

func TestHeadBF16(t *testing.T) {
	eachPairLevel(t, func(t *testing.T) {
		for _, c := range headCases() {
			t.Run(fmt.Sprint(c), func(t *testing.T) {
				h := newHeadData(c)
				y, dx := h.wantBF16()
				s := newGuarded("scratch", h.ScratchBF16()).poison()
				x := h.operands()
				h.ForwardBF16(Values{F32: h.y.v}, x, s.v, Operands{})
				dq, dk, dv := h.parts(h.dx)
				s.poison()
				h.BackwardBF16(dq, dk, dv, x, s.v, x)
				h.check(t)
				s.check(t)
				// A weight on the other side of a rounding step moves by 1/256.
				got, want := h.own(h.y.v, y, h.StepY, h.D)
				checkClose(t, "y", got, want, 4e-3)
				for part, name := range []string{"dq", "dk", "dv"} {
					got, want := h.own(h.dx.v[part*h.D:], dx[part*h.D:], h.Step, h.D)
					checkClose(t, name, got, want, 4e-3)
				}
				for i := range h.T - 1 { // between the rows
					for _, gap := range [][]float32{h.y.v[i*h.StepY+h.D : (i+1)*h.StepY], h.dx.v[i*h.Step+3*h.D : (i+1)*h.Step]} {
						for _, v := range gap {
							if v == v {
								t.Fatalf("row %d: %v written behind its columns", i, v)
							}
						}
					}
				}
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
				half := Operands{Values{BF16: x}, Values{BF16: x[h.D:]}, Values{BF16: x[2*h.D:]}, Values{BF16: dy}}
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
		"short y":    func() { h.ForwardBF16(Values{F32: h.y.v[:19]}, x, s, Operands{}) },
		"short v":    func() { h.ForwardBF16(Values{F32: h.y.v}, Operands{Q: x.Q, K: x.K, V: short(x.V, 51)}, s, Operands{}) },
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
