// Package equivariant holds methods whose features follow what was done to a view, instead of forgetting it: section
// 3.1 of the Cookbook (arXiv:2304.12210).
package equivariant

import (
	"slices"
	"strings"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
)

// pair is what was drawn for two views of the same samples, as columns by name.
type pair struct {
	s             *graph.Scope
	of            feed.Field
	ranges        []float64
	first, second *graph.Node // [B,P]
}

// difference is one kind of what can differ between two views.
type difference struct {
	name    string
	columns []string                 // of the views' parameters, of which one has to be drawn
	width   int                      // K
	between func(p pair) *graph.Node // [B,K]
}

// differences are those of Lee et al. 2021, arXiv:2111.09613, section 3.2 and appendix.
var differences = []difference{
	{"crop", []string{"crop_top", "crop_left", "crop_height", "crop_width"}, 4, func(p pair) *graph.Node {
		a, b := p.box(p.first), p.box(p.second)
		return op.Sub(a, b) // centre y, centre x, height, width
	}},
	{"color", []string{"brightness", "contrast", "saturation", "hue"}, 4, func(p pair) *graph.Node {
		var d []*graph.Node
		for _, name := range []string{"brightness", "contrast", "saturation", "hue"} {
			if r := p.rangeOf(name); r > 0 {
				d = append(d, op.Scale(p.sub(name), 1/r))
			} else {
				d = append(d, op.Scale(p.sub(name), 0)) // whatever was drawn changes nothing
			}
		}
		return op.Concat(1, d...)
	}},
	{"flip", []string{"flip"}, 1, func(p pair) *graph.Node { // 1 where both views are flipped, or neither is
		return p.s.Equal(p.column(p.first, "flip"), p.column(p.second, "flip"))
	}},
	{"blur", []string{"blur"}, 1, func(p pair) *graph.Node { return p.sub("blur") }},
	// which quarter turn leads from the second view to the first, one of four
	{"turn", []string{"quarter_turns"}, 4, func(p pair) *graph.Node {
		d := p.sub("quarter_turns")
		d = op.Add(d, op.Scale(op.Greater(p.s.Constant(0), d), 4))
		var which []*graph.Node
		for k := range 4 {
			which = append(which, p.s.Equal(d, p.s.Constant(float64(k))))
		}
		return op.Concat(1, which...)
	}},
	{"solarize", []string{"solarize"}, 1, func(p pair) *graph.Node { return p.sub("solarize") }},
}

// differenceNames lists what can differ, for messages.
func differenceNames() (names []string) {
	for _, d := range differences {
		names = append(names, d.name)
	}
	return names
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
