package layer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// tokenEps is the epsilon of a transformer's layer norms, as in the ViT, DINO and MAE codes.
const tokenEps = 1e-6

// XavierUniform is Glorot and Bengio's initialisation: uniform in +-sqrt(6/(in+out)) (AISTATS 2010, eq. 16).
func XavierUniform(in, out int) graph.Init { return graph.Uniform(math.Sqrt(6 / float64(in+out))) }

// Dense is x [...,in] -> x w + b [...,out], weights [in,out] by XavierUniform and biases 0: the linear layer of ViT,
// MAE and MoCo v3 (the DINO and timm codes draw normal numbers of 0.02 instead).
func Dense(s *graph.Scope, in, out int) Func { return DenseOf(s, in, out, XavierUniform(in, out)) }

// DenseOf is Dense with weights that are drawn otherwise.
func DenseOf(s *graph.Scope, in, out int, init graph.Init) Func {
	w, b := s.Param("weight", init, in, out), s.Param("bias", graph.Fill(0), out)
	return func(x *graph.Node) *graph.Node {
		shape := slices.Clone(op.ShapeOf(x))
		y := op.Add(Product(s, op.Reshape(x, -1, in), w), b)
		shape[len(shape)-1] = out
		return op.Reshape(y, shape...)
	}
}

// LayerNorm normalises every token of x [...,c] over its channels, then scales and shifts, with an epsilon of 1e-6.
func LayerNorm(s *graph.Scope, c int) Func { return LayerNormEps(s, c, tokenEps) }

// LayerNormEps is LayerNorm with an epsilon of one's own; 0: 1e-6.
func LayerNormEps(s *graph.Scope, c int, eps float64) Func {
	if eps == 0 {
		eps = tokenEps
	}
	gamma, beta := s.Param("weight", graph.Fill(1), c), s.Param("bias", graph.Fill(0), c)
	return func(x *graph.Node) *graph.Node { return op.LayerNorm(x, gamma, beta, eps) }
}

// Attention is multi-head self-attention of tokens x [B,T,dim] -> [B,T,dim]: every head's output is softmax(q k' /
// sqrt(dim/heads)) v, q, k and v come from one linear layer (columns: all of q, all of k, all of v, each head by
// head), and a linear layer joins the heads.
//
// Vaswani et al. 2017, arXiv:1706.03762, eq. 1 and section 3.2.2; biases and one matrix for q, k and v as in
// Dosovitskiy et al. 2021, arXiv:2010.11929.
func Attention(s *graph.Scope, dim, heads int) Func {
	qkv, proj := Dense(s.In("qkv"), dim, 3*dim), Dense(s.In("proj"), dim, dim)
	return func(x *graph.Node) *graph.Node {
		b, t := op.ShapeOf(x)[0], op.ShapeOf(x)[1]
		return proj(attendPacked(s, op.Reshape(qkv(x), b, t, 3, heads, dim/heads), Mask{})) // [B,T,dim]
	}
}

// MLP is a transformer's feed-forward layer, x [...,dim] -> [...,dim]: linear to hidden, GELU, linear back. What GELU
// reads is Stored, and so is the gradient by it.
func MLP(s *graph.Scope, dim, hidden int) Func { return feedForward(s, dim, hidden, op.Gelu) }

// QuickGelu is x sigmoid(1.702 x), which CLIP's code has in place of GELU.
func QuickGelu(x *graph.Node) *graph.Node { return op.Mul(x, op.Sigmoid(op.Scale(x, 1.702))) }

// feedForward is MLP with an activation of one's own.
func feedForward(s *graph.Scope, dim, hidden int, activation Func) Func {
	store := func(x *graph.Node) *graph.Node { return storedBoth(s, x) }
	inner := Chain(Dense(s.In("fc1"), dim, hidden), store, activation, Dense(s.In("fc2"), hidden, dim))
	// rows of tokens all through: the compiler fuses what no reshape is between
	return func(x *graph.Node) *graph.Node {
		return op.Reshape(inner(op.Reshape(x, -1, dim)), op.ShapeOf(x)...)
	}
}

// Block are the settings of a transformer's blocks.
type Block struct {
	Dim, Heads int
	Hidden     int     // width within the MLP; 0: four times Dim
	LayerScale float64 // start of the factors of every channel of a branch; 0: there are none
	Mask       Mask    // of the attention
	Post       bool    // norms after the branches instead of before them, as in Vaswani et al. 2017 and BERT
	Eps        float64 // of the norms; 0: 1e-6
	Quick      bool    // QuickGelu in the MLP, in place of GELU
	Drop       Func    // of what a branch gives, such as Dropout; nil: nothing

	Relative *Relative // biases of the attention by distances on a Grid; nil: there are none
	Rotary   bool      // queries and keys turned by their places on a Grid, see Rotate
	Uniform  bool      // stochastic depth with one probability for all blocks

	// attention of Length tokens, or patches of a Grid, that does without all their pairs; nil: all pairs. Of a mask
	// it reads Keys alone. Its windows on a Grid are shifted in every second block
	Thrifty *Thrifty
	Length  int
}

