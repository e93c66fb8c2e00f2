package cpu

import (
	"selfsup/graph/cpu/kern"
	"selfsup/graph/op"
)

// recurrence is the sizes of a recurrent layer and its operands: b rows of t steps, n numbers in a state, and wide
// numbers before the gates.
type recurrence struct {
	lstm          bool
	b, t, n, wide int
	x, w, bias    []float32
}

func newRecurrence(o op.Recurrent, out []int, x [][]float32) recurrence {
	return recurrence{lstm: o.Cell == "lstm", b: out[0], t: out[1], n: out[2], wide: o.Gates() * out[2], x: x[0],
		w: x[1], bias: x[2]}
}

// gates turns row, the product of the state before and the weights [wide], into the gates of step s of row i, in place.
// If hidden is not nil, a GRU's product for n, with its bias, is kept there: the gradient reads it.
func (r *recurrence) gates(row []float32, i, s int, hidden []float32) {
	n, x := r.n, r.x[(i*r.t+s)*r.wide:][:r.wide]
	kern.Add(row, row, r.bias)
	if r.lstm {
		kern.Add(row, row, x)
		sigmoids(row[:2*n])
		tanhs(row[2*n : 3*n])
		sigmoids(row[3*n:])
		return
	}
	kern.Add(row[:2*n], row[:2*n], x[:2*n])
	sigmoids(row[:2*n])
	new, reset := row[2*n:], row[:n]
	if hidden != nil {
		copy(hidden, new)
	}
	kern.Multiply(new, new, reset)
	kern.Add(new, new, x[2*n:])
	tanhs(new)
}

// sigmoids and tanhs work in place; tanhs to 2e-7 of 1, not of itself as tanh. What sigmoids gets may lie on the stack,
// which a kernel that is called through a table, such as Scale, would make escape.
func sigmoids(x []float32) {
	for i, v := range x {
		x[i] = -v
	}
	kern.Exps(x, x, 0)
	for i, e := range x {
		x[i] = 1 / (1 + e)
	}
}

func tanhs(x []float32) {
	kern.Scale(x, x, 2)
	kern.Exps(x, x, 0)
	for i, e := range x {
		x[i] = 1 - 2/(e+1)
	}
}

// rows is how many rows of the batch make a task.
func (r *recurrence) rows() int { return rowsOf(8 * r.wide) }

func scratchRecurrent(c *call) int {
	b, n, wide := c.out.Shape[0], c.out.Shape[2], c.in[1].Shape[1]
	return b*wide + b*n + n + kern.GemmScratch(false, false, b, wide, n)
}

// bindRecurrent multiplies the states of all rows with the weights, and then makes the next states, step by step.
func bindRecurrent(c *call) func() {
	r, y := newRecurrence(c.spec.(op.Recurrent), c.out.Shape, c.x), c.y
	n, wide := r.n, r.wide
	product, cell, zeros := c.take(r.b*wide), c.take(r.b*n), c.take(n)
	s := 0
	step := sweep(r.b, r.rows(), func(from, to int) {
		for i := from; i < to; i++ {
			row, h, c := product[i*wide:(i+1)*wide], y[(i*r.t+s)*n:][:n], cell[i*n:(i+1)*n]
			before := zeros
			if s > 0 {
				before = y[(i*r.t+s-1)*n:][:n]
			}
			r.gates(row, i, s, nil)
			if r.lstm {
				nextCell(c, row)
				copy(h, c)
				tanhs(h)
				kern.Multiply(h, h, row[3*n:])
				continue
			}
			keep, new := row[n:2*n], row[2*n:]
			for j := range h {
				h[j] = new[j] + keep[j]*(before[j]-new[j])
			}
		}
	})
	return func() {
		clear(product)
		clear(cell)
		clear(zeros)
		for s = 0; s < r.t; s++ {
			if s > 0 {
				kern.Gemm(false, false, r.b, wide, n, y[(s-1)*n:], r.t*n, r.w, wide, product, wide, 0, c.scratch)
			}
			step()
		}
	}
}

// nextCell is an LSTM's cell after a step, in place, from its gates.
func nextCell(c, gates []float32) {
	n := len(c)
	in, forget, new := gates[:n], gates[n:2*n], gates[2*n:3*n]
	for j := range c {
		c[j] = forget[j]*c[j] + in[j]*new[j]
	}
}

func scratchRecurrentGrad(c *call) int {
	s, wide := c.in[0].Shape, c.in[2].Shape[1]
	b, t, n := s[0], s[1], s[2]
	need := b*(wide+3*n) + n + max(kern.GemmScratch(false, false, b*t, wide, n),
		kern.GemmScratch(false, true, b, n, wide))
	if wide == 4*n {
		need += b * t * n
	}
	return need
}

