package experiment

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"selfsup/encoder"
	"selfsup/experiment/checkpoint"
	"selfsup/graph"
	"selfsup/methods"
	"selfsup/recipes"
)

// Which weights are evaluated, exported and embedded: the recipe's [average]. Everything of these kinds goes through
// averaged, which makes a Store with averages under the names that the encoder's graph reads.

// averageScope holds the moving averages of [average] weights = "ema", each under its encoder's name.
const averageScope = "average"

// averages declares the moving averages of the evaluated encoder in the last turn of the training step.
func (s *Setup) averages(g *graph.Scope, o methods.Objective) {
	if s.Recipe.Average.Weights != recipes.EMAWeights {
		return
	}
	scope := o.Encoder
	if scope == "" {
		scope = methods.Backbone
	}
	momentum := g.In(averageScope).Scheduled("momentum", averageMomentum(s.Recipe.Average.Decay))
	encoder.ScopeAt(g, scope).Average(averageScope, momentum)
}

// averageMomentum is the momentum of moving averages, which forget the first weights soon.
func averageMomentum(decay float64) graph.Schedule {
	return func(t graph.Time) float64 { return min(decay, float64(1+t.Step)/float64(10+t.Step)) }
}

// checkAverage refuses moving averages of an encoder that is one already, and evaluations of parts that have none.
func (s *Setup) checkAverage() error {
	r := s.Recipe
	if r.Average.Weights != recipes.EMAWeights {
		return nil
	}
	bad := func(format string, args ...any) error { return r.Result.Bad("average.weights", format, args...) }
	if s.encodedAt.student != "" {
		return bad("\"ema\", and what [method.%s] has evaluated, %q, is a moving average of %q already; want \"last\"",
			r.Method.Name, s.encoderScope(), s.encodedAt.student)
	}
	if len(r.Baselines.Projector) > 0 {
		return bad("\"ema\" is of the encoder, and [baselines] projector = %v evaluates what is behind it; want [], "+
			"or weights = \"mean of 5\"", r.Baselines.Projector)
	}
	for _, c := range r.Evaluate.On {
		if c.Value.Needs().Pairs {
			return bad("\"ema\" is of the encoder, and [evaluate.%s] evaluates both towers; want \"mean of 5\"", c.Name)
		}
	}
	return nil
}

// startAverages makes the moving averages begin at the weights that the encoder begins with.
func (s *Setup) startAverages() {
	for _, l := range s.Leaves {
		if of, ok := strings.CutPrefix(l.Name, averageScope+"/"); ok {
			s.Store.Get(l.Name).Copy(s.Store.Get(of).Array)
		}
	}
}

// keepWeights keeps the weights of a step for the means of later ones.
func (r *run) keepWeights(m checkpoint.Meta) error {
	n, err := recipes.Checkpoints(r.Recipe.Average.Weights)
	if n == 0 || err != nil {
		return err
	}
	return checkpoint.KeepWeights(r.Folder.File(checkpointDir), r.Store, checkpoint.Meta{Step: m.Step, Recipe: m.Recipe,
		Encoder: m.Encoder}, n)
}

// averaged is the Store of weights to evaluate after done steps, and what they are, in words: "" for the last ones,
// which are st itself. dir is the run folder.
func averaged(weights, dir string, st *graph.Store, done int) (_ *graph.Store, said string, err error) {
	n, err := recipes.Checkpoints(weights)
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("weights: %w", err)
	case n > 0:
		return meanOf(n, filepath.Join(dir, checkpointDir), st, done)
	case weights == recipes.LastWeights:
		return st, "", nil
	}
	out := graph.NewStore(st.Seed)
	found := false
	for _, name := range st.Names() {
		e := st.Get(name)
		of, average := strings.CutPrefix(name, averageScope+"/")
		if !average {
			if st.Get(averageScope+"/"+name) == nil {
				out.Put(e)
			}
			continue
		}
		found = true
		out.Put(&graph.Entry{Name: of, Kind: st.Get(of).Kind, Array: e.Array})
	}
	if !found {
		return nil, "", &DataError{fmt.Errorf("weights = %q: %s was trained without a moving average; want \"last\", "+
			"or a run with [average] weights = %[1]q", weights, dir)}
	}
	return out, "a moving average", nil
}

// meanOf is the mean of st, after done steps, and the newest checkpoints before that are kept, n in all or as many as
// there are.
func meanOf(n int, dir string, st *graph.Store, done int) (*graph.Store, string, error) {
	steps, err := checkpoint.WeightsSteps(dir)
	if err != nil {
		return nil, "", &DataError{err}
	}
	steps = slices.DeleteFunc(steps, func(step int) bool { return step >= done })
	steps = steps[max(0, len(steps)-n+1):]
	if len(steps) == 0 {
		return st, fmt.Sprintf("those of step %d alone, as none before it are kept for a mean of %d", done, n), nil
	}
	mean, err := checkpoint.MeanWeights(dir, st, steps)
	if err != nil {
		return nil, "", &DataError{err}
	}
	return mean, fmt.Sprintf("the mean of %d checkpoints, steps %s and %d", len(steps)+1, strings.Trim(strings.Join(
		strings.Fields(fmt.Sprint(steps)), ", "), "[]"), done), nil
}

// toEvaluate is the Store of weights that the run evaluates and exports after done steps.
func (r *run) toEvaluate(done int) (*graph.Store, string, error) {
	weights := r.Recipe.Average.Weights
	if err := r.Options.Ranks.agree(nil); err != nil { // rank 0 has written what the others read
		return nil, "", err
	}
	if n, _ := recipes.Checkpoints(weights); n > 0 && !exists(r.Folder.File(checkpointDir)) {
		return r.Store, "", nil // before the first checkpoint there is one state
	}
	return averaged(weights, r.Folder.Path, r.Store, done)
}
