package cuda

import (
	"fmt"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// The sums of squares of many values are two launches, though others run in between, and their roots one.
func TestListsOfSquares(t *testing.T) {
	r := newRecorder(t)
	compiled(t, r, func(s *graph.Scope) {
		for k, shape := range []ir.Shape{{3, 5}, {5}, {70, 1000}, {}} {
			x := s.Input(fmt.Sprint("x", k), shape...)
			s.Output(fmt.Sprint("norm", k), op.Sqrt(op.SumSquares(x)))
			s.Output(fmt.Sprint("norm of rows", k), op.Normalize(op.Reshape(x, 1, -1), 1e-12))
		}
	})
	count := map[string]int{}
	for _, l := range r.launches {
		count[l.Name]++
		if l.Name == "square_list" && l.Grid[0] != 3+9 {
			t.Errorf("the sums have %d blocks, want 3 and 9 of 8192 values", l.Grid[0])
		}
	}
	if len(r.launches) != 3+4 || count["square_list"] != 1 || count["square_list_finish"] != 1 {
		t.Errorf("%d launches, want 4 of rows and 3: %s", len(r.launches), names(r.launches))
	}
}
