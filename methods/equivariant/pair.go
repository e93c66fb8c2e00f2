package equivariant

import (
	"slices"
	"strings"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
)

// pair is what was drawn for two views of the same samples, as columns by name.
type pair struct {
	s             *graph.Scope
	of            feed.Field
	ranges        []float64
	first, second *graph.Node // [B,P]
}

// pairOf asks a batch what was drawn for the first two views.
func pairOf(s *graph.Scope, b *methods.Batch) pair {
	p := pair{s: s, of: b.Of("params0"), first: b.Params(0), second: b.Params(1)}
	p.ranges = make([]float64, len(p.of.Columns))
	for i := range p.ranges {
		p.ranges[i] = max(p.of.Range[i], b.Of("params1").Range[i])
	}
	return p
}

// drawn says whether the views differ in it at all.
func (d difference) drawn(p pair) bool {
	return slices.ContainsFunc(d.columns, func(name string) bool { return p.rangeOf(name) > 0 })
}

// check stops a build whose views never differ in what a setting asks for.
func (d difference) check(p pair, key string) {
	if !d.drawn(p) {
		op.Fail("", "%s asks for the %s of views, and the recipe's [views] never draw any: give them some of "+
			"%s, or leave it out", key, d.name, strings.Join(d.columns, ", "))
	}
}

// swapped is the pair seen from the other view.
func (p pair) swapped() pair {
	p.first, p.second = p.second, p.first
	return p
}

func (p pair) at(name string) int {
	at := slices.Index(p.of.Columns, name)
	if at < 0 {
		op.Fail("", "the parameters of the views have no column %s; they have %s", name,
			strings.Join(p.of.Columns, ", "))
	}
	return at
}

func (p pair) rangeOf(name string) float64 { return p.ranges[p.at(name)] }

// column is [B,1].
func (p pair) column(of *graph.Node, name string) *graph.Node {
	at := p.at(name)
	return op.Slice(of, 1, at, at+1)
}

// sub is the first view's less the second's, [B,1].
func (p pair) sub(name string) *graph.Node {
	return op.Sub(p.column(p.first, name), p.column(p.second, name))
}

// box is the centre and the size of a view's crop in fractions of the image, [B,4]: y, x, height, width. Of a mirrored
// view the centre is mirrored too, so that it says where the crop lies in the image as the view shows it.
//
// The authors' code mirrors the second view's by whether the first was flipped; we mirror each by its own.
func (p pair) box(of *graph.Node) *graph.Node {
	h, w := p.column(of, "crop_height"), p.column(of, "crop_width")
	centre := func(edge, size *graph.Node, flip string) *graph.Node {
		c := op.Add(edge, op.Scale(size, 0.5))
		return op.Add(c, op.Mul(p.column(of, flip), op.Affine(c, -2, 1))) // c, or 1 - c
	}
	return op.Concat(1, centre(p.column(of, "crop_top"), h, "vertical_flip"), centre(p.column(of, "crop_left"), w,
		"flip"), h, w)
}
