package kern

import "fmt"

// roundsCopies says whether a bf16 convolution is the float32 one of rounded copies: where products of pairs do not apply, and where
// Winograd is faster than they are.
func (c *Conv) roundsCopies() bool {
	return c.BF16 && (c.Groups > 1 || chosen < amx && c.Algorithm != Direct && c.winogradOK() && c.winogradPays())
}

// exact is the same convolution of operands that are rounded already.
func (c Conv) exact() Conv {
	c.BF16 = false
	return c
}

// roundCopies writes a and b rounded to scratch and returns the copies and what is left.
func roundCopies(a, b, scratch []float32) (ra, rb, rest []float32) {
	scratch = align(scratch)
	na, nb := roundUp(len(a), lineFloats), roundUp(len(b), lineFloats)
	if len(scratch) < na+nb {
		panic(fmt.Sprintf("kern: conv: scratch has %d elements, rounded copies of %d and %d need %d", len(scratch), len(a), len(b), na+nb+lineFloats))
	}
	ra, rb = scratch[:len(a)], scratch[na:na+len(b)]
	roundTo(ra, a)
	roundTo(rb, b)
	return ra, rb, scratch[na+nb:]
}

func copiesFloats(a, b int) int { return lineFloats + roundUp(a, lineFloats) + roundUp(b, lineFloats) }

// rounding is a parallel pass of roundTo.
type rounding struct {
	dst, src []float32
	task     func(task int)
}

var roundings = pile[rounding]{bind: func(r *rounding) { r.task = r.part }}

const roundFloats = 16 << 10 // of a task

// roundTo writes src rounded to bfloat16 to dst.
func roundTo(dst, src []float32) {
	r := roundings.get()
	r.dst, r.src = dst, src
	Run(ceil(len(src), roundFloats), r.task)
	r.dst, r.src = nil, nil
	roundings.put(r)
}

// part rounds pairs of a number and zero: a zero below the upper half is a float32 again.
func (r *rounding) part(task int) {
	from, to := task*roundFloats, min((task+1)*roundFloats, len(r.src))
	roundPairs(bf16s(r.dst[from:to]), zeroFloats[:to-from], r.src[from:to])
}

var zeroFloats [roundFloats]float32
