package experiment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/views"
	"selfsup/evaluations"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/methods"
)

// An agent that acts between the steps of its training, and the episodes that it is judged by.

// memoryEntry is the name of the Store's entry that holds what an agent has done.
const memoryEntry = "replay"

// memoryLeaf describes the entry, if somebody acts.
func (s *Setup) memoryLeaf() (l graph.Leaf, ok bool) {
	r, ok := s.Seen.(datasets.Replay)
	if !ok {
		return l, false
	}
	return graph.Leaf{Name: memoryEntry, Kind: graph.State, Type: ir.Type{Shape: ir.Shape{len(r.Memory())},
		DType: ir.I32}}, true
}

// keepMemory has an agent's memory in the Store, so that a checkpoint has it: as the data were opened, or as it is
// there.
func (s *Setup) keepMemory() error {
	l, ok := s.memoryLeaf()
	if !ok {
		return s.checkActs()
	}
	r := s.Seen.(datasets.Replay)
	if s.memory == nil {
		s.memory = slices.Clone(r.Memory())
	}
	e := s.Store.Get(memoryEntry)
	if e == nil {
		e = &graph.Entry{Name: l.Name, Kind: l.Kind, Array: ir.NewArray(l.Type)}
		copy(e.I32, s.memory)
		s.Store.Put(e)
	}
	r.Hold(e.I32)
	return nil
}

// checkActs refuses methods of agents where they cannot act. A set that is part of a memory is none.
func (s *Setup) checkActs() error {
	r := s.Recipe
	if _, replay := s.Data.Train.(datasets.Replay); replay {
		return fmt.Errorf("[subset.%s] keeps some steps of an agent's memory, which changes; want none", r.Subset.Name)
	}
	return nil
}

// acts reports whether the samples are what the method's agent does.
func (s *Setup) acts() bool {
	_, ok := s.Seen.(datasets.Replay)
	return ok
}

// actions is how many actions there are; 0: the data are no steps of an agent.
func (s *Setup) actions() int {
	if d, ok := s.Data.Train.(datasets.StepSet); ok {
		return len(d.Actions())
	}
	return 0
}

// actor is the values of actions at one observation.
type actor struct {
	program *graph.Program
	in, out ir.Array
	pipe    *views.Pipeline
	image   datasets.Image
	scratch views.Scratch
}

// observationInput names the input of an actor's program.
const (
	observationInput = "observation"
	valuesOutput     = "values"
)

// actorOver compiles what a method of an agent makes of an observation, over a Store.
func (s *Setup) actorOver(st *graph.Store) (*actor, error) {
	m, ok := s.Recipe.Method.Value.(methods.Acts)
	if !ok || s.actions() == 0 {
		return nil, fmt.Errorf("[method.%s] does not act, or dataset.%s is no world to act in", s.Recipe.Method.Name,
			s.Recipe.Dataset.Name)
	}
	g, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		x := g.Input(observationInput, append([]int{1}, s.Input.Shape...)...)
		g.Output(valuesOutput, m.Values(g, s.encoder(), x, s.actions()))
	})
	if err != nil {
		return nil, err
	}
	a := &actor{pipe: s.Views}
	if a.program, err = g.CompileOver(s.Device, st); err != nil {
		return nil, err
	}
	if a.in, err = a.program.Input(observationInput); err != nil {
		return nil, err
	}
	a.out, err = a.program.Output(valuesOutput)
	return a, err
}

// values are those of each action at what a world shows.
func (a *actor) values(w datasets.World) ([]float32, error) {
	w.Observe(&a.image)
	if err := a.pipe.EvalView(a.in.F32, &a.image, true, &a.scratch); err != nil {
		return nil, err
	}
	if err := a.program.Run(); err != nil {
		return nil, err
	}
	return a.out.F32, nil
}

// World implements methods.Host.
func (h *host) World() methods.World {
	set, ok := h.r.Seen.(datasets.Replay)
	if !ok {
		panic(errors.New("the data keep nothing of what an agent does; want dataset.envs with replay above 0"))
	}
	return &world{h.r, set}
}

// world is where the method's agent acts.
type world struct {
	r *run
	datasets.Replay
}

