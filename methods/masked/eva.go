package masked

import (
	"selfsup/datasets/masks"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// EVA puts a mask token in place of blocks of patches, and has one linear layer tell what a trained encoder, such as
// the image tower of CLIP, says of the hidden patches of the whole image.
//
//	loss = mean over hidden patches of -cos(told, teacher's)
//
// Fang et al., CVPR 2023, arXiv:2211.07636, section 2.1. The teacher is the run of a transformer with the same patches:
// of [method.clip] as in the paper, or of any other method.
type EVA struct {
	Teacher  string  `toml:"teacher"`  // folder of the run
	Mask     float64 `toml:"mask"`     // fraction of the patches that is hidden, at most
	Smallest int     `toml:"smallest"` // patches of a block

	lent methods.Lent
}

// DefaultEVA has the paper's masks.
func DefaultEVA() *EVA { return &EVA{Mask: 0.4, Smallest: 16} }

// Validate implements methods.Method.
func (m *EVA) Validate() error {
	if !(m.Mask > 0 && m.Mask < 1) {
		return setting.Bad("mask", "%v: want a fraction between 0 and 1", m.Mask)
	}
	return setting.Least("smallest", m.Smallest, 1)
}

// Loans implements methods.Borrower.
func (m *EVA) Loans() []methods.Loan {
	return []methods.Loan{{Key: "teacher", From: m.Teacher, Scope: teacherScope}}
}

// Lend implements methods.Borrower.
func (m *EVA) Lend(_ string, l methods.Lent) error {
	m.lent = l
	return nil
}

// Build implements methods.Method. The features are of the image with its hidden patches.
func (m *EVA) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e, x := methods.Patches(s, enc, b), b.View(0)
	goal := teacherTokens(s, b, m.lent, x, e.Rows, e.Columns)
	hidden := methods.HiddenPatches(b, &masks.Block{Ratio: m.Mask, Smallest: m.Smallest, Aspect: 0.3}, e)
	y := e.Encode(e.Hiding(x, hidden, methods.MaskToken(s, e.Dim)))
	told := layer.Dense(s.In("tell"), e.Dim, op.ShapeOf(goal)[2])(e.Last(y, e.Rows*e.Columns))
	features := e.Pool(y)
	return methods.Objective{
		Features: features,
		Terms:    []methods.Term{{Name: "teacher", Weight: 1, Value: losses.MeanOver(awayFrom(told, goal), hidden)}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(features)}},
	}
}

// awayFrom is minus the cosines of rows of [B,T,D], [B,T].
func awayFrom(a, b *graph.Node) *graph.Node {
	return op.Neg(op.SumAxes(op.Mul(op.Normalize(a, losses.Eps), op.Normalize(b, losses.Eps)), false, 2))
}
