package control

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/setting"
)

// APT, active pretraining, is curious about observations that lie apart from all others in features: the novelty is
// how far the nearest ones of the batch are, an estimate of the entropy by particles.
//
//	novelty_i = ln(1 + mean over the k nearest j of max(|h_i - h_j| / mean - clip, 0))
//
// Liu and Abbeel, NeurIPS 2021, arXiv:2103.04551, eq. 6. The features are those of ICM, as in the code of
// url_benchmark; the paper's are contrastive. As in that code a sample is its own nearest neighbour, and distances are
// over their running mean, not their deviation.
type APT struct {
	ICM
	Neighbours int     `toml:"neighbours"` // k
	Mean       bool    `toml:"mean"`       // of the distances to all of them; else that to the k-th
	Cut        float64 `toml:"cut"`        // clip
}

// DefaultAPT has the settings of url_benchmark.
func DefaultAPT() *APT {
	return &APT{ICM: ICM{Hidden: 256, Form: lengths, Forward: 1, Inverse: 1}, Neighbours: 12, Mean: true}
}

// Validate implements methods.Method.
func (m *APT) Validate() error {
	return errors.Join(m.ICM.Validate(), setting.Least("neighbours", m.Neighbours, 1), setting.Weight("cut", m.Cut))
}

// Build implements methods.Method.
func (m *APT) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	o, _ := m.Explore(s, enc, b)
	return o
}

// Explore implements Curious.
func (m *APT) Explore(s *graph.Scope, enc methods.Encoder, b *methods.Batch) (methods.Objective, *graph.Node) {
	o, _ := m.ICM.Explore(s, enc, b)
	r := newRunning(s.In("apt"))
	novelty := m.entropy(r, op.StopGradient(o.Features))
	r.keep()
	o.Metrics = append(o.Metrics, methods.Metric{Name: "entropy", Value: op.MeanAll(novelty)})
	return o, novelty
}

// entropy are the novelties [B] of features h [B,F].
func (m *APT) entropy(r *running, h *graph.Node) *graph.Node {
	n := op.ShapeOf(h)[0]
	if m.Neighbours > n {
		op.Fail("", "neighbours = %d of a batch of %d; want at most that", m.Neighbours, n)
	}
	near := nearest(h, r.scope.AllRows(h), m.Neighbours) // [B,k]
	if !m.Mean {
		near = op.Slice(near, 1, m.Neighbours-1, m.Neighbours)
	}
	r.add(near)
	near = op.Relu(op.Shift(op.Div(near, r.mean), -m.Cut))
	return log1p(op.Mean(near, false, 1))
}

// nearest are the distances of rows x [B,D] to the k nearest rows of y [N,D], rising: [B,k]. They have no gradient.
func nearest(x, y *graph.Node, k int) *graph.Node {
	b, d, n := op.ShapeOf(x)[0], op.ShapeOf(x)[1], op.ShapeOf(y)[0]
	apart := op.Square(op.Sub(op.Reshape(op.StopGradient(x), b, 1, d), op.Reshape(op.StopGradient(y), 1, n, d)))
	distances := op.Sqrt(op.SumAxes(apart, false, 2)) // [B,N]
	order := op.TopK(op.Neg(distances), k)            // [B,k]
	return op.Reshape(op.GatherTokens(op.Reshape(distances, b, n, 1), order), b, k)
}

// running is the mean and the variance of all numbers so far, of which it counts one ten thousandth at mean 0 and
// variance 1 at the beginning.
type running struct {
	scope                     *graph.Scope
	was, wasSquares, wasCount *graph.Node
	mean, variance, count     *graph.Node
}

const runningBegin = 1e-4

func newRunning(s *graph.Scope) *running {
	r := &running{scope: s, was: s.State("mean", graph.Fill(0)), wasSquares: s.State("variance", graph.Fill(1)),
		wasCount: s.State("count", graph.Fill(runningBegin))}
	r.mean, r.variance, r.count = r.was, r.wasSquares, r.wasCount
	return r
}

// add counts numbers: their mean and unbiased variance are merged with those before.
func (r *running) add(x *graph.Node) {
	x = op.Reshape(op.StopGradient(x), ir.Shape(op.ShapeOf(x)).Size())
	n := float64(op.ShapeOf(x)[0])
	mean := op.MeanAll(x)
	variance := op.Scale(op.SumAll(op.Square(op.Sub(x, mean))), 1/(n-1))
	delta, total := op.Sub(mean, r.mean), op.Shift(r.count, n)
	squares := op.Sum(op.Mul(r.variance, r.count), op.Scale(variance, n),
		op.Div(op.Scale(op.Mul(op.Square(delta), r.count), n), total))
	r.mean = op.Add(r.mean, op.Div(op.Scale(delta, n), total))
	r.variance, r.count = op.Div(squares, total), total
}

// keep has the next step begin with what is known now.
func (r *running) keep() {
	r.scope.Update(r.was, r.mean)
	r.scope.Update(r.wasSquares, r.variance)
	r.scope.Update(r.wasCount, r.count)
}
