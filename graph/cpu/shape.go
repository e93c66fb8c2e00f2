package cpu

import (
	"selfsup/graph/cpu/kern"
	"selfsup/graph/op"
)

// The operations of this file move elements without looking at them, integers as the bits of floats.

func bindCopy(c *call) func() {
	x, y := c.bits(0), c.outBits()
	return sweep(len(y), block, func(from, to int) { copy(y[from:to], x[from:to]) })
}

// blocks moves n blocks of width elements that lie step apart.
type blocks struct {
	n, width  int
	to, from  []float32
	toStep    int
	fromStep  int
	padBefore int // elements before each block of the target that become 0
	padAfter  int
}

func (b blocks) move() func() {
	if b.n == 1 && b.padBefore+b.padAfter == 0 {
		return sweep(b.width, block, func(from, to int) { copy(b.to[from:to], b.from[from:to]) })
	}
	return sweep(b.n, rowsOf(b.width+b.padBefore+b.padAfter), func(from, to int) {
		for i := from; i < to; i++ {
			at := i * b.toStep
			clear(b.to[at:][:b.padBefore])
			at += b.padBefore
			copy(b.to[at:][:b.width], b.from[i*b.fromStep:])
			clear(b.to[at+b.width:][:b.padAfter])
		}
	})
}

func bindSlice(c *call) func() {
	o, ok := c.spec.(op.SliceOp)
	if !ok {
		o = c.spec.(op.LeadingSlice).SliceOp
	}
	s := c.in[0].Shape
	inner := s[o.Axis+1:].Size()
	return blocks{
		n: s[:o.Axis].Size(), width: (o.To - o.From) * inner,
		to: c.outBits(), toStep: (o.To - o.From) * inner,
		from: c.bits(0)[o.From*inner:], fromStep: s[o.Axis] * inner,
	}.move()
}

func bindPad(c *call) func() {
	o, s := c.spec.(op.PadOp), c.in[0].Shape
	inner := s[o.Axis+1:].Size()
	width := s[o.Axis] * inner
	return blocks{
		n: s[:o.Axis].Size(), width: width, padBefore: o.Before * inner, padAfter: o.After * inner,
		to: c.outBits(), toStep: (o.Before+o.After)*inner + width,
		from: c.bits(0), fromStep: width,
	}.move()
}

func bindConcat(c *call) func() {
	k := c.spec.(op.ConcatOp).Axis
	n, inner := c.out.Shape[:k].Size(), c.out.Shape[k+1:].Size()
	y, step := c.outBits(), c.out.Shape[k]*inner
	var moves []func()
	at := 0
	for i, t := range c.in {
		width := t.Shape[k] * inner
		moves = append(moves, blocks{n: n, width: width, to: y[at:], toStep: step, from: c.bits(i),
			fromStep: width}.move())
		at += width
	}
	return func() {
		for _, move := range moves {
			move()
		}
	}
}

func bindTranspose(c *call) func() {
	x, y := c.bits(0), c.outBits()
	axes := op.MergeAxes(c.out.Shape, op.Strides(c.out.Shape), c.spec.(op.TransposeOp).Steps(c.in[0].Shape))
	last := axes[len(axes)-1]
	if last.Step[1] == 1 {
		w := newWalk(axes[:len(axes)-1])
		n := last.N
		return sweep(w.size, rowsOf(n), func(from, to int) {
			p := w.seek(from)
			for i := from; i < to; i++ {
				copy(y[i*n:(i+1)*n], x[p.at[1]:])
				w.next(&p)
			}
		})
	}
	// The axis along which the operand is dense is another one: matrices [m, n] are transposed, once for every index of
	// the others.
	var outer []op.Axis
	var dense op.Axis
	for _, a := range axes[:len(axes)-1] {
		if a.Step[1] == 1 {
			dense = a
		} else {
			outer = append(outer, a)
		}
	}
	const tile = 32
	strips := tasks(dense.N, tile)
	w := newWalk(outer)
	return sweep(w.size*strips, max(1, rowsOf(last.N*tile)), func(from, to int) {
		for i := from; i < to; i++ {
			p := w.seek(i / strips)
			j := i % strips * tile
			kern.Transpose(y[p.at[0]+j*dense.Step[0]:], dense.Step[0], x[p.at[1]+j:], last.Step[1], last.N,
				min(tile, dense.N-j))
		}
	})
}

func bindGather(c *call) func() {
	table, ids, y, d := c.bits(0), c.xi[1], c.outBits(), c.out.Shape[1:].Size()
	return sweep(len(ids), rowsOf(d), func(from, to int) {
		for i := from; i < to; i++ {
			copy(y[i*d:(i+1)*d], table[int(ids[i])*d:][:d])
		}
	})
}

// bindScatterAdd cuts columns, so that rows are added in their order.
func bindScatterAdd(c *call) func() {
	x, ids, y, d := c.x[0], c.xi[1], c.y, c.out.Shape[1:].Size()
	return sweep(d, 64, func(from, to int) {
		for i := 0; i < len(y); i += d {
			clear(y[i+from : i+to])
		}
		for i, id := range ids {
			row := y[int(id)*d:][from:to]
			kern.Add(row, row, x[i*d+from:i*d+to])
		}
	})
}
