package cpu

import (
	"selfsup/graph/cpu/kern"
	"selfsup/graph/op"
)

// sumPlan is how a sum over axes runs: which case its merged axes are.
type sumPlan struct {
	axes    []op.Axis // merged; operand 0 is the result (step 0 where it is summed), operand 1 the source
	kind    sumKind
	squares bool
}

type sumKind int

const (
	sumAll     sumKind = iota // [R]
	sumRows                   // [K,R]: the last axis
	sumColumns                // [R,K]: all but the last
	sumMiddle                 // [K,R,K]: as the mean over an image
	sumAny
)

func planSum(c *call) sumPlan {
	from := c.in[0].Shape
	p := sumPlan{axes: op.MergeAxes(from, op.BroadcastStrides(c.out.Shape, from), op.Strides(from)),
		squares: c.spec.(op.SumToOp).Squares}
	var summed [3]bool
	for i, a := range p.axes {
		if i < 3 {
			summed[i] = a.Step[0] == 0
		}
	}
	switch n := len(p.axes); {
	case n == 1:
		p.kind = sumAll
	case n == 2 && summed[1]:
		p.kind = sumRows
	case n == 2:
		p.kind = sumColumns
	case n == 3 && summed[1]:
		p.kind = sumMiddle
	default:
		p.kind = sumAny
	}
	return p
}

// sum is the sum of x.
func (p *sumPlan) sum(x []float32) float64 {
	if p.squares {
		return kern.Dot(x, x)
	}
	return kern.Sum(x)
}

// k is the number of sums of a column: the sum of its values and, with squares, the sum of their squares.
func (p *sumPlan) k() int {
	if p.squares {
		return 2
	}
	return 1
}

// zeros is how many zeros add needs for n columns: with squares it calls the kernel for spreads, which subtracts a
// pivot from each value before it squares, and a pivot of 0 leaves the values as they are.
func (p *sumPlan) zeros(n int) int { return (p.k() - 1) * n }

// add adds the sums of a part of the columns of x to s [k][col1-col0].
func (p *sumPlan) add(s []float64, x, zeros []float32, n, row0, row1, col0, col1 int) {
	if p.squares {
		kern.AddSpread(s[:col1-col0], s[col1-col0:], x, zeros, n, row0, row1, col0, col1)
	} else {
		kern.AddColumns(s, x, n, row0, row1, col0, col1)
	}
}

func scratchSumTo(c *call) int {
	p := planSum(c)
	switch p.kind {
	case sumAll:
		return 2 * tasks(p.axes[0].N, block)
	case sumColumns:
		o := columnsOf(p.axes[0].N, p.axes[1].N, p.k())
		return o.scratch() + p.zeros(o.c) + scratchHalfRows(c.in[0], o.c)
	case sumMiddle:
		return 2*p.k()*c.out.Shape.Size() + p.zeros(p.axes[2].N)
	}
	return 0
}

func bindSumTo(c *call) func() {
	x, y, scale := c.x[0], c.y, c.spec.(op.SumToOp).Scale
	p := planSum(c)
	switch p.kind {
	case sumAll:
		if len(y) == len(x) { // nothing is summed but axes of size 1
			return sweep(len(y), block, func(from, to int) {
				y, x := y[from:to], x[from:to]
				kern.Scale(y, x, float32(scale))
				if p.squares {
					kern.Multiply(y, y, x)
				}
			})
		}
		sum := total(len(x), block, c.scratch, func(from, to int) float64 { return p.sum(x[from:to]) })
		return func() { y[0] = float32(sum() * scale) }
	case sumRows:
		n := p.axes[1].N
		return sweep(len(y), rowsOf(n), func(from, to int) {
			for i := from; i < to; i++ {
				y[i] = float32(p.sum(x[i*n:(i+1)*n]) * scale)
			}
		})
	case sumColumns:
		o := columnsOf(p.axes[0].N, p.axes[1].N, p.k())
		n := o.c
		zeros := c.scratch[o.scratch():][:p.zeros(n)]
		o.part = func(_ int, s []float64, row0, row1, col0, col1 int) { p.add(s, x, zeros, n, row0, row1, col0, col1) }
		if xh := c.xh[0]; xh != nil {
			half := newHalfRows(xh, n, c.scratch[o.scratch()+len(zeros):])
			o.part = func(worker int, s []float64, row0, row1, col0, col1 int) {
				half.each(worker, row0, row1, col0, col1, func(_ int, x []float32, rows int) {
					p.add(s, x, zeros, n, 0, rows, col0, col1)
				})
			}
		}
		o.done = func(s []float64, col0, col1 int) {
			for i, v := range s[len(s)-(col1-col0):] {
				y[col0+i] = float32(v * scale)
			}
		}
		run := o.run(c.scratch)
		return func() {
			clear(zeros)
			run()
		}
	case sumMiddle:
		rows, n := p.axes[1].N, p.axes[2].N
		sums := doubles(c.scratch, p.k()*len(y))
		zeros := c.scratch[2*len(sums):][:p.zeros(n)]
		each := p.k() * n
		run := sweep(p.axes[0].N, rowsOf(rows*n), func(from, to int) {
			for i := from; i < to; i++ {
				s := sums[i*each : (i+1)*each]
				clear(s)
				p.add(s, x[i*rows*n:], zeros, n, 0, rows, 0, n)
				for j, v := range s[len(s)-n:] {
					y[i*n+j] = float32(v * scale)
				}
			}
		})
		return func() {
			clear(zeros)
			run()
		}
	}
	return bindSumAny(x, y, scale, p)
}

