package cpu

import (
	"unsafe"

	"selfsup/graph/cpu/kern"
)

// block is how many elements make one task: small enough for the cache, large enough to be worth handing out.
const block = 16 << 10

// sweep makes the function that covers 0..n-1 with calls f(from, to) of at most size elements each, at the same time
// where there are several.
func sweep(n, size int, f func(from, to int)) func() {
	parts := tasks(n, size)
	if parts == 1 {
		return func() { f(0, n) }
	}
	task := func(i int) { f(i*size, min((i+1)*size, n)) }
	return func() { kern.Run(parts, task) }
}

// tasks is the number of calls that sweep makes.
func tasks(n, size int) int { return max(1, (n+size-1)/size) }

// rowsOf is how many rows of c elements make one task.
func rowsOf(c int) int { return max(1, block/max(c, 1)) }

// doubles is scratch memory as n float64, two floats each.
func doubles(scratch []float32, n int) []float64 {
	s := scratch[:2*n]
	return unsafe.Slice((*float64)(unsafe.Pointer(&s[0])), n)
}

// total adds up one partial sum of every task for 0..n-1, in order. part(from, to) is the sum of one task.
func total(n, size int, scratch []float32, part func(from, to int) float64) func() float64 {
	parts := tasks(n, size)
	sums := doubles(scratch, parts)
	run := sweep(n, size, func(from, to int) { sums[from/size] = part(from, to) })
	return func() float64 {
		run()
		var s float64
		for _, v := range sums {
			s += v
		}
		return s
	}
}
