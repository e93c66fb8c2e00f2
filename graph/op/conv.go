package op

import (
	"fmt"

	"selfsup/graph/ir"
)

// Conv are the attributes of a 2-D convolution, channels last. A zero Stride, Dilation or Groups means 1.
type Conv struct {
	Stride, Pad, Dilation [2]int // height, width; padded on both sides
	Groups                int
	BF16                  bool // rounds both operands to bfloat16 first, in the gradients too
}

// norm fills in the ones.
func (c Conv) norm() Conv {
	for i := range 2 {
		c.Stride[i] = max(c.Stride[i], 1)
		c.Dilation[i] = max(c.Dilation[i], 1)
	}
	c.Groups = max(c.Groups, 1)
	return c
}

// OutSize is the height and width of the result for an image of h, w and a kernel of kh, kw.
func (c Conv) OutSize(h, w, kh, kw int) (oh, ow int) {
	return (h+2*c.Pad[0]-c.Dilation[0]*(kh-1)-1)/c.Stride[0] + 1, (w+2*c.Pad[1]-c.Dilation[1]*(kw-1)-1)/c.Stride[1] + 1
}

// Conv2D is the convolution of x [B,H,W,Ci] with w [KH,KW,Ci/Groups,Co] -> [B,H',W',Co].
func Conv2D(x, w *Node, c Conv) *Node { return Apply(ConvForward{Conv: c.norm()}, x, w) }

// ConvForward is the operation of Conv2D.
type ConvForward struct {
	Conv
	Norm    ImageNorm
	Rounded bool // the result is rounded to bfloat16; the compiler sets it
}

// Name implements ir.Spec.
func (o ConvForward) Name() string { return "conv2d" }

// Infer implements ir.Spec.
func (o ConvForward) Infer(in []ir.Type) (ir.Type, error) {
	x, w := in[0].Shape, in[1].Shape
	if len(x) != 4 || len(w) != 4 {
		return ir.Type{}, fmt.Errorf("images must be [B,H,W,C] and weights [KH,KW,C/groups,Co]")
	}
	if x[3] != w[2]*o.Groups || w[3]%o.Groups != 0 {
		return ir.Type{}, fmt.Errorf("%d channels do not fit weights for %d in %d groups with %d outputs", x[3], w[2],
			o.Groups, w[3])
	}
	kh, kw := o.Dilation[0]*(w[0]-1)+1, o.Dilation[1]*(w[1]-1)+1
	if x[1]+2*o.Pad[0] < kh || x[2]+2*o.Pad[1] < kw {
		return ir.Type{}, fmt.Errorf("an image of %dx%d, padded by %dx%d, is smaller than the kernel of %dx%d", x[1],
			x[2], o.Pad[0], o.Pad[1], kh, kw)
	}
	oh, ow := o.OutSize(x[1], x[2], w[0], w[1])
	return ir.Type{Shape: ir.Shape{x[0], oh, ow, w[3]}, DType: in[0].DType}, nil
}

// taps calls f with flat positions in x, w and y for every product of the convolution.
func (o Conv) taps(x, w, y ir.Shape, f func(xi, wi, yi int)) {
	cg, kg := w[2], w[3]/o.Groups
	for b := range y[0] {
		for i := range y[1] {
			for j := range y[2] {
				for kh := range w[0] {
					for kw := range w[1] {
						r, c := i*o.Stride[0]+kh*o.Dilation[0]-o.Pad[0], j*o.Stride[1]+kw*o.Dilation[1]-o.Pad[1]
						if r < 0 || c < 0 || r >= x[1] || c >= x[2] {
							continue
						}
						for g := range o.Groups {
							for ci := range cg {
								xi := ((b*x[1]+r)*x[2]+c)*x[3] + g*cg + ci
								for co := g * kg; co < (g+1)*kg; co++ {
									f(xi, ((kh*w[1]+kw)*cg+ci)*w[3]+co, ((b*y[1]+i)*y[2]+j)*y[3]+co)
								}
							}
						}
					}
				}
			}
		}
	}
}

// Ref implements ir.Spec.
func (o ConvForward) Ref(in []ir.Tensor, out ir.Tensor) {
	in = o.Norm.operands(o.Conv, in)
	x, w := in[0].Data, in[1].Data
	o.taps(in[0].Shape, in[1].Shape, out.Shape, func(xi, wi, yi int) { out.Data[yi] += x[xi] * w[wi] })
	if o.Rounded {
		RoundOp{}.Ref([]ir.Tensor{out}, out)
	}
}

