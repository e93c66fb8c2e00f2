package cpu

import (
	"selfsup/graph/cpu/kern"
	"selfsup/graph/op"
)

// arithmetic is a function of two operands along a row, where both vary or one is a single number.
type arithmetic struct {
	vv func(y, a, b []float32)
	vs func(y, a []float32, b float32)
	sv func(y, b []float32, a float32)
}

var binaries = map[string]arithmetic{
	"add": {kern.Add, addVS, addVS},
	"sub": {kern.Subtract, subVS, subSV},
	"mul": {kern.Multiply, kern.Scale, kern.Scale},
	"div": {divVV, divVS, divSV},
}

func bindBinary(c *call) func() {
	o := c.spec.(op.Binary)
	if c.yh != nil || c.xh[0] != nil || c.xh[1] != nil {
		return bindHalfSum(c)
	}
	if o.Rounded {
		o.Rounded = false
		exact := *c
		exact.spec = o
		return roundedAfter(bindBinary(&exact), c.y)
	}
	f := binaries[o.Fn]
	if o.Relu {
		f = f.relu()
		if o.Fn == "add" { // the residual sum, in one pass
			f.vv = kern.AddRelu
		}
	}
	return bindPairs(c, f, c.y, c.x[0], c.x[1])
}

// relu is f and then max(y, 0), while the row is in the cache.
func (f arithmetic) relu() arithmetic {
	return arithmetic{
		vv: func(y, a, b []float32) { f.vv(y, a, b); kern.Relu(y, y) },
		vs: func(y, a []float32, b float32) { f.vs(y, a, b); kern.Relu(y, y) },
		sv: func(y, b []float32, a float32) { f.sv(y, b, a); kern.Relu(y, y) },
	}
}

// bindPairs makes y of the operands of c, given as a and b, row by row. Either may repeat along some axes.
func bindPairs(c *call, f arithmetic, y, a, b []float32) func() {
	axes := op.MergeAxes(c.out.Shape, op.BroadcastStrides(c.in[0].Shape, c.out.Shape),
		op.BroadcastStrides(c.in[1].Shape, c.out.Shape))
	last := axes[len(axes)-1]
	n, sa, sb := last.N, last.Step[0], last.Step[1]

	// part is elements from..to of the row of y that begins at i, with those of the operands at ia and ib.
	part := func(i, ia, ib, from, to int) {
		y := y[i+from : i+to]
		switch {
		case sa == sb:
			f.vv(y, a[ia+from:ia+to], b[ib+from:ib+to])
		case sb == 0:
			f.vs(y, a[ia+from:ia+to], b[ib])
		default:
			f.sv(y, b[ib+from:ib+to], a[ia])
		}
	}
	if len(axes) == 1 {
		return sweep(n, block, func(from, to int) { part(0, 0, 0, from, to) })
	}
	w := newWalk(axes[:len(axes)-1])
	return sweep(w.size, rowsOf(n), func(from, to int) {
		p := w.seek(from)
		for i := from; i < to; i++ {
			part(i*n, p.at[0], p.at[1], 0, n)
			w.next(&p)
		}
	})
}

// bindHalfSum is the sum of operands of one shape, of which some, or the result, are kept in bfloat16.
func bindHalfSum(c *call) func() {
	o, add := c.spec.(op.Binary), kern.Add
	if o.Relu {
		add = kern.AddRelu
	}
	return passChunks(c, []int{0, 1}, 1, func(y []float32, x [][]float32) {
		add(y, x[0], x[1])
		if o.Rounded && c.yh == nil {
			kern.RoundFloats(y)
		}
	})
}

func bindAddN(c *call) func() {
	xs, y, unit := c.x, c.y, 1
	for _, x := range xs {
		if len(x) < len(y) {
			unit = max(unit, len(x)) // a multiple of the shorter rows
		}
	}
	return sweep(len(y)/unit, rowsOf(unit), func(from, to int) {
		from, to = from*unit, to*unit
		y, sum := y[from:to], xs[0][from:to]
		for _, x := range xs[1:] {
			if len(x) == len(xs[0]) {
				kern.Add(y, sum, x[from:to])
			} else {
				for i := 0; i < len(y); i += len(x) {
					kern.Add(y[i:i+len(x)], sum[i:], x)
				}
			}
			sum = y
		}
	})
}
