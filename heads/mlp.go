// Package heads holds what stands between features and losses: projectors and predictors.
package heads

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/setting"
)

// MLP is the projector or predictor of the joint-embedding methods, [B,in] -> [B,widths[last]]: linear without bias,
// batch norm and ReLU for every width but the last, then linear with bias (Chen et al. 2020, arXiv:2002.05709, section
// 4.2 with the batch norm of its code; the same form in BYOL's and VICReg's). Without widths it gives its input.
func MLP(s *graph.Scope, in int, widths ...int) layer.Func {
	var layers []layer.Func
	for i, w := range widths {
		at := s.In(fmt.Sprint(i))
		if i == len(widths)-1 {
			layers = append(layers, layer.Linear(at, in, w, true))
			break
		}
		layers = append(layers, layer.Linear(at, in, w, false), layer.BatchNorm(at.In("norm"), w), layer.Relu)
		in = w
	}
	return layer.Chain(layers...)
}

// Width is the width of what MLP gives: the last of its widths, or in where there are none.
func Width(in int, widths []int) int {
	if len(widths) == 0 {
		return in
	}
	return widths[len(widths)-1]
}

// CheckProjector says what is wrong with the widths of a projector. None at all is no mistake: the loss is then of the
// features themselves.
func CheckProjector(widths []int) error { return CheckHidden("projector", widths) }

// CheckWidths says what is wrong with the widths of an MLP that a recipe gives under a key.
func CheckWidths(key string, widths []int) error {
	if len(widths) == 0 {
		return setting.Bad(key, "[]: want at least one width, the last is the embedding's")
	}
	return CheckHidden(key, widths)
}

// CheckHidden says what is wrong with hidden widths that a recipe gives under a key, of which there may be none.
func CheckHidden(key string, widths []int) error {
	for _, w := range widths {
		if w < 1 {
			return setting.Bad(key, "%v: every width must be at least 1", widths)
		}
	}
	return nil
}
