package control

import (
	"errors"
	"fmt"

	"selfsup/datasets/steps"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// BYOLExplore predicts, from what it has seen and the actions that follow, what a slowly following encoder will say of
// the coming observations, and is curious where it is wrong.
//
//	loss = mean over s, k of | q(b_s,k) - z'_s+k |^2 of unit rows;  novelty of a step: the errors of its result
//
// Guo et al., NeurIPS 2022, arXiv:2206.08332, section 3. A recurrent cell sees the features and actions up to step s,
// a second one goes on from there with actions alone, k steps. The novelty is divided by its running deviation, and
// what is below its running mean counts as none. Memory begins at the first step of a window; what is behind an
// episode's end does not count.
type BYOLExplore struct {
	Window   int     `toml:"window"`   // steps that the first cell sees
	Horizon  int     `toml:"horizon"`  // steps that the second one goes on
	Hidden   int     `toml:"hidden"`   // numbers of both cells
	Momentum float64 `toml:"momentum"` // of the encoder of targets
	// what is below the running mean of novelties is none
	Prioritise bool `toml:"prioritise"`
}

// DefaultBYOLExplore has the paper's momentum, and windows for short episodes.
func DefaultBYOLExplore() *BYOLExplore {
	return &BYOLExplore{Window: 5, Horizon: 3, Hidden: 128, Momentum: 0.99, Prioritise: true}
}

// Validate implements methods.Method.
func (m *BYOLExplore) Validate() error {
	err := errors.Join(setting.Least("window", m.Window, 1), setting.Least("horizon", m.Horizon, 1),
		setting.Least("hidden", m.Hidden, 1), setting.Within("momentum", m.Momentum, 0, 1))
	if m.Horizon > m.Window {
		err = errors.Join(err, setting.Bad("horizon", "%d: want at most window = %d", m.Horizon, m.Window))
	}
	return err
}

// Build implements methods.Method.
func (m *BYOLExplore) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	o, _ := m.Explore(s, enc, b)
	return o
}

// Explore implements Curious.
func (m *BYOLExplore) Explore(s *graph.Scope, enc methods.Encoder, b *methods.Batch) (methods.Objective, *graph.Node) {
	n, t := b.Size(), m.Window
	x := op.Concat(1, op.Reshape(b.View(0), append([]int{n, 1}, b.Of("view0").Shape...)...), b.Field(steps.Ahead(t)))
	seen := embedded(enc.New(s), x) // [B,T+1,F]
	target := op.StopGradient(embedded(enc.New(s.Twin("teacher", s.Constant(m.Momentum))), x))
	guesses := m.predict(s, seen, b, enc.Dim)
	there := op.Concat(1, m.always(s, n), s.AllRows(b.Field(steps.Alive(t)))) // [B,T+1]
	wrong := m.errors(guesses, target)
	loss := m.loss(wrong, there)
	novelty := at(m.uncertainty(wrong), 0)
	return methods.Objective{
		Features: at(seen, 0),
		Terms:    []methods.Term{{Name: "prediction", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{spread(at(seen, 0))},
	}, m.reward(s.In("novelty"), novelty)
}

func (m *BYOLExplore) always(s *graph.Scope, n int) *graph.Node {
	ones := make([]float64, n)
	for i := range ones {
		ones[i] = 1
	}
	return s.Floats(fmt.Sprintf("const/always%d", n), ones, n, 1)
}

// errors are the squared distances [s][k-1] [B] of unit rows, of guesses and targets [B,T+1,F].
func (m *BYOLExplore) errors(guesses [][]*graph.Node, target *graph.Node) [][]*graph.Node {
	wrong := make([][]*graph.Node, len(guesses))
	for s, row := range guesses {
		for k, guess := range row {
			then := op.StopGradient(at(target, s+k+1))
			apart := op.Sub(op.Normalize(guess, losses.Eps), op.Normalize(then, losses.Eps))
			wrong[s] = append(wrong[s], op.SumAxes(op.Square(apart), false, 1))
		}
	}
	return wrong
}

// loss is the mean error over all guesses of what there is; there is [B,T+1], nil: all.
func (m *BYOLExplore) loss(wrong [][]*graph.Node, there *graph.Node) *graph.Node {
	var values, counted []*graph.Node
	for s, row := range wrong {
		for k, e := range row {
			values = append(values, e)
			if there != nil {
				counted = append(counted, at(there, s+k+1))
			}
		}
	}
	if there == nil {
		return op.MeanAll(op.Concat(0, values...))
	}
	return losses.MeanOver(op.Concat(0, values...), op.Concat(0, counted...))
}

// uncertainty is the sum of the errors of the result of each step, [B,T]. It has no gradient.
func (m *BYOLExplore) uncertainty(wrong [][]*graph.Node) *graph.Node {
	sums := make([][]*graph.Node, len(wrong))
	for s, row := range wrong {
		for k, e := range row {
			sums[s+k] = append(sums[s+k], e)
		}
	}
	var all []*graph.Node
	for _, terms := range sums {
		all = append(all, op.Reshape(op.Sum(terms...), -1, 1))
	}
	return op.StopGradient(op.Concat(1, all...))
}

// reward is the novelty over its running deviation, less what is usual.
func (m *BYOLExplore) reward(s *graph.Scope, novelty *graph.Node) *graph.Node {
	const rate = 0.01
	mean, square := s.State("mean", graph.Fill(0)), s.State("square", graph.Fill(1))
	all := s.AllRows(novelty)
	s.Update(mean, op.Lerp(mean, op.MeanAll(all), s.Constant(1-rate)))
	s.Update(square, op.Lerp(square, op.MeanAll(op.Square(all)), s.Constant(1-rate)))
	deviation := op.Sqrt(op.Shift(op.Relu(op.Sub(square, op.Square(mean))), 1e-8))
	normalised, prioritised := m.rewards(novelty, mean, deviation)
	if m.Prioritise {
		return prioritised
	}
	return normalised
}

// rewards are novelties over a deviation, and by how much they are above a mean.
func (m *BYOLExplore) rewards(novelty, mean, deviation *graph.Node) (normalised, prioritised *graph.Node) {
	normalised = op.Div(novelty, deviation)
	return normalised, op.Relu(op.Sub(normalised, op.Div(mean, deviation)))
}