// placed reports whether the blocks want a Grid.
func (o Block) placed() bool { return o.Relative != nil || o.Rotary }

// New is one block on tokens [B,T,Dim]: x + attention(norm(x)), then x + mlp(norm(x)) (pre-norm, as in
// arXiv:2010.11929, eq. 2 and 3), or with Post norm(x + attention(x)), then norm(x + mlp(x)) (arXiv:1706.03762,
// section 3.1). A branch passes through a LayerScale, learned factors of its channels (Touvron et al. 2021,
// arXiv:2103.17239, eq. 2), and through drop, which may be nil.
func (o Block) New(s *graph.Scope, drop Func) Func {
	f := o.onGrid(s, drop)
	return func(x *graph.Node) *graph.Node { return f(x, Grid{}) }
}

// onGrid is New for tokens whose places matter.
func (o Block) onGrid(s *graph.Scope, drop Func) func(x *graph.Node, g Grid) *graph.Node {
	hidden := o.Hidden
	if hidden == 0 {
		hidden = 4 * o.Dim
	}
	branch := func(norm Func, scale string) func(x *graph.Node, f Func) *graph.Node {
		before, after := norm, Chain()
		if o.Post {
			before, after = after, before
		}
		var steps []Func
		if o.Drop != nil {
			steps = append(steps, o.Drop)
		}
		if o.LayerScale != 0 {
			steps = append(steps, channelScale(s.In(scale), o))
		}
		if drop != nil {
			steps = append(steps, drop)
		}
		behind := Chain(steps...)
		return func(x *graph.Node, f Func) *graph.Node { return after(op.Add(x, behind(f(before(x))))) }
	}
	norm1, attention := LayerNormEps(s.In("norm1"), o.Dim, o.Eps), o.attention(s.In("attn"))
	activation := Func(op.Gelu)
	if o.Quick {
		activation = QuickGelu
	}
	norm2, mlp := LayerNormEps(s.In("norm2"), o.Dim, o.Eps), feedForward(s.In("mlp"), o.Dim, hidden, activation)
	first, second := branch(norm1, "scale1"), branch(norm2, "scale2")
	return func(x *graph.Node, g Grid) *graph.Node {
		y := first(x, func(x *graph.Node) *graph.Node { return attention(x, g) })
		return second(y, mlp)
	}
}

// attention is the block's self-attention.
func (o Block) attention(s *graph.Scope) func(x *graph.Node, g Grid) *graph.Node {
	if !o.placed() && o.Thrifty == nil {
		f := MaskedAttention(s, o.Dim, o.Heads, o.Mask)
		return func(x *graph.Node, _ Grid) *graph.Node { return f(x) }
	}
	qkv, proj := Dense(s.In("qkv"), o.Dim, 3*o.Dim), Dense(s.In("proj"), o.Dim, o.Dim)
	attend := func(qkv *graph.Node, m Mask, _ Grid) *graph.Node { return attendPacked(s, qkv, m) }
	if o.Thrifty != nil {
		thrifty := o.Thrifty.New(s, o.Length, o.Dim/o.Heads)
		attend = func(qkv *graph.Node, m Mask, g Grid) *graph.Node {
			if m.Bias != nil || m.Causal {
				op.Fail(s.Path(), "attention = %q takes no mask by places; want attention = \"full\"", o.Thrifty.Kind)
			}
			return thrifty(qkv, m.Keys, g)
		}
	}
	var table *graph.Node
	if o.Relative != nil {
		if table = o.Relative.Table; table == nil {
			table = o.Relative.NewTable(s, o.Heads)
		}
	}
	return func(x *graph.Node, g Grid) *graph.Node {
		b, t := op.ShapeOf(x)[0], op.ShapeOf(x)[1]
		if o.placed() && t != g.Tokens() {
			op.Fail(s.Path(), "attention by places: %d tokens on a grid of %d; a method that leaves tokens out wants "+
				"positions that are added to them", t, g.Tokens())
		}
		all := op.Reshape(qkv(x), b, t, 3, o.Heads, o.Dim/o.Heads)
		if o.Rotary {
			all = Rotate(s, all, g)
		}
		m := o.Mask
		if table != nil {
			m.Bias = o.Relative.Bias(s, table, g)
		}
		return proj(attend(all, m, g)) // [B,T,Dim]
	}
}

