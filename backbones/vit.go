package backbones

import (
	"slices"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/setting"
)

// ViT is the vision transformer of Dosovitskiy et al. 2021, arXiv:2010.11929: patches as tokens through pre-norm
// blocks. The small sizes are those of Touvron et al. 2021, arXiv:2012.12877, table 1. There is no dropout, as in the
// self-supervised codes. The class token and learned positions decay with the weights, as in the code of MAE, DINO,
// DINOv2 and MoCo v3; PlainTokens is DeiT's and BEiT's.
type ViT struct {
	// tiny | small | base: 192x12x3, 384x12x6, 768x12x12 (dim x depth x heads)
	Size     string `toml:"size"`
	Channels int    `toml:"dim"`   // of a token, the F of the features; 0: the size's
	Depth    int    `toml:"depth"` // blocks; 0: the size's
	Heads    int    `toml:"heads"` // of attention; 0: the size's
	Patch    int    `toml:"patch"` // side, pixels
	// class: the features are a token of their own; mean: there is none, they are the mean of the tokens
	Pool string `toml:"pool"`
	// learned | sincos (fixed, in two dimensions): added to the patches | rotary: queries and keys are turned by them
	// (arXiv:2403.13298, RoPE-Axial) | none
	Position string `toml:"position"`
	// none | shared | block: a learned bias of the attention for every distance of two patches and every head, one for
	// all blocks (BEiT's pretraining, arXiv:2106.08254) or one a block (its fine-tuning)
	Relative string `toml:"relative"`
	// tokens behind the class token that the blocks may write to, without a place, and left out of what comes out
	// (Darcet et al. 2024, arXiv:2309.16588; 4 of them there)
	Registers int `toml:"registers"`
	// class token and learned positions get neither weight decay nor a trust ratio
	PlainTokens bool `toml:"plain_tokens"`
	// keep the random patch projection (Chen, Xie, He 2021, arXiv:2104.02057, section 4.2)
	FrozenPatch bool `toml:"frozen_patch"`
	// start of the learned factors of each branch, such as 1e-5; 0: there are none
	LayerScale float64 `toml:"layer_scale"`
	DropPath   float64 `toml:"drop_path"` // stochastic depth, the probability that a branch is left out
	// linear: 0 in the first block, rising evenly to drop_path in the last | uniform: drop_path in every block
	DropRule string `toml:"drop_rule"`
	// vit | clip: QuickGELU, norms of 1e-5, one of them before the blocks too, and patches without biases, as in the
	// code of Radford et al. 2021, arXiv:2103.00020
	Form string `toml:"form"`
	// full | window: patches attend to those of their square window of attention_size tokens of side, which lies half a
	// window further in every second block (Swin, arXiv:2103.14030), and to class token and registers, which attend to
	// all (arXiv:2103.15358) | linformer: to class token, registers and attention_size mixtures of the patches
	// (arXiv:2006.04768) | performer: by attention_size random features (arXiv:2009.14794)
	Attention     string `toml:"attention"`
	AttentionSize int    `toml:"attention_size"` // tokens or features; 0: of full
}

const (
	clipForm = "clip" // of a transformer, see ViT.Form and Transformer.Form
	clipEps  = 1e-5   // of CLIP's norms
)

// vitSizes are dim, depth and heads by name.
var vitSizes = map[string][3]int{"tiny": {192, 12, 3}, "small": {384, 12, 6}, "base": {768, 12, 12}}

// DefaultViT is ViT-Ti/16 with class token and learned positions.
func DefaultViT() *ViT {
	return &ViT{Size: "tiny", Patch: 16, Pool: "class", Position: "learned", Relative: "none", DropRule: "linear",
		Form: "vit", Attention: "full"}
}

// shape is dim, depth and heads.
func (v *ViT) shape() (dim, depth, heads int) {
	s := vitSizes[v.Size]
	for i, own := range []int{v.Channels, v.Depth, v.Heads} {
		if own != 0 {
			s[i] = own
		}
	}
	return s[0], s[1], s[2]
}

