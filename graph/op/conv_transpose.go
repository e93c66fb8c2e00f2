package op

// ConvTranspose2D is the transposed convolution of x [B,H,W,Ci] with w [KH,KW,Co/Groups,Ci] -> [B,H',W',Co]: the
// gradient with respect to its images of the convolution of c, whose weights w are and whose result x is. H' = (H-1)
// Stride - 2 Pad + Dilation (KH-1) + 1 + more[0], and W' likewise: a convolution with a stride gives one size for
// several sizes of images, of which more, below the stride, chooses.
func ConvTranspose2D(x, w *Node, c Conv, more [2]int) *Node {
	c = c.norm()
	xs, ws := ShapeOf(x), ShapeOf(w)
	fail := func(format string, args ...any) {
		Fail(scopeOf([]*Node{x, w}), "transposed convolution %vx%v: "+format,
			append([]any{TypeOf(x), TypeOf(w)}, args...)...)
	}
	if len(xs) != 4 || len(ws) != 4 {
		fail("images must be [B,H,W,C] and weights [KH,KW,out/groups,C]")
	}
	if xs[3] != ws[3] || ws[3]%c.Groups != 0 {
		fail("%d channels do not fit weights for %d in %d groups", xs[3], ws[3], c.Groups)
	}
	var size [2]int
	for i := range size {
		if more[i] < 0 || more[i] >= c.Stride[i] {
			fail("an output padding of %d, want one from 0 on and below the stride of %d", more[i], c.Stride[i])
		}
		size[i] = (xs[1+i]-1)*c.Stride[i] - 2*c.Pad[i] + c.Dilation[i]*(ws[i]-1) + 1 + more[i]
		if size[i] < 1 {
			fail("a padding of %d leaves a size of %d", c.Pad[i], size[i])
		}
	}
	return Apply(ConvBackwardData{c, [4]int{xs[0], size[0], size[1], ws[2] * c.Groups}}, x, w)
}

// Active implements Differentiable.
func (o ConvBackwardData) Active(n int) []bool { return active(2, n) }

// Grad implements Differentiable.
func (o ConvBackwardData) Grad(g Grad) []*Node {
	gs := make([]*Node, 2)
	if g.Need[0] {
		gs[0] = Apply(ConvForward{Conv: o.Conv}, g.Dy, g.In[1])
	}
	if g.Need[1] {
		gs[1] = Apply(ConvBackwardWeights{Conv: o.Conv, W: [4]int(ShapeOf(g.In[1]))}, g.Dy, g.In[0])
	}
	return gs
}