// bindSumAny sums any axes, one element of the result after the other.
func bindSumAny(x, y []float32, scale float64, plan sumPlan) func() {
	var kept, gone []op.Axis
	for _, a := range plan.axes {
		if a.Step[0] == 0 {
			gone = append(gone, op.Axis{N: a.N, Step: a.Step[1:]})
		} else {
			kept = append(kept, op.Axis{N: a.N, Step: a.Step[1:]})
		}
	}
	out, in := newWalk(kept), newWalk(gone)
	return sweep(len(y), rowsOf(in.size), func(from, to int) {
		p := out.seek(from)
		for i := from; i < to; i++ {
			var s float64
			q := place{at: [2]int{p.at[0]}}
			for range in.size {
				v := float64(x[q.at[0]])
				if plan.squares {
					v *= v
				}
				s += v
				in.next(&q)
			}
			y[i] = float32(s * scale)
			out.next(&p)
		}
	})
}

func bindBroadcast(c *call) func() {
	x, y := c.bits(0), c.outBits()
	axes := op.MergeAxes(c.out.Shape, op.BroadcastStrides(c.in[0].Shape, c.out.Shape))
	last := axes[len(axes)-1]
	n := last.N
	fill := func(y []float32, at int) {
		if last.Step[0] == 1 {
			copy(y, x[at:])
			return
		}
		head := y[:min(len(y), 16)]
		for i := range head {
			head[i] = x[at]
		}
		repeat(y, len(head))
	}
	if len(axes) == 1 {
		return sweep(n, block, func(from, to int) { fill(y[from:to], from*last.Step[0]) })
	}
	w := newWalk(axes[:len(axes)-1])
	return sweep(w.size, rowsOf(n), func(from, to int) {
		p := w.seek(from)
		for i := from; i < to; i++ {
			fill(y[i*n:(i+1)*n], p.at[0])
			w.next(&p)
		}
	})
}

func bindArgmax(c *call) func() {
	x, y, k := c.x[0], c.yi, c.in[0].Shape.Last()
	return sweep(len(y), rowsOf(k), func(from, to int) {
		for i := from; i < to; i++ {
			y[i] = int32(argmaxOf(x[i*k : (i+1)*k]))
		}
	})
}

func scratchAccuracy(c *call) int {
	return 2 * tasks(c.in[1].Shape.Size(), rowsOf(c.in[0].Shape.Last()))
}

func bindAccuracy(c *call) func() {
	x, labels, y, k := c.x[0], c.xi[1], c.y, c.in[0].Shape.Last()
	hits := total(len(labels), rowsOf(k), c.scratch, func(from, to int) float64 {
		n := 0
		for i := from; i < to; i++ {
			if argmaxOf(x[i*k:(i+1)*k]) == labelOf(labels, i, k) {
				n++
			}
		}
		return float64(n)
	})
	return func() { // without a labelled row NaN
		n := hits()
		y[0] = float32(n / float64(labelledRows(labels)))
	}
}

// labelledRows counts the labels that are not negative.
func labelledRows(labels []int32) (n int) {
	for _, l := range labels {
		if l >= 0 {
			n++
		}
	}
	return n
}

func bindOfLabelled(c *call) func() {
	x, labels, y := c.x[0], c.xi[1], c.y
	return func() {
		n := labelledRows(labels)
		if n == 0 {
			y[0] = 0
			return
		}
		y[0] = float32(float64(x[0]) * (float64(len(labels)) / float64(n)))
	}
}
