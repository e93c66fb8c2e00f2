package masked

import (
	"cmp"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// VQKD is BEiT v2's tokenizer: it makes an encoder's patches the nearest of many directions, from which a decoder tells
// what a trained teacher says of the patches. A run of it is a tokenizer for [method.beit].
//
//	loss = mean over patches of 1 - cos(told, teacher's) + beta * mean (z - code)^2, codes without gradient
//
// Peng et al. 2022, arXiv:2208.06366, section 2.1. z are unit rows; codes follow the mean direction of what they stand
// for. The teacher is a run of a transformer with the same patches, such as of CLIP or DINO. The paper's codes start at
// clusters of the first batch. Here they start at random, and codes that stand for little become patches of the batch
// (Dhariwal et al. 2020, arXiv:2005.00341, section 3.1, random restarts): else all patches go to the few codes that are
// near at first.
type VQKD struct {
	Teacher    string  `toml:"teacher"`    // folder of the run
	Vocabulary int     `toml:"vocabulary"` // codes K
	Code       int     `toml:"code"`       // numbers of a code
	Beta       float64 `toml:"beta"`       // weight of staying near the codes
	Decay      float64 `toml:"decay"`      // of the codes, each step
	Restart    float64 `toml:"restart"`    // patches a step that a code stands for at least; 0: codes are not restarted
	Depth      int     `toml:"depth"`      // blocks of the decoder
	Heads      int     `toml:"heads"`      // of its attention

	lent methods.Lent
}

// DefaultVQKD has the paper's settings for ViT-B.
func DefaultVQKD() *VQKD {
	return &VQKD{Vocabulary: 8192, Code: 32, Beta: 1, Decay: 0.99, Restart: 1, Depth: 3, Heads: 12}
}

// Validate implements methods.Method.
func (m *VQKD) Validate() error {
	return cmp.Or(setting.Least("vocabulary", m.Vocabulary, 2), setting.Least("code", m.Code, 1),
		setting.Weight("beta", m.Beta), setting.Within("decay", m.Decay, 0, 1), setting.Weight("restart", m.Restart),
		setting.Least("depth", m.Depth, 1), setting.Least("heads", m.Heads, 1))
}

// Loans implements methods.Borrower.
func (m *VQKD) Loans() []methods.Loan {
	return []methods.Loan{{Key: "teacher", From: m.Teacher, Scope: teacherScope}}
}

// Lend implements methods.Borrower.
func (m *VQKD) Lend(_ string, l methods.Lent) error {
	m.lent = l
	return nil
}

// Build implements methods.Method. The features are the encoder's, before codes.
func (m *VQKD) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e, x := methods.Patches(s, enc, b), b.View(0)
	goal := teacherTokens(s, b, m.lent, x, e.Rows, e.Columns) // [B,T,F]
	y := e.Encode(e.Embed(x))
	z := m.directions(s, e, y)
	codebook := m.codebook(s)
	codes := nearestCode(z, codebook)
	q := op.Gather(op.StopGradient(codebook), codes)
	next := nextDirections(s, codebook, z, codes, m.Decay)
	if m.Restart > 0 {
		next = restarted(s.In("restart"), next, z, codes, m.Decay, m.Restart)
	}
	s.Update(codebook, next)
	at := s.In("decoder")
	tokens := layer.Dense(at.In("embed"), m.Code, e.Dim)(op.Reshape(straight(z, q), b.Size(), -1, m.Code))
	blocks := layer.Blocks(at.In("blocks"), layer.Block{Dim: e.Dim, Heads: m.Heads}, m.Depth, 0)
	f := op.ShapeOf(goal)[2]
	told := layer.Chain(blocks, layer.LayerNorm(at.In("norm"), e.Dim), layer.Dense(at.In("tell"), e.Dim, f))(tokens)
	features := e.Pool(y)
	return methods.Objective{
		Features: features,
		Terms: []methods.Term{{Name: "teacher", Weight: 1, Value: op.Shift(losses.NegativeCosine(rowsOf(told),
			rowsOf(goal)), 1)}, {Name: "commitment", Weight: 1, Value: commitment(z, q, m.Beta)}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(features)},
			{Name: "perplexity", Value: perplexity(s, codes, m.Vocabulary)}},
	}
}

// directions are unit rows [B*T,D] of encoded patches: a linear layer, tanh, and a linear layer.
func (m *VQKD) directions(s *graph.Scope, e *backbones.TokenEncoder, y *graph.Node) *graph.Node {
	at := s.In("code")
	h := op.Tanh(layer.Dense(at.In("0"), e.Dim, e.Dim)(rowsOf(e.Last(y, e.Rows*e.Columns))))
	return op.Normalize(layer.Dense(at.In("1"), e.Dim, m.Code)(h), losses.Eps)
}

func (m *VQKD) codebook(s *graph.Scope) *graph.Node {
	return s.State("codebook", graph.UnitNormal(), m.Vocabulary, m.Code)
}

// Size implements Tokenizer.
func (m *VQKD) Size() int { return m.Vocabulary }

// Tokenize implements Tokenizer.
func (m *VQKD) Tokenize(s *graph.Scope, enc methods.Encoder, b *methods.Batch, x *graph.Node) (tokens *graph.Node,
	rows, columns int) {
	e := methods.Patches(s, enc, b)
	codes := nearestCode(m.directions(s, e, e.Encode(e.Embed(x))), m.codebook(s))
	return op.Reshape(codes, b.Size(), -1), e.Rows, e.Columns
}
