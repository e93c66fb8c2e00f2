package cuda

import (
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

var _ = add(map[string]lowering{
	"conv2d":    {takesConv, scratchConv, bindConv},
	"conv2d_dx": {nil, scratchConvData, bindConvData},
	"conv2d_dw": {takesConv, scratchConvWeights, bindConvWeights},
})

// The bits of kernels' flags that say how images are read: see kernels/finish.h.
const (
	imagesNormed     = 1 << 9
	imagesNormedRelu = 1 << 10
)

// conv is a convolution of images x with weights w.
type conv struct {
	op.Conv
	b, h, w, ci    int // images
	kh, kw, cg, co int // weights: cg channels of a group
	kg             int // outputs of a group
	oh, ow         int // pixels of the result
}

func convOf(o op.Conv, x, w ir.Shape) *conv {
	v := &conv{Conv: o, b: x[0], h: x[1], w: x[2], ci: x[3], kh: w[0], kw: w[1], cg: w[2], co: w[3]}
	v.kg = v.co / o.Groups
	v.oh, v.ow = o.OutSize(v.h, v.w, v.kh, v.kw)
	return v
}

// pointwise reports whether the convolution is a product of the images as a matrix [pixels,C].
func (v *conv) pointwise() bool {
	return v.kh*v.kw == 1 && v.Stride == [2]int{1, 1} && v.Pad == [2]int{} && v.Groups == 1
}

// depthwise reports whether every group has one channel.
func (v *conv) depthwise() bool { return v.cg == 1 && v.Groups > 1 }

// geometry is kernels/images.h's Geometry of the windows of x as parameters of a kernel.
func (v *conv) geometry() []any {
	return []any{v.h, v.w, v.ci, v.kh, v.kw, v.cg, v.oh, v.ow, v.Stride[0], v.Stride[1], -v.Pad[0], -v.Pad[1],
		v.Dilation[0], v.Dilation[1]}
}

// takesConv refuses the norm of a depthwise convolution's images, and the gradient of a norm behind a convolution.
func takesConv(s ir.Spec, in []ir.Type) bool {
	switch o := s.(type) {
	case op.ConvForward:
		return !o.Norm.On || !convOf(o.Conv, in[0].Shape, in[1].Shape).depthwise()
	case op.ConvBackwardWeights:
		return !o.Behind.On && (!o.Norm.On || !convOf(o.Conv, in[0].Shape, o.W[:]).depthwise())
	}
	return true
}

// normBytes is the working memory of the scale and shift of the images' norm.
func (v *conv) normBytes(n op.ImageNorm) int {
	if !n.On {
		return 0
	}
	return aligned(8 * v.ci)
}

// norm adds the launch that makes scale and shift, from the operands behind the first two. It returns their place and
// the flags of the kernel that uses them.
func (v *conv) norm(c *call, n op.ImageNorm) (at Ptr, flags int) {
	if !n.On {
		return 0, 0
	}
	var gamma, beta Ptr
	if len(c.x) > 3 {
		gamma, beta = c.x[3], c.x[4]
	}
	c.launch("norm_scale", [3]int{ceil(v.ci, threads), 1, 1}, threads, 0, c.scratch, c.x[2], gamma, beta, n.Eps, v.ci)
	flags = imagesNormed
	if n.Relu {
		flags |= imagesNormedRelu
	}
	return c.scratch, flags
}

// imageFlags are the flags about how images at an address are read, channels of them in all and inner of a group.
func imageFlags(at Ptr, channels, inner int) int {
	if matches(at, channels, inner) {
		return vectorA
	}
	return 0
}

// rounding is the flag of rounded operands.
func (v *conv) rounding() int {
	if v.BF16 {
		return roundInputs
	}
	return 0
}

// What a convolution is made of as matrices in memory: images, weights, and its result or the gradient with respect to
// it. Kernels read them in vectors of eight if groups do not cut any.
func (v *conv) images() matrix        { return matrix{v.b * v.h * v.w, v.ci} }
func (v *conv) weightsMatrix() matrix { return matrix{v.kh * v.kw * v.cg, v.co} }
func (v *conv) results() matrix       { return matrix{v.b * v.oh * v.ow, v.co} }
func (v *conv) eights() bool          { return v.cg%8 == 0 && v.kg%8 == 0 }

// forward is the product of a convolution.
func (v *conv) forward(rounded bool) *product {
	p := &product{batch: v.Groups, m: v.b * v.oh * v.ow, n: v.kg, k: v.kh * v.kw * v.cg, ldy: v.co, stepY: v.kg,
		bf16: v.BF16, inA: v.images(), inB: v.weightsMatrix(), eights: v.eights()}
	if rounded {
		p.flags = finishRounded
	}
	return p
}

func convForwardOf(c *call) (*conv, *product, op.ConvForward) {
	o := c.spec.(op.ConvForward)
	v := convOf(o.Conv, c.in[0].Shape, c.in[1].Shape)
	return v, v.forward(o.Rounded), o
}

func scratchConv(c *call) int {
	v, p, o := convForwardOf(c)
	if v.depthwise() {
		return 0
	}
	return v.overImagesScratch(c, p, o.Norm)
}

func bindConv(c *call) {
	v, p, o := convForwardOf(c)
	if v.depthwise() {
		v.bindDepthwise(c, o.Rounded)
		return
	}
	v.overImages(c, p, o.Norm, "_forward", p.m, p.n)
}

// overImagesScratch is the working memory of overImages.
func (v *conv) overImagesScratch(c *call, p *product, norm op.ImageNorm) int {
	if v.pointwise() && !norm.On {
		return p.scratch(p.matrices().tile(c.fp))
	}
	return v.normBytes(norm) + p.scratch(p.tile(c.fp))
}

// overImages launches a product whose first operand is the images, normed if norm is on: a plain one where a kernel
// sees one pixel, else the kernel of a direction, which takes two sizes of the product.
func (v *conv) overImages(c *call, p *product, norm op.ImageNorm, direction string, rows, columns int) {
	x, other := c.x[0], c.x[1]
	if v.pointwise() && !norm.On {
		p.matrices().multiply(c, c.y, x, other, 0)
		return
	}
	t := p.tile(c.fp)
	scale, flags := v.norm(c, norm)
	room, x, other := p.operands(c, t, c.scratch+Ptr(v.normBytes(norm)), x, other, scale, flags)
	kernel := "conv" + t.suffix + direction
	if norm.On && !t.halves {
		kernel += "_norm"
	}
	flags |= v.rounding() | imageFlags(x, v.ci, v.cg)
	if matches(other, v.co, v.kg) {
		flags |= vectorB
	}
	p.bind(c, kernel, t, room, c.y, 0, flags, func(to target) []any {
		args := []any{to.y, x, other, scale, uint64(to.stepY), uint64(to.stepZ), rows, columns, v.co, to.ldy}
		return append(append(args, v.geometry()...), to.tilesM, to.tilesN, to.chunk, to.flags)
	})
}

// weights is the product of the gradient with respect to a convolution's weights.
func (v *conv) weights() *product {
	return &product{batch: v.Groups, m: v.kh * v.kw * v.cg, n: v.kg, k: v.b * v.oh * v.ow, ldy: v.co, stepY: v.kg,
		transA: true, bf16: v.BF16, inA: v.images(), inB: v.results(), eights: v.eights()}
}

func convWeightsOf(c *call) (*conv, *product, op.ConvBackwardWeights) {
	o := c.spec.(op.ConvBackwardWeights)
	v := convOf(o.Conv, c.in[0].Shape, o.W[:])
	return v, v.weights(), o
}

func scratchConvWeights(c *call) int {
	v, p, o := convWeightsOf(c)
	if v.depthwise() {
		return v.depthwiseScratch(c)
	}
	return v.overImagesScratch(c, p, o.Norm)
}

func bindConvWeights(c *call) {
	v, p, o := convWeightsOf(c)
	if v.depthwise() {
		v.bindDepthwiseWeights(c)
		return
	}
	v.overImages(c, p, o.Norm, "_dw", p.n, p.k)
}

// phase is the pixels of the images, along one axis, that leave the same rest by the stride: the first one and how many
// there are. They see every step-th tap from tap on, taps of them; the window starts at pixel start of the result.
type phase struct{ first, count, tap, taps, start int }

// phases are those of an axis of images of size n under a kernel of k taps. Neighbouring taps of a phase are step
// apart, and back pixels of the result.
func phases(n, k, stride, pad, dilation int) (all []phase, step, back int) {
	step = stride / gcd(stride, dilation)
	back = step * dilation / stride
	for r := range min(stride, n) {
		p := phase{first: r, count: ceil(n-r, stride)}
		for t := range min(step, k) {
			if (r+pad-t*dilation)%stride == 0 {
				p.tap, p.taps, p.start = t, ceil(k-t, step), (r+pad-t*dilation)/stride
			}
		}
		all = append(all, p)
	}
	return all, step, back
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// backward is the gradient with respect to a convolution's images as a product for every phase and group.
type backward struct {
	*conv
	*product
	down, right                          []phase
	stepDown, stepRight, backDown, backR int
}

func (v *conv) backward() *backward {
	g := &backward{conv: v}
	g.down, g.stepDown, g.backDown = phases(v.h, v.kh, v.Stride[0], v.Pad[0], v.Dilation[0])
	g.right, g.stepRight, g.backR = phases(v.w, v.kw, v.Stride[1], v.Pad[1], v.Dilation[1])
	high, wide, taps := 0, 0, 0
	for _, p := range g.down {
		high = max(high, p.count)
		for _, q := range g.right {
			wide, taps = max(wide, q.count), max(taps, p.taps*q.taps)
		}
	}
	n := len(g.down) * len(g.right)
	g.product = &product{batch: n * v.Groups, m: v.b * high * wide, n: v.cg, k: max(taps, 1) * v.kg, transB: true,
		ldy: v.ci, stepY: v.cg, bf16: v.BF16, whole: n > 1, inA: v.results(), inB: v.weightsMatrix(),
		eights: v.eights()}
	return g
}

func convDataOf(c *call) *backward {
	return convOf(c.spec.(op.ConvBackwardData).Conv, c.out.Shape, c.in[1].Shape).backward()
}

func scratchConvData(c *call) int {
	g := convDataOf(c)
	switch {
	case g.depthwise():
		return 0
	case g.pointwise():
		return g.scratch(g.matrices().tile(c.fp))
	}
	return g.scratch(g.tile(c.fp))
}

func bindConvData(c *call) {
	g := convDataOf(c)
	v, dy, w := g.conv, c.x[0], c.x[1]
	switch {
	case v.depthwise():
		v.bindDepthwiseData(c)
		return
	case v.pointwise():
		g.matrices().multiply(c, c.y, dy, w, 0)
		return
	}
	t := g.tile(c.fp)
	room, dy, w := g.operands(c, t, c.scratch, dy, w, 0, 0)
	flags := v.rounding() | imageFlags(dy, v.co, v.kg)
	if matches(w, v.co, v.kg) {
		flags |= vectorB
	}
	tap := v.cg * v.co
	var numbers []int
	for _, p := range g.down {
		for _, q := range g.right {
			numbers = append(numbers, p.first, q.first, p.count, q.count, p.taps, q.taps, p.start, q.start,
				(p.tap*v.kw+q.tap)*tap)
		}
	}
	table := c.ints(numbers...)
	g.bind(c, "conv"+t.suffix+"_dx", t, room, c.y, 0, flags, func(to target) []any {
		return []any{to.y, dy, w, table, uint64(to.stepZ), v.b, v.Groups, v.cg, v.h, v.w, v.ci, v.oh, v.ow, v.co,
			v.kg, g.stepDown * v.kw * tap, g.stepRight * tap, g.backDown, g.backR, v.Stride[0], v.Stride[1], to.tilesM,
			to.tilesN, to.chunk, t.parts > 1, to.flags}
	})
}
