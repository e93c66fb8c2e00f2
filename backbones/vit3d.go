package backbones

import (
	"math"
	"math/rand/v2"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// ViT3D is a vision transformer for clips: tubes of patches over some frames are tokens, all of which attend to each
// other. The features are the mean of the tokens, or the class token where there is one.
//
// Tong et al. 2022, arXiv:2203.12602, section 3.3 and table 8 (joint space-time attention, Arnab et al. 2021,
// arXiv:2103.15691, model 1). As in the authors' code positions are fixed, sines and cosines of the token's number,
// unless they are to be learned; separable ones, a table for places and one for times whose sum is a token's position,
// are those of MAE-ST (Feichtenhofer et al. 2022, arXiv:2205.09113, section 3). Keys have a bias here, which the
// softmax takes out again.
type ViT3D struct {
	Channels int `toml:"dim"`   // of a token, the F of the features
	Depth    int `toml:"depth"` // blocks
	Heads    int `toml:"heads"` // of attention
	Hidden   int `toml:"mlp"`   // width within a block's MLP; 0: four times dim
	Patch    int `toml:"patch"` // side, pixels
	Tube     int `toml:"tube"`  // frames of a token
	// learned | separable (learned, of a token's place and of its time) | sincos (fixed, of a token's number)
	Position string `toml:"position"`
	Class    bool   `toml:"class"` // a class token before the others, which is the features
	// full | linformer: to attention_size mixtures of the tokens | performer: by attention_size random features, see
	// ViT
	Attention     string `toml:"attention"`
	AttentionSize int    `toml:"attention_size"` // tokens or features; 0: of full
}

// DefaultViT3D is VideoMAE's ViT-S.
func DefaultViT3D() *ViT3D {
	return &ViT3D{Channels: 384, Depth: 12, Heads: 6, Patch: 16, Tube: 2, Position: "sincos",
		Attention: "full"}
}

// Check implements Backbone.
func (v *ViT3D) Check(in Input) error {
	if len(in.Shape) != 4 || in.Int {
		return in.wrong("vit3d", "clips [frames, height, width, channels]")
	}
	switch {
	case v.Depth < 1:
		return setting.Bad("depth", "%d: want at least 1 block", v.Depth)
	case v.Heads < 1:
		return setting.Bad("heads", "%d: want at least 1", v.Heads)
	case v.Channels < 2 || v.Channels%2 != 0 || v.Channels%v.Heads != 0:
		return setting.Bad("dim", "%d: want a multiple of 2, for sines and cosines, and of heads = %d", v.Channels,
			v.Heads)
	case v.Hidden < 0:
		return setting.Bad("mlp", "%d: want a width above 0, or 0 for four times dim", v.Hidden)
	case v.Position != "learned" && v.Position != "separable" && v.Position != "sincos":
		return setting.Bad("position", "%q: want \"learned\", \"separable\" or \"sincos\"", v.Position)
	case v.Patch < 1 || in.Shape[1]%v.Patch != 0 || in.Shape[2]%v.Patch != 0:
		return setting.Bad("patch", "%d: patches of this side do not tile frames of %dx%d", v.Patch, in.Shape[1],
			in.Shape[2])
	case v.Tube < 1 || in.Shape[0]%v.Tube != 0:
		return setting.Bad("tube", "%d: tubes of so many frames do not fill clips of %d", v.Tube, in.Shape[0])
	}
	tokens := in.Shape[0] / v.Tube * (in.Shape[1] / v.Patch) * (in.Shape[2] / v.Patch)
	if v.Class {
		tokens++
	}
	return checkThrifty(v.Attention, v.AttentionSize, tokens, "linformer", "performer")
}

// Dim implements Backbone.
func (v *ViT3D) Dim() int { return v.Channels }

// New implements Backbone.
func (v *ViT3D) New(s *graph.Scope, in Input) layer.Func {
	t := v.NewTokens(s, in)
	return layer.Chain(t.Embed, t.Encode, t.Pool)
}

// NewTokens implements Tokens. A class token has a position of its own, as in MAE-ST's code.
func (v *ViT3D) NewTokens(s *graph.Scope, in Input) *TokenEncoder {
	e := &TokenEncoder{
		Dim: v.Channels, Patch: v.Patch, Tube: v.Tube, HasClass: v.Class,
		Frames: in.Shape[0] / v.Tube, Rows: in.Shape[1] / v.Patch, Columns: in.Shape[2] / v.Patch,
	}
	first, t := s.Layer(0), e.Frames*e.Rows*e.Columns
	project := layer.Dense(first.In("patch"), v.Tube*v.Patch*v.Patch*in.Shape[3], v.Channels)
	var position *graph.Node
	switch v.Position {
	case "learned":
		position = first.Param("position", graph.Normal(0.02), t, v.Channels)
	case "separable":
		position = SpaceTime(first.In("position"), e, v.Channels)
	default:
		position = first.Frozen("position", SinCos1D(v.Channels, t), t, v.Channels)
	}
	e.Embed = func(x *graph.Node) *graph.Node { return op.Add(project(Tubes(x, v.Tube, v.Patch)), position) }
	block := layer.Block{Dim: v.Channels, Heads: v.Heads, Hidden: v.Hidden}
	if v.Attention != "full" && v.Attention != "" {
		block.Thrifty, block.Length = &layer.Thrifty{Kind: v.Attention, Size: v.AttentionSize}, t
		if v.Class {
			block.Length++
		}
	}
	blocks := layer.Blocks(first.In("blocks"), block, v.Depth, 0)
	e.Encode = layer.Chain(blocks, layer.LayerNorm(s.In("norm"), v.Channels))
	if v.Class {
		tokens, class := e.Encode, ClassToken(first, v.Channels)
		e.Encode = func(x *graph.Node) *graph.Node { return tokens(op.Concat(1, class(x), x)) }
	}
	return e
}

// NewTimes implements Times: the mean of the tokens of each time, [B,F,H,W,C] -> [B,F/tube,D].
func (v *ViT3D) NewTimes(s *graph.Scope, in Input) layer.Func {
	e := v.NewTokens(s, in)
	places := e.Rows * e.Columns
	return func(x *graph.Node) *graph.Node {
		y := e.Last(e.Encode(e.Embed(x)), e.Frames*places) // [B,T,D]
		return op.Mean(op.Reshape(y, -1, e.Frames, places, v.Channels), false, 2)
	}
}

// ClassToken declares a class token of dim channels with a position of its own: tokens x [B,T,D] -> [B,1,D].
func ClassToken(s *graph.Scope, dim int) layer.Func {
	both := op.Add(s.Param("class", graph.Normal(0.02), 1, dim), s.Param("class_position", graph.Normal(0.02), 1, dim))
	return func(x *graph.Node) *graph.Node {
		return op.BroadcastTo(op.Reshape(both, 1, 1, dim), ir.Shape{op.ShapeOf(x)[0], 1, dim})
	}
}

// SpaceTime declares separable positions of the tubes of e, [T,dim]: one table of places and one of times.
func SpaceTime(s *graph.Scope, e *TokenEncoder, dim int) *graph.Node {
	space := s.Param("space", graph.Normal(0.02), e.Rows*e.Columns, dim)
	time := s.Param("time", graph.Normal(0.02), e.Frames, dim)
	all := op.Add(op.Reshape(time, e.Frames, 1, dim), op.Reshape(space, 1, e.Rows*e.Columns, dim))
	return op.Reshape(all, e.Frames*e.Rows*e.Columns, dim)
}

// Tubes cuts clips [B,F,H,W,C] into tubes of t frames and p x p pixels: [B,T,t*p*p*C], by frames, then rows; the
// pixels of a tube by frames and rows with their channels together.
func Tubes(x *graph.Node, t, p int) *graph.Node {
	s := op.ShapeOf(x)
	b, f, h, w, c := s[0], s[1]/t, s[2]/p, s[3]/p, s[4]
	cut := op.Transpose(op.Reshape(x, b*f, t, h, p, w, p*c), 0, 2, 4, 1, 3, 5) // [B*F/t,H/p,W/p,t,p,p*C]
	return op.Reshape(cut, b, f*h*w, t*p*p*c)
}

// SinCos1D fills a value [n,dim] with fixed positions 0 .. n-1: sines at even channels and cosines at odd ones, at
// frequencies 10000^(-2*floor(j/2)/dim).
//
// Vaswani et al. 2017, arXiv:1706.03762, section 3.5.
func SinCos1D(dim, n int) graph.Init {
	return func(a ir.Array, _ *rand.Rand) {
		for i := range n * dim {
			at, j := i/dim, i%dim
			angle := float64(at) / math.Pow(10000, float64(j/2*2)/float64(dim))
			if j%2 == 0 {
				a.Set(i, math.Sin(angle))
			} else {
				a.Set(i, math.Cos(angle))
			}
		}
	}
}
