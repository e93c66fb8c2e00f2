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
	return headData{h, newGuarded("qkv", n).random(r), newGuarded("dqkv", n).poison(), newGuarded("y", m).poison(),
		newGuarded("dy", m).random(r)}
}

func (h *headData) parts(g *guarded) (q, k, v []float32) { return g.v, g.v[h.D:], g.v[2*h.D:] }

func (h *headData) operands() Operands {
	q, k, v := h.parts(h.x)
	return Operands{Q: Values{F32: q}, K: Values{F32: k}, V: Values{F32: v}, Dy: Values{F32: h.dy.v}}
}

func (h *headData) check(t *testing.T) {
	for _, g := range []*guarded{h.x, h.dx, h.y, h.dy} {
		g.check(t)
	}
}

// want is y and dqkv in float64, of operands of products that went through rounded.
func (h *headData) want(rounded func(float64) float64) (y, dx []float64) {
	y, dx = make([]float64, len(h.y.v)), make([]float64, len(h.dx.v))
	at := func(part, i, l int) int { return i*h.Step + part*h.D + l }
	x := func(part, i, l int) float64 { return rounded(float64(h.x.v[at(part, i, l)])) }
	dy := func(i, l int) float64 { return rounded(float64(h.dy.v[i*h.StepY+l])) }
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
			w, ds := rounded(p[j]), rounded(float64(h.Scale)*p[j]*(d[j]-mean))
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

// compare holds that the head's results are y and dx, and that nothing is written between their rows.
func (h *headData) compare(t *testing.T, y, dx []float64, tolerance float64) {
	got, want := h.own(h.y.v, y, h.StepY, h.D)
	checkClose(t, "y", got, want, tolerance)
	for part, name := range []string{"dq", "dk", "dv"} {
		got, want := h.own(h.dx.v[part*h.D:], dx[part*h.D:], h.Step, h.D)
		checkClose(t, name, got, want, tolerance)
	}
	for i := range h.T - 1 {
		for _, gap := range [][]float32{h.y.v[i*h.StepY+h.D : (i+1)*h.StepY], h.dx.v[i*h.Step+3*h.D : (i+1)*h.Step]} {
			for _, v := range gap {
				if v == v {
					t.Fatalf("row %d: %v written behind its columns", i, v)
				}
			}
		}
	}
}

func TestHead(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, c := range headCases() {
			t.Run(fmt.Sprint(c), func(t *testing.T) {
				h := newHeadData(c)
				y, dx := h.want(func(x float64) float64 { return x })
				s := newGuarded("scratch", h.Scratch()).poison()
				x := h.operands()
				h.Forward(h.y.v, x, s.v, Operands{})
				dq, dk, dv := h.parts(h.dx)
				s.poison()
				h.Backward(dq, dk, dv, x, s.v, x)
				h.check(t)
				s.check(t)
				h.compare(t, y, dx, 2e-6)
			})
		}
	})
}

func TestHeadAllocatesNothing(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		h := newHeadData(Head{T: 17, D: 20, Step: 60, StepY: 20, Scale: 0.3})
		s := make([]float32, h.Scratch())
		x := h.operands()
		dq, dk, dv := h.parts(h.dx)
		if n := testing.AllocsPerRun(3, func() {
			h.Forward(h.y.v, x, s, Operands{})
			h.Backward(dq, dk, dv, x, s, x)
		}); n != 0 {
			t.Errorf("%v allocations, want 0", n)
		}
	})
}
