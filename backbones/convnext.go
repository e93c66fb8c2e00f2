package backbones

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// ConvNeXt is the convolutional network of Liu et al. 2022, arXiv:2201.03545, figure 4, and with global response
// normalisation in place of LayerScale ConvNeXt V2 of Woo et al. 2023, arXiv:2301.00808, figure 5: patches, then
// stages of blocks (7x7 by channel, layer norm, and an MLP at every place), each stage at half the size of the one
// before. The features are the layer norm of the last stage's mean.
//
// A step of FCMAE through V2 atto (bench/convnext-fcmae.toml, float32) took 0.82 to 0.85 s of one core where dense
// masking in PyTorch 1.13 took 1.47 s: two pairs of CPU times on a busy machine. Ours leaves out the three fifths of
// the cells that are hidden in what works place by place, so that this says nothing of the operations themselves.
type ConvNeXt struct {
	Version int `toml:"version"` // 1 | 2: with global response normalisation
	// atto | femto | pico | nano | tiny: 40, 48, 64, 80 or 96 channels in the first of four stages, twice as many in
	// each next; blocks 2, 2, 6, 2 (nano: 2, 2, 8, 2; tiny: 3, 3, 9, 3)
	Size  string `toml:"size"`
	Dims  []int  `toml:"dims"`  // channels of each stage; []: the size's
	Depth []int  `toml:"depth"` // blocks of each stage; []: the size's
	Patch int    `toml:"patch"` // side of the stem's patches, pixels; 4 in the papers, less for small images
	// start of the learned factors of each branch, 1e-6 in the first paper; 0: there are none
	LayerScale float64 `toml:"layer_scale"`
	DropPath   float64 `toml:"drop_path"` // stochastic depth of the last block, a probability; 0 in the first
	// without: version 2 without its normalisation | image: over the places of an image | batch: over those of all
	// images of a step, as the sparse layers of FCMAE's code have it in training; evaluated is the network of image
	Response string `toml:"response"`
}

// convNeXtSizes are channels and blocks by name (arXiv:2301.00808, appendix A.1).
var convNeXtSizes = map[string]struct{ dims, depth []int }{
	"atto":  {[]int{40, 80, 160, 320}, []int{2, 2, 6, 2}},
	"femto": {[]int{48, 96, 192, 384}, []int{2, 2, 6, 2}},
	"pico":  {[]int{64, 128, 256, 512}, []int{2, 2, 6, 2}},
	"nano":  {[]int{80, 160, 320, 640}, []int{2, 2, 8, 2}},
	"tiny":  {[]int{96, 192, 384, 768}, []int{3, 3, 9, 3}},
}

// DefaultConvNeXt is ConvNeXt V2 atto.
func DefaultConvNeXt() *ConvNeXt {
	return &ConvNeXt{Version: 2, Size: "atto", Patch: 4, Response: "image"}
}

// shape is channels and blocks of each stage.
func (c *ConvNeXt) shape() (dims, depth []int) {
	s := convNeXtSizes[c.Size]
	dims, depth = s.dims, s.depth
	if len(c.Dims) > 0 {
		dims = c.Dims
	}
	if len(c.Depth) > 0 {
		depth = c.Depth
	}
	return dims, depth
}

// Stride is how many pixels a place of the last stage stands for, on a side.
func (c *ConvNeXt) Stride() int {
	dims, _ := c.shape()
	return c.Patch << (len(dims) - 1)
}