// Check implements Backbone.
func (v *ViT) Check(in Input) error {
	height, width, _, err := in.image("vit")
	if err != nil {
		return err
	}
	if _, ok := vitSizes[v.Size]; !ok {
		return setting.Bad("size", "%q: want \"tiny\", \"small\" or \"base\"", v.Size)
	}
	for _, own := range []struct {
		key string
		n   int
	}{{"dim", v.Channels}, {"depth", v.Depth}, {"heads", v.Heads}} {
		if own.n < 0 {
			return setting.Bad(own.key, "%d: want a number above 0, or 0 for the size's", own.n)
		}
	}
	if v.Pool != "class" && v.Pool != "mean" {
		return setting.Bad("pool", "%q: want \"class\" or \"mean\"", v.Pool)
	}
	switch v.Position {
	case "learned", "sincos", "rotary", "none":
	default:
		return setting.Bad("position", "%q: want \"learned\", \"sincos\", \"rotary\" or \"none\"", v.Position)
	}
	if v.Relative != "none" && v.Relative != "shared" && v.Relative != "block" {
		return setting.Bad("relative", "%q: want \"none\", \"shared\" or \"block\"", v.Relative)
	}
	if v.Registers < 0 {
		return setting.Bad("registers", "%d: want a number of tokens, or 0 for none", v.Registers)
	}
	if v.DropRule != "linear" && v.DropRule != "uniform" {
		return setting.Bad("drop_rule", "%q: want \"linear\" or \"uniform\"", v.DropRule)
	}
	if v.Form != "vit" && v.Form != clipForm {
		return setting.Bad("form", "%q: want \"vit\" or \"clip\"", v.Form)
	}
	if v.Form == clipForm && v.FrozenPatch {
		return setting.Bad("frozen_patch", "patches are trained where form = \"clip\"; want form = \"vit\"")
	}
	if !(v.LayerScale >= 0) {
		return setting.Bad("layer_scale", "%v: want a number above 0, or 0 for none", v.LayerScale)
	}
	if !(v.DropPath >= 0 && v.DropPath < 1) {
		return setting.Bad("drop_path", "%v: want a probability from 0 up to, not with, 1", v.DropPath)
	}
	dim, _, heads := v.shape()
	if dim%heads != 0 {
		return setting.Bad("heads", "%d: the tokens' %d channels are no multiple of it", heads, dim)
	}
	if v.Position == "sincos" && dim%4 != 0 {
		return setting.Bad("dim", "%d: positions by sines and cosines in two dimensions want a multiple of 4", dim)
	}
	if v.Position == "rotary" && dim/heads%4 != 0 {
		return setting.Bad("heads", "%d: rotary positions want a multiple of 4 channels a head, not %d", heads,
			dim/heads)
	}
	if v.Patch < 1 || height%v.Patch != 0 || width%v.Patch != 0 {
		return setting.Bad("patch", "%d: patches of this side do not tile images of %v", v.Patch, in)
	}
	return v.checkAttention(height/v.Patch, width/v.Patch)
}

// checkAttention refuses an attention that cannot be of rows x columns patches.
func (v *ViT) checkAttention(rows, columns int) error {
	if v.Attention == "window" && v.AttentionSize > 0 {
		near := layer.NearestWindow(v.AttentionSize, rows, columns)
		if v.AttentionSize < max(rows, columns) && near != v.AttentionSize {
			return setting.Bad("attention_size", "%d: windows of this side do not tile %dx%d patches; the nearest "+
				"that do are of %d", v.AttentionSize, rows, columns, near)
		}
	}
	if v.Attention != "full" && v.Relative != "none" {
		return setting.Bad("relative", "%q: attention = %q has no biases by distance; want \"none\"", v.Relative,
			v.Attention)
	}
	return checkThrifty(v.Attention, v.AttentionSize, rows*columns, "window", "linformer", "performer")
}

// checkThrifty refuses an attention of so many patches that is none of the kinds, and sizes that it cannot have.
func checkThrifty(kind string, size, patches int, kinds ...string) error {
	switch {
	case kind == "full" && size != 0:
		return setting.Bad("attention_size", "%d: attention = \"full\" has no size; want 0", size)
	case kind == "full":
		return nil
	case !slices.Contains(kinds, kind):
		return setting.Bad("attention", "%q: want \"full\", or one of %q", kind, kinds)
	case size < 1:
		return setting.Bad("attention_size", "%d: attention = %q wants at least 1", size, kind)
	case kind == "linformer" && size > patches:
		return setting.Bad("attention_size", "%d: linformer mixes the %d patches to fewer; want at most %d", size,
			patches, patches)
	}
	return nil
}

// Dim implements Backbone.
func (v *ViT) Dim() int {
	dim, _, _ := v.shape()
	return dim
}

// WithDropPath implements DropPath.
func (v *ViT) WithDropPath(p float64) Backbone {
	c := *v
	c.DropPath = p
	return &c
}

// AnySize implements AnySize: positions are interpolated for other sizes, as in DINO's code.
func (v *ViT) AnySize() {}

