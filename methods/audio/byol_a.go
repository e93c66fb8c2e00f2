package audio

import (
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/methods/distillation"
)

// BYOLA has a student guess what a slowly following teacher says of another view of the same seconds of sound.
//
// Niizumi et al., IJCNN 2021, BYOL for audio, arXiv:2103.06695: BYOL of log-mels, whose views differ by a background
// ([windows.spectrogram] mix) and by a random part, resized (crop and canvas), of one window of a recording. Views are
// then scaled to mean 0 and variance 1 over the batch (section III-A, post-normalisation).
type BYOLA struct {
	distillation.BYOL
}

// DefaultBYOLA has the paper's settings.
func DefaultBYOLA() *BYOLA {
	m := &BYOLA{BYOL: *distillation.DefaultBYOL()}
	m.Momentum, m.FinalMomentum = 0.99, 0.99
	return m
}

// Build implements methods.Method.
func (m *BYOLA) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	needSpectrograms(b)
	for v, x := range b.Views(2) {
		b.Put([]string{"view0", "view1"}[v], overBatch(s, x))
	}
	return m.BYOL.Build(s, enc, b)
}

// needSpectrograms stops the build where views are no images.
func needSpectrograms(b *methods.Batch) {
	if f := b.Of("view0"); f.Int || len(f.Shape) != 3 {
		b.Unfit("the data have %v: this method compares spectrograms; want bands in [windows.spectrogram]", f)
	}
}

// overBatch is views with mean 0 and variance 1 over all numbers of the batch.
func overBatch(s *graph.Scope, x *graph.Node) *graph.Node {
	all := s.AllRows(x)
	mean := op.MeanAll(all)
	variance := op.MeanAll(op.Square(op.Sub(all, mean)))
	return op.Mul(op.Sub(x, mean), op.Rsqrt(op.Shift(variance, 1e-6)))
}