// Check implements Backbone.
func (c *ConvNeXt) Check(in Input) error {
	h, w, _, err := in.image("convnext")
	if err != nil {
		return err
	}
	dims, depth := c.shape()
	_, known := convNeXtSizes[c.Size]
	switch {
	case c.Version != 1 && c.Version != 2:
		return setting.Bad("version", "%d: want 1 or 2", c.Version)
	case !known:
		return setting.Bad("size", "%q: want \"atto\", \"femto\", \"pico\", \"nano\" or \"tiny\"", c.Size)
	case len(dims) != len(depth):
		return setting.Bad("depth", "%v: %d stages, and dims = %v has %d", depth, len(depth), dims, len(dims))
	case c.Patch < 1:
		return setting.Bad("patch", "%d: want at least 1 pixel", c.Patch)
	case !(c.LayerScale >= 0):
		return setting.Bad("layer_scale", "%v: want a number above 0, or 0 for none", c.LayerScale)
	case !(c.DropPath >= 0 && c.DropPath < 1):
		return setting.Bad("drop_path", "%v: want a probability from 0 up to, not with, 1", c.DropPath)
	case c.Response != "without" && c.Response != "image" && c.Response != "batch":
		return setting.Bad("response", "%q: want \"without\", \"image\" or \"batch\"", c.Response)
	}
	if err := checkWidths(dims); err != nil {
		return setting.Bad("dims", "%v: every width must be at least 1", dims)
	}
	for _, n := range depth {
		if n < 1 {
			return setting.Bad("depth", "%v: every stage wants at least 1 block", depth)
		}
	}
	if min(h, w) < c.Stride() {
		return fmt.Errorf("images of %v are smaller than the network's stride of %d; use a smaller patch, fewer "+
			"stages or larger crops", in, c.Stride())
	}
	return nil
}

// Dim implements Backbone.
func (c *ConvNeXt) Dim() int {
	dims, _ := c.shape()
	return dims[len(dims)-1]
}

// WithDropPath implements DropPath.
func (c *ConvNeXt) WithDropPath(p float64) Backbone {
	other := *c
	other.DropPath = p
	return &other
}

// AnySize implements AnySize.
func (c *ConvNeXt) AnySize() {}

// New implements Backbone.
func (c *ConvNeXt) New(s *graph.Scope, in Input) layer.Func {
	net, norm := c.stages(s, in), c.norm(s)
	return func(x *graph.Node) *graph.Node {
		for _, f := range net {
			x = f(x, nil)
		}
		return norm(op.GlobalAvgPool(x))
	}
}

// NewMaps implements Maps: the maps after each stage.
func (c *ConvNeXt) NewMaps(s *graph.Scope, in Input) func(x *graph.Node) []*graph.Node {
	var dense []layer.Func
	for _, f := range c.stages(s, in) {
		dense = append(dense, func(x *graph.Node) *graph.Node { return f(x, nil) })
	}
	c.norm(s)
	return mapsOf(dense)
}

// NewPlaces implements Places.
func (c *ConvNeXt) NewPlaces(s *graph.Scope, in Input) func(x *graph.Node) (features, places *graph.Node) {
	net, norm := c.stages(s, in), c.norm(s)
	return func(x *graph.Node) (features, places *graph.Node) {
		for _, f := range net {
			x = f(x, nil)
		}
		return norm(op.GlobalAvgPool(x)), x
	}
}

// NewMasked implements Masked. The norm of the features is not trained: no loss on cells reaches it.
func (c *ConvNeXt) NewMasked(s *graph.Scope, in Input) *MaskedEncoder {
	net, norm := c.stages(s, in), c.norm(s.Locked())
	stride := c.Stride()
	e := &MaskedEncoder{Dim: c.Dim(), Stride: stride, Rows: in.Shape[0] / stride, Columns: in.Shape[1] / stride}
	e.Encode = func(x, hidden *graph.Node, k int) *graph.Node {
		for i, f := range net {
			x = f(x, visibleCells(hidden, e.Rows, e.Columns, 1<<(len(net)-1-i), k))
		}
		return x
	}
	e.Pool = func(x *graph.Node, k int) *graph.Node {
		return norm(op.Scale(op.SumAxes(x, false, 1, 2), 1/float64(k)))
	}
	return e
}

func (c *ConvNeXt) norm(s *graph.Scope) layer.Func { return layer.LayerNorm(s.In("norm"), c.Dim()) }

