package kern

import "fmt"

// Conv is a 2-d convolution: x [B,H,W,Ci], w [KH,KW,Ci/Groups,Co], y [B,OH,OW,Co],
//
//	y[b,i,j,o] = sum over u, v, c of x[b, i*SH+u*DH-PH, j*SW+v*DW-PW, c] * w[u,v,c,o]
//
// with x zero outside the image, c over the channels of o's group. A zero DH, DW or Groups means 1.
type Conv struct {
	B, H, W, Ci int
	KH, KW, Co  int
	SH, SW      int // strides
	PH, PW      int // zero rows and columns on each side
	DH, DW      int // dilation
	Groups      int
	OH, OW      int
	Algorithm   Algorithm
	BF16        bool         // rounds both operands to bfloat16 (RoundBF16); sums are in float32
	Prologue    Prologue     // of x, in Forward and BackwardWeights
	Behind      NormGradient // in BackwardWeights
	HalfX       bool         // with BF16: ForwardHalf and BackwardWeightsHalf read x in bfloat16
	// with BF16: ForwardHalf writes y rounded to bfloat16, the gradients' Half forms read dy so
	HalfY bool
}

// Algorithm is how a convolution is computed.
type Algorithm int

const (
	Auto   Algorithm = iota // Winograd where it is possible and faster
	Direct                  // sums over taps, relative error about 1e-6
	// fewer products: 3x3, stride 1 and pad at most 2, or stride 2 and pad 1, channels multiples of 16; relative error
	// up to 2e-5
	Winograd
)

// Check says what is wrong with the sizes; the other methods panic with it.
func (c Conv) Check() error {
	c = c.defaults()
	if min(c.B, c.PH, c.PW) < 0 || min(c.H, c.W, c.Ci, c.KH, c.KW, c.Co, c.SH, c.SW, c.DH, c.DW, c.Groups) < 1 {
		return fmt.Errorf("kern: conv %+v: sizes, strides and dilations must be at least 1, batch and pads at least 0",
			c)
	}
	if c.Ci%c.Groups != 0 || c.Co%c.Groups != 0 {
		return fmt.Errorf("kern: conv: %d and %d channels do not divide into %d groups", c.Ci, c.Co, c.Groups)
	}
	h, w := c.H+2*c.PH-(c.KH-1)*c.DH-1, c.W+2*c.PW-(c.KW-1)*c.DW-1
	if h < 0 || w < 0 {
		return fmt.Errorf("kern: conv: kernel %dx%d, dilation %dx%d, does not fit into %dx%d with pads %dx%d", c.KH,
			c.KW, c.DH, c.DW, c.H, c.W, c.PH, c.PW)
	}
	if h, w = h/c.SH+1, w/c.SW+1; h != c.OH || w != c.OW {
		return fmt.Errorf("kern: conv: output is given as %dx%d, %dx%d would be right", c.OH, c.OW, h, w)
	}
	if c.BF16 && c.Algorithm == Winograd {
		return fmt.Errorf("kern: conv: bf16 has no Winograd algorithm of its own; Auto takes it where it pays")
	}
	if !c.BF16 && (c.HalfX || c.HalfY) {
		return fmt.Errorf("kern: conv: images in bfloat16 are for bf16 convolutions")
	}
	if c.Algorithm < Auto || c.Algorithm > Winograd || c.Algorithm == Winograd && !c.winogradOK() {
		return fmt.Errorf("kern: conv: algorithm %d is not possible for %+v; Winograd is for 3x3, stride 1 with "+
			"pads up to 2 or stride 2 with pads of 1, one group, channels multiples of %d", c.Algorithm, c,
			winogradLanes)
	}
	if err := c.Prologue.check(c.Ci, c.Groups); err != nil {
		return err
	}
	return c.Behind.check(&c)
}

func (c Conv) defaults() Conv {
	c.DH, c.DW, c.Groups = max(c.DH, 1), max(c.DW, 1), max(c.Groups, 1)
	return c
}

