package kern

// ForwardBF16 is y = softmax(Scale q k') v with q, k, v and the weights rounded to bfloat16 as they are multiplied. It
// asks for the memory of the head to come, if there is one.
func (h Head) ForwardBF16(y Values, x Operands, scratch []float32, next Operands) {
	h.check(y, x.Q, x.K, x.V)
	b := h.cutBF16(scratch)
	b.take(b.q, x.Q, h.Step)
	b.take(b.k, x.K, h.Step)
	b.take(b.v, x.V, h.Step)
	b.scoresOf(b.p, b.q, b.k)
	for i := 0; i < h.T; i += headRows {
		rows := min(headRows, h.T-i)
		b.softmax(i, rows, &x)
		h.prefetch(i, rows, h.StepY, y)
		h.prefetch(i, rows, h.Step, next.Q, next.K, next.V)
	}
	b.times(b.out, b.weights, b.v)
	b.give(y, h.StepY)
}

// BackwardBF16 is the gradient by q, k and v from that by y: with p the weights, dp = dy v' and ds = Scale p (dp - sum
// of p*dp along a row), it is dq = ds k, dk = ds' q and dv = p' dy. Operands of products are rounded to bfloat16, the
// softmax and its gradient are not. It asks for the memory of the head to come, if there is one.
func (h Head) BackwardBF16(dq, dk, dv []float32, x Operands, scratch []float32, next Operands) {
	h.check(x.Dy, x.Q, x.K, x.V)
	h.check(x.Dy, Values{F32: dq}, Values{F32: dk}, Values{F32: dv})
	b := h.cutBF16(scratch)
	b.take(b.q, x.Q, h.Step)
	b.take(b.k, x.K, h.Step)
	b.take(b.v, x.V, h.Step)
	b.take(b.dy, x.Dy, h.StepY)
	b.scoresOf(b.p, b.q, b.k)
	b.scoresOf(b.ds, b.dy, b.v)
	for i := 0; i < h.T; i += headRows {
		rows := min(headRows, h.T-i)
		b.softmax(i, rows, &x)
		h.prefetch(i, rows, h.Step, Values{F32: dq}, Values{F32: dk}, Values{F32: dv})
	}
	b.turnWeights()
	b.times(b.out, b.turned, b.dy)
	b.give(Values{F32: dv}, h.Step)
	for i := 0; i < h.T; i += headRows {
		rows := min(headRows, h.T-i)
		b.softmaxGrad(i, rows, &x)
		h.prefetch(i, rows, h.StepY, next.Dy)
		h.prefetch(i, rows, h.Step, next.Q, next.K, next.V)
	}
	b.times(b.out, b.weights, b.k)
	b.give(Values{F32: dq}, h.Step)
	b.turnWeights()
	b.times(b.out, b.turned, b.q)
	b.give(Values{F32: dk}, h.Step)
}
