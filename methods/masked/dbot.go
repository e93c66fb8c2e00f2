package masked

import (
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// DBOT hides most patches as MAE does, and has a small decoder tell what a teacher says of the hidden ones, a teacher
// that any network can be: with random weights in the first stage, and the encoder of the stage before in the next.
//
//	loss = mean over hidden patches and channels of smooth L1(told, layer norm(teacher's))
//
// Liu et al. 2022, arXiv:2209.03917, sections 3 and 4. A stage is a run: teacher names that of the stage before, and
// another seed starts the student anew. The decoder is MAE's; the authors' smooth L1 turns at 2.
type DBOT struct {
	Teacher      string  `toml:"teacher"`       // folder of the run of the stage before; empty: random weights
	Mask         float64 `toml:"mask"`          // fraction of the patches that is hidden
	DecoderDim   int     `toml:"decoder_dim"`   // channels of a token
	DecoderDepth int     `toml:"decoder_depth"` // blocks
	DecoderHeads int     `toml:"decoder_heads"` // of attention
	Beta         float64 `toml:"beta"`          // where the loss turns from squares to distances; 0: squares

	lent methods.Lent
}

// DefaultDBOT has the paper's settings.
func DefaultDBOT() *DBOT {
	return &DBOT{Mask: 0.75, DecoderDim: 512, DecoderDepth: 8, DecoderHeads: 16, Beta: 2}
}

// Validate implements methods.Method.
func (m *DBOT) Validate() error {
	if err := m.mae().Validate(); err != nil {
		return err
	}
	return setting.Weight("beta", m.Beta)
}

func (m *DBOT) mae() *MAE {
	return &MAE{Mask: m.Mask, DecoderDim: m.DecoderDim, DecoderDepth: m.DecoderDepth, DecoderHeads: m.DecoderHeads}
}

// Loans implements methods.Borrower.
func (m *DBOT) Loans() []methods.Loan {
	if m.Teacher == "" {
		return nil
	}
	return []methods.Loan{{Key: "teacher", From: m.Teacher, Scope: teacherScope}}
}

// Lend implements methods.Borrower.
func (m *DBOT) Lend(_ string, l methods.Lent) error {
	m.lent = l
	return nil
}

// Build implements methods.Method. The features are those of the visible patches.
func (m *DBOT) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	e, x := methods.Patches(s, enc, b), b.View(0)
	goal := m.goal(s, enc, b, x, e.Rows, e.Columns)
	order := methods.HiddenPatches(b, m.mae().kind(), e)
	r := m.mae().reconstruct(s, e, x, order, op.ShapeOf(goal)[2])
	each := op.Mean(losses.SmoothL1(r.Painted, losses.Along(goal, 2, normEps), m.Beta), false, 2)
	features := e.Pool(r.Latent)
	return methods.Objective{
		Features: features,
		Terms:    []methods.Term{{Name: "teacher", Weight: 1, Value: losses.MeanOver(each, r.Hidden)}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(features)}},
	}
}

// goal is what the teacher says of the patches, [B,T,D]: the lent encoder, or one like the student with random weights.
func (m *DBOT) goal(s *graph.Scope, enc methods.Encoder, b *methods.Batch, x *graph.Node, rows,
	columns int) *graph.Node {
	if m.lent.Backbone != nil {
		return teacherTokens(s, b, m.lent, x, rows, columns)
	}
	t := methods.Patches(s.In(teacherScope).Locked(), enc, b)
	return op.StopGradient(t.Last(t.Encode(t.Embed(op.StopGradient(x))), rows*columns))
}
