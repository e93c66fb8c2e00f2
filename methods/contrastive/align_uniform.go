package contrastive

import (
	"cmp"
	"fmt"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// AlignUniform keeps the two views of an image close and spreads the embeddings evenly over the sphere.
//
// Wang and Isola, ICML 2020, arXiv:2005.10242, section 4.1: of unit rows
//
//	align_weight mean_i |x_i - y_i|^alpha + uniform_weight (U(x) + U(y)) / 2,
//	U(x) = log mean_{i<j} exp(-t |x_i - x_j|^2),
//
// as in the authors' code.
type AlignUniform struct {
	Projector     []int   `toml:"projector"`      // widths; the last is D; [] is none
	AlignWeight   float64 `toml:"align_weight"`   // of alignment
	UniformWeight float64 `toml:"uniform_weight"` // of uniformity
	Alpha         float64 `toml:"alpha"`          // exponent of the distances of positive pairs
	T             float64 `toml:"t"`              // sharpness of the Gaussian potential
}

// DefaultAlignUniform has the paper's settings for STL-10, whose encoder has no hidden layer before the embedding.
func DefaultAlignUniform() *AlignUniform {
	return &AlignUniform{Projector: []int{128}, AlignWeight: 1, UniformWeight: 1, Alpha: 2, T: 2}
}

// Validate implements methods.Method.
func (m *AlignUniform) Validate() error {
	switch {
	case !(m.AlignWeight >= 0):
		return setting.Bad("align_weight", "%v: want a weight of 0 or more", m.AlignWeight)
	case !(m.UniformWeight >= 0):
		return setting.Bad("uniform_weight", "%v: want a weight of 0 or more", m.UniformWeight)
	case m.AlignWeight+m.UniformWeight == 0:
		return fmt.Errorf("align_weight and uniform_weight are both 0: nothing would be trained")
	case !(m.T > 0 && m.T <= 20):
		return setting.Bad("t", "%v: want a number above 0, and at most 20, beyond which exp(-4t) leaves float32", m.T)
	}
	return cmp.Or(setting.Positive("alpha", m.Alpha), heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *AlignUniform) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, large := embed(s, enc, b, m.Projector)
	for i := range z {
		z[i] = s.AllRows(op.Normalize(z[i], losses.Eps))
	}
	align := methods.OverPairs(z, large, func(x, y *graph.Node) *graph.Node { return alignment(x, y, m.Alpha) })
	uniform := methods.OverPairs(z, large, bothWays(func(x, _ *graph.Node) *graph.Node { return uniformity(x, m.T) }))
	return methods.Objective{
		Features: h,
		Terms: []methods.Term{{Name: "align", Weight: m.AlignWeight, Value: align},
			{Name: "uniform", Weight: m.UniformWeight, Value: uniform}},
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// alignment is the mean of |x_i - y_i|^alpha of rows [B,D].
func alignment(x, y *graph.Node, alpha float64) *graph.Node {
	return op.MeanAll(power(op.SumAxes(op.Square(op.Sub(x, y)), false, 1), alpha/2))
}

// uniformity is the logarithm of the mean Gaussian potential of pairs of rows [B,D].
func uniformity(x *graph.Node, t float64) *graph.Node {
	n := float64(op.ShapeOf(x)[0])
	potential := op.OffDiagonal(op.Exp(op.Scale(losses.SquaredDistances(x, x), -t))) // [B,B]
	return op.Log(op.Scale(op.SumAll(potential), 1/(n*(n-1))))
}
