package experiment

import (
	"fmt"
	"runtime/debug"

	"selfsup/datasets"
	"selfsup/datasets/views"
	"selfsup/graph"
	"selfsup/graph/ir"
)

// Stage is a part of the training whose views have one size: a training step of its own over the one Store.
type Stage struct {
	*Setup     // at that size
	Until  int // step that it ends before
}

// addStages plans a training step for every size of train.resolution; the last stage, at the full size, is s itself.
func (s *Setup) addStages() error {
	last := 0
	for i, r := range s.Recipe.Train.Resolution {
		until := r.Until.Steps(s.PerEpoch, s.Steps)
		if until <= last {
			return s.Recipe.Result.Bad(fmt.Sprintf("train.resolution[%d].until", i),
				"%q is step %d, want a step after %d and at most %d, the end of the training", r.Until, until, last,
				s.Steps)
		}
		early, err := s.sized(i)
		if err != nil {
			return err
		}
		if err := early.plan(int64(s.Recipe.MemoryLimit)); err != nil {
			return fmt.Errorf("train.resolution[%d]: crop = %d: %w", i, r.Crop, err)
		}
		if err := sameLeaves(early.Leaves, s.Leaves); err != nil {
			return fmt.Errorf("train.resolution[%d]: crop = %d: %w", i, r.Crop, err)
		}
		s.Stages = append(s.Stages, Stage{early, until})
		last = until
	}
	s.Stages = append(s.Stages, Stage{s, s.Steps})
	return nil
}

// First is the Setup at the size of the training's first views, neither built nor compiled.
func (s *Setup) First() (*Setup, error) {
	if len(s.Recipe.Train.Resolution) == 0 {
		return s, nil
	}
	first, err := s.sized(0)
	if err != nil {
		return nil, &RecipeError{s.Recipe.File, err}
	}
	return first, nil
}

// compileStages compiles the training steps of all stages but the last.
func (s *Setup) compileStages() error {
	for i, early := range s.Stages[:len(s.Stages)-1] {
		if err := early.compile(); err != nil {
			return fmt.Errorf("train.resolution[%d]: crop = %d: %w", i, s.Recipe.Train.Resolution[i].Crop, err)
		}
	}
	return nil
}

// sized is the same experiment, over the same data and Store, with the views of train.resolution[i]; its step is yet to
// be compiled.
func (s *Setup) sized(i int) (*Setup, error) {
	crop := s.Recipe.Train.Resolution[i].Crop
	t := &Setup{Recipe: s.Recipe, Device: s.Device, Ranks: s.Ranks, Data: s.Data, Seen: s.Seen,
		Labelled: s.Labelled, Tested: s.Tested, held: s.held, hidden: s.hidden, wrong: s.wrong,
		Store: s.Store, PerEpoch: s.PerEpoch, Steps: s.Steps}
	set := s.Recipe.Views
	set.Crop = crop
	d := *s.Data
	images, _ := s.Data.Images()
	d.Train = normalized{images, s.Views}
	var err error
	if t.Views, err = views.New(set, &d, s.Views.Views); err != nil {
		return nil, fmt.Errorf("train.resolution[%d]: crop = %d: %w", i, crop, err)
	}
	if err := t.takeKind(t.Views); err != nil {
		return nil, fmt.Errorf("train.resolution[%d]: crop = %d: %w", i, crop, err)
	}
	return t, nil
}

// sameLeaves refuses a step that keeps other things in the Store than the step at full size.
func sameLeaves(got, want []graph.Leaf) error {
	names := map[string]bool{}
	for _, l := range want {
		names[l.Name] = true
	}
	for _, l := range got {
		if !names[l.Name] {
			return fmt.Errorf("%s is in the store at this size only", l.Name)
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d entries in the store, at full size %d", len(got), len(want))
	}
	return nil
}

// normalized is a training set whose statistics the views at full size have measured.
type normalized struct {
	datasets.Set
	views *views.Pipeline
}

// Measured implements datasets.Measured.
func (n normalized) Measured() (mean, std []float64) {
	for c := range n.views.Mean {
		mean, std = append(mean, float64(n.views.Mean[c])), append(std, float64(n.views.Std[c]))
	}
	return mean, std
}

// enter makes a stage the one that runs.
func (r *run) enter(s *Setup) error {
	r.now, r.losses, r.norms = s, make([]ir.Array, len(s.turns)), make([]ir.Array, len(s.turns))
	var all []watched
	for n, t := range s.turns {
		for _, name := range t.Outputs() {
			value, err := t.Output(name)
			if err != nil {
				return err
			}
			switch {
			case name == normsOutput:
				r.norms[n] = value
				continue
			case name == LossOutput:
				r.losses[n] = value
			case below(name, pictureScope), below(name, cutScope):
				continue
			}
			w := watched{name: name, turn: n, value: value}
			for _, before := range r.watched { // the next line of metrics is a mean over both stages
				if before.name == name && before.turn == n {
					w.sum, w.steps = before.sum, before.steps
				}
			}
			all = append(all, w)
		}
	}
	r.watched = all
	return nil
}

// leave lets go of a stage that is over, unless it is the last: its step does not run again, and the next has
// temporaries of its own.
func (r *run) leave(i int) {
	if r.Stages[i].Setup == r.Setup {
		return
	}
	r.Stages[i].Setup, r.now = nil, r.Setup
	r.losses, r.norms = nil, nil
	for k := range r.watched {
		r.watched[k].value = ir.Array{}
	}
	debug.FreeOSMemory()
}
