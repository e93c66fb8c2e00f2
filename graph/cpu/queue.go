package cpu

import "selfsup/graph/op"

// The operations of this file replace rows of a memory, which they overwrite where the planner lets them; else they
// copy it first. Integers are moved as the bits of floats.

// keeping makes the function that brings a memory to where its new value goes, nil if it lies there.
func keeping(y, x []float32) func() {
	if &y[0] == &x[0] {
		return nil
	}
	return sweep(len(y), block, func(from, to int) { copy(y[from:to], x[from:to]) })
}

func bindPutAt(c *call) func() {
	o, rows, y := c.spec.(op.PutAtOp), c.bits(2), c.outBits()
	k, n, d := c.in[0].Shape[0], c.in[2].Shape[0], c.in[0].Shape[1:].Size()
	keep := keeping(y, c.bits(0))
	at := 0
	put := sweep(n, rowsOf(d), func(from, to int) {
		for i := from; i < to; i++ {
			copy(y[(at+i)%k*d:][:d], rows[i*d:])
		}
	})
	return func() {
		if c.xi[1] != nil {
			at = o.Place(float64(c.xi[1][0]), k)
		} else {
			at = o.Place(float64(c.x[1][0]), k)
		}
		if keep != nil {
			keep()
		}
		put()
	}
}

// bindPutRows cuts columns, so that of two values for a row the later one stays. All numbers are looked at before
// anything is written.
func bindPutRows(c *call) func() {
	o, ids, values, y := c.spec.(op.PutRowsOp), c.xi[1], c.bits(2), c.outBits()
	n, d := c.in[0].Shape[0], c.in[0].Shape[1:].Size()
	keep := keeping(y, c.bits(0))
	put := sweep(d, max(64, rowsOf(len(ids))), func(from, to int) {
		for i, id := range ids {
			if id >= 0 {
				copy(y[int(id)*d+from:int(id)*d+to], values[i*d+from:])
			}
		}
	})
	return func() {
		for i, id := range ids {
			o.Check(i, int(id), n)
		}
		if keep != nil {
			keep()
		}
		put()
	}
}
