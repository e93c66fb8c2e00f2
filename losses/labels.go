package losses

import (
	"fmt"

	"selfsup/graph"
	"selfsup/graph/op"
)

// OneHot is 1 at the place of each label and 0 elsewhere, [N,K], of labels [N] int32. A label below 0 gives zeros.
func OneHot(s *graph.Scope, labels *graph.Node, k int) *graph.Node {
	places := make([]int32, k)
	for i := range places {
		places[i] = int32(i)
	}
	n := op.ShapeOf(labels)[0]
	all := op.Reshape(s.Ints(fmt.Sprintf("const/classes%d", k), places), 1, k)
	return s.Equal(op.Reshape(labels, n, 1), all)
}
