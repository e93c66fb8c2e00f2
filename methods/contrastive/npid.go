package contrastive

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// NPID, instance discrimination, tells every image from all others of the training set by a bank of their embeddings: a
// class for each image, without weights.
//
//	loss = NCE(u; v_i among the bank) + proximal * mean_i |u_i - v_i|^2
//
// Wu, Xiong, Yu, Lin, CVPR 2018, arXiv:1805.01978, eq. 2 and 4 to 10: losses.Bank has the terms. u is the view's
// embedding, v_i the row that the bank has for its image. The noise is drawn once for the batch and without repetition,
// where the authors draw it for each sample; noise = 0 is the softmax over the whole bank. The view is one; the
// proximal term stands for a second. The first epoch fills the bank and trains nothing, where the authors begin with
// learning random rows.
type NPID struct {
	Projector   []int   `toml:"projector"`   // widths, without norms; the last is D
	Noise       int     `toml:"noise"`       // M: rows of the bank to tell a sample from; 0: all
	Temperature float64 `toml:"temperature"` // t of the cosine similarities
	Momentum    float64 `toml:"momentum"`    // of the bank's rows
	// weight of the squared distance from the bank's row: the paper compares 0, 10, 30 and 50
	Proximal float64 `toml:"proximal"`
}

// DefaultNPID has the paper's settings for ImageNet.
func DefaultNPID() *NPID {
	return &NPID{Projector: []int{128}, Noise: 4096, Temperature: 0.07, Momentum: 0.5, Proximal: 30}
}

// Validate implements methods.Method.
func (m *NPID) Validate() error {
	if !(m.Proximal >= 0) {
		return setting.Bad("proximal", "%v: want a weight from 0 on", m.Proximal)
	}
	return errors.Join(heads.CheckWidths("projector", m.Projector), setting.Least("noise", m.Noise, 0),
		setting.Positive("temperature", m.Temperature), setting.Within("momentum", m.Momentum, 0, 1))
}

// Build implements methods.Method.
func (m *NPID) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	d := m.Projector[len(m.Projector)-1]
	project := enc.Projector.Plain(s.In("projector"), enc.Dim, m.Projector...)
	h := enc.New(s)(b.View(0))                // [B,F]
	u := op.Normalize(project(h), losses.Eps) // [B,D]
	bank := losses.NewBank(s, b.SetSize(), d, m.Noise, m.Temperature)
	own := bank.Of(b.Rows())
	terms := []methods.Term{
		{Name: "nce", Weight: 1, Value: bank.Loss("log_z", u, own, bank.Draw(), b.Rows())},
		{Name: "proximal", Weight: m.Proximal, Value: losses.Regression(u, own)},
	}
	bank.Remember(b.Rows(), u, m.Momentum)
	return methods.Objective{Features: h, Terms: terms, Tune: whileBankFills("projector"),
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(u)}}}
}
