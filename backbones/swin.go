package backbones

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// Swin is a pyramid of attention within windows: patches, then stages of blocks whose windows lie half a window apart
// in turn, each stage at half the size of the one before and twice as wide. The features are the mean of the last
// stage's tokens behind a norm.
//
// Liu et al. 2021, arXiv:2103.14030, figure 3; the default is Swin-T. Maps must be of whole windows, or no larger than
// one: there is no padding.
type Swin struct {
	Channels int     `toml:"dim"`       // of a token in the first stage; twice as many in each next
	Depth    []int   `toml:"depth"`     // blocks of each stage
	Heads    []int   `toml:"heads"`     // of attention in each stage
	Patch    int     `toml:"patch"`     // side, pixels
	Window   int     `toml:"window"`    // side of the windows of attention, tokens
	DropPath float64 `toml:"drop_path"` // stochastic depth of the last block, a probability; 0 in the first
}

// DefaultSwin is Swin-T.
func DefaultSwin() *Swin {
	return &Swin{Channels: 96, Depth: []int{2, 2, 6, 2}, Heads: []int{3, 6, 12, 24}, Patch: 4, Window: 7}
}

// Stride is how many pixels a token of the last stage stands for, on a side.
func (w *Swin) Stride() int { return w.Patch << (len(w.Depth) - 1) }

// Check implements Backbone.
func (w *Swin) Check(in Input) error {
	height, width, _, err := in.image("swin")
	switch {
	case err != nil:
		return err
	case w.Channels < 1:
		return setting.Bad("dim", "%d: want at least 1 channel", w.Channels)
	case len(w.Depth) == 0 || len(w.Heads) != len(w.Depth):
		return setting.Bad("heads", "%v: want a number for each of the stages of depth = %v", w.Heads, w.Depth)
	case w.Patch < 1:
		return setting.Bad("patch", "%d: want at least 1 pixel", w.Patch)
	case w.Window < 2:
		return setting.Bad("window", "%d: want at least 2 tokens", w.Window)
	case !(w.DropPath >= 0 && w.DropPath < 1):
		return setting.Bad("drop_path", "%v: want a probability from 0 up to, not with, 1", w.DropPath)
	case height%w.Stride() != 0 || width%w.Stride() != 0:
		return fmt.Errorf("images of %v are no multiple of the network's stride of %d", in, w.Stride())
	}
	for i, n := range w.Depth {
		if n < 1 {
			return setting.Bad("depth", "%v: every stage wants at least 1 block", w.Depth)
		}
		if dim := w.Channels << i; w.Heads[i] < 1 || dim%w.Heads[i] != 0 {
			return setting.Bad("heads", "%v: the %d channels of stage %d are no multiple of %d", w.Heads, dim, i+1,
				w.Heads[i])
		}
		for _, side := range []int{height, width} {
			if n := side / (w.Patch << i); n > w.Window && n%w.Window != 0 {
				return setting.Bad("window", "%d: stage %d has maps of %d tokens of side; want a divisor of it, or "+
					"more", w.Window, i+1, n)
			}
		}
	}
	return nil
}

// Dim implements Backbone.
func (w *Swin) Dim() int { return w.Channels << (len(w.Depth) - 1) }

// AnySize implements AnySize.
func (w *Swin) AnySize() {}

// New implements Backbone.
func (w *Swin) New(s *graph.Scope, in Input) layer.Func {
	e := w.NewPyramid(s, in)
	return layer.Chain(e.Embed, e.Encode, op.GlobalAvgPool)
}

// NewMaps implements Maps: the maps after each stage, the last behind its norm.
func (w *Swin) NewMaps(s *graph.Scope, in Input) func(x *graph.Node) []*graph.Node {
	project, norm := w.embedding(s, in)
	stages := w.stages(s)
	stages[0] = layer.Chain(project, norm, stages[0])
	stages[len(stages)-1] = layer.Chain(stages[len(stages)-1], w.norm(s))
	return mapsOf(stages)
}

