package op

import (
	"fmt"

	"selfsup/graph/ir"
)

// Pool are the attributes of a pooling over windows of an image. A zero Stride means the kernel's size.
type Pool struct {
	Kernel, Stride, Pad [2]int
	CountPad            bool // the mean counts padded pixels, as PyTorch does by default
	Max                 bool // maximum instead of mean
	Adaptive            bool // Kernel is the size of the result instead, and windows are PyTorch's bins
}

// MaxPool2D is the largest value of every window, x [B,H,W,C] -> [B,H',W',C].
func MaxPool2D(x *Node, p Pool) *Node { p.Max = true; return pool(x, p) }

// AvgPool2D is the mean of every window.
func AvgPool2D(x *Node, p Pool) *Node { p.Max = false; return pool(x, p) }

// AdaptiveMaxPool2D divides the image into h x w bins, which may overlap by a pixel, and takes the largest value of
// each.
func AdaptiveMaxPool2D(x *Node, h, w int) *Node {
	return Apply(PoolForward{Pool{Kernel: [2]int{h, w}, Adaptive: true, Max: true}}, x)
}

// AdaptiveAvgPool2D divides the image into h x w bins, which may overlap by a pixel, and takes the mean of each.
func AdaptiveAvgPool2D(x *Node, h, w int) *Node {
	return Apply(PoolForward{Pool{Kernel: [2]int{h, w}, Adaptive: true}}, x)
}

// GlobalAvgPool is the mean over the image, [B,H,W,C] -> [B,C].
func GlobalAvgPool(x *Node) *Node { return Mean(x, false, 1, 2) }

func pool(x *Node, p Pool) *Node {
	for i := range 2 {
		if p.Stride[i] == 0 {
			p.Stride[i] = p.Kernel[i]
		}
	}
	return Apply(PoolForward{p}, x)
}

// PoolForward is the operation of all poolings.
type PoolForward struct{ Pool }

// Name implements ir.Spec.
func (o PoolForward) Name() string { return "pool" }

// Infer implements ir.Spec.
func (o PoolForward) Infer(in []ir.Type) (ir.Type, error) {
	x := in[0].Shape
	if len(x) != 4 {
		return ir.Type{}, fmt.Errorf("images must be [B,H,W,C]")
	}
	s := ir.Shape{x[0], 0, 0, x[3]}
	for i := range 2 {
		switch {
		case o.Adaptive:
			s[i+1] = o.Kernel[i]
		case o.Kernel[i] < 1 || o.Pad[i]*2 > o.Kernel[i]:
			return ir.Type{}, fmt.Errorf("a kernel of %d with a padding of %d", o.Kernel[i], o.Pad[i])
		default:
			s[i+1] = (x[i+1]+2*o.Pad[i]-o.Kernel[i])/o.Stride[i] + 1
			if x[i+1]+2*o.Pad[i] < o.Kernel[i] {
				return ir.Type{}, fmt.Errorf("an image of %dx%d, padded by %dx%d, is smaller than the window of %dx%d",
					x[1], x[2], o.Pad[0], o.Pad[1], o.Kernel[0], o.Kernel[1])
			}
		}
		if s[i+1] < 1 {
			return ir.Type{}, fmt.Errorf("the result would have size %dx%d", s[1], s[2])
		}
	}
	return ir.Type{Shape: s, DType: in[0].DType}, nil
}

// Window is the part from..to of an axis (0 height, 1 width) of size n that output i sees, without padding, and how
// many pixels count.
func (o Pool) Window(axis, i, n int) (from, to, count int) {
	if o.Adaptive {
		from, to = i*n/o.Kernel[axis], ((i+1)*n+o.Kernel[axis]-1)/o.Kernel[axis]
		return from, to, to - from
	}
	from = i*o.Stride[axis] - o.Pad[axis]
	to = from + o.Kernel[axis]
	count = min(to, n+o.Pad[axis]) - from
	from, to = max(from, 0), min(to, n)
	if !o.CountPad {
		count = to - from
	}
	return from, to, count
}

// windows calls f for every output position with its window in x.
func (o Pool) windows(x, y ir.Shape, f func(b, i, j, r0, r1, c0, c1, count int)) {
	for b := range y[0] {
		for i := range y[1] {
			r0, r1, nr := o.Window(0, i, x[1])
			for j := range y[2] {
				c0, c1, nc := o.Window(1, j, x[2])
				f(b, i, j, r0, r1, c0, c1, nr*nc)
			}
		}
	}
}

// Ref implements ir.Spec.
func (o PoolForward) Ref(in []ir.Tensor, out ir.Tensor) {
	x, y := in[0], out
	o.windows(x.Shape, y.Shape, func(b, i, j, r0, r1, c0, c1, count int) {
		for c := range x.Shape[3] {
			at := ((b*y.Shape[1]+i)*y.Shape[2]+j)*y.Shape[3] + c
			if o.Max {
				y.Data[at] = x.Data[o.largest(x, b, c, r0, r1, c0, c1)]
				continue
			}
			for r := r0; r < r1; r++ {
				for k := c0; k < c1; k++ {
					y.Data[at] += x.Data[((b*x.Shape[1]+r)*x.Shape[2]+k)*x.Shape[3]+c] / float64(count)
				}
			}
		}
	})
}

// largest is the position of the first largest value of a window.
func (o Pool) largest(x ir.Tensor, b, c, r0, r1, c0, c1 int) int {
	best := -1
	for r := r0; r < r1; r++ {
		for k := c0; k < c1; k++ {
			at := ((b*x.Shape[1]+r)*x.Shape[2]+k)*x.Shape[3] + c
			if best < 0 || x.Data[at] > x.Data[best] {
				best = at
			}
		}
	}
	return best
}

// Active implements Differentiable.
func (o PoolForward) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o PoolForward) Grad(g Grad) []*Node {
	s := ShapeOf(g.In[0])
	back := PoolBackward{o.Pool, [4]int{s[0], s[1], s[2], s[3]}}
	if o.Max {
		return []*Node{Apply(back, g.Dy, g.In[0])}
	}
	return []*Node{Apply(back, g.Dy)}
}

// PoolBackward is the gradient of a pooling by its images: from dy, and for a maximum from the images, whose first
// largest value takes it.
type PoolBackward struct {
	Pool
	X [4]int // shape of the images
}

// Name implements ir.Spec.
func (o PoolBackward) Name() string { return "pool_dx" }

// Infer implements ir.Spec.
func (o PoolBackward) Infer(in []ir.Type) (ir.Type, error) {
	return ir.Type{Shape: o.X[:], DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o PoolBackward) Ref(in []ir.Tensor, out ir.Tensor) {
	dy := in[0]
	o.windows(out.Shape, dy.Shape, func(b, i, j, r0, r1, c0, c1, count int) {
		for c := range dy.Shape[3] {
			d := dy.Data[((b*dy.Shape[1]+i)*dy.Shape[2]+j)*dy.Shape[3]+c]
			if o.Max {
				out.Data[o.largest(in[1], b, c, r0, r1, c0, c1)] += d
				continue
			}
			for r := r0; r < r1; r++ {
				for k := c0; k < c1; k++ {
					out.Data[((b*out.Shape[1]+r)*out.Shape[2]+k)*out.Shape[3]+c] += d / float64(count)
				}
			}
		}
	})
}