// Rounds implements ir.Rounder. Images are rounded behind their norm.
func (o ConvForward) Rounds(operand int) bool {
	return rounds(operand, o.BF16 && !(operand == 0 && o.Norm.On), o.Rounded)
}

// Fuse implements ir.Fuser: the rounding of the result.
func (o ConvForward) Fuse(next ir.Spec, _ int, _ []ir.Type) (ir.Spec, bool) {
	if _, ok := next.(RoundOp); ok && !o.Rounded {
		o.Rounded = true
		return o, true
	}
	return nil, false
}

// FLOPs implements ir.Coster.
func (o ConvForward) FLOPs(in []ir.Type, out ir.Type) int64 { return convFLOPs(in[1].Shape, out.Shape) }

func convFLOPs(w, y ir.Shape) int64 { return 2 * int64(y.Size()) * int64(w[0]*w[1]*w[2]) }

// Active implements Differentiable.
func (o ConvForward) Active(n int) []bool { return active(2, n) }

// Grad implements Differentiable.
func (o ConvForward) Grad(g Grad) []*Node {
	gs := make([]*Node, 2)
	x, w := g.In[0], g.In[1]
	if g.Need[0] {
		s := ShapeOf(x)
		gs[0] = Apply(ConvBackwardData{o.Conv, [4]int{s[0], s[1], s[2], s[3]}}, g.Dy, w)
	}
	if g.Need[1] {
		s := ShapeOf(w)
		gs[1] = Apply(ConvBackwardWeights{Conv: o.Conv, W: [4]int{s[0], s[1], s[2], s[3]}}, x, g.Dy)
	}
	return gs
}

// ConvBackwardData is the gradient of a convolution by its images, from dy [B,H',W',Co] and w.
type ConvBackwardData struct {
	Conv
	X [4]int // shape of the images
}

// Name implements ir.Spec.
func (o ConvBackwardData) Name() string { return "conv2d_dx" }

// Infer implements ir.Spec.
func (o ConvBackwardData) Infer(in []ir.Type) (ir.Type, error) {
	return ir.Type{Shape: o.X[:], DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o ConvBackwardData) Ref(in []ir.Tensor, out ir.Tensor) {
	in = rounded(o.BF16, in, 2)
	dy, w := in[0].Data, in[1].Data
	o.taps(out.Shape, in[1].Shape, in[0].Shape, func(xi, wi, yi int) { out.Data[xi] += dy[yi] * w[wi] })
}

// Rounds implements ir.Rounder.
func (o ConvBackwardData) Rounds(operand int) bool { return rounds(operand, o.BF16, false) }

// FLOPs implements ir.Coster.
func (o ConvBackwardData) FLOPs(in []ir.Type, out ir.Type) int64 {
	return convFLOPs(in[1].Shape, in[0].Shape)
}

// ConvBackwardWeights is the gradient of a convolution by its weights, from x and dy.
type ConvBackwardWeights struct {
	Conv
	W      [4]int // shape of the weights
	Norm   ImageNorm
	Behind GradientNorm
}

// Name implements ir.Spec.
func (o ConvBackwardWeights) Name() string { return "conv2d_dw" }

// Infer implements ir.Spec.
func (o ConvBackwardWeights) Infer(in []ir.Type) (ir.Type, error) {
	return ir.Type{Shape: o.W[:], DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o ConvBackwardWeights) Ref(in []ir.Tensor, out ir.Tensor) {
	if o.Behind.On {
		in = []ir.Tensor{in[0], o.Behind.ref(in[1:])}
	}
	in = o.Norm.operands(o.Conv, in)
	x, dy := in[0].Data, in[1].Data
	o.taps(in[0].Shape, out.Shape, in[1].Shape, func(xi, wi, yi int) { out.Data[wi] += x[xi] * dy[yi] })
}

// Rounds implements ir.Rounder. Images are rounded behind their norm.
func (o ConvBackwardWeights) Rounds(operand int) bool {
	return rounds(operand, o.BF16 && !(operand == 0 && o.Norm.On), false)
}

// FLOPs implements ir.Coster.
func (o ConvBackwardWeights) FLOPs(in []ir.Type, out ir.Type) int64 {
	return convFLOPs(out.Shape, in[1].Shape)
}
