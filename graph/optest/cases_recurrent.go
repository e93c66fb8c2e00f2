package optest

import (
	"fmt"

	"selfsup/graph/op"
)

// recurrentCases are the recurrent layers, weights scaled as they are when drawn.
func recurrentCases() (cs []Case) {
	for _, cell := range []string{"gru", "lstm"} {
		g := op.Recurrent{Cell: cell}.Gates()
		for _, s := range []struct{ b, t, h int }{{1, 1, 1}, {2, 1, 3}, {1, 7, 2}, {3, 5, 4}, {5, 17, 33}} {
			cs = append(cs, Case{Name: fmt.Sprintf("%s/%v", cell, s),
				In: []Input{normal(s.b, s.t, g*s.h), normal(s.h, g*s.h), normal(g * s.h)},
				Build: func(in nodes) *op.Node {
					return op.Apply(op.Recurrent{Cell: cell}, in[0],
						op.Scale(in[1], 0.3), in[2])
				}})
		}
		cs = append(cs, Case{Name: cell + "/closed and open gates",
			In:    []Input{{Shape: []int{2, 6, g * 4}, Value: ramp(-200, 200, 48*g)}, normal(4, g*4), normal(g * 4)},
			Build: func(in nodes) *op.Node { return op.Apply(op.Recurrent{Cell: cell}, in[0], in[1], in[2]) }})
	}
	return cs
}