// New implements Backbone.
func (v *ViT) New(s *graph.Scope, in Input) layer.Func {
	e, encode := v.tokens(s, in)
	return func(x *graph.Node) *graph.Node {
		size := op.ShapeOf(x)
		return e.Pool(encode(e.Embed(x), layer.Grid{Rows: size[1] / v.Patch, Columns: size[2] / v.Patch}))
	}
}

// NewTokens implements Tokens. Encode of a ViT with rotary positions or relative biases takes all patches of an image
// of the size that it was built for.
func (v *ViT) NewTokens(s *graph.Scope, in Input) *TokenEncoder {
	e, encode := v.tokens(s, in)
	e.Encode = func(x *graph.Node) *graph.Node { return encode(x, layer.Grid{Rows: e.Rows, Columns: e.Columns}) }
	return e
}

// NewPlaces implements Places, for images of any size.
func (v *ViT) NewPlaces(s *graph.Scope, in Input) func(x *graph.Node) (features, places *graph.Node) {
	e, encode := v.tokens(s, in)
	return func(x *graph.Node) (features, places *graph.Node) {
		size := op.ShapeOf(x)
		h, w := size[1]/v.Patch, size[2]/v.Patch
		y := encode(e.Embed(x), layer.Grid{Rows: h, Columns: w})
		return e.Pool(y), op.Reshape(e.Last(y, h*w), size[0], h, w, e.Dim)
	}
}

// tokens is the parts of the encoder, with an Encode for patches on any grid.
func (v *ViT) tokens(s *graph.Scope, in Input) (*TokenEncoder, func(x *graph.Node, g layer.Grid) *graph.Node) {
	dim := v.Dim()
	h, w := in.Shape[0]/v.Patch, in.Shape[1]/v.Patch
	e := &TokenEncoder{Dim: dim, Patch: v.Patch, Rows: h, Columns: w, HasClass: v.Pool == "class"}

	first := s.Layer(0) // the blocks follow it, and the norm above them is as deep as a head
	project := v.projection(first.In("patch"), v.Patch*v.Patch*in.Shape[2], dim)
	tokens := first
	if v.PlainTokens {
		tokens = first.Plain()
	}
	position, classPosition := v.positions(tokens, e)
	e.Project = func(x *graph.Node) *graph.Node { return project(layer.Patchify(x, v.Patch)) } // [B,T,D]
	e.Place = func(y, x *graph.Node) *graph.Node {
		if position == nil {
			return y
		}
		size := op.ShapeOf(x)
		here := layer.Positions(s, position, [2]int{h, w}, [2]int{size[1] / v.Patch, size[2] / v.Patch})
		return op.Add(y, here)
	}
	e.Embed = func(x *graph.Node) *graph.Node { return e.Place(e.Project(x), x) }

	var special []*graph.Node // [1,n,D]: class token and registers
	if e.HasClass {
		class := op.Reshape(tokens.Param("class", graph.Normal(0.02), 1, dim), 1, 1, dim) // two axes: it decays
		if classPosition != nil {
			class = op.Add(class, classPosition)
		}
		special = append(special, class)
	}
	kept := len(special)
	if r := v.Registers; r > 0 {
		special = append(special, op.Reshape(tokens.Param("registers", graph.Normal(0.02), r, dim), 1, r, dim))
	}
	before, blocks, norm := v.blocks(s, first, e, kept+v.Registers, layer.Mask{})
	begin := func(x *graph.Node) *graph.Node { // [B,K,D] -> [B,special+K,D]
		var all []*graph.Node
		for _, n := range special {
			all = append(all, op.BroadcastTo(n, ir.Shape{op.ShapeOf(x)[0], op.ShapeOf(n)[1], dim}))
		}
		if len(all) > 0 {
			x = op.Concat(1, append(all, x)...)
		}
		return before(x)
	}
	end := func(x *graph.Node) *graph.Node { return v.withoutRegisters(x, kept) }
	e.Masked = func(x *graph.Node, m layer.Mask) *graph.Node {
		if n := kept + v.Registers; n > 0 && m.Bias != nil {
			op.Fail(s.Path(), "a mask by places leaves no place for a class token or registers")
		} else if n > 0 && m.Keys != nil {
			m.Keys = op.Concat(1, op.BroadcastTo(s.Constant(1), ir.Shape{op.ShapeOf(x)[0], n}), m.Keys)
		}
		_, there, _ := v.blocks(s, first, e, kept+v.Registers, m) // over the same parameters
		g := layer.Grid{Rows: e.Rows, Columns: e.Columns, Special: kept + v.Registers}
		return norm(end(through(there, begin(x), g)[v.depth()-1]))
	}
	e.Among = func(x, keys *graph.Node) *graph.Node { return e.Masked(x, layer.Mask{Keys: keys}) }
	e.Layers = func(x *graph.Node) []*graph.Node {
		g := layer.Grid{Rows: e.Rows, Columns: e.Columns, Special: kept + v.Registers}
		after := through(blocks, begin(x), g)
		for i := range after {
			after[i] = end(after[i])
		}
		return after
	}
	e.Norm = norm
	return e, func(x *graph.Node, g layer.Grid) *graph.Node {
		g.Special = kept + v.Registers
		return norm(end(through(blocks, begin(x), g)[v.depth()-1]))
	}
}

