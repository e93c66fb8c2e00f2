package heads

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
)

// Deviation of the weights of generators and discriminators, and slope of a discriminator's units below 0 (Radford et
// al. 2016, arXiv:1511.06434, section 4).
const (
	ganDeviation = 0.02
	ganSlope     = 0.2
)

// Generator makes images of latent numbers: linear, then a transposed 4x4 convolution for every width that doubles the
// sides, each after batch norm and ReLU. Radford et al. 2016, arXiv:1511.06434, figure 1.
type Generator struct {
	Latent int
	Widths []int // channels before each doubling
	// Height, Width, Channels of the images. Sides that cannot be halved so often are cut.
	Height, Width, Channels int
}

// New declares the parameters in s and returns z [B,Latent] -> [B,Height,Width,Channels], before whatever keeps pixels
// within bounds.
func (o Generator) New(s *graph.Scope) layer.Func {
	up := Doubling{Widths: o.Widths, Height: o.Height, Width: o.Width, Channels: o.Channels}
	first, start := up.sides()[len(o.Widths)], o.Widths[0]
	w := s.In("linear").Param("weight", graph.Normal(ganDeviation), o.Latent, first[0]*first[1]*start)
	return layer.Chain(func(z *graph.Node) *graph.Node {
		return op.Reshape(layer.Product(s, z, w), -1, first[0], first[1], start)
	}, up.New(s))
}

// Doubling makes maps larger, [B,h,w,Widths[0]] -> [B,Height,Width,Channels]: batch norm, ReLU and a transposed 4x4
// convolution that doubles the sides, for every width. The last convolution has a bias.
type Doubling struct {
	Widths []int // channels before each doubling
	// Height, Width, Channels of the result. Sides that are not twice those before are cut.
	Height, Width, Channels int
}

// sides are those of the maps, from the last to the first.
func (o Doubling) sides() [][2]int {
	sides := [][2]int{{o.Height, o.Width}}
	for range o.Widths {
		last := sides[len(sides)-1]
		sides = append(sides, [2]int{(last[0] + 1) / 2, (last[1] + 1) / 2})
	}
	return sides
}

// New declares the parameters in s.
func (o Doubling) New(s *graph.Scope) layer.Func {
	sides := o.sides()
	var layers []layer.Func
	for i, from := range o.Widths {
		at, to, side := s.In(fmt.Sprint(i)), o.Channels, sides[len(o.Widths)-1-i]
		last := i == len(o.Widths)-1
		if !last {
			to = o.Widths[i+1]
		}
		double := layer.ConvTranspose{
			In: from, Out: to, Kernel: [2]int{4, 4}, Stride: [2]int{2, 2}, Pad: [2]int{1, 1}, Bias: last,
			Init: graph.Normal(ganDeviation),
		}
		layers = append(layers, layer.BatchNorm(at.In("norm"), from), layer.Relu, double.New(at.In("conv")),
			func(x *graph.Node) *graph.Node {
				return op.Slice(op.Slice(x, 1, 0, side[0]), 2, 0, side[1])
			})
	}
	return layer.Chain(layers...)
}

// Discriminator judges images with the latent numbers that belong to them: a 4x4 convolution at stride 2 for every
// width, all but the first with batch norm; then two linear layers, the first together with the latent numbers; leaky
// ReLU after each; and a linear layer to the logit of "real". Without latent numbers it judges images alone.
type Discriminator struct {
	Latent                  int
	Widths                  []int // channels of each convolution, the last one's first, as the generator has them
	Hidden                  int
	Height, Width, Channels int // of the images
}

// New declares the parameters in s and returns (x [B,Height,Width,Channels], z [B,Latent]) -> [B,1].
func (o Discriminator) New(s *graph.Scope) func(x, z *graph.Node) *graph.Node {
	leak := func(x *graph.Node) *graph.Node { return op.LeakyRelu(x, ganSlope) }
	var layers []layer.Func
	from, h, w := o.Channels, o.Height, o.Width
	for i := range o.Widths {
		at, to := s.In(fmt.Sprint(i)), o.Widths[len(o.Widths)-1-i]
		conv := layer.Conv2D{
			In: from, Out: to, Kernel: [2]int{4, 4}, Stride: [2]int{2, 2}, Pad: [2]int{1, 1}, Bias: i == 0,
			Init: graph.Normal(ganDeviation),
		}
		layers = append(layers, conv.New(at.In("conv")))
		if i > 0 {
			layers = append(layers, layer.BatchNorm(at.In("norm"), to))
		}
		layers = append(layers, leak)
		from, h, w = to, h/2, w/2
	}
	image := layer.Chain(append(layers, func(x *graph.Node) *graph.Node { return op.Reshape(x, -1, h*w*from) },
		layer.Linear(s.In("image"), h*w*from, o.Hidden, true))...)
	var latent layer.Func
	if o.Latent > 0 {
		latent = layer.Linear(s.In("latent"), o.Latent, o.Hidden, false)
	}
	judge := layer.Chain(leak, layer.Linear(s.In("joint"), o.Hidden, o.Hidden, true), leak,
		layer.Linear(s.In("logit"), o.Hidden, 1, true))
	return func(x, z *graph.Node) *graph.Node {
		h := image(x)
		if latent != nil {
			h = op.Add(h, latent(z))
		}
		return judge(h)
	}
}
