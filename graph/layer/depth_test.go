package layer_test

import (
	"testing"

	"selfsup/graph"
	"selfsup/graph/layer"
)

// Stochastic depth spares the first block where it rises, no block where it is uniform, and all blocks of an evaluation
// and of a teacher.
func TestStochasticDepth(t *testing.T) {
	count := func(training, teacher, uniform bool) (dropped []bool) {
		_, err := graph.Build(graph.Options{Training: training}, func(s *graph.Scope) {
			if teacher {
				s = s.Twin("teacher", s.Constant(0.9))
			}
			for _, f := range layer.StochasticDepth(s, 3, 0.3, uniform) {
				dropped = append(dropped, f != nil)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return dropped
	}
	for _, c := range []struct {
		training, teacher, uniform, first, others bool
	}{
		{training: true, others: true},
		{training: true, uniform: true, first: true, others: true},
		{uniform: true},
		{training: true, teacher: true, uniform: true},
	} {
		got := count(c.training, c.teacher, c.uniform)
		if len(got) != 3 || got[0] != c.first || got[1] != c.others || got[2] != c.others {
			t.Errorf("%+v: blocks that are dropped at times: %v", c, got)
		}
	}
}
