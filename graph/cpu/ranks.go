package cpu

import (
	"fmt"
	"unsafe"

	"selfsup/graph/comm"
	"selfsup/graph/spread"
)

// ofRanks are the operations of package spread by name: what programs that are dealt out over processes have besides.
var ofRanks = map[string]func(c *call) func(){
	"all_gather":         bindAllGather,
	"all_reduce":         bindAllReduce,
	"all_reduce_begin":   bindBegin,
	"all_reduce_end":     bindEnd,
	"mask_diagonal_rows": bindDiagonalRows,
	"merge_stats":        bindMergeStats,
	"my_rows":            bindMyRows,
	"random_rows":        bindRandomRows,
	"reduce_scatter":     bindReduceScatter,
}

// together runs a collective; its error ends the step.
func (c *call) together(f func(comm.Comm) error) {
	if c.ranks == nil {
		panic(fmt.Sprintf("%s is run without the other ranks", c.spec.Name()))
	}
	if err := c.ranks.Do(f); err != nil {
		panic(err)
	}
}

// bytesOf is floats as bytes.
func bytesOf(x []float32) []byte {
	if len(x) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x))
}

// bindAllGather has every rank's rows come in one after the other, and puts them where they belong.
func bindAllGather(c *call) func() {
	o, x, y := c.spec.(spread.Gather), c.bits(0), c.outBits()
	got := y
	if o.K > 1 {
		got = make([]float32, len(y))
	}
	talk := func(c comm.Comm) error { return c.Gather(bytesOf(got), bytesOf(x)) }
	n := o.Run()
	return func() {
		c.together(talk)
		if o.K == 1 {
			return
		}
		for r := range o.Size {
			for k := range o.K {
				copy(y[o.Of(k, r):][:n], got[(r*o.K+k)*n:])
			}
		}
	}
}

func bindAllReduce(c *call) func() {
	x, y := c.x[0], c.y
	talk := func(c comm.Comm) error { return c.Sum32(y) }
	return func() {
		copy(y, x)
		c.together(talk)
	}
}

func bindReduceScatter(c *call) func() {
	o, x, y := c.spec.(spread.Scatter), c.x[0], c.y
	from, n := x, o.Run()
	if o.K > 1 {
		from = make([]float32, len(x))
	}
	talk := func(c comm.Comm) error { return c.Scatter32(y, from) }
	return func() {
		if o.K > 1 {
			for r := range o.Size {
				for k := range o.K {
					copy(from[(r*o.K+k)*n:][:n], x[o.Of(k, r):])
				}
			}
		}
		c.together(talk)
	}
}

// bindBegin copies values side by side and lets the line sum them beside the computing.
func bindBegin(c *call) func() {
	y := c.y
	ticket := comm.NewTicket()
	c.tickets[&y[0]] = ticket
	return func() {
		at := 0
		for _, x := range c.x {
			copy(y[at:], x)
			end := at + spread.Lanes(len(x))
			clear(y[at+len(x) : end])
			at = end
		}
		c.ranks.Start(y, ticket)
	}
}

func bindEnd(c *call) func() {
	x, y := c.x[0], c.y
	ticket := c.tickets[&x[0]]
	return func() {
		if err := c.ranks.Wait(ticket); err != nil {
			panic(err)
		}
		if &x[0] != &y[0] {
			copy(y, x)
		}
	}
}

func bindMyRows(c *call) func() {
	o, x, y := c.spec.(spread.Mine), c.bits(0), c.outBits()
	n := o.Run()
	return func() {
		for k := range o.K {
			copy(y[k*n:][:n], x[o.From(k):])
		}
	}
}

func bindRandomRows(c *call) func() {
	o, key, step, y := c.spec.(spread.Random), c.x[0], c.x[1], c.y
	n := o.Run()
	var stream uint64
	fill := sweep(len(y), block, func(from, to int) {
		for i := from; i < to; i++ {
			y[i] = float32(o.Of.At(stream, o.From(i/n)+i%n))
		}
	})
	return func() {
		stream = o.Of.Stream(float64(key[0]), float64(key[1]), float64(step[0]))
		fill()
	}
}

func bindDiagonalRows(c *call) func() {
	o, x, y := c.spec.(spread.Diagonal), c.x[0], c.y
	var places []int
	o.Places(func(i int) { places = append(places, i) })
	return func() {
		copy(y, x)
		for _, i := range places {
			y[i] = float32(o.Of.Value)
		}
	}
}

func bindMergeStats(c *call) func() {
	x, y := c.x[0], c.y
	ranks, n := c.in[0].Shape[0], c.in[0].Shape[2]
	j := 0
	of := func(r int) (mean, variance float64) { return float64(x[2*r*n+j]), float64(x[(2*r+1)*n+j]) }
	return func() {
		for j = range n {
			mean, variance := spread.Merge(ranks, of)
			y[j], y[n+j] = float32(mean), float32(variance)
		}
	}
}