// Dropout sets each element to 0 with a probability and scales the others up to the same mean, in training alone and
// not in a teacher (Srivastava et al. 2014, JMLR 15). Each call draws anew.
func Dropout(s *graph.Scope, rate float64) Func {
	if rate == 0 || !s.Training() || s.IsTeacher() {
		return Chain()
	}
	random := s.Random("random")
	return func(x *graph.Node) *graph.Node { return op.Mul(x, random.Keep(1-rate, op.ShapeOf(x)...)) }
}

func channelScale(s *graph.Scope, o Block) Func {
	gamma := s.Param("gamma", graph.Fill(o.LayerScale), o.Dim)
	return func(x *graph.Node) *graph.Node { return op.Mul(x, gamma) }
}

// Blocks is depth blocks in a row, in the scopes 0, 1 ... below s. In training, and not in a teacher, stochastic depth
// leaves out a branch for an image with a probability that rises evenly from 0 in the first block to dropPath in the
// last, or is dropPath in all of them if o is Uniform, and scales the branches it keeps up to the same mean (Huang et
// al. 2016, arXiv:1603.09382, with the scaling of timm's code).
func Blocks(s *graph.Scope, o Block, depth int, dropPath float64) Func {
	f := PlacedBlocks(s, o, depth, dropPath)
	return func(x *graph.Node) *graph.Node { return f(x, Grid{}) }
}

// PlacedBlocks is Blocks for tokens x [B,T,Dim] on a grid that holds them.
func PlacedBlocks(s *graph.Scope, o Block, depth int, dropPath float64) func(x *graph.Node, g Grid) *graph.Node {
	blocks := Stack(s, o, depth, dropPath)
	return func(x *graph.Node, g Grid) *graph.Node {
		for _, f := range blocks {
			x = f(x, g)
		}
		return x
	}
}

// Stack is the blocks of PlacedBlocks one by one.
func Stack(s *graph.Scope, o Block, depth int, dropPath float64) []func(x *graph.Node, g Grid) *graph.Node {
	drops := StochasticDepth(s, depth, dropPath, o.Uniform)
	blocks := make([]func(x *graph.Node, g Grid) *graph.Node, depth)
	for i := range blocks {
		if o.Thrifty != nil {
			thrifty := *o.Thrifty
			thrifty.Shift = i%2 == 1
			o.Thrifty = &thrifty
		}
		blocks[i] = o.onGrid(s.Deeper(i+1).In(fmt.Sprint(i)), drops[i])
	}
	return blocks
}

// StochasticDepth is what the branches of depth blocks pass through: nil, or a layer that leaves out x [B,...] of an
// image. See Blocks.
func StochasticDepth(s *graph.Scope, depth int, rate float64, uniform bool) []Func {
	drops := make([]Func, depth)
	if rate == 0 || !s.Deeper(depth).Training() || s.IsTeacher() { // lower blocks may be locked
		return drops
	}
	for i := range drops {
		own := rate
		if !uniform {
			own *= float64(i) / float64(max(depth-1, 1))
		}
		if own > 0 && s.Deeper(i+1).Training() {
			random := s.Random("drop_path") // not where all of the rates are 0
			drops[i] = func(x *graph.Node) *graph.Node {
				each := slices.Repeat([]int{1}, len(op.ShapeOf(x)))
				each[0] = op.ShapeOf(x)[0]
				return op.Mul(x, random.Keep(1-own, each...))
			}
		}
	}
	return drops
}

// Patchify cuts images [B,H,W,C] into square patches of side p: [B,T,p*p*C], T = (H/p)*(W/p) by rows, the pixels of a
// patch by rows with their channels together. H and W are multiples of p.
func Patchify(x *graph.Node, p int) *graph.Node {
	s := op.ShapeOf(x)
	b, h, w, c := s[0], s[1]/p, s[2]/p, s[3]
	rows := op.Transpose(op.Reshape(x, b*h, p, w, p*c), 0, 2, 1, 3) // [B*H/p,W/p,p,p*C]
	return op.Reshape(rows, b, h*w, p*p*c)
}

// SinCos2D fills a value [h*w,dim] with fixed positions of a grid of tokens, row by row: the first half of the
// channels encodes the column and the second the row, each half the sines and then the cosines of the index at
// frequencies 10000^(-i/(dim/4)).
//
// The form of He et al. 2022, arXiv:2111.06377, appendix A.1, and its code; dim is a multiple of 4.
func SinCos2D(dim, h, w int) graph.Init {
	n := dim / 4
	return func(a ir.Array, _ *rand.Rand) {
		for i := range h * w * dim {
			place, channel := i/dim, i%dim
			at := place % w
			if channel >= 2*n {
				at = place / w
			}
			angle := float64(at) * math.Pow(10000, -float64(channel%n)/float64(n))
			if channel/n%2 == 0 {
				a.Set(i, math.Sin(angle))
			} else {
				a.Set(i, math.Cos(angle))
			}
		}
	}
}
