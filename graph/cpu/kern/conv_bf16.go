package kern

import "fmt"

// roundsCopies says whether a bf16 convolution is the float32 one of rounded copies: where products of pairs do not
// apply, where the machine has no instruction for them, and where Winograd is faster than they are. Direct asks for
// pairs wherever they apply.
func (c *Conv) roundsCopies() bool {
	switch {
	case !c.BF16:
		return false
	case c.Groups > 1:
		return true
	case chosen == amx || c.Algorithm == Direct || c.method() == pointwise:
		return false
	}
	return chosen < avx512bf16 || c.winogradOK() && c.winogradPays()
}

// forwardRoundsCopies is the same for Forward, where images of few channels are also faster summed in float32 than
// gathered to patches.
func (c *Conv) forwardRoundsCopies() bool {
	return c.roundsCopies() || c.BF16 && c.Algorithm != Direct && c.Ci <= 4 && c.KH*c.KW > 1
}

// exact is the same convolution of operands that are rounded, and behind the prologue, already.
func (c Conv) exact() Conv {
	c.BF16, c.Prologue, c.HalfX, c.HalfY = false, Prologue{}, false, false
	return c
}

// roundCopies writes a, behind the prologue, and b rounded to scratch and returns the copies and what is left.
func roundCopies(a Values, p Prologue, b Values, scratch []float32) (ra, rb, rest []float32) {
	scratch = align(scratch)
	na, nb := roundUp(a.Len(), lineFloats), roundUp(b.Len(), lineFloats)
	if len(scratch) < na+nb {
		panic(fmt.Sprintf("kern: scratch has %d elements, rounded copies of %d and %d need %d", len(scratch), a.Len(),
			b.Len(), na+nb+lineFloats))
	}
	ra, rb = scratch[:a.Len()], scratch[na:na+b.Len()]
	roundTo(Values{F32: ra}, a, p)
	roundTo(Values{F32: rb}, b, Prologue{})
	return ra, rb, scratch[na+nb:]
}

func copiesFloats(a, b int) int { return lineFloats + roundUp(a, lineFloats) + roundUp(b, lineFloats) }

// rounding is a parallel pass of roundTo.
type rounding struct {
	dst, src Values
	prologue Prologue
	task     func(task int)
}

var roundings = pile[rounding]{bind: func(r *rounding) { r.task = r.part }}

const roundFloats = 16 << 10 // of a task, at least

// roundTo writes src, behind the prologue, rounded to bfloat16 to dst. A dst that is bfloat16 in memory takes float32
// and no prologue.
func roundTo(dst, src Values, p Prologue) {
	r := roundings.get()
	r.dst, r.src, r.prologue = dst, src, p
	Run(ceil(dst.Len(), r.size()), r.task)
	r.dst, r.src, r.prologue = Values{}, Values{}, Prologue{}
	roundings.put(r)
}

// size of a task is whole pixels.
func (r *rounding) size() int { return roundUp(roundFloats, max(1, len(r.prologue.Scale))) }

func (r *rounding) part(task int) {
	from, to := task*r.size(), min((task+1)*r.size(), r.dst.Len())
	if r.dst.BF16 != nil {
		Round(r.dst.BF16[from:to], r.src.F32[from:])
		return
	}
	dst := r.dst.F32[from:to]
	r.prologue.take(dst, r.src.From(from))
	RoundFloats(dst)
}

var zeroFloats [roundFloats]float32