// stages are the network without its mean, each on images and the cells of them that it may see, nil: all.
func (c *ConvNeXt) stages(s *graph.Scope, in Input) (net []func(x *graph.Node, v *cells) *graph.Node) {
	dims, depth := c.shape()
	total := 0
	for _, n := range depth {
		total += n
	}
	first := s.Layer(0) // the blocks follow it
	drops := layer.StochasticDepth(first, total, c.DropPath, false)
	from, done := in.Shape[2], 0
	for i, dim := range dims {
		at := first.Deeper(done).In(fmt.Sprintf("downsample/%d", i))
		conv := layer.Conv2D{In: from, Out: dim, Kernel: [2]int{c.Patch, c.Patch}, Bias: true,
			Init: graph.Normal(convNeXtDeviation), ZeroBias: true}
		normed := dim
		if i > 0 {
			conv.Kernel, normed = [2]int{2, 2}, from
		}
		conv.Stride = conv.Kernel
		down := []layer.Func{conv.New(at.In("conv")), layer.LayerNorm(at.In("norm"), normed)}
		if i > 0 {
			down[0], down[1] = down[1], down[0]
		}
		blocks := make([]func(x *graph.Node, v *cells) *graph.Node, depth[i])
		for j := range blocks {
			done++
			blocks[j] = c.block(first.Deeper(done).In(fmt.Sprintf("stages/%d/%d", i, j)), dim, drops[done-1])
		}
		from = dim
		net = append(net, func(x *graph.Node, v *cells) *graph.Node {
			x = layer.Chain(down...)(x)
			x = v.put(v.take(x), x)
			for _, f := range blocks {
				x = f(x, v)
			}
			return x
		})
	}
	return net
}

// convNeXtDeviation is that of the weights as they begin; biases are 0.
const convNeXtDeviation = 0.02

// block is x [B,H,W,dim] plus its branch, in the cells that may be seen.
func (c *ConvNeXt) block(s *graph.Scope, dim int, drop layer.Func) func(x *graph.Node, v *cells) *graph.Node {
	b := ConvNeXtBlock{Dim: dim, LayerScale: c.LayerScale, Response: c.Version == 2 && c.Response != "without",
		Batch: c.Response == "batch" && s.Training()}
	across, within := b.parts(s)
	return func(x *graph.Node, v *cells) *graph.Node {
		y := within(v.take(across(x)))
		if drop != nil {
			y = drop(y)
		}
		return op.Add(x, v.put(y, x))
	}
}

// ConvNeXtBlock are the settings of a block of ConvNeXt.
type ConvNeXtBlock struct {
	Dim        int
	LayerScale float64 // start of the factors of the branch; 0: there are none
	Response   bool    // global response normalisation behind the GELU
	Batch      bool    // that normalisation over all places of the batch
}

// New is the block on images x [B,H,W,Dim], with its parameters in s.
func (o ConvNeXtBlock) New(s *graph.Scope) layer.Func {
	across, within := o.parts(s)
	return func(x *graph.Node) *graph.Node { return op.Add(x, within(across(x))) }
}

// parts are the branch's convolution across places, and what it does within a place, [B,...,Dim] -> [B,...,Dim].
func (o ConvNeXtBlock) parts(s *graph.Scope) (across, within layer.Func) {
	init := graph.Normal(convNeXtDeviation)
	across = layer.Conv2D{In: o.Dim, Out: o.Dim, Groups: o.Dim, Kernel: [2]int{7, 7}, Pad: [2]int{3, 3}, Bias: true,
		Init: init, ZeroBias: true}.New(s.In("dwconv"))
	steps := []layer.Func{layer.LayerNorm(s.In("norm"), o.Dim),
		layer.DenseOf(s.In("pwconv1"), o.Dim, 4*o.Dim, init), op.Gelu}
	if o.Response {
		steps = append(steps, layer.ResponseNorm{Channels: 4 * o.Dim, Batch: o.Batch}.New(s.In("grn")))
	}
	steps = append(steps, layer.DenseOf(s.In("pwconv2"), 4*o.Dim, o.Dim, init))
	if o.LayerScale != 0 {
		gamma := s.Param("gamma", graph.Fill(o.LayerScale), o.Dim)
		steps = append(steps, func(x *graph.Node) *graph.Node { return op.Mul(x, gamma) })
	}
	return across, layer.Chain(steps...)
}
