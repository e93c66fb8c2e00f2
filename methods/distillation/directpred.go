package distillation

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// DirectPred is BYOL whose linear predictor is not trained: it is computed from the embeddings' second moments.
//
//	F_t = rho F_{t-1} + (1-rho) E[z z'],  F = U diag(s) U',  W = U diag(sqrt(s / max s) + eps) U'
//
// Tian, Chen, Ganguli, ICML 2021, arXiv:2102.06810, eq. 18; s is divided by its largest as in the authors' code, which
// takes the scale of F out of eps. The predictor is set before the first step to the identity, and then after every
// span. Embeddings of all views count; the teacher sees the large crops.
type DirectPred struct {
	Projector []int          `toml:"projector"` // widths; the last is D
	Momentum  float64        `toml:"momentum"`  // of the teacher at the first step; it rises to 1 along half a cosine
	Memory    float64        `toml:"memory"`    // rho
	Epsilon   float64        `toml:"epsilon"`   // eps
	Every     setting.Length `toml:"every"`     // between two settings of the predictor
}

// DefaultDirectPred has the settings of the authors' code, and BYOL's projector and teacher.
func DefaultDirectPred() *DirectPred {
	return &DirectPred{Projector: []int{4096, 256}, Momentum: 0.996, Memory: 0.3, Epsilon: 0.01,
		Every: setting.Steps(1)}
}

// Validate implements methods.Method.
func (m *DirectPred) Validate() error {
	var err error
	if !(m.Epsilon >= 0) {
		err = setting.Bad("epsilon", "%v: want 0 or more", m.Epsilon)
	}
	if m.Every.IsZero() {
		err = errors.Join(err, setting.Bad("every", "%v: want at least %q", m.Every, setting.Steps(1)))
	}
	return errors.Join(err, setting.Within("momentum", m.Momentum, 0, 1), setting.Within("memory", m.Memory, 0, 1),
		heads.CheckWidths("projector", m.Projector))
}

// Names of state that the job works on.
const (
	directMoments   = "second_moments"
	directPredictor = "predictor/weight"
)

// Build implements methods.Method.
func (m *DirectPred) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	d := m.Projector[len(m.Projector)-1]
	network := func(s *graph.Scope) (encode, project func(*graph.Node) *graph.Node) {
		return enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)
	}
	crops := b.Crops()
	encode, project := network(s)
	predictor := s.State(directPredictor, graph.Fill(0), d, d)
	var h, p, z, y []*graph.Node
	for _, x := range slices.Concat(crops...) {
		h = append(h, encode(x)) // [B,F]
	}
	for _, x := range h {
		z = append(z, project(x)) // [B,D]
		p = append(p, op.MatMul(z[len(z)-1], predictor, false, false))
	}
	encodeT, projectT := network(s.Twin("teacher", s.Scheduled("teacher_momentum", graph.CosineRamp(m.Momentum, 1))))
	for _, x := range crops[0] {
		y = append(y, projectT(encodeT(x))) // [B,D]
	}
	all := s.AllRows(op.StopGradient(op.Concat(0, z...)))
	moments := s.State(directMoments, graph.Fill(0), d, d)
	s.Update(moments, op.Lerp(moments, op.Scale(op.ColumnGram(all), 1/float64(op.ShapeOf(all)[0])),
		s.Constant(m.Memory)))
	return methods.Objective{
		Features: h[0],
		Terms:    []methods.Term{{Name: "regression", Weight: 1, Value: regressions(p, y)}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(y[0])}},
		Alarms: []methods.Alarm{methods.Collapsed("let the teacher follow more slowly, with a momentum nearer to 1, " +
			"or raise epsilon (section 3.4)")},
		Jobs: []methods.Job{{Name: "predictor", Every: m.Every, Run: m.set}},
	}
}

// set is the job that makes the predictor of the moments.
func (m *DirectPred) set(_ context.Context, h methods.Host) error {
	moments, predictor := h.Entry(directMoments), h.Entry(directPredictor)
	w, err := m.predictor(moments)
	if err != nil {
		return err
	}
	copy(predictor.F32, w)
	return nil
}

// predictor is W [D,D] of the moments F [D,D]; the identity where these are 0.
func (m *DirectPred) predictor(moments ir.Array) ([]float32, error) {
	d := moments.Shape[0]
	f := mat.NewSymDense(d, nil)
	for i := range d {
		for j := range i + 1 {
			f.SetSym(i, j, float64(moments.F32[i*d+j]))
		}
	}
	var e mat.EigenSym
	if !e.Factorize(f, true) {
		return nil, fmt.Errorf("the eigenvalues of the embeddings' second moments do not converge")
	}
	values, largest := e.Values(nil), 0.0
	for _, v := range values {
		if math.IsNaN(v) {
			return nil, fmt.Errorf("the embeddings' second moments are not finite")
		}
		largest = max(largest, v)
	}
	var u mat.Dense
	e.VectorsTo(&u)
	w := make([]float32, d*d)
	if largest == 0 {
		for i := range d {
			w[i*d+i] = 1
		}
		return w, nil
	}
	for i := range d {
		for j := range d {
			var sum float64
			for k, v := range values {
				sum += u.At(i, k) * u.At(j, k) * (math.Sqrt(max(v, 0)/largest) + m.Epsilon)
			}
			w[i*d+j] = float32(sum)
		}
	}
	return w, nil
}
