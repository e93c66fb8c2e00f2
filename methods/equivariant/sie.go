package equivariant

import (
	"errors"
	"math"
	"strings"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// SIE splits the features: one part stays the same whatever was done to a view, the other follows it by a linear map
// that a hypernetwork makes of what was done.
//
// Garrido, Najman, LeCun, ICML 2023, arXiv:2302.10283, section 4 and fig. 2. In the paper what was done is the rotation
// between two renderings of an object; here it is how the augmentations of two views differ. As in the authors' code
// the prediction's spread is kept up too, each view's spread counts half, and the views' covariances are added. The
// linear hypernetwork's maps are never written out: its product with a sample is that of K+1 fixed maps, weighted by
// what was done.
type SIE struct {
	// what is done to views: some of crop, color, flip, blur, turn, solarize
	Of           []string `toml:"of"`
	Share        float64  `toml:"share"`        // of the features, the last ones, that follow
	Projector    []int    `toml:"projector"`    // widths of each part's projector; the last is its D
	Invariance   float64  `toml:"invariance"`   // weight of the mean squared distance of the first parts
	Equivariance float64  `toml:"equivariance"` // of the second part from its prediction
	Variance     float64  `toml:"variance"`     // of the spread hinges
	Covariance   float64  `toml:"covariance"`   // of the decorrelation of all dimensions
}

// DefaultSIE has the paper's settings for 3DIEBench, with crops and colours in place of rotations.
func DefaultSIE() *SIE {
	return &SIE{Of: []string{"crop", "color"}, Share: 0.5, Projector: []int{1024, 1024, 1024}, Invariance: 10,
		Equivariance: 4.5, Variance: 10, Covariance: 1}
}

// Validate implements methods.Method.
func (m *SIE) Validate() error {
	bad := []error{checkNames("of", m.Of)}
	if len(m.Of) == 0 {
		bad = append(bad, setting.Bad("of", "[]: want some of %s", strings.Join(differenceNames(), ", ")))
	}
	if !(m.Share > 0 && m.Share < 1) {
		bad = append(bad, setting.Bad("share", "%v: want a part of the features, above 0 and below 1", m.Share))
	}
	for _, w := range []struct {
		key   string
		value float64
	}{{"invariance", m.Invariance}, {"equivariance", m.Equivariance}, {"variance", m.Variance},
		{"covariance", m.Covariance}} {
		bad = append(bad, checkWeight(w.key, w.value))
	}
	if errors.Join(bad...) == nil && m.Invariance+m.Equivariance+m.Variance+m.Covariance == 0 {
		bad = append(bad, errors.New("invariance, equivariance, variance and covariance are all 0: nothing "+
			"would be trained"))
	}
	return errors.Join(append(bad, heads.CheckWidths("projector", m.Projector))...)
}

// Parts implements methods.Split.
func (m *SIE) Parts(dim int) []methods.Part {
	stay := dim - int(math.Round(m.Share*float64(dim)))
	return []methods.Part{{Name: "invariant", To: stay}, {Name: "equivariant", From: stay, To: dim}}
}

// Build implements methods.Method.
func (m *SIE) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, z, predict := m.embed(s, enc, b)
	return methods.Objective{
		Features: h[0],
		Terms:    m.terms(s, z[0], z[1], m.Projector[len(m.Projector)-1], predict),
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
	}
}

// Follow implements methods.Following.
func (m *SIE) Follow(s *graph.Scope, enc methods.Encoder, b *methods.Batch) (predicted, followed *graph.Node) {
	_, z, predict := m.embed(s, enc, b)
	d := m.Projector[len(m.Projector)-1]
	return predict(op.Slice(z[0], 1, d, 2*d)), op.Slice(z[1], 1, d, 2*d)
}

