package dense

import (
	"errors"
	"slices"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// VICRegL is VICReg of whole views and of places: those that lie nearest to each other in the image, and those whose
// embeddings are nearest to each other, are kept close.
//
//	loss = global * vicreg(whole views) + (1-global) * (vicreg(places by location) + vicreg(places by embedding))
//
// Bardes, Ponce, LeCun, NeurIPS 2022, arXiv:2210.01571, eq. 1 to 5. The pairs of views are a large one, whose places
// look for theirs, and any other; in each pair the second view's places look for theirs too, fewer of them. Variance
// and covariance of places are over the batch for every one of the matches by itself, in the order of the matches: of
// the place in the map as in the authors' code, or of the distance as in lightly's. As in the code each covariance
// term is the mean of both views', where VICReg has their sum. Locations are fractions of the image's height and
// width, in the code pixels.
type VICRegL struct {
	Projector  []int   `toml:"projector"`  // widths, of whole views; the last is D
	Places     []int   `toml:"places"`     // widths of the projector of places
	Matches    [2]int  `toml:"matches"`    // pairs of places, that the first view looks for and that the second does
	Global     float64 `toml:"global"`     // share of the loss that compares whole views
	Order      string  `toml:"order"`      // of the matches: place | distance
	Invariance float64 `toml:"invariance"` // weight of the mean squared distance
	Variance   float64 `toml:"variance"`   // weight of the spread hinge
	Covariance float64 `toml:"covariance"` // weight of the off-diagonal covariance
}

// Values of VICRegL.Order.
const byPlace, byDistance = "place", "distance"

// DefaultVICRegL has the paper's settings for ResNet-50 on ImageNet.
func DefaultVICRegL() *VICRegL {
	return &VICRegL{Projector: []int{8192, 8192, 8192}, Places: []int{512, 512, 512}, Matches: [2]int{20, 4},
		Global: 0.75, Order: byPlace, Invariance: 25, Variance: 25, Covariance: 1}
}

// Validate implements methods.Method.
func (m *VICRegL) Validate() error {
	bad := []error{heads.CheckWidths("projector", m.Projector), heads.CheckWidths("places", m.Places),
		setting.Weight("invariance", m.Invariance), setting.Weight("variance", m.Variance),
		setting.Weight("covariance", m.Covariance)}
	if m.Matches[0] < 1 || m.Matches[1] < 1 {
		bad = append(bad, setting.Bad("matches", "%v: want two numbers of at least 1", m.Matches))
	}
	if !(m.Global >= 0 && m.Global < 1) {
		bad = append(bad, setting.Bad("global", "%v: want a share from 0 up to, not with, 1; with 1 the method is "+
			"vicreg", m.Global))
	}
	if m.Order != byPlace && m.Order != byDistance {
		bad = append(bad, setting.Bad("order", "%q: want %q or %q", m.Order, byPlace, byDistance))
	}
	return errors.Join(bad...)
}

// Build implements methods.Method.
func (m *VICRegL) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	encode := b.NeedPlaces(s, enc)
	crops := b.Crops()
	large, n := len(crops[0]), b.Size()
	project := enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)
	var local func(x *graph.Node) *graph.Node
	var features *graph.Node
	var whole []*graph.Node
	var parts []places
	for v, x := range slices.Concat(crops...) {
		h, at := encode(x)
		size := op.ShapeOf(at)
		rows, columns, c := size[1], size[2], size[3]
		if t := rows * columns; t < m.Matches[0] || t < m.Matches[1] {
			op.Fail(s.Path(), "matches = %v: a view of %dx%d pixels has %dx%d places; want at most %d", m.Matches,
				op.ShapeOf(x)[1], op.ShapeOf(x)[2], rows, columns, t)
		}
		if v == 0 {
			features, local = h, heads.MLP(s.In("places"), c, m.Places...)
		}
		whole = append(whole, s.AllRows(project(h)))
		z := op.Reshape(local(op.Reshape(at, n*rows*columns, c)), n, rows*columns, -1)
		parts = append(parts, places{z, windowOf(b, v).cells(s, rows, columns)})
	}
	return methods.Objective{
		Features: features, Terms: m.terms(s, whole, parts, large),
		Metrics: []methods.Metric{{Name: "spread", Value: losses.Spread(whole[0])}},
	}
}

// places are those of a view: their embeddings [B,T,D] and where they lie in the image [B,T,2].
type places struct{ z, at *graph.Node }

// terms are VICReg's for whole views [B,D], the large ones first, and for their places.
func (m *VICRegL) terms(s *graph.Scope, whole []*graph.Node, parts []places, large int) []methods.Term {
	var global, local three
	for _, z := range whole {
		global.variance = append(global.variance, losses.SpreadHinge(z))
		global.covariance = append(global.covariance, losses.Decorrelation(z))
	}
	for i := range large {
		for j := range whole {
			if i == j {
				continue
			}
			global.invariance = append(global.invariance, losses.MSE(whole[i], whole[j]))
			a, b := parts[i], parts[j]
			apart, away := squaredDistances(a.z, b.z), squaredDistances(a.at, b.at)
			for _, d := range []*graph.Node{apart, away} {
				m.matched(s, &local, a.z, b.z, d, m.Matches[0])
				m.matched(s, &local, b.z, a.z, op.Transpose(d, 0, 2, 1), m.Matches[1])
			}
		}
	}
	// of a pair of views the mean of both directions, the sum of both ways to match
	return append(m.weighed("", m.Global, global), m.weighed("local_", 2*(1-m.Global), local)...)
}

// three are the values of each term.
type three struct{ invariance, variance, covariance []*graph.Node }

// weighed are the three terms with their weights.
func (m *VICRegL) weighed(prefix string, share float64, t three) []methods.Term {
	return []methods.Term{
		{Name: prefix + "invariance", Weight: share * m.Invariance, Value: losses.Mean(t.invariance)},
		{Name: prefix + "variance", Weight: share * m.Variance, Value: losses.Mean(t.variance)},
		{Name: prefix + "covariance", Weight: share * m.Covariance, Value: losses.Mean(t.covariance)},
	}
}

// matched adds the terms of the k places of a [B,T,D] that are nearest to their nearest place of b [B,U,D], by
// distances d [B,T,U].
func (m *VICRegL) matched(s *graph.Scope, t *three, a, b, d *graph.Node, k int) {
	at, of := m.matches(d, k)
	x, y := s.AllRows(op.GatherTokens(a, at)), s.AllRows(op.GatherTokens(b, of)) // [B,k,D]
	n := op.ShapeOf(x)[0]
	t.invariance = append(t.invariance, losses.MSE(x, y))
	for _, z := range []*graph.Node{x, y} {
		t.variance = append(t.variance, losses.SpreadHinge(op.Reshape(z, n, -1)))
		t.covariance = append(t.covariance, decorrelationOfEach(z))
	}
}