// through is the tokens after each block.
func through(blocks []func(x *graph.Node, g layer.Grid) *graph.Node, x *graph.Node, g layer.Grid) (
	after []*graph.Node) {
	for _, f := range blocks {
		x = f(x, g)
		after = append(after, x)
	}
	return after
}

func (v *ViT) depth() int {
	_, depth, _ := v.shape()
	return depth
}

// blocks are what is before the blocks, the blocks, of tokens that attend to what a mask says, and the
// norm behind them.
func (v *ViT) blocks(s, first *graph.Scope, e *TokenEncoder, special int, m layer.Mask) (before layer.Func,
	blocks []func(x *graph.Node, g layer.Grid) *graph.Node, norm layer.Func) {
	dim, depth, heads := v.shape()
	block := layer.Block{Dim: dim, Heads: heads, LayerScale: v.LayerScale, Rotary: v.Position == "rotary",
		Uniform: v.DropRule == "uniform", Mask: m}
	before = layer.Chain()
	if v.Attention != "full" && v.Attention != "" {
		block.Thrifty = &layer.Thrifty{Kind: v.Attention, Size: v.AttentionSize}
		block.Length = e.Rows * e.Columns
	}
	if v.Form == clipForm {
		block.Quick, block.Eps = true, clipEps
		before = layer.LayerNormEps(first.In("before/norm"), dim, clipEps)
	}
	if v.Relative == "shared" || v.Relative == "block" {
		block.Relative = &layer.Relative{Rows: e.Rows, Columns: e.Columns, Special: special > 0}
		if v.Relative == "shared" {
			block.Relative.Table = block.Relative.NewTable(first, heads)
		}
	}
	blocks = layer.Stack(first.In("blocks"), block, depth, v.DropPath)
	return before, blocks, layer.LayerNormEps(s.In("norm"), dim, block.Eps)
}

// withoutRegisters leaves registers [B,kept+R+K,D] out: [B,kept+K,D].
func (v *ViT) withoutRegisters(x *graph.Node, kept int) *graph.Node {
	if v.Registers == 0 {
		return x
	}
	patches := op.Slice(x, 1, kept+v.Registers, op.ShapeOf(x)[1])
	if kept == 0 {
		return patches
	}
	return op.Concat(1, op.Slice(x, 1, 0, kept), patches)
}

// projection is the patch embedding, [B,T,in] -> [B,T,dim].
func (v *ViT) projection(s *graph.Scope, in, dim int) layer.Func {
	if !v.FrozenPatch && v.Form != clipForm {
		return layer.Dense(s, in, dim)
	}
	declare := s.Param
	if v.FrozenPatch {
		declare = s.Frozen
	}
	w := declare("weight", layer.XavierUniform(in, dim), in, dim)
	return func(x *graph.Node) *graph.Node {
		shape := op.ShapeOf(x)
		return op.Reshape(layer.Product(s, op.Reshape(x, -1, in), w), shape[0], shape[1], dim)
	}
}

// positions are what is added to the patches [T,D] and to the class token [1,D], nil if it has none. Sines and cosines
// give it none, as in MAE; rotary positions and none give neither. Learned ones are one value [1+T,D], the class
// token's first, drawn from a normal distribution of 0.02.
func (v *ViT) positions(s *graph.Scope, e *TokenEncoder) (patches, class *graph.Node) {
	t := e.Rows * e.Columns
	if v.Position == "rotary" || v.Position == "none" {
		return nil, nil
	}
	if v.Position == "sincos" {
		return s.Frozen("position", layer.SinCos2D(e.Dim, e.Rows, e.Columns), t, e.Dim), nil
	}
	if !e.HasClass {
		return s.Param("position", graph.Normal(0.02), t, e.Dim), nil
	}
	all := s.Param("position", graph.Normal(0.02), 1+t, e.Dim)
	return op.Slice(all, 0, 1, 1+t), op.Slice(all, 0, 0, 1)
}
