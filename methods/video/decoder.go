package video

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// Decoder says something of every pixel from an encoder's feature maps: from the coarsest map on, a convolution, twice
// as many places (nearest), and a convolution that also reads the encoder's map of that size, until the places are
// pixels; each convolution is of 3x3 with batch norm and ReLU. Godard et al. 2019, arXiv:1806.01260, section 3.4, has
// this form, with ELU in place of norm and ReLU.
type Decoder struct {
	Width int `toml:"width"` // channels of its maps at the pixels; twice as many for each level down, at most 8 times
}

func (d *Decoder) check() error { return setting.Least("width", d.Width, 1) }

// New declares the decoder for maps of these channels: maps [N,h,w,C], coarser and coarser, of images [N,H,W,.] to
// outputs of so many channels at the finest scales, the finest first, which is [N,H,W,outputs]; each next one has half
// the sides.
func (d *Decoder) New(s *graph.Scope, maps []*graph.Node, h, w, outputs, scales int) []*graph.Node {
	last := len(maps) - 1
	y := maps[last]
	sizes := [][2]int{} // of the levels from the coarsest map's on, doubled each time
	for at := [2]int{op.ShapeOf(y)[1], op.ShapeOf(y)[2]}; at[0] < h || at[1] < w; sizes = append(sizes, at) {
		at = [2]int{min(2*at[0], h), min(2*at[1], w)}
	}
	if len(sizes) == 0 {
		sizes = append(sizes, [2]int{h, w})
	}
	if scales > len(sizes) {
		op.Fail(s.Path(), "outputs at %d scales of maps that are doubled %d times to be %dx%d; want fewer scales",
			scales, len(sizes), h, w)
	}
	block := func(at *graph.Scope, x *graph.Node, to int) *graph.Node {
		from := op.ShapeOf(x)[3]
		return layer.Chain(layer.Conv(at.In("conv"), from, to, 3, 1), layer.BatchNorm(at.In("norm"), to), layer.Relu)(x)
	}
	out := make([]*graph.Node, scales)
	for i, size := range sizes {
		level := len(sizes) - 1 - i
		width, at := d.Width<<min(level, 3), s.In(fmt.Sprint(level))
		y = block(at.In("0"), y, width)
		y = layer.Interpolate2D(s, y, layer.Interpolation{Mode: "nearest", Height: size[0], Width: size[1]})
		for _, m := range maps[:last] {
			if of := op.ShapeOf(m); of[1] == size[0] && of[2] == size[1] {
				y = op.Concat(3, y, m)
			}
		}
		y = block(at.In("1"), y, width)
		if level < scales {
			tell := layer.Conv2D{In: width, Out: outputs, Kernel: [2]int{3, 3}, Pad: [2]int{1, 1}, Bias: true}
			out[level] = tell.New(at.In("tell"))(y)
		}
	}
	return out
}
