package contrastive

import (
	"cmp"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// AlphaCL pulls and pushes pairs with importances that are chosen directly, instead of derived from a loss.
//
// Tian 2022, arXiv:2201.12680, sections 3 and 6: with distances r = 1 - cos of a view to its partner (r+) and to the
// 2B-2 views of other images (r_j), and importances that no gradient reaches, the loss is the mean over views of
//
//	sum_j alpha_j (r+ - r_j) + attraction sum_j alpha_j r+,
//
// where alpha is exp(-r^e/T), 1/(T + r^e)^power or max(0, mu - r^e)/T with mu such that they add up to 1, or all alike.
// As in the authors' code (dual, dual2, dual_per_sample) they stay as they are, are divided by their sum over a view's
// pairs, or give every pair of a view that view's share of all importances of the batch. The authors' code leaves the
// water level mu one element too high, so its quadratic importances do not add up to 1; these do. Weights infonce are
// the authors' baseline: the cross-entropy itself, minus attraction cos+/T, over 1 + attraction.
type AlphaCL struct {
	Projector   []int   `toml:"projector"`   // widths; the last is D; [] is none
	Weights     string  `toml:"weights"`     // exp, inverse, quadratic, uniform or infonce
	Normalize   string  `toml:"normalize"`   // none; anchor: over a view's pairs; batch: by the view's share
	Temperature float64 `toml:"temperature"` // T
	Exponent    float64 `toml:"exponent"`    // e, of the distance 1 - cos: 2 is the paper's p = 4
	Power       float64 `toml:"power"`       // of weights inverse; else 1
	Attraction  float64 `toml:"attraction"`  // extra weight of the positives
	WithSelf    bool    `toml:"with_self"`   // infonce: the view itself, of cosine 1, is one more negative
}

// DefaultAlphaCL has the paper's settings for CIFAR-10 and STL-10.
func DefaultAlphaCL() *AlphaCL {
	return &AlphaCL{Projector: []int{512, 128}, Weights: "exp", Normalize: "anchor", Temperature: 0.5, Exponent: 2,
		Power: 1}
}

// Validate implements methods.Method.
func (m *AlphaCL) Validate() error {
	switch m.Weights {
	case "exp", "inverse", "quadratic", "uniform", "infonce":
	default:
		return setting.Bad("weights", "%q: want exp, inverse, quadratic, uniform or infonce", m.Weights)
	}
	switch m.Normalize {
	case "none", "anchor", "batch":
	default:
		return setting.Bad("normalize", "%q: want none, anchor or batch", m.Normalize)
	}
	switch {
	case m.Weights == "infonce" && m.Normalize != "none":
		return setting.Bad("normalize", "%q: weights = \"infonce\" has its own; want none", m.Normalize)
	case m.WithSelf && m.Weights != "infonce":
		return setting.Bad("with_self", "true is read by weights = \"infonce\" alone; want false")
	case m.Power != 1 && m.Weights != "inverse":
		return setting.Bad("power", "%v is read by weights = \"inverse\" alone; want 1", m.Power)
	case !(m.Attraction >= 0):
		return setting.Bad("attraction", "%v: want a number of 0 or more", m.Attraction)
	}
	return cmp.Or(setting.Positive("temperature", m.Temperature), setting.Positive("exponent", m.Exponent),
		setting.Positive("power", m.Power), heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *AlphaCL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, large := embed(s, enc, b, m.Projector)
	loss := methods.OverPairs(z, large, func(x, y *graph.Node) *graph.Node {
		contrast, attract := m.terms(losses.Compare(s, x, y))
		return op.Add(contrast, attract)
	})
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "alpha_cl", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// terms are the two sums of the loss, means over views.
func (m *AlphaCL) terms(c losses.Comparisons) (contrast, attract *graph.Node) {
	if m.Weights == "infonce" {
		return m.infonce(c)
	}
	alpha := op.StopGradient(m.importances(c)) // [N,N]
	total := c.Sum(alpha)                      // [N,1]
	switch m.Normalize {
	case "anchor":
		alpha, total = op.Div(alpha, total), op.Div(total, total)
	case "batch":
		share := op.Div(total, op.SumAll(total))
		alpha, total = op.Mul(c.Others, share), op.Scale(share, float64(c.Count))
	}
	near := op.Affine(c.Positive, -1, 1) // [N,1]
	far := c.Sum(op.Mul(alpha, op.Affine(c.Cosines, -1, 1)))
	return op.MeanAll(op.Sub(op.Mul(total, near), far)), op.Scale(op.MeanAll(op.Mul(total, near)), m.Attraction)
}

// importances are those of all pairs before they are normalised, [N,N]; pairs of one image have any.
func (m *AlphaCL) importances(c losses.Comparisons) *graph.Node {
	r := power(op.Relu(op.Affine(c.Cosines, -1, 1)), m.Exponent)
	switch m.Weights {
	case "exp":
		return op.Exp(op.Scale(r, -1/m.Temperature))
	case "inverse":
		return op.Reciprocal(power(op.Shift(r, m.Temperature), m.Power))
	case "quadratic":
		return op.Scale(op.Relu(op.Sub(waterLevel(c, r, m.Temperature), r)), 1/m.Temperature)
	}
	return op.Scale(c.Others, 1/float64(c.Count))
}

// power is x to the power of p, for x of 0 or more.
func power(x *graph.Node, p float64) *graph.Node {
	switch p {
	case 1:
		return x
	case 2:
		return op.Square(x)
	}
	return op.Exp(op.Scale(op.Log(op.Shift(x, 1e-30)), p))
}

// waterLevel is mu [N,1] of every row of r [N,N] with sum_j max(0, mu - r_j) = water over the comparisons with other
// images, by Newton's method from above. The sum is piecewise linear and convex, so every step stays above and ends
// where it has left out the last element that is too high; 24 steps halve what is left out that often.
func waterLevel(c losses.Comparisons, r *graph.Node, water float64) *graph.Node {
	mu := op.Scale(op.Shift(c.Sum(r), water), 1/float64(c.Count))
	for range 24 {
		below := op.Mul(op.Less(r, op.BroadcastTo(mu, op.ShapeOf(r))), c.Others)
		mu = op.Div(op.Shift(op.SumAxes(op.Mul(below, r), true, 1), water), op.SumAxes(below, true, 1))
	}
	return mu
}

// infonce is the cross-entropy and the attraction of the authors' baseline.
func (m *AlphaCL) infonce(c losses.Comparisons) (contrast, attract *graph.Node) {
	logits := op.Scale(c.Cosines, 1/m.Temperature)
	if m.WithSelf {
		logits = op.MaskDiagonal(logits, 1/m.Temperature)
	} else {
		logits = op.MaskDiagonal(logits, -1e9)
	}
	positive, share := op.MeanAll(op.Scale(c.Positive, 1/m.Temperature)), 1/(1+m.Attraction)
	entropy := op.Sub(op.MeanAll(op.LogSumExp(logits)), positive)
	return op.Scale(entropy, share), op.Scale(positive, -m.Attraction*share)
}
