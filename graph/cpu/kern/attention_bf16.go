package kern

import "fmt"

// Head is one head of an attention: T tokens of D channels, scores times Scale. Rows of q, k, v and their gradients are Step elements apart, those
// of y and its gradient StepY.
type Head struct {
	T, D        int
	Step, StepY int
	Scale       float32
}

// ForwardBF16 is y = softmax(Scale q k') v with q, k, v and the weights rounded to bfloat16 as they are multiplied. It asks for the memory of the
// head to come, if there is one.
func (h Head) ForwardBF16(y Values, x Operands, scratch []float32, next Operands) {
	h.check(y, x.Q, x.K, x.V)
	b := h.cutBF16(scratch)
	b.take(b.q, x.Q, h.Step)
	b.take(b.k, x.K, h.Step)
	b.take(b.v, x.V, h.Step)
	b.scoresOf(b.p, b.q, b.k)
	for i := range h.T {
		b.softmax(i)
		h.prefetch(i, h.StepY, y)
		h.prefetch(i, h.Step, next.Q, next.K, next.V)
	}
	roundRows(b.weights, b.ldw, b.p, b.tp, h.T, b.tp)
	if y.BF16 == nil {
		b.times(y.F32, h.StepY, b.v)
		return
	}
	b.times(b.out, b.dp, b.v)
	roundRows(y.BF16, h.StepY, b.out, b.dp, h.T, h.D)
}

// BackwardBF16 is the gradient by q, k and v from that by y: with p the weights, dp = dy v' and ds = Scale p (dp - sum of p*dp along a row), it is
// dq = ds k, dk = ds' q and dv = p' dy. Operands of products are rounded to bfloat16, the softmax and its gradient are not. It asks for the memory of the head to come, if there is one.
func (h Head) BackwardBF16(dq, dk, dv []float32, x Operands, scratch []float32, next Operands) {
	h.check(x.Dy, x.Q, x.K, x.V)
	h.check(x.Dy, Values{F32: dq}, Values{F32: dk}, Values{F32: dv})
	b := h.cutBF16(scratch)
	b.take(b.q, x.Q, h.Step)
	b.take(b.k, x.K, h.Step)
	b.take(b.v, x.V, h.Step)
	b.take(b.dy, x.Dy, h.StepY)
	b.scoresOf(b.p, b.q, b.k)
	for i := range h.T {
		b.softmax(i)
		h.prefetch(i, h.Step, Values{F32: dq}, Values{F32: dk}, Values{F32: dv})
	}
	b.scoresOf(b.ds, b.dy, b.v)
	for i := range h.T {
		p, d := b.p[i*b.tp:][:b.tw], b.ds[i*b.tp:][:b.tw]
		SoftmaxGrad(d, p, d, h.Scale, float32(Dot(p, d)))
		h.prefetch(i, h.StepY, next.Dy)
		h.prefetch(i, h.Step, next.Q, next.K, next.V)
	}
	b.turnWeights(b.p)
	b.times(dv, h.Step, b.dy)
	roundRows(b.weights, b.ldw, b.ds, b.tp, h.T, b.tp)
	b.times(dq, h.Step, b.k)
	b.turnWeights(b.ds)
	b.times(dk, h.Step, b.q)
}

// Operands are what a head reads; empty where nothing is to be read. Those of a product that are bfloat16 already give the same bits as the same
// numbers in float32.
type Operands struct{ Q, K, V, Dy Values }

// prefetch asks for row i of matrices whose rows are step elements apart.
func (h Head) prefetch(i, step int, matrices ...Values) {
	for _, m := range matrices {
		switch at := i * step; {
		case at < len(m.F32):
			prefetchLines(&m.F32[at], uintptr(ceil(h.D, lineFloats)))
		case at < len(m.BF16):
			prefetchLines((*float32)(ptr16(m.BF16, at)), uintptr(ceil(h.D, 2*lineFloats)))
		}
	}
}

// check panics where a matrix is too short for the head; the kernels below do not look.
func (h Head) check(y, q, k, v Values) {
	for i, s := range [...]Values{y, q, k, v} {
		step := h.Step
		if i == 0 {
			step = h.StepY
		}
		if need := (h.T-1)*step + h.D; h.T < 1 || h.D < 1 || step < h.D || s.Len() < need {
			panic(fmt.Sprintf("kern: attention of [%d,%d]: matrix %d of y, q, k, v has %d elements and rows %d apart, want %d", h.T, h.D, i, s.Len(), step, need))
		}
	}
}
