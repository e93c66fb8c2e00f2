package cpu

import (
	"fmt"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// recurrentKernelCases are those of recurrent layers, some of several tasks a step.
func recurrentKernelCases(loose func(tol float64, spec ir.Spec, in ...string)) {
	for _, cell := range []string{"gru", "lstm"} {
		o := op.Recurrent{Cell: cell}
		for _, s := range [][3]int{{1, 1, 1}, {3, 5, 7}, {67, 9, 65}, {2, 40, 128}} {
			b, t, h, wide := s[0], s[1], s[2], o.Gates()*s[2]
			x, w, bias, y := fmt.Sprintf("n %d,%d,%d", b, t, wide), fmt.Sprintf("small %d,%d", h, wide),
				fmt.Sprintf("n %d", wide), fmt.Sprintf("n %d,%d,%d", b, t, h)
			loose(1e-5, o, x, w, bias)
			loose(1e-5, op.RecurrentGrad(o), y, x, w, bias, y)
		}
	}
}