// bindRecurrentGrad makes all products of states and weights at once and keeps them where the result goes. The place of
// step s holds the product of state s, which step s+1 reads; on the way back step s writes its gradient there after.
func bindRecurrentGrad(c *call) func() {
	r, dy, h, d := newRecurrence(op.Recurrent(c.spec.(op.RecurrentGrad)), c.in[0].Shape, c.x[1:]), c.x[0], c.x[4], c.y
	n, wide := r.n, r.wide
	gates, hidden, dh, dc, zeros := c.take(r.b*wide), c.take(r.b*n), c.take(r.b*n), c.take(r.b*n), c.take(n)
	var cells []float32 // an LSTM's, [B,T,H]
	if r.lstm {
		cells = c.take(r.b * r.t * n)
	}
	// again makes the gates of step s of row i.
	again := func(i, s int) []float32 {
		row := gates[i*wide : (i+1)*wide]
		if s > 0 {
			copy(row, d[(i*r.t+s-1)*4*n:][:wide])
		} else {
			clear(row)
		}
		r.gates(row, i, s, hidden[i*n:(i+1)*n])
		return row
	}
	at := func(x []float32, i, s int) []float32 { // step s of row i, 0 before the first
		if s < 0 {
			return zeros
		}
		return x[(i*r.t+s)*n:][:n]
	}
	remember := sweep(r.b, max(1, r.rows()/r.t), func(from, to int) {
		for i := from; i < to; i++ {
			for s := range r.t {
				cell := at(cells, i, s)
				copy(cell, at(cells, i, s-1))
				nextCell(cell, again(i, s))
			}
		}
	})
	s := 0
	step := sweep(r.b, r.rows(), func(from, to int) {
		for i := from; i < to; i++ {
			row, dh, dc := again(i, s), dh[i*n:(i+1)*n], dc[i*n:(i+1)*n]
			kern.Add(dh, dh, at(dy, i, s))
			to := d[(i*r.t+s)*4*n:][:4*n]
			if r.lstm {
				lstmGrad(to, row, dh, dc, at(cells, i, s), at(cells, i, s-1), hidden[i*n:(i+1)*n])
			} else {
				gruGrad(to, row, dh, at(h, i, s-1), hidden[i*n:(i+1)*n])
			}
		}
	})
	return func() {
		clear(dh)
		clear(dc)
		clear(zeros)
		kern.Gemm(false, false, r.b*r.t, wide, n, h, n, r.w, wide, d, 4*n, 0, c.scratch)
		if r.lstm {
			remember()
		}
		for s = r.t - 1; s >= 0; s-- {
			step()
			if s > 0 {
				kern.Gemm(false, true, r.b, n, wide, d[s*4*n:], r.t*4*n, r.w, wide, dh, n, 1, c.scratch)
			}
		}
	}
}

// gruGrad writes to d the gradients before the gates of a step. dh is the gradient with respect to the step's state,
// and becomes the part of it that flows past the gates to the state before.
func gruGrad(d, gates, dh, before, hidden []float32) {
	n := len(dh)
	reset, keep, new := gates[:n], gates[n:2*n], gates[2*n:3*n]
	dr, dz, dProduct, dInput := d[:n], d[n:2*n], d[2*n:3*n], d[3*n:4*n]
	for j, g := range dh {
		r, z, v := reset[j], keep[j], new[j]
		dn := g * (1 - z) * (1 - v*v)
		dr[j], dz[j] = dn*hidden[j]*r*(1-r), g*(before[j]-v)*z*(1-z)
		dProduct[j], dInput[j] = dn*r, dn
		dh[j] = g * z
	}
}

// lstmGrad does the same for an LSTM. dc is the gradient with respect to the cell and becomes that of the cell before;
// nothing of dh flows past the gates, so it becomes 0.
func lstmGrad(d, gates, dh, dc, cell, before, room []float32) {
	n := len(dh)
	in, forget, new, out := gates[:n], gates[n:2*n], gates[2*n:3*n], gates[3*n:4*n]
	di, df, dg, do := d[:n], d[n:2*n], d[2*n:3*n], d[3*n:4*n]
	copy(room, cell)
	tanhs(room)
	for j, g := range dh {
		a, f, v, e, tc := in[j], forget[j], new[j], out[j], room[j]
		to := dc[j] + g*e*(1-tc*tc)
		di[j], df[j], dg[j], do[j] = to*v*a*(1-a), to*before[j]*f*(1-f), to*a*(1-v*v), g*tc*e*(1-e)
		dc[j], dh[j] = to*f, 0
	}
}
