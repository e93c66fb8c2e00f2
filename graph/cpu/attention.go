package cpu

import (
	"selfsup/graph/cpu/kern"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// attention is the sizes of an attention: one task is one head of one image, whose weights [t,t] stay in the worker's scratch.
type attention struct {
	images, t, heads, d int
	step, stepY         int // from token to token in qkv and in y
}

func newAttention(qkv ir.Shape) attention {
	a := attention{images: qkv[0], t: qkv[1], heads: qkv[3], d: qkv[4]}
	a.step, a.stepY = 3*a.heads*a.d, a.heads*a.d
	return a
}

// square is the floats of one matrix [t,t], in whole cache lines.
func (a *attention) square() int { return (a.t*a.t + 15) &^ 15 }

// gemm is the floats of scratch memory that the products of a head want.
func (a *attention) gemm() int {
	need := 0
	for _, tr := range []struct{ a, b bool }{{false, true}, {false, false}, {true, false}} {
		m, n, k := a.t, a.d, a.t
		if tr.b {
			n, k = a.t, a.d
		}
		need = max(need, kern.GemmScratch(tr.a, tr.b, m, n, k))
	}
	return (need + 15) &^ 15
}

// scratch is the floats that a worker wants, with so many matrices of weights.
func (a *attention) scratch(squares int) int { return squares*a.square() + a.gemm() }

// run makes the function that does all heads, no more of them at a time than scratch has room for.
func (a *attention) run(scratch []float32, squares int, task func(task, worker int)) func() {
	limit := len(scratch) / a.scratch(squares)
	return func() { kern.RunWorkers(a.images*a.heads, limit, task) }
}

// of cuts a worker's part out of the scratch memory.
func (a *attention) of(scratch []float32, worker, squares int) (weights [2][]float32, gemm []float32) {
	each := a.scratch(squares)
	mine := scratch[worker*each : (worker+1)*each]
	for i := range squares {
		weights[i] = mine[i*a.square():][:a.t*a.t]
	}
	return weights, mine[squares*a.square():]
}

// at is where a task's head starts in qkv and in y. Keys lie stepY behind queries, values stepY behind keys.
func (a *attention) at(task int) (qkv, y int) {
	image, head := task/a.heads, task%a.heads
	return image*a.t*a.step + head*a.d, image*a.t*a.stepY + head*a.d
}

// softmax fills w with the rows softmax(scale q k') of a head; x starts at the head's queries.
func (a *attention) softmax(w, x, gemm []float32, scale float32) {
	kern.Gemm(false, true, a.t, a.t, a.d, x, a.step, x[a.stepY:], a.step, w, a.t, 0, gemm)
	for i := 0; i < len(w); i += a.t {
		kern.Softmax(w[i:i+a.t], w[i:i+a.t], scale)
	}
}

// headOf is what the bfloat16 kernels must know of a head.
func headOf(qkv ir.Shape, o op.AttentionOp) kern.Head {
	a := newAttention(qkv)
	return kern.Head{T: a.t, D: a.d, Step: a.step, StepY: a.stepY, Scale: float32(o.Scale)}
}

// scratchBF16 is the floats that a worker wants for heads in bfloat16, in whole cache lines.
func scratchBF16(h kern.Head) int { return (h.ScratchBF16() + 15) &^ 15 }

// operands are those of the head that starts at at in qkv and at to in dy, if there is one.
func (a *attention) operands(dy, qkv kern.Values, at, to int) kern.Operands {
	x := qkv.From(at)
	return kern.Operands{Q: x, K: x.From(a.stepY), V: x.From(2 * a.stepY), Dy: dy.From(min(to, dy.Len()))}
}

// next are the operands of the head that a worker most likely takes next.
func (a *attention) next(dy, qkv kern.Values, task int) kern.Operands {
	task += kern.Threads()
	if task >= a.images*a.heads {
		return kern.Operands{}
	}
	at, to := a.at(task)
	return a.operands(dy, qkv, at, to)
}

// runBF16 makes the function that does all heads with f.
func (a *attention) runBF16(h kern.Head, scratch []float32, f func(task int, scratch []float32)) func() {
	each := scratchBF16(h)
	task := func(task, worker int) { f(task, scratch[worker*each:(worker+1)*each]) }
	return func() { kern.RunWorkers(a.images*a.heads, len(scratch)/each, task) }
}

func scratchAttention(c *call) int {
	o := c.spec.(op.AttentionOp)
	if o.BF16 {
		return kern.Threads() * scratchBF16(headOf(c.in[0].Shape, o))
	}
	a := newAttention(c.in[0].Shape)
	return kern.Threads() * a.scratch(1)
}

func bindAttention(c *call) func() {
	o, qkv, y, scratch := c.spec.(op.AttentionOp), c.x[0], c.y, c.scratch
	a, scale := newAttention(c.in[0].Shape), float32(o.Scale)
	if o.BF16 {
		h, qkv, y, none := headOf(c.in[0].Shape, o), c.values(0), kern.Values{F32: y, BF16: c.yh}, kern.Values{}
		return a.runBF16(h, scratch, func(task int, scratch []float32) {
			at, to := a.at(task)
			h.ForwardBF16(y.From(to), a.operands(none, qkv, at, 0), scratch, a.next(none, qkv, task))
		})
	}
	task := func(task, worker int) {
		w, gemm := a.of(scratch, worker, 1)
		from, to := a.at(task)
		x := qkv[from:]
		a.softmax(w[0], x, gemm, scale)
		kern.Gemm(false, false, a.t, a.d, a.t, w[0], a.t, x[2*a.stepY:], a.step, y[to:], a.stepY, 0, gemm)
	}
	return a.run(scratch, 1, task)
}

func scratchAttentionGrad(c *call) int {
	o := op.AttentionOp(c.spec.(op.AttentionGrad))
	if o.BF16 {
		return kern.Threads() * scratchBF16(headOf(c.in[1].Shape, o))
	}
	a := newAttention(c.in[1].Shape)
	return kern.Threads() * a.scratch(2)
}

func bindAttentionGrad(c *call) func() {
	o, out, qkv, dqkv, scratch := op.AttentionOp(c.spec.(op.AttentionGrad)), c.x[0], c.x[1], c.y, c.scratch
	a, scale := newAttention(c.in[1].Shape), float32(o.Scale)
	if o.BF16 {
		h, out, qkv := headOf(c.in[1].Shape, o), c.values(0), c.values(1)
		return a.runBF16(h, scratch, func(task int, scratch []float32) {
			at, to := a.at(task)
			dx := dqkv[at:]
			h.BackwardBF16(dx, dx[a.stepY:], dx[2*a.stepY:], a.operands(out, qkv, at, to), scratch, a.next(out, qkv, task))
		})
	}
	task := func(task, worker int) {
		w, gemm := a.of(scratch, worker, 2)
		p, ds := w[0], w[1]
		at, to := a.at(task)
		x, dx, dy := qkv[at:], dqkv[at:], out[to:]
		a.softmax(p, x, gemm, scale)
		kern.Gemm(false, true, a.t, a.t, a.d, dy, a.stepY, x[2*a.stepY:], a.step, ds, a.t, 0, gemm) // dp = dy v'
		for i := 0; i < len(p); i += a.t {
			row, d := p[i:i+a.t], ds[i:i+a.t]
			kern.SoftmaxGrad(d, row, d, scale, float32(kern.Dot(row, d)))
		}
		kern.Gemm(true, false, a.t, a.d, a.t, p, a.t, dy, a.stepY, dx[2*a.stepY:], a.step, 0, gemm) // dv = p' dy
		kern.Gemm(false, false, a.t, a.d, a.t, ds, a.t, x[a.stepY:], a.step, dx, a.step, 0, gemm)   // dq = ds k
		kern.Gemm(true, false, a.t, a.d, a.t, ds, a.t, x, a.step, dx[a.stepY:], a.step, 0, gemm)    // dk = ds' q
	}
	return a.run(scratch, 2, task)
}