// embed is the features [B,F] and embeddings [B,2D] of two views, and what predicts the second part of the second
// view's embeddings from that of the first.
func (m *SIE) embed(s *graph.Scope, enc methods.Encoder, b *methods.Batch) (h, z [2]*graph.Node,
	predict func(x *graph.Node) *graph.Node) {
	stay, follow := m.Parts(enc.Dim)[0].To, enc.Dim-m.Parts(enc.Dim)[0].To
	if follow < 1 || stay < 1 {
		op.Fail("", "share = %v of %d features leaves one part without any", m.Share, enc.Dim)
	}
	d := m.Projector[len(m.Projector)-1]
	encode := enc.New(s)
	invariant := heads.MLP(s.In("invariant"), stay, m.Projector...)
	equivariant := heads.MLP(s.In("equivariant"), follow, m.Projector...)
	for v, x := range b.Views(2) {
		h[v] = encode(x)
		z[v] = op.Concat(1, invariant(op.Slice(h[v], 1, 0, stay)), equivariant(op.Slice(h[v], 1, stay, enc.Dim)))
	}
	t := between(s, b, m.Of) // [B,K]
	k := op.ShapeOf(t)[1]
	at := s.In("hypernetwork")
	w := at.Param("weight", graph.LinearUniform(k), d, (k+1)*d)
	c := at.Param("bias", graph.LinearUniform(k), k+1, d)
	return h, z, func(x *graph.Node) *graph.Node { return follows(s, x, t, w, c) }
}

// terms compare embeddings x, y [B,D+E], of which the first D stay and predict says of the others where they go.
func (m *SIE) terms(s *graph.Scope, x, y *graph.Node, d int, predict func(x *graph.Node) *graph.Node) []methods.Term {
	all := op.ShapeOf(x)[1]
	part := func(z *graph.Node, from, to int) *graph.Node { return op.Slice(z, 1, from, to) }
	guess := predict(part(x, d, all)) // [B,E]
	xs, ys, gs := s.AllRows(x), s.AllRows(y), s.AllRows(guess)
	return []methods.Term{
		{Name: "invariance", Weight: m.Invariance, Value: losses.MSE(part(x, 0, d), part(y, 0, d))},
		{Name: "equivariance", Weight: m.Equivariance, Value: losses.MSE(guess, part(y, d, all))},
		{Name: "variance", Weight: m.Variance, Value: op.Scale(op.Add(losses.SpreadHinge(xs), losses.SpreadHinge(ys)),
			0.5)},
		{Name: "prediction_variance", Weight: m.Variance, Value: op.Scale(losses.SpreadHinge(gs), 0.5)},
		{Name: "covariance", Weight: m.Covariance, Value: op.Add(losses.Decorrelation(xs), losses.Decorrelation(ys))},
	}
}

// follows is x [B,E] through the linear map that the hypernetwork makes of t [B,K]: W(t) = t1 W1 + ... + tK WK + W0,
// and an offset likewise. w [E,(K+1)E] has the maps one after the other, W0 last, and c [K+1,E] the offsets. The result
// is [B,E].
func follows(s *graph.Scope, x, t, w, c *graph.Node) *graph.Node {
	t1 := op.Concat(1, t, op.BroadcastTo(s.Constant(1), []int{op.ShapeOf(t)[0], 1})) // [B,K+1]
	return op.Add(mixed(x, t1, w), op.MatMul(t1, c, false, false))
}

// mixed is x [B,E] through the map t1 W1 + ... + tK WK of its own row of t [B,K], [B,E]; w [E,KE] has the maps one
// after the other. The maps of the rows are never written out.
func mixed(x, t, w *graph.Node) *graph.Node {
	n, k, e := op.ShapeOf(t)[0], op.ShapeOf(t)[1], op.ShapeOf(x)[1]
	each := op.Reshape(op.MatMul(x, w, false, false), n, k, e) // of every map
	return op.SumAxes(op.Mul(each, op.Reshape(t, n, k, 1)), false, 1)
}
