package kern

import "fmt"

// A forward convolution whose algorithm writes float32 only writes images in bfloat16 a few images at a time: to
// scratch, then rounded.

const partFloats = 1 << 20 // of output images at a time

// forwardInParts says whether Forward goes by parts.
func (c *Conv) forwardInParts() bool {
	m := c.method()
	return c.HalfY && (c.forwardRoundsCopies() || m != overPairs && m != pointwise)
}

// part is the convolution of so many images that go at a time, with float32 results.
func (c Conv) part() Conv {
	c.B = min(c.B, max(1, partFloats/(c.OH*c.OW*c.Co)))
	c.HalfY = false
	return c
}

func (c Conv) forwardParts(x Values, w []float32, y []uint16, scratch []float32) {
	part, in, out := c.part(), c.H*c.W*c.Ci, c.OH*c.OW*c.Co
	scratch = align(scratch)
	if size := part.B * out; len(scratch) < size {
		panic(fmt.Sprintf("kern: conv: scratch has %d elements, %+v needs %d", len(scratch), c, c.ForwardScratch()))
	}
	whole := scratch[:part.B*out]
	rest := scratch[roundUp(len(whole), lineFloats):]
	for b := 0; b < c.B; b += part.B {
		one := part
		one.B = min(part.B, c.B-b)
		one.ForwardHalf(x.From(b*in), w, Values{F32: whole}, rest)
		roundTo(Values{BF16: y[b*out:][:one.B*out]}, Values{F32: whole}, Prologue{})
	}
}

func (c Conv) partsScratch() int {
	part := c.part()
	last := part
	last.B = c.B % max(part.B, 1)
	return lineFloats + roundUp(part.B*c.OH*c.OW*c.Co, lineFloats) + max(part.ForwardScratch(), last.ForwardScratch())
}