// Forward computes y from x and w. scratch holds ForwardScratch elements.
func (c Conv) Forward(x, w, y, scratch []float32) {
	c.ForwardHalf(Values{F32: x}, w, Values{F32: y}, scratch)
}

// ForwardHalf is Forward for images in the types that HalfX and HalfY say.
func (c Conv) ForwardHalf(x Values, w []float32, y Values, scratch []float32) {
	c = c.checked(x, w, y)
	if c.forwardInParts() {
		c.forwardParts(x, w, y.BF16, scratch)
		return
	}
	if c.forwardRoundsCopies() {
		x.F32, w, scratch = roundCopies(x.first(c.B*c.H*c.W*c.Ci), c.Prologue, Values{F32: w[:c.weights()]}, scratch)
		c, x.BF16 = c.exact(), nil
	}
	switch c.method() {
	case pointwise:
		c.pointForward(x, w, y, scratch)
	case depthwise:
		c.depthForward(x.F32, w, y.F32, scratch)
	case patches:
		c.winograd(false, x.F32, w, y.F32, scratch)
	case overPairs:
		c.gatherBF16(false, x, w, y, scratch)
	default:
		c.gather(false, x.F32, w, y.F32, scratch)
	}
}

// ForwardScratch is how many elements of scratch Forward wants.
func (c Conv) ForwardScratch() int {
	c = c.defaults()
	if c.forwardInParts() {
		return c.partsScratch()
	}
	if c.forwardRoundsCopies() {
		return copiesFloats(c.B*c.H*c.W*c.Ci, c.weights()) + c.exact().ForwardScratch()
	}
	switch c.method() {
	case pointwise:
		return c.pointScratch(false)
	case depthwise:
		return c.depthScratch()
	case patches:
		return c.winogradScratch(false)
	case overPairs:
		return c.gatherBF16Scratch(false)
	}
	return c.gatherScratch(false)
}

// BackwardData computes dx, the gradient by x, from dy and w. scratch holds BackwardDataScratch elements.
func (c Conv) BackwardData(dy, w, dx, scratch []float32) {
	c.BackwardDataHalf(Values{F32: dy}, w, dx, scratch)
}

// BackwardDataHalf is BackwardData for dy in the type that HalfY says.
func (c Conv) BackwardDataHalf(dy Values, w, dx, scratch []float32) {
	c.HalfX = false
	c = c.checked(Values{F32: dx}, w, dy)
	if c.roundsCopies() {
		dy.F32, w, scratch = roundCopies(dy.first(c.B*c.OH*c.OW*c.Co), Prologue{}, Values{F32: w[:c.weights()]},
			scratch)
		c, dy.BF16 = c.exact(), nil
	}
	switch c.method() {
	case pointwise:
		c.product(false, true, c.B*c.H*c.W, c.Ci, c.Co, dy, c.Co, Values{F32: w}, c.Co, Values{F32: dx}, c.Ci, 0,
			scratch)
	case depthwise:
		c.depthBackwardData(dy.F32, w, dx, scratch)
	case patches:
		c.winograd(true, dy.F32, w, dx, scratch)
	case overPairs:
		c.gatherBF16(true, dy, w, Values{F32: dx}, scratch)
	default:
		c.gather(true, dy.F32, w, dx, scratch)
	}
}

// BackwardDataScratch is how many elements of scratch BackwardData wants.
func (c Conv) BackwardDataScratch() int {
	c = c.defaults()
	c.HalfX, c.HalfY = false, false // the same scratch
	if c.roundsCopies() {
		return copiesFloats(c.B*c.OH*c.OW*c.Co, c.weights()) + c.exact().BackwardDataScratch()
	}
	switch c.method() {
	case pointwise:
		return c.productScratch(false, true, c.B*c.H*c.W, c.Ci, c.Co)
	case depthwise:
		return c.depthScratch()
	case patches:
		return c.winogradScratch(true)
	case overPairs:
		return c.gatherBF16Scratch(true)
	}
	return c.gatherScratch(true)
}

