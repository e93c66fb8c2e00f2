// Package equivariant holds methods whose features follow what was done to a view, instead of forgetting it: section
// 3.1 of the Cookbook (arXiv:2304.12210).
package equivariant

import (
	"errors"
	"slices"
	"strings"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/setting"
)

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

// checkNames says what is wrong with names of differences that a recipe gives under a key, of which there may be none.
func checkNames(key string, names []string) error {
	var bad []error
	for i, name := range names {
		if !slices.Contains(differenceNames(), name) {
			bad = append(bad, setting.Bad(key, "%q: want some of %s", name, strings.Join(differenceNames(), ", ")))
		} else if slices.Contains(names[:i], name) {
			bad = append(bad, setting.Bad(key, "%q is there twice", name))
		}
	}
	return errors.Join(bad...)
}

// between is the differences of these names that lead from the first view to the second, [B,K]. Views that never differ
// in one of them stop the build.
func between(s *graph.Scope, b *methods.Batch, names []string) *graph.Node {
	p := pairOf(s, b).swapped()
	var done []*graph.Node
	for _, d := range differences {
		if slices.Contains(names, d.name) {
			d.check(p, "of")
			done = append(done, d.between(p))
		}
	}
	return op.Concat(1, done...)
}
