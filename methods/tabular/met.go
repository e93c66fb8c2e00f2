package tabular

import (
	"cmp"

	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// MET is masked autoencoding of rows: a transformer encodes the columns that are left, and a small one tells the
// others from them, and all.
//
//	loss = mean over entries error(told, x) + adversary mean over entries error(told(x + r), x)
//	r    = radius g / |g|,  g the gradient of the first term with respect to the values of the columns
//
// Majmundar, Goyal, Netrapalli, Jain 2022, MET, arXiv:2206.08564, section 3: every token has its column's own vector,
// hidden columns are left out of the encoder, and a learned mask token stands for them in the decoder. The adversary
// searches in the space of rows there, for several steps; here it takes one step along the tokens' values, which
// categories have as well. The features are the class token or, with pool = "mean" of the backbone, the mean of the
// columns' tokens; the paper has these side by side.
type MET struct {
	Ratio     float64 `toml:"ratio"`         // of the columns that are hidden
	Depth     int     `toml:"decoder_depth"` // blocks of the decoder
	Heads     int     `toml:"decoder_heads"` // of its attention
	Adversary float64 `toml:"adversary"`     // weight of the loss of moved rows; 0: none
	Radius    float64 `toml:"radius"`        // length by which all values of a row's tokens together are moved
}

// DefaultMET has the paper's share of hidden columns.
func DefaultMET() *MET { return &MET{Ratio: 0.7, Depth: 1, Heads: 2, Adversary: 1, Radius: 1} }

// Validate implements methods.Method.
func (m *MET) Validate() error {
	return cmp.Or(checkShare("ratio", m.Ratio), setting.Least("decoder_depth", m.Depth, 1),
		setting.Least("decoder_heads", m.Heads, 1), setting.Weight("adversary", m.Adversary),
		setting.Positive("radius", m.Radius))
}

// Build implements methods.Method.
func (m *MET) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	t, x, e := tableOf(b), b.View(0), columnsOf(s, enc, b)
	n, k := b.Size(), len(t.of)
	if e.Dim%m.Heads != 0 {
		op.Fail("", "decoder_heads = %d: want a divisor of the encoder's tokens of %d", m.Heads, e.Dim)
	}
	kind := &masks.Random{Ratio: m.Ratio}
	hidden := b.Mask(kind, masks.Grid{Frames: 1, Rows: 1, Columns: k})
	order := op.Argsort(op.Reshape(hidden, n, k)) // equal ones keep their order: what is visible comes first
	visible, back := op.Slice(order, 1, 0, kind.Kept(k)), op.Argsort(order)
	d := &columnDecoder{MET: m, table: t, visible: kind.Kept(k), back: back}
	d.declare(s.In("decoder"), e.Dim)
	values := e.Values(x) // [B,K,D]
	tell := func(values *graph.Node) (y, told *graph.Node) {
		y = e.Encode(op.GatherTokens(e.Placed(values), visible)) // [B,1+V,D]
		return y, d.tell(e.Rest(y))
	}
	y, told := tell(values)
	error := op.MeanAll(t.errors(s, told, x))
	o := methods.Objective{Features: e.Pool(y), Terms: []methods.Term{{Name: "entries", Weight: 1, Value: error}}}
	if m.Adversary > 0 {
		g := op.Reshape(s.Gradients(op.Scale(error, float64(n*k)), []*graph.Node{values})[0], n, k*e.Dim)
		r := op.StopGradient(op.Reshape(op.Scale(op.Normalize(g, losses.Eps), m.Radius), n, k, e.Dim))
		_, moved := tell(op.Add(values, r))
		o.Terms = append(o.Terms, methods.Term{Name: "adversary", Weight: m.Adversary,
			Value: op.MeanAll(t.errors(s, moved, x))})
	}
	return o
}

// columnDecoder tells all columns of rows from the tokens of those that are visible.
type columnDecoder struct {
	*MET
	table
	visible int         // V of the columns
	back    *graph.Node // [B,K] where each column is among the visible ones and the others behind them

	mask, place *graph.Node
	blocks      layer.Func
	heads       func(y *graph.Node) *graph.Node
}

// declare declares its parameters.
func (d *columnDecoder) declare(s *graph.Scope, dim int) {
	init := graph.LinearUniform(dim)
	d.mask, d.place = s.Plain().Param("mask", init, 1, 1, dim), s.Plain().Param("place", init, len(d.of), dim)
	d.blocks = layer.Blocks(s.In("blocks"), layer.Block{Dim: dim, Heads: d.Heads}, d.Depth, 0)
	norm, heads := layer.LayerNorm(s.In("norm"), dim), d.tokenHeads(s.In("told"), dim, nil)
	d.heads = func(y *graph.Node) *graph.Node { return heads(norm(y)) }
}

// tell is tokens of the visible columns [B,V,D] -> all columns as table.errors has them [B,width].
func (d *columnDecoder) tell(y *graph.Node) *graph.Node {
	shape, k := op.ShapeOf(y), len(d.of)
	rest := op.BroadcastTo(d.mask, ir.Shape{shape[0], k - d.visible, shape[2]})
	all := op.GatherTokens(op.Concat(1, y, rest), d.back) // [B,K,D] in the order of the columns
	return d.heads(d.blocks(op.Add(all, d.place)))
}
