package backbones

import (
	"fmt"
	"math"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// ResNet is the residual network of He et al. 2016, arXiv:1512.03385, in torchvision's form: the stride of a
// bottleneck is in its 3x3 convolution (v1.5), and the last features are averaged over the image. The "3x3" stem
// (stride 1, no max-pool) is the one that SimCLR's appendix B.9 and everybody since uses on CIFAR-sized images.
type ResNet struct {
	Depth int     `toml:"depth"` // 18, 34, 50, 101 or 152; from 50 on of bottlenecks
	Stem  string  `toml:"stem"`  // "7x7": stride 2 and a max-pool, for images of 64 pixels and more; "3x3": neither
	Width float64 `toml:"width"` // of every layer, times the paper's; rounded to a multiple of 8 channels
	// of the bottlenecks' inner layers alone, times the paper's: 2 is wide_resnet50_2 (Zagoruyko and Komodakis 2016,
	// arXiv:1605.07146)
	Inner float64 `toml:"inner"`
}

// DefaultResNet is ResNet-18 as on ImageNet.
func DefaultResNet() *ResNet { return &ResNet{Depth: 18, Stem: "7x7", Width: 1, Inner: 1} }

// resNets gives the blocks of the four stages.
var resNets = map[int]struct {
	blocks     [4]int
	bottleneck bool
}{
	18: {[4]int{2, 2, 2, 2}, false},
	34: {[4]int{3, 4, 6, 3}, false},
	50: {[4]int{3, 4, 6, 3}, true},

	101: {[4]int{3, 4, 23, 3}, true},
	152: {[4]int{3, 8, 36, 3}, true},
}

// Check implements Backbone.
func (r *ResNet) Check(in Input) error {
	h, w, _, err := in.image("resnet")
	if err != nil {
		return err
	}
	if _, ok := resNets[r.Depth]; !ok {
		return setting.Bad("depth", "%d: a resnet here has depth 18, 34, 50, 101 or 152", r.Depth)
	}
	if r.Stem != "3x3" && r.Stem != "7x7" {
		return setting.Bad("stem", "%q: want \"3x3\" (small images) or \"7x7\"", r.Stem)
	}
	if !(r.Width > 0) || r.Width > 16 {
		return setting.Bad("width", "%v: want a multiplier above 0 and at most 16", r.Width)
	}
	switch {
	case !(r.Inner > 0) || r.Inner > 16:
		return setting.Bad("inner", "%v: want a multiplier above 0 and at most 16", r.Inner)
	case r.Inner != 1 && !resNets[r.Depth].bottleneck:
		return setting.Bad("inner", "%v: a resnet of depth %d has no bottlenecks; want depth 50, 101 or 152", r.Inner,
			r.Depth)
	}
	stride := 8
	if r.Stem == "7x7" {
		stride = 32
	}
	if min(h, w) < stride {
		return fmt.Errorf(
			"images of %v are smaller than the network's stride of %d; use stem = \"3x3\" or larger crops", in, stride)
	}
	return nil
}

// channels is a width of the paper times the multiplier, a multiple of 8.
func (r *ResNet) channels(n int) int { return max(8, int(math.Round(float64(n)*r.Width/8))*8) }

// inner is the width within a bottleneck.
func (r *ResNet) inner(width int) int { return max(8, int(math.Round(float64(width)*r.Inner/8))*8) }

// Dim implements Backbone.
func (r *ResNet) Dim() int {
	if resNets[r.Depth].bottleneck {
		return 4 * r.channels(512)
	}
	return r.channels(512)
}

// AnySize implements AnySize.
func (r *ResNet) AnySize() {}

// New implements Backbone.
func (r *ResNet) New(s *graph.Scope, in Input) layer.Func {
	return layer.Chain(append(r.stages(s, in), op.GlobalAvgPool)...)
}

// NewMaps implements Maps: the maps after the stem and after each of the four stages.
func (r *ResNet) NewMaps(s *graph.Scope, in Input) func(x *graph.Node) []*graph.Node {
	return mapsOf(r.stages(s, in))
}

// stages are the stem and the four stages, without the mean.
func (r *ResNet) stages(s *graph.Scope, in Input) []layer.Func {
	net := resNets[r.Depth]
	c := r.channels(64)
	all := []layer.Func{r.stem(s.Layer(0).In("stem"), in.Shape[2], c)}
	depth := 0
	for i, blocks := range net.blocks {
		width := r.channels(64 << i)
		var stage []layer.Func
		for j := range blocks {
			stride := 1
			if i > 0 && j == 0 {
				stride = 2
			}
			depth++
			at := s.Layer(depth).In(fmt.Sprintf("stage%d", i+1)).In(fmt.Sprint(j))
			if net.bottleneck {
				stage = append(stage, bottleneck(at, c, r.inner(width), 4*width, stride))
				c = 4 * width
			} else {
				stage = append(stage, basic(at, c, width, stride))
				c = width
			}
		}
		all = append(all, layer.Chain(stage...))
	}
	return all
}

// stem is the first layer, [B,H,W,from] -> [B,H,W,c], or [B,H/4,W/4,c] for large images.
func (r *ResNet) stem(s *graph.Scope, from, c int) layer.Func {
	if r.Stem == "3x3" {
		return layer.Chain(layer.Conv(s.In("conv"), from, c, 3, 1), layer.BatchNorm(s.In("norm"), c), layer.Relu)
	}
	pool := op.Pool{Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Pad: [2]int{1, 1}}
	return layer.Chain(layer.Conv(s.In("conv"), from, c, 7, 2), layer.BatchNorm(s.In("norm"), c), layer.Relu,
		func(x *graph.Node) *graph.Node { return op.MaxPool2D(x, pool) })
}

// basic is two 3x3 convolutions and a skip, [B,H,W,in] -> [B,H/stride,W/stride,out].
func basic(s *graph.Scope, in, out, stride int) layer.Func {
	body := layer.Chain(
		layer.Conv(s.In("conv1"), in, out, 3, stride), layer.BatchNorm(s.In("norm1"), out), layer.Relu,
		layer.Conv(s.In("conv2"), out, out, 3, 1), layer.BatchNorm(s.In("norm2"), out))
	return residual(s, body, skip(s, in, out, stride))
}

// bottleneck is 1x1, 3x3, 1x1 and a skip, [B,H,W,in] -> [B,H/stride,W/stride,out].
func bottleneck(s *graph.Scope, in, width, out, stride int) layer.Func {
	return bottleneckBy(s, layer.Conv(s.In("conv1"), in, width, 1, 1), in, width, out, stride)
}

// bottleneckBy is bottleneck with another first convolution, [B,H,W,in] -> [B,H,W,width].
func bottleneckBy(s *graph.Scope, first layer.Func, in, width, out, stride int) layer.Func {
	body := layer.Chain(
		first, layer.BatchNorm(s.In("norm1"), width), layer.Relu,
		layer.Conv(s.In("conv2"), width, width, 3, stride), layer.BatchNorm(s.In("norm2"), width), layer.Relu,
		layer.Conv(s.In("conv3"), width, out, 1, 1), layer.BatchNorm(s.In("norm3"), out))
	return residual(s, body, skip(s, in, out, stride))
}

// skip is the identity where shapes agree, else a 1x1 projection.
func skip(s *graph.Scope, in, out, stride int) layer.Func {
	if in == out && stride == 1 {
		return func(x *graph.Node) *graph.Node { return x }
	}
	d := s.In("skip")
	return layer.Chain(layer.Conv(d.In("conv"), in, out, 1, stride), layer.BatchNorm(d.In("norm"), out))
}

func residual(s *graph.Scope, body, skip layer.Func) layer.Func {
	return func(x *graph.Node) *graph.Node { return op.Relu(layer.Stored(s, op.Add(body(x), skip(x)))) }
}
