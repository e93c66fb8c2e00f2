package experiment

import (
	"fmt"
	"slices"
	"strings"

	"selfsup/graph"
)

// checkAccumulated refuses train.accumulate where the mean gradient of the parts of a batch is not that of the batch:
// samples meet in the loss, in a norm, or in what is kept for the next step.
func (s *Setup) checkAccumulated() error {
	r := s.Recipe
	if r.Train.Accumulate < 2 || r.Train.PartsApart {
		return nil
	}
	found, err := s.meetings()
	if err != nil || len(found) == 0 {
		return err
	}
	first := found[0]
	if i := slices.IndexFunc(found, func(m graph.Meeting) bool { return m.What != "" }); i >= 0 {
		first = found[i]
	}
	where := strings.TrimSuffix(first.Scope, "/")
	what := fmt.Sprintf("[method.%s] compares the samples of a batch or counts them together", r.Method.Name)
	if first.What != "" {
		what = first.What + " takes the statistics of a batch"
	}
	if where != "" {
		what += " (" + where + ")"
	}
	hint := ""
	if s.couldCache() {
		hint = fmt.Sprintf(", or grad_cache = %d, which gives the gradient of the whole batch in the memory of a part",
			r.Train.Accumulate)
	}
	return r.Result.Bad("train.accumulate", "%d: %s, so that the parts would be batches of their own; want 1%s; "+
		"parts_apart = true takes them for such", r.Train.Accumulate, what, hint)
}

// meetings is where the samples of a batch meet in what a training step minimises and keeps.
func (s *Setup) meetings() (found []graph.Meeting, err error) {
	o := s.options(nil)
	o.Meets = true
	_, err = graph.Build(o, func(g *graph.Scope) {
		obj := s.objectiveIn(g, s.rowsAtOnce(), &built{})
		values := g.Changes()
		for _, p := range playersOf(obj) {
			for _, t := range p.Terms {
				if t.Weight != 0 {
					values = append(values, t.Value)
				}
			}
		}
		found = g.Meets(values...)
	})
	return found, err
}

// couldCache reports whether train.grad_cache would do in place of train.accumulate.
func (s *Setup) couldCache() bool {
	again, rec, r := *s, *s.Recipe, *s.Recipe.Recipe
	r.Train.GradCache, r.Train.Accumulate = r.Train.Accumulate, 1
	rec.Recipe, again.Recipe = &r, &rec
	_, _, x, err := again.lossGraph()
	if err == nil {
		_, _, err = again.cachedPart(backPass, x)
	}
	return err == nil
}
