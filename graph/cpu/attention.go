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
	biases        [2]attentionBias
}

// attentionBias is a bias [G,heads or 1,T or 1,T].
type attentionBias struct {
	shape ir.Shape
	data  []float32
}

func newAttention(qkv ir.Shape, o op.AttentionOp) attention {
	a := attention{bf16: o.BF16, images: qkv[0], heads: qkv[3]}
	a.Head = kern.Head{T: qkv[1], D: qkv[4], Step: 3 * a.heads * qkv[4], StepY: a.heads * qkv[4],
		Scale: float32(o.Scale), Causal: o.Causal}
	return a
}

// withBiases is with the operands from number first on as biases.
func (a attention) withBiases(c *call, first int) attention {
	for i := first; i < len(c.in); i++ {
		a.biases[i-first] = attentionBias{c.in[i].Shape, c.x[i]}
	}
	return a
}

// of is the bias of a head of an image.
func (b attentionBias) of(image, head int) kern.Bias {
	if b.data == nil {
		return kern.Bias{}
	}
	bias := kern.Bias{F32: b.data[op.BiasAt(b.shape, image, head, 0):]}
	if b.shape[2] > 1 {
		bias.Step = b.shape[3]
	}
	return bias
}

// each is the floats of scratch memory that a worker wants, in whole cache lines.
func (a *attention) each() int {
	if a.bf16 {
		return (a.ScratchBF16() + 15) &^ 15
	}
	return (a.Scratch() + 15) &^ 15
}

// run makes the function that does so many tasks with f, no more of them at a time than scratch has room for.
func (a *attention) run(tasks int, scratch []float32, f func(task int, scratch []float32)) func() {
	each := a.each()
	task := func(task, worker int) { f(task, scratch[worker*each:(worker+1)*each]) }
	return func() { kern.RunWorkers(tasks, len(scratch)/each, task) }
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
	o := kern.Operands{Q: x, K: x.From(a.StepY), V: x.From(2 * a.StepY), Dy: dy.From(min(to, dy.Len()))}
	for i, b := range a.biases {
		o.Bias[i] = b.of(task/a.heads, task%a.heads)
	}
	return o
}

// next are the operands of the head that a worker most likely takes next.
func (a *attention) next(dy, qkv kern.Values, task int) kern.Operands {
	if task < a.images*a.heads {
		return a.operands(dy, qkv, task)
	}
	return kern.Operands{}
}

func scratchAttention(c *call) int {
	a := newAttention(c.in[0].Shape, c.spec.(op.AttentionOp))
	return kern.Threads() * a.each()
}

func bindAttention(c *call) func() {
	a, qkv, y, none := newAttention(c.in[0].Shape, c.spec.(op.AttentionOp)).withBiases(c, 1), c.values(0),
		kern.Values{F32: c.y, BF16: c.yh}, kern.Values{}
	return a.run(a.images*a.heads, c.scratch, func(task int, scratch []float32) {
		_, to := a.at(task)
		x, next := a.operands(none, qkv, task), a.next(none, qkv, task+1)
		if a.bf16 {
			a.ForwardBF16(y.From(to), x, scratch, next)
		} else {
			a.Forward(y.F32[to:], x, scratch, next)
		}
	})
}

// learnedTasks is how many tasks attention whose bias has a gradient is cut into at least, where there are as many
// heads.
const learnedTasks = 16

// biasGrad is how the gradient of a learned bias [G,heads,T,T] is added up: images that share a bias are cut into
// chunks, whose sums are added in order.
type biasGrad struct {
	groups, chunks, turns int // G; of images that share a bias; how many images those are
	size                  int // T*T
}

func newBiasGrad(a attention, bias ir.Shape) biasGrad {
	g := biasGrad{groups: bias[0], turns: a.images / bias[0], size: a.T * a.T}
	each := g.groups * a.heads
	g.chunks = min((learnedTasks+each-1)/each, g.turns)
	return g
}

func scratchAttentionGrad(c *call) int {
	o := op.AttentionOp(c.spec.(op.AttentionGrad))
	a := newAttention(c.in[1].Shape, o)
	n := kern.Threads() * a.each()
	if o.Learned {
		g := newBiasGrad(a, c.in[len(c.in)-1].Shape)
		n += g.chunks * g.groups * a.heads * g.size
	}
	return n
}

func bindAttentionGrad(c *call) func() {
	o := op.AttentionOp(c.spec.(op.AttentionGrad))
	a, dy, qkv, dqkv := newAttention(c.in[1].Shape, o).withBiases(c, 2), c.values(0), c.values(1), c.y
	backward := func(task, following int, dbias, scratch []float32) {
		at, _ := a.at(task)
		dq, dk, dv := dqkv[at:], dqkv[at+a.StepY:], dqkv[at+2*a.StepY:]
		x, next := a.operands(dy, qkv, task), a.next(dy, qkv, following)
		if dbias != nil {
			x.DBias = kern.Bias{F32: dbias, Step: a.T}
		}
		if a.bf16 {
			a.BackwardBF16(dq, dk, dv, x, scratch, next)
		} else {
			a.Backward(dq, dk, dv, x, scratch, next)
		}
	}
	if !o.Learned {
		return a.run(a.images*a.heads, c.scratch, func(task int, scratch []float32) {
			backward(task, task+1, nil, scratch)
		})
	}
	g := newBiasGrad(a, c.in[len(c.in)-1].Shape)
	n := g.groups * a.heads
	sums, to := c.take(g.chunks*n*g.size), dqkv[c.in[1].Shape.Size():]
	heads := a.run(g.chunks*n, c.scratch, func(task int, scratch []float32) {
		chunk, group, head := task/n, task%n/a.heads, task%a.heads
		dbias := sums[task*g.size:][:g.size]
		clear(dbias)
		from, end := chunk*g.turns/g.chunks, (chunk+1)*g.turns/g.chunks
		for turn := from; turn < end; turn++ {
			at := (turn*g.groups+group)*a.heads + head
			backward(at, at+n, dbias, scratch)
		}
	})
	add := sweep(n*g.size, block, func(from, end int) {
		copy(to[from:end], sums[from:end])
		for i := 1; i < g.chunks; i++ {
			kern.Add(to[from:end], to[from:end], sums[i*n*g.size+from:i*n*g.size+end])
		}
	})
	return func() {
		heads()
		add()
	}
}