// BackwardWeights computes dw, the gradient by w, from x and dy. scratch holds BackwardWeightsScratch elements.
func (c Conv) BackwardWeights(x, dy, dw, scratch []float32) {
	c.BackwardWeightsHalf(Values{F32: x}, Values{F32: dy}, dw, scratch)
}

// BackwardWeightsHalf is BackwardWeights for x and dy in the types that HalfX and HalfY say.
func (c Conv) BackwardWeightsHalf(x, dy Values, dw, scratch []float32) {
	c = c.checked(x, dw, dy)
	if c.roundsCopies() {
		x.F32, dy.F32, scratch = roundCopies(x.first(c.B*c.H*c.W*c.Ci), c.Prologue, dy.first(c.B*c.OH*c.OW*c.Co),
			scratch)
		c, x.BF16, dy.BF16 = c.exact(), nil, nil
	}
	switch c.method() {
	case pointwise:
		c.pointWeights(x, dy, dw, scratch)
	case depthwise:
		c.depthBackwardWeights(x.F32, dy.F32, dw, scratch)
	case patches:
		c.winogradWeights(x.F32, dy.F32, dw, scratch)
	case overPairs:
		c.correlateBF16(x, dy, dw, scratch)
	default:
		if c.fewPixels() {
			c.fewWeights(x.F32, dy.F32, dw, scratch)
			return
		}
		c.correlate(x.F32, dy.F32, dw, scratch)
	}
}

// BackwardWeightsScratch is how many elements of scratch BackwardWeights wants.
func (c Conv) BackwardWeightsScratch() int {
	c = c.defaults()
	c.HalfY = false // the same scratch
	if c.roundsCopies() {
		return copiesFloats(c.B*c.H*c.W*c.Ci, c.B*c.OH*c.OW*c.Co) + c.exact().BackwardWeightsScratch()
	}
	switch c.method() {
	case pointwise:
		return c.pointScratch(true)
	case depthwise:
		return c.depthWeightsScratch()
	case patches:
		return c.winogradWeightsScratch()
	case overPairs:
		return c.correlateBF16Scratch()
	}
	if c.fewPixels() {
		return c.fewScratch()
	}
	return c.correlateScratch()
}

// method is the code that computes a convolution.
type method int

const (
	overTaps  method = iota // micro-kernel over taps, every case
	pointwise               // 1x1, a matrix product
	depthwise               // one channel per group
	patches                 // Winograd
	overPairs               // bf16 products over taps, one group
)

func (c *Conv) method() method {
	switch {
	case !c.BF16 && (c.Algorithm == Winograd || c.Algorithm == Auto && c.winogradOK() && c.winogradPays()):
		return patches
	case c.Groups == 1 && c.KH == 1 && c.KW == 1 && c.SH == 1 && c.SW == 1 && c.PH == 0 && c.PW == 0:
		return pointwise
	case c.Groups > 1 && c.Groups == c.Ci && c.Groups == c.Co:
		return depthwise
	case c.BF16:
		return overPairs
	}
	return overTaps
}

// checked panics where sizes or slices do not fit.
func (c Conv) checked(x Values, w []float32, y Values) Conv {
	if err := c.Check(); err != nil {
		panic(err)
	}
	c = c.defaults()
	need := func(name string, s Values, n int, half bool) {
		if s.Len() < n || n > 0 && (s.BF16 != nil) != half {
			panic(fmt.Sprintf("kern: conv: %s has %d elements, in bfloat16: %v, %+v needs %d", name, s.Len(),
				s.BF16 != nil, c, n))
		}
	}
	need("x or dx", x, c.B*c.H*c.W*c.Ci, c.HalfX)
	need("w or dw", Values{F32: w}, c.weights(), false)
	need("y or dy", y, c.B*c.OH*c.OW*c.Co, c.HalfY)
	return c
}

func (c *Conv) weights() int { return c.KH * c.KW * c.Ci / c.Groups * c.Co }
