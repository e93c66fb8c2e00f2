package correlation

import (
	"errors"
	"math"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// LeJEPA pulls all views of an image to the mean of the large ones, and makes embeddings normally distributed along
// random directions. It has neither teacher, predictor nor stopped gradient.
//
//	loss = (1-lambda) mean_v |z_v - c|^2/D + lambda mean_v SIGReg(z_v),  c the mean over large views
//
// Balestriero and LeCun 2025, arXiv:2511.08544, section 5. SIGReg is the statistic of Epps and Pulley of the
// embeddings' projections on random unit directions, drawn anew in every step, the mean over directions:
//
//	B integral |mean_i exp(i t x_i) - exp(-t^2/2)|^2 exp(-t^2/2) dt
//
// from -span to span by the trapezoid rule, by symmetry twice that from 0 on. The projector's widths are those of the
// authors' example with our output.
type LeJEPA struct {
	Projector  []int   `toml:"projector"`  // widths; the last is D
	Normality  float64 `toml:"normality"`  // lambda, the share of SIGReg in the loss
	Directions int     `toml:"directions"` // random ones of a step
	Knots      int     `toml:"knots"`      // of the integral, from 0 to its span
	Span       float64 `toml:"span"`       // largest frequency
}

// DefaultLeJEPA has the settings of the authors' code.
func DefaultLeJEPA() *LeJEPA {
	return &LeJEPA{Projector: []int{2048, 2048, 128}, Normality: 0.05, Directions: 1024, Knots: 17, Span: 3}
}

// Validate implements methods.Method.
func (m *LeJEPA) Validate() error {
	var err error
	if !(m.Normality >= 0 && m.Normality <= 1) {
		err = setting.Bad("normality", "%v: want a share from 0 to 1, such as 0.05", m.Normality)
	}
	if m.Directions < 1 {
		err = errors.Join(err, setting.Bad("directions", "%d: want at least 1", m.Directions))
	}
	if m.Knots < 2 {
		err = errors.Join(err, setting.Bad("knots", "%d: want at least 2", m.Knots))
	}
	return errors.Join(err, setting.Positive("span", m.Span), heads.CheckWidths("projector", m.Projector))
}

// Build implements methods.Method.
func (m *LeJEPA) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, large := embed(s, enc.New(s), enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...), b)
	drawn := s.Random("directions").Normal(m.Projector[len(m.Projector)-1], m.Directions) // [D,S]
	directions := transposed(op.Normalize(transposed(drawn), losses.Eps))
	return methods.Objective{
		Features: h[0],
		Terms:    m.Terms(z, z[:large], directions),
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// Terms are the two terms of the loss for the embeddings of all views and of the large ones, [B,D] each. directions
// [D,S] have unit columns.
func (m *LeJEPA) Terms(z, large []*graph.Node, directions *graph.Node) []methods.Term {
	centre := losses.Mean(large)
	n, count := op.ShapeOf(z[0])[0], op.ShapeOf(directions)[1]
	var distances, projections []*graph.Node
	for _, x := range z {
		distances = append(distances, losses.MSE(x, centre))
		projections = append(projections, op.Reshape(op.MatMul(x, directions, false, false), 1, n, count))
	}
	return []methods.Term{{Name: "invariance", Weight: 1 - m.Normality, Value: losses.Mean(distances)},
		{Name: "sigreg", Weight: m.Normality, Value: m.sigReg(op.Concat(0, projections...))}}
}

// sigReg is the mean statistic of projections x [V,B,S]. Waves of one frequency after the other come from those of the
// first by the sums of angles; at frequency 0 there is no difference.
func (m *LeJEPA) sigReg(x *graph.Node) *graph.Node {
	shape, step := op.ShapeOf(x), m.Span/float64(m.Knots-1)
	first := op.Scale(x, step)
	cos, sin := op.Cos(first), op.Sin(first)
	even, odd := cos, sin
	var parts []*graph.Node
	for k := 1; k < m.Knots; k++ {
		if k > 1 {
			even, odd = op.Sub(op.Mul(even, cos), op.Mul(odd, sin)), op.Add(op.Mul(odd, cos), op.Mul(even, sin))
		}
		at := float64(k) * step
		normal := math.Exp(-at * at / 2)
		weight := 2 * step * normal * float64(shape[1])
		if k == m.Knots-1 {
			weight /= 2
		}
		// [V,S]
		apart := op.Add(op.Square(op.Shift(op.Mean(even, false, 1), -normal)), op.Square(op.Mean(odd, false, 1)))
		parts = append(parts, op.Scale(op.SumAll(apart), weight/float64(shape[0]*shape[2])))
	}
	return op.Sum(parts...)
}
