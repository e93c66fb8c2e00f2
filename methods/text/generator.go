package text

import (
	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// Generator is the settings of a small transformer that proposes symbols in place of hidden ones.
type Generator struct {
	Ratio  float64 `toml:"ratio"`            // probability of a symbol to be hidden
	Width  int     `toml:"generator_dim"`    // of its tokens
	Depth  int     `toml:"generator_depth"`  // blocks
	Heads  int     `toml:"generator_heads"`  // of attention
	Weight float64 `toml:"generator_weight"` // of its own loss
}

// Validate checks the settings.
func (m *Generator) Validate() error {
	switch {
	case !(m.Ratio > 0 && m.Ratio < 1):
		return setting.Bad("ratio", "%v: want a probability between 0 and 1", m.Ratio)
	case m.Width < 1:
		return setting.Bad("generator_dim", "%d: want at least 1", m.Width)
	case m.Depth < 1:
		return setting.Bad("generator_depth", "%d: want at least 1 block", m.Depth)
	case m.Heads < 1 || m.Width%m.Heads != 0:
		return setting.Bad("generator_heads", "%d: want a divisor of generator_dim = %d", m.Heads, m.Width)
	case !(m.Weight > 0):
		return setting.Bad("generator_weight", "%v: want a number above 0", m.Weight)
	}
	return nil
}

// Proposed is what a generator made of a batch.
type Proposed struct {
	There    *graph.Node // [B,T] 1 where there is a symbol
	Selected *graph.Node // [B,T] 1 where a symbol was hidden
	IDs      *graph.Node // [B,T] int32: the texts with a proposal in place of each hidden symbol
	Same     *graph.Node // [B,T] 1 where that is the symbol that was there
	Loss     *graph.Node // the generator's, over what was hidden
	Accuracy *graph.Node
	pick     layer.Func // what was hidden, and others to fill up; see picker
}

// propose hides symbols of ids [B,T], guesses them, and puts samples of its guesses in their place; no gradient flows
// through a sample. The generator reads the encoder's embeddings through a linear layer, and tells symbols by them.
func (m *Generator) propose(s *graph.Scope, e *backbones.TokenEncoder, b *methods.Batch, ids *graph.Node) Proposed {
	n := op.ShapeOf(ids)
	rows, t := n[0], n[1]
	p := Proposed{There: e.Symbols.There(ids)}
	p.Selected = op.Mul(hiding(b, m.Ratio, t), p.There)
	flat := op.Reshape(ids, -1)
	order := op.Argsort(op.Neg(op.Reshape(p.Selected, -1))) // [B*T], those hidden first
	p.pick = picker(order, places(m.Ratio, rows*t))

	y := m.read(s, e, ids, p.Selected, p.There)
	logits := heads.Tied(s.In("head"), e.Symbols.Table, 0)(p.pick(op.Reshape(y, rows*t, e.Dim))) // [K,V]
	hidden, chosen := p.pick(flat), p.pick(op.Reshape(p.Selected, -1))
	p.Loss, p.Accuracy = Guess(logits, hidden, s.AllRows(chosen))

	noise := s.Random("sample").Uniform(op.ShapeOf(logits)...)
	sample := Sampled(s, logits, Gumbel(noise), hidden, chosen)
	k := op.ShapeOf(sample)[0]
	sorted := op.Gather(flat, order)
	if k < rows*t {
		sample = op.Concat(0, sample, op.Slice(sorted, 0, k, rows*t))
	}
	back := op.Argsort(s.Float(order)) // the place of each symbol in the order
	p.IDs = op.Reshape(op.Gather(sample, back), rows, t)
	p.Same = s.Equal(p.IDs, ids)
	return p
}

// read is what the generator makes of ids [B,T] of which some are hidden, [B,T,D].
func (m *Generator) read(s *graph.Scope, e *backbones.TokenEncoder, ids, hidden, there *graph.Node) *graph.Node {
	n := op.ShapeOf(ids)
	mask := op.Reshape(s.Param("mask", graph.Normal(0.02), 1, e.Dim), 1, 1, e.Dim)
	x := e.Symbols.Place(instead(e.Symbols.Look(ids), mask, op.Reshape(hidden, n[0], n[1], 1)))
	o := layer.Block{Dim: m.Width, Heads: m.Heads, Mask: layer.Mask{Keys: there}}
	return layer.Chain(layer.Dense(s.In("in"), e.Dim, m.Width), layer.Blocks(s.In("blocks"), o, m.Depth, 0),
		layer.LayerNorm(s.In("norm"), m.Width), layer.Dense(s.In("out"), m.Width, e.Dim))(x)
}

// proposer is the scope of a method's generator.
const proposer = "proposer"

// Gumbel turns uniform numbers in [0,1) into noise of the Gumbel law.
func Gumbel(u *graph.Node) *graph.Node {
	return op.Neg(op.Log(op.Neg(op.Log(op.Affine(u, 1-2e-7, 1e-7)))))
}

// Sampled is a sample [N] int32 of logits [N,V], by noise of the Gumbel law, where chosen [N] is 1, and ids [N]
// elsewhere. No gradient flows through it.
func Sampled(s *graph.Scope, logits, noise, ids, chosen *graph.Node) *graph.Node {
	v := op.ShapeOf(logits)[1]
	keep := op.Reshape(op.Affine(chosen, -1, 1), -1, 1)                                            // [N,1]
	scores := op.Add(op.Add(logits, noise), op.Mul(op.Scale(losses.OneHot(s, ids, v), 1e9), keep)) // [N,V]
	return op.Argmax(op.StopGradient(scores))
}

// Detected is the mean binary cross-entropy in nats of logits for symbols being replaced, and the share that is right,
// over those that are there: all [B,T], replaced of 0 and 1.
//
// Clark et al. 2020, arXiv:2003.10555, section 2.
func Detected(logits, replaced, there *graph.Node) (loss, accuracy *graph.Node) {
	each := op.Sub(op.Softplus(logits), op.Mul(logits, replaced))
	said := op.Less(op.Scale(logits, 0), logits)
	right := op.Affine(op.Abs(op.Sub(said, replaced)), -1, 1)
	return losses.MeanOver(each, there), losses.MeanOver(right, there)
}
