package backbones

import (
	"fmt"
	"maps"
	"strings"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// Slow is a residual network of clips: a ResNet of bottlenecks that sees every frame, and whose last two stages see
// three frames at a time in the first convolution of each block. Nothing is left out in time. The features are the mean
// over times and places.
//
// The slow pathway of Feichtenhofer et al. 2019, arXiv:1812.03982, table 1, alone, which space-time SimCLR, MoCo, BYOL
// and SwAV are trained with (Feichtenhofer et al. 2021, arXiv:2104.14558, section 4). As there, a stride is in the
// convolution over space, and norms are over clips, times and places.
type Slow struct {
	Depth int     `toml:"depth"` // 26, 50 or 101
	Stem  string  `toml:"stem"`  // "7x7": stride 2 and a max-pool, for frames of 64 pixels and more; "3x3": neither
	Width float64 `toml:"width"` // of every layer, times the paper's; rounded to a multiple of 8 channels
}

// DefaultSlow is the slow pathway of 50 layers.
func DefaultSlow() *Slow { return &Slow{Depth: 50, Stem: "7x7", Width: 1} }

// slowBlocks are the blocks of the four stages.
var slowBlocks = map[int][4]int{26: {2, 2, 2, 2}, 50: {3, 4, 6, 3}, 101: {3, 4, 23, 3}}

// slowFrom is the first stage, from 0 on, that sees several frames at a time.
const slowFrom = 2

// resnet is the network of frames that has its widths.
func (b *Slow) resnet() *ResNet { return &ResNet{Depth: 50, Stem: b.Stem, Width: b.Width, Inner: 1} }

// Check implements Backbone.
func (b *Slow) Check(in Input) error {
	if len(in.Shape) != 4 || in.Int {
		return in.wrong("slow", "clips [frames, height, width, channels]")
	}
	if _, ok := slowBlocks[b.Depth]; !ok {
		return setting.Bad("depth", "%d: a slow network here has depth 26, 50 or 101", b.Depth)
	}
	return b.resnet().Check(frameOf(in))
}

// Dim implements Backbone.
func (b *Slow) Dim() int { return b.resnet().Dim() }

// New implements Backbone.
func (b *Slow) New(s *graph.Scope, in Input) layer.Func {
	times := b.NewTimes(s, in)
	return func(x *graph.Node) *graph.Node { return op.Mean(times(x), false, 1) }
}

// NewTimes implements Times: the mean over places of every frame, each of which has seen its neighbours, [B,T,F].
func (b *Slow) NewTimes(s *graph.Scope, in Input) layer.Func {
	r, frames := b.resnet(), in.Shape[0]
	c := r.channels(64)
	all := []layer.Func{r.stem(s.Layer(0).In("stem"), in.Shape[3], c)}
	depth := 0
	for i, blocks := range slowBlocks[b.Depth] {
		width := r.channels(64 << i)
		for j := range blocks {
			stride := 1
			if i > 0 && j == 0 {
				stride = 2
			}
			depth++
			at := s.Layer(depth).In(fmt.Sprintf("stage%d", i+1)).In(fmt.Sprint(j))
			if i < slowFrom {
				all = append(all, bottleneck(at, c, width, 4*width, stride))
			} else {
				first := threeFrames(at.In("conv1"), c, width, frames)
				all = append(all, bottleneckBy(at, first, c, width, 4*width, stride))
			}
			c = 4 * width
		}
	}
	encode := layer.Chain(append(all, op.GlobalAvgPool)...)
	return func(x *graph.Node) *graph.Node {
		at := op.ShapeOf(x)
		return op.Reshape(encode(op.Reshape(x, at[0]*at[1], at[2], at[3], at[4])), at[0], at[1], b.Dim())
	}
}

// threeFrames is a convolution over time alone, of a frame and its two neighbours, frames of all clips being one batch:
// [B*T,H,W,in] -> [B*T,H,W,out].
func threeFrames(s *graph.Scope, in, out, frames int) layer.Func {
	conv := layer.Conv2D{In: in, Out: out, Kernel: [2]int{3, 1}, Pad: [2]int{1, 0},
		Init: graph.KaimingNormal(3 * out)}.New(s)
	return func(x *graph.Node) *graph.Node {
		at := op.ShapeOf(x)
		y := conv(op.Reshape(x, at[0]/frames, frames, at[1]*at[2], in))
		return op.Reshape(y, at[0], at[1], at[2], out)
	}
}

// Inflate implements Inflater: the weights of a ResNet of as many blocks, whose first convolutions of the last two
// stages are inflated to three frames (Carreira and Zisserman 2017, arXiv:1705.07750, section 2.1).
func (b *Slow) Inflate(how Inflation, image map[string]ir.Array, _ Input) (map[string]ir.Array, error) {
	if _, ok := image["stage4/0/conv3/weight"]; !ok {
		return nil, fmt.Errorf("the encoder has no bottlenecks to inflate: want one of [backbone.resnet] of depth 50 " +
			"or 101")
	}
	out := maps.Clone(image)
	for name, w := range image {
		var stage, block int
		if n, _ := fmt.Sscanf(name, "stage%d/%d/", &stage, &block); n < 2 || stage <= slowFrom ||
			!strings.HasSuffix(name, "/conv1/weight") {
			continue
		}
		in, wide := w.Shape[2], w.Shape[3]
		w.Shape = ir.Shape{in, wide}
		tubes := how.Tubes(w, 3)
		tubes.Shape = ir.Shape{3, 1, in, wide}
		out[name] = tubes
	}
	return out, nil
}
