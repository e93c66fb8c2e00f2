package equivariant

import (
	"errors"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// ESSL tells by how many quarters a view was turned, beside the loss of another method, which is to forget what its
// views do.
//
//	loss = loss of the other method + rotation * mean over turns g of cross-entropy( p(f(g x)), g )
//
// Dangovski et al., ICLR 2022, arXiv:2111.00899, eq. 2 with the four-fold rotations, E-SSL. x is a view of its own, put
// into one batch in all four turns: the last table of views.crops, in the papers smaller than the others (count = 1,
// size = 16 beside 32), or without tables a third view. p is linear layers with layer norm and ReLU between them. The
// authors' CIFAR-10 code compares the views with InfoNCE, without other images' views of the same side; simclr's
// NT-Xent has these as negatives too.
type ESSL struct {
	Base overlay.Choice[methods.Method] `toml:"base" overlay:"of=method"` // whose loss this is added to
	// hidden widths of the predictor of turns
	Predictor []int   `toml:"predictor"`
	Rotation  float64 `toml:"rotation"` // weight of the cross-entropy of the four turns
}

// DefaultESSL has the paper's settings for CIFAR-10, on SimCLR.
func DefaultESSL() *ESSL {
	return &ESSL{Base: onSimCLR(), Predictor: []int{2048, 2048}, Rotation: 0.4}
}

// Validate implements methods.Method.
func (m *ESSL) Validate() error {
	return errors.Join(setting.Positive("rotation", m.Rotation), heads.CheckHidden("predictor", m.Predictor),
		checkBase(m.Base))
}

func (m *ESSL) addsTerms() {}

// TurnsImages implements methods.Turning.
func (m *ESSL) TurnsImages() {}

// Build implements methods.Method.
func (m *ESSL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	_, x := b.Aside()
	if at := op.ShapeOf(x); len(at) != 4 || at[1] != at[2] {
		b.Unfit("views of %v are turned by quarters; want square images", at)
	}
	o, _ := buildBase(m.Base, s, &enc, b)
	predict := m.predictor(s.In("rotation"), enc.Dim)
	turned, labels := turnedCopies(s, x)
	logits := predict(enc.New(s)(turned)) // [4B,4]
	o.Terms = append(o.Terms, m.term(logits, labels))
	o.Metrics = append(o.Metrics, methods.Metric{Name: "rotation_accuracy", Value: op.Accuracy(logits, labels)})
	return o
}

// term is that of the turns: labels [4B] of logits [4B,4].
func (m *ESSL) term(logits, labels *graph.Node) methods.Term {
	return methods.Term{Name: "rotation", Weight: m.Rotation, Value: op.MeanAll(op.CrossEntropy(logits, labels, 0))}
}

// turnedCopies is x [B,H,H,C] in all turns, turn by turn, [4B,H,H,C], and which turn each is, [4B] int32.
func turnedCopies(s *graph.Scope, x *graph.Node) (turned, labels *graph.Node) {
	all, n := methods.QuarterTurns(s, x), op.ShapeOf(x)[0]
	which := make([]int32, len(all)*n)
	for i := range which {
		which[i] = int32(i / n)
	}
	return op.Concat(0, all...), s.Ints(fmt.Sprintf("const/turns%d", n), which)
}

// predictor is features [N,F] -> logits of the four turns [N,4].
func (m *ESSL) predictor(s *graph.Scope, in int) layer.Func {
	var layers []layer.Func
	for i, w := range m.Predictor {
		at := s.In(fmt.Sprint(i))
		layers = append(layers, layer.Linear(at, in, w, true), layer.LayerNormEps(at.In("norm"), w, 1e-5), layer.Relu)
		in = w
	}
	return layer.Chain(append(layers, layer.Linear(s.In("turns"), in, 4, true))...)
}
