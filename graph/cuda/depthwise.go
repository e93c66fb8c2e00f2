package cuda

import "fmt"

// rowsKernel reports whether the kernels that hold rows in registers take a depthwise convolution of operands at such
// addresses.
func (v *conv) rowsKernel(at ...Ptr) bool {
	for _, p := range at {
		if p%16 != 0 {
			return false
		}
	}
	one := [2]int{1, 1}
	return v.kg == 1 && v.ci%4 == 0 && v.Stride == one && v.Dilation == one && (v.kw == 3 || v.kw == 5 || v.kw == 7)
}

// sizes are the parameters that the kernels of any depthwise convolution share.
func (v *conv) sizes() []any {
	return []any{v.h, v.w, v.ci, v.kg, v.oh, v.ow, v.kh, v.kw, v.Stride[0], v.Stride[1], v.Pad[0], v.Pad[1],
		v.Dilation[0], v.Dilation[1]}
}

func (v *conv) bindDepthwise(c *call, rounded bool) {
	flags := v.rounding()
	if rounded {
		flags |= finishRounded
	}
	x, w := c.x[0], c.x[1]
	if v.rowsKernel(x, w, c.y) {
		size := v.b * v.oh * ceil(v.ow, 4) * v.ci / 4
		c.launch(fmt.Sprintf("depthwise_rows_%d", v.kw), [3]int{ceil(size, threads), 1, 1}, threads, 0, c.y, x, w, v.h,
			v.w, v.ci, v.oh, v.ow, v.kh, v.Pad[0], v.Pad[1], false, flags, uint64(size))
		return
	}
	args := append([]any{c.y, x, w}, v.sizes()...)
	c.launch("depthwise", [3]int{ceil(c.size(), threads), 1, 1}, threads, 0,
		append(args, flags, uint64(c.size()))...)
}

func (v *conv) bindDepthwiseData(c *call) {
	dy, w := c.x[0], c.x[1]
	if v.rowsKernel(dy, w, c.y) {
		size := v.b * v.h * ceil(v.w, 4) * v.ci / 4
		c.launch(fmt.Sprintf("depthwise_rows_%d", v.kw), [3]int{ceil(size, threads), 1, 1}, threads, 0, c.y, dy, w,
			v.oh, v.ow, v.ci, v.h, v.w, v.kh, v.kh-1-v.Pad[0], v.kw-1-v.Pad[1], true, v.rounding(), uint64(size))
		return
	}
	args := append([]any{c.y, dy, w}, v.sizes()...)
	c.launch("depthwise_dx", [3]int{ceil(c.size(), threads), 1, 1}, threads, 0,
		append(args, v.rounding(), uint64(c.size()))...)
}

// depthwiseParts is how many blocks share the pixels of a gradient with respect to weights, of which a block's warps
// take 8 rows, or 8 pixels, at a time: enough for every multiprocessor to have a few.
func (v *conv) depthwiseParts(c *call) int {
	blocks, steps := ceil(v.co, 32)*v.kh*v.kw, ceil(v.b*v.oh*v.ow, 8)
	if v.rowsKernel() {
		blocks, steps = ceil(v.ci, 128)*v.kh, ceil(v.b*v.oh, 8)
	}
	return max(1, min(steps, ceil(4*max(c.fp.processors, 1), blocks), 1024))
}

func (v *conv) depthwiseScratch(c *call) int { return 4 * v.depthwiseParts(c) * v.kh * v.kw * v.co }

func (v *conv) bindDepthwiseWeights(c *call) {
	parts, x, dy := v.depthwiseParts(c), c.x[0], c.x[1]
	if v.rowsKernel(x, dy) {
		c.launch(fmt.Sprintf("depthwise_taps_%d", v.kw), [3]int{ceil(v.ci, 128), v.kh, parts}, threads, 0, c.scratch, x,
			dy, v.h, v.w, v.ci, v.oh, v.ow, v.kh, v.Pad[0], v.Pad[1], v.b*v.oh, v.rounding())
	} else {
		args := append([]any{c.scratch, x, dy}, v.sizes()...)
		c.launch("depthwise_dw", [3]int{ceil(v.co, 32), v.kh * v.kw, parts}, threads, 0,
			append(args, v.rounding(), v.b*v.oh*v.ow)...)
	}
	size := v.kh * v.kw * v.co
	c.launch("product_sum", [3]int{ceil(size, threads), 1, 1}, threads, 0, c.y, c.scratch, Ptr(0), uint64(0),
		v.kh*v.kw, v.co, v.co, parts, 0, uint64(size))
}