// NewPyramid implements Pyramid.
func (w *Swin) NewPyramid(s *graph.Scope, in Input) *PyramidEncoder {
	project, norm := w.embedding(s, in)
	return &PyramidEncoder{
		Dim: w.Dim(), Width: w.Channels, Patch: w.Patch, Stride: w.Stride(),
		Embed: layer.Chain(project, norm), Norm: norm,
		Encode: layer.Chain(append(w.stages(s), w.norm(s))...),
	}
}

func (w *Swin) norm(s *graph.Scope) layer.Func {
	return layer.LayerNormEps(s.In("norm"), w.Dim(), 1e-5)
}

// embedding is the patches' projection and its norm, images [B,H,W,C] -> [B,H/Patch,W/Patch,Channels].
func (w *Swin) embedding(s *graph.Scope, in Input) (project, norm layer.Func) {
	at, kernel := s.Layer(0).In("patch_embed"), [2]int{w.Patch, w.Patch}
	conv := layer.Conv2D{In: in.Shape[2], Out: w.Channels, Kernel: kernel, Stride: kernel, Bias: true}
	return conv.New(at.In("proj")), layer.LayerNormEps(at.In("norm"), w.Channels, 1e-5)
}

// stages are the maps of each stage from those of the one before. Four neighbours become one token before a stage.
func (w *Swin) stages(s *graph.Scope) (stages []layer.Func) {
	total := 0
	for _, n := range w.Depth {
		total += n
	}
	drops := layer.StochasticDepth(s, total, w.DropPath, false)
	first, done := s.Layer(0), 0
	for i, n := range w.Depth {
		dim := w.Channels << i
		var steps []layer.Func
		if i > 0 {
			steps = append(steps, merging(first.Deeper(done).In(fmt.Sprintf("layers/%d/downsample", i-1)), dim/2))
		}
		for j := range n {
			done++
			at := first.Deeper(done).In(fmt.Sprintf("layers/%d/blocks/%d", i, j))
			block := layer.WindowBlock{Dim: dim, Heads: w.Heads[i], Window: w.Window, Shift: j%2 == 1}
			steps = append(steps, block.New(at, drops[done-1]))
		}
		stages = append(stages, layer.Chain(steps...))
	}
	return stages
}

// merging joins the channels of four neighbours, left ones first, and halves them: [B,H,W,dim] -> [B,H/2,W/2,2*dim].
func merging(s *graph.Scope, dim int) layer.Func {
	norm := layer.LayerNormEps(s.In("norm"), 4*dim, 1e-5)
	w := s.In("reduction").Param("weight", layer.XavierUniform(4*dim, 2*dim), 4*dim, 2*dim)
	return func(x *graph.Node) *graph.Node {
		size := op.ShapeOf(x)
		b, h, c := size[0], size[1]/2, size[2]/2
		four := op.Transpose(op.Reshape(x, b, h, 2, c, 2, dim), 0, 1, 3, 4, 2, 5)
		y := layer.Product(s, op.Reshape(norm(op.Reshape(four, b, h, c, 4*dim)), -1, 4*dim), w)
		return op.Reshape(y, b, h, c, 2*dim)
	}
}

// Pyramid is a Backbone of stages that are coarser and coarser, in parts.
type Pyramid interface {
	Backbone
	NewPyramid(s *graph.Scope, in Input) *PyramidEncoder
}

// PyramidEncoder is the parts of a pyramid. Its features are the mean of Encode(Embed(images)).
type PyramidEncoder struct {
	Dim, Width    int        // D, of a token that Encode gives, and E, of one that Embed gives
	Patch, Stride int        // sides of what such a token stands for, pixels: of E, and of D
	Embed         layer.Func // images [B,H,W,C] -> [B,H/Patch,W/Patch,E]
	Norm          layer.Func // the norm at the end of Embed, for tokens put in place of embedded ones
	Encode        layer.Func // tokens of any map [B,h,w,E] of whole windows -> [B,h*Patch/Stride,w*Patch/Stride,D]
}