// Values implements methods.World. The program reads the Store of a processor in place; one of a device holds its own
// copies, so that it is made anew there.
func (w *world) Values() ([]float32, error) {
	if w.r.actor == nil || w.r.Recipe.Device != "cpu" {
		a, err := w.r.actorOver(w.r.Store)
		if err != nil {
			return nil, err
		}
		w.r.actor = a
	}
	return w.r.actor.values(w.Replay)
}

// Act implements methods.World.
func (w *world) Act(action int) (float64, bool, error) { return w.Replay.Act(action) }

// play are the returns of fresh episodes from one on, the same for every agent of the data set: the sums of their
// rewards. values says what to do; nil: any action, by the seed.
func (s *Setup) play(ctx context.Context, from, episodes int, a *actor) (returns []float64, err error) {
	set := s.Data.Train.(datasets.StepSet)
	for i := from; i < from+episodes; i++ {
		if err := errors.Join(ctx.Err(), s.beat()); err != nil {
			return nil, err
		}
		w, sum := set.Fresh(i), 0.0
		r := datasets.NewRand(uint64(s.Recipe.Seed), "play", uint64(i))
		for over := false; !over; {
			action := r.Intn(s.actions())
			if a != nil {
				v, err := a.values(w)
				if err != nil {
					return nil, err
				}
				action = evaluations.Largest(v)
			}
			var reward float64
			if reward, over, err = w.Act(action); err != nil {
				return nil, err
			}
			sum += reward
		}
		returns = append(returns, sum)
	}
	return returns, nil
}

// played are the returns that a protocol asks for. During the training the episodes are others than those of the end.
func (u *subject) played(ctx context.Context, on string, needs evaluations.Needs) (f evaluations.Features, err error) {
	f = evaluations.Features{Seed: uint64(u.Recipe.Seed), Alive: u.alive}
	from := 0
	if on != onTest {
		from = needs.Episodes
	}
	f.Returns, err = u.plays(ctx, from, needs.Episodes)
	return f, err
}

// visited is how often each state is in the memory of a Store, and in that of an agent that does anything at random.
func (s *Setup) visited(st *graph.Store) (f evaluations.Features, err error) {
	set, memory := s.Seen.(datasets.Replay), st.Get(memoryEntry)
	if memory == nil {
		return f, fmt.Errorf("the checkpoint has no %s, which an agent's memory is kept in", memoryEntry)
	}
	acted := set.With(slices.Clone(memory.I32))
	begun := s.memory
	if begun == nil { // nothing was trained here
		begun = set.Memory()
	}
	random, r := set.With(slices.Clone(begun)), datasets.NewRand(uint64(s.Recipe.Seed), "visits")
	steps := acted.Filled() - random.Filled()
	if acted.Filled() == acted.Len() {
		steps = acted.Len() // nothing of the beginning is left
	}
	for range steps {
		if _, _, err := random.Act(r.Intn(s.actions())); err != nil {
			return f, err
		}
	}
	return evaluations.Features{Seed: uint64(s.Recipe.Seed), Alive: s.alive, Visits: visits(acted),
		RandomVisits: visits(random)}, nil
}

// visits counts the steps of a memory that begin in each true state, in the order of the states' first steps.
func visits(set datasets.Replay) (counts []int) {
	places := map[string]int{}
	state := make([]float64, set.Sources())
	for i := range set.Filled() {
		set.Source(i, state)
		key := fmt.Sprint(state)
		k, known := places[key]
		if !known {
			k = len(counts)
			places[key], counts = k, append(counts, 0)
		}
		counts[k]++
	}
	return counts
}

// checkPlays refuses protocols of episodes where nobody acts.
func (s *Setup) checkPlays() error {
	for _, c := range s.Recipe.Evaluate.On {
		if _, replay := s.Data.Train.(datasets.Replay); c.Value.Needs().Visits && !replay {
			return s.Recipe.Result.Bad("evaluate."+c.Name, "is about what an agent has done, and dataset.%s keeps "+
				"nothing of that; want dataset.envs with replay above 0", s.Recipe.Dataset.Name)
		}
		if c.Value.Needs().Episodes == 0 {
			continue
		}
		if _, acts := s.Recipe.Method.Value.(methods.Acts); !acts || s.actions() == 0 {
			return s.Recipe.Result.Bad("evaluate."+c.Name, "plays episodes, and [method.%s] with dataset.%s does not; "+
				"want a method of an agent such as dqn, and dataset.envs", s.Recipe.Method.Name, s.Recipe.Dataset.Name)
		}
	}
	return nil
}
