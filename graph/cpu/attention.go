package cpu

import (
	"selfsup/graph/cpu/kern"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// attention is the heads of a batch of images: one task each, whose weights [T,T] stay in the worker's scratch.
type attention struct {
	kern.Head
	bf16          bool
	images, heads int
}

func newAttention(qkv ir.Shape, o op.AttentionOp) attention {
	a := attention{bf16: o.BF16, images: qkv[0], heads: qkv[3]}
	a.Head = kern.Head{T: qkv[1], D: qkv[4], Step: 3 * a.heads * qkv[4], StepY: a.heads * qkv[4],
		Scale: float32(o.Scale)}
	return a
}

// each is the floats of scratch memory that a worker wants, in whole cache lines.
func (a *attention) each() int {
	if a.bf16 {
		return (a.ScratchBF16() + 15) &^ 15
	}
	return (a.Scratch() + 15) &^ 15
}

// run makes the function that does all heads with f, no more of them at a time than scratch has room for.
func (a *attention) run(scratch []float32, f func(task int, scratch []float32)) func() {
	each := a.each()
	task := func(task, worker int) { f(task, scratch[worker*each:(worker+1)*each]) }
	return func() { kern.RunWorkers(a.images*a.heads, len(scratch)/each, task) }
}

// at is where a task's head starts in qkv and in y. Keys lie StepY behind queries, values StepY behind keys.
func (a *attention) at(task int) (qkv, y int) {
	image, head := task/a.heads, task%a.heads
	return image*a.T*a.Step + head*a.D, image*a.T*a.StepY + head*a.D
}

// operands are those of a task's head in qkv and in dy, which may be empty.
func (a *attention) operands(dy, qkv kern.Values, task int) kern.Operands {
	at, to := a.at(task)
	x := qkv.From(at)
	return kern.Operands{Q: x, K: x.From(a.StepY), V: x.From(2 * a.StepY), Dy: dy.From(min(to, dy.Len()))}
}

// next are the operands of the head that a worker most likely takes next.
func (a *attention) next(dy, qkv kern.Values, task int) kern.Operands {
	if task++; task < a.images*a.heads {
		return a.operands(dy, qkv, task)
	}
	return kern.Operands{}
}

func scratchAttention(c *call) int {
	a := newAttention(c.in[0].Shape, c.spec.(op.AttentionOp))
	return kern.Threads() * a.each()
}

func bindAttention(c *call) func() {
	a, qkv, y, none := newAttention(c.in[0].Shape, c.spec.(op.AttentionOp)), c.values(0),
		kern.Values{F32: c.y, BF16: c.yh}, kern.Values{}
	return a.run(c.scratch, func(task int, scratch []float32) {
		_, to := a.at(task)
		x, next := a.operands(none, qkv, task), a.next(none, qkv, task)
		if a.bf16 {
			a.ForwardBF16(y.From(to), x, scratch, next)
		} else {
			a.Forward(y.F32[to:], x, scratch, next)
		}
	})
}

func scratchAttentionGrad(c *call) int {
	a := newAttention(c.in[1].Shape, op.AttentionOp(c.spec.(op.AttentionGrad)))
	return kern.Threads() * a.each()
}

func bindAttentionGrad(c *call) func() {
	a, dy, qkv, dqkv := newAttention(c.in[1].Shape, op.AttentionOp(c.spec.(op.AttentionGrad))), c.values(0),
		c.values(1), c.y
	return a.run(c.scratch, func(task int, scratch []float32) {
		at, _ := a.at(task)
		dq, dk, dv := dqkv[at:], dqkv[at+a.StepY:], dqkv[at+2*a.StepY:]
		x, next := a.operands(dy, qkv, task), a.next(dy, qkv, task)
		if a.bf16 {
			a.BackwardBF16(dq, dk, dv, x, scratch, next)
		} else {
			a.Backward(dq, dk, dv, x, scratch, next)
		}
	})
}
