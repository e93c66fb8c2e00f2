package backbones

import (
	"fmt"
	"math"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// UNet tells image from noise in images, given how much noise there is and a vector that says what they are of:
// residual blocks of convolutions on maps that are halved and doubled again, each level beside its like. It is the
// network of a diffusion model, and no encoder.
//
// Dhariwal and Nichol 2021, arXiv:2105.05233, section 3 (group norms scaled and shifted by the condition), as RCDM has
// it (Bordes et al. 2021, arXiv:2112.09164, section 3, whose conditional norms are batch norms), small and without
// attention.
type UNet struct {
	Widths []int `toml:"widths"` // channels of each level, the finest first
	Blocks int   `toml:"blocks"` // residual blocks of a level, on each side
	Groups int   `toml:"groups"` // of the norms
}

// DefaultUNet is for images of about 32 pixels.
func DefaultUNet() *UNet { return &UNet{Widths: []int{32, 64, 64}, Blocks: 1, Groups: 8} }

// Check says what is wrong with the settings, for images of h x w pixels.
func (u *UNet) Check(h, w int) error {
	if len(u.Widths) == 0 {
		return setting.Bad("widths", "[]: want at least one level")
	}
	for _, c := range u.Widths {
		if u.Groups < 1 || c < 1 || c%u.Groups != 0 {
			return setting.Bad("widths", "%v: want multiples of groups = %d", u.Widths, u.Groups)
		}
	}
	if by := 1 << (len(u.Widths) - 1); h%by != 0 || w%by != 0 {
		return setting.Bad("widths", "%v: images of %dx%d pixels cannot be halved %d times", u.Widths, h, w,
			len(u.Widths)-1)
	}
	return setting.Least("blocks", u.Blocks, 1)
}

// New declares the network for images of so many channels and vectors of so many numbers: images x [N,H,W,C], steps
// [N] and vectors [N,E] -> guess [N,H,W,C]. The numbers of vectors should have mean 0 and variance 1 over images: what
// images have in common says nothing of one, and is most of the features behind a ReLU.
func (u *UNet) New(s *graph.Scope, channels, vector int) func(x, step, what *graph.Node) *graph.Node {
	first := u.Widths[0]
	width := 4 * first
	byStep := layer.Chain(layer.Dense(s.In("step/0"), first, width), op.Silu, layer.Dense(s.In("step/1"), width, width))
	byVector := layer.Chain(layer.Dense(s.In("what/0"), vector, width), op.Silu, layer.Dense(s.In("what/1"), width,
		width))
	conv := func(name string, in, out, stride int, init graph.Init) layer.Func {
		return layer.Conv2D{In: in, Out: out, Kernel: [2]int{3, 3}, Stride: [2]int{stride, stride}, Pad: [2]int{1, 1},
			Bias: true, ZeroBias: true, Init: init}.New(s.In(name))
	}
	usual := func(in int) graph.Init { return graph.Normal(math.Sqrt(1 / float64(9*in))) }
	block := func(name string, in, out int) func(x, e *graph.Node) *graph.Node {
		at := s.In(name)
		norm1, norm2 := u.norm(at.In("norm1"), in), u.norm(at.In("norm2"), out)
		conv1, conv2 := conv(name+"/conv1", in, out, 1, usual(in)), conv(name+"/conv2", out, out, 1, graph.Fill(0))
		change := layer.Dense(at.In("change"), width, 2*out)
		skip := layer.Chain()
		if in != out {
			skip = layer.Conv2D{In: in, Out: out, Kernel: [2]int{1, 1}, Bias: true}.New(at.In("skip"))
		}
		return func(x, e *graph.Node) *graph.Node {
			y := conv1(op.Silu(norm1(x)))
			c := op.Reshape(change(op.Silu(e)), -1, 1, 1, 2*out)
			y = norm2(y)
			y = op.Add(op.Mul(y, op.Shift(op.Slice(c, 3, 0, out), 1)), op.Slice(c, 3, out, 2*out))
			return op.Add(skip(x), conv2(op.Silu(y)))
		}
	}
	var ways []func(y *graph.Node, e *graph.Node, kept *[]*graph.Node) *graph.Node // in order
	enter := conv("enter", channels, first, 1, usual(channels))
	var sizes []int
	in := first
	for i, c := range u.Widths {
		for b := range u.Blocks {
			f := block(fmt.Sprintf("down/%d/%d", i, b), in, c)
			ways = append(ways, func(y, e *graph.Node, kept *[]*graph.Node) *graph.Node {
				y = f(y, e)
				*kept = append(*kept, y)
				return y
			})
			in, sizes = c, append(sizes, c)
		}
		if i < len(u.Widths)-1 {
			f := conv(fmt.Sprintf("down/%d/half", i), c, c, 2, usual(c))
			ways = append(ways, func(y, _ *graph.Node, _ *[]*graph.Node) *graph.Node { return f(y) })
		}
	}
	middle := block("middle", in, in)
	ways = append(ways, func(y, e *graph.Node, _ *[]*graph.Node) *graph.Node { return middle(y, e) })
	for i := len(u.Widths) - 1; i >= 0; i-- {
		for b := range u.Blocks {
			beside := sizes[len(sizes)-1]
			sizes = sizes[:len(sizes)-1]
			f := block(fmt.Sprintf("up/%d/%d", i, b), in+beside, u.Widths[i])
			ways = append(ways, func(y, e *graph.Node, kept *[]*graph.Node) *graph.Node {
				last := len(*kept) - 1
				y = f(op.Concat(3, y, (*kept)[last]), e)
				*kept = (*kept)[:last]
				return y
			})
			in = u.Widths[i]
		}
		if i > 0 {
			f := conv(fmt.Sprintf("up/%d/double", i), in, in, 1, usual(in))
			ways = append(ways, func(y, _ *graph.Node, _ *[]*graph.Node) *graph.Node { return f(doubled(y)) })
		}
	}
	norm, leave := u.norm(s.In("norm"), in), conv("leave", in, channels, 1, graph.Fill(0))
	return func(x, step, what *graph.Node) *graph.Node {
		e := op.Add(byStep(stepVector(s, step, first)), byVector(what))
		var kept []*graph.Node
		y := enter(x)
		for _, f := range ways {
			y = f(y, e, &kept)
		}
		return leave(op.Silu(norm(y)))
	}
}

func (u *UNet) norm(s *graph.Scope, c int) layer.Func {
	return layer.GroupNorm{Channels: c, Groups: u.Groups}.New(s)
}

// doubled is maps [N,H,W,C] with every place four times, [N,2H,2W,C].
func doubled(x *graph.Node) *graph.Node {
	s := op.ShapeOf(x)
	n, h, w, c := s[0], s[1], s[2], s[3]
	rows := op.BroadcastTo(op.Reshape(x, n*h, 1, w, c), ir.Shape{n * h, 2, w, c})
	both := op.BroadcastTo(op.Reshape(rows, n*2*h*w, 1, c), ir.Shape{n * 2 * h * w, 2, c})
	return op.Reshape(both, n, 2*h, 2*w, c)
}

// stepVector is cosines and sines [N,width] of steps [N], at frequencies from 1 to 1/10000.
func stepVector(s *graph.Scope, step *graph.Node, width int) *graph.Node {
	half := width / 2
	f := make([]float64, half)
	for i := range f {
		f[i] = math.Exp(-math.Log(10000) * float64(i) / float64(half))
	}
	angles := op.Mul(op.Reshape(step, -1, 1), s.Floats("const/frequencies", f, 1, half))
	return op.Concat(1, op.Cos(angles), op.Sin(angles))
}
