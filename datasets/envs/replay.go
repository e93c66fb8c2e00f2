package envs

import (
	"fmt"

	"selfsup/datasets"
)

// Replay is the newest steps of an agent, and the world that it acts in; it implements datasets.Replay. It holds as
// many rows at any time: before all are written the first ones stand for the others.
type Replay struct {
	steps
	memory []int32 // all that it keeps: head, the state now, and the rows
}

// Places of the head of the memory.
const (
	writtenAt   = iota // steps so far
	episodesAt         // begun so far
	replayHeads        // how many numbers the head has
)

// replay is a memory with the first steps in it, by the stated policy.
func (e *Envs) replay(w world) *Replay {
	r := &Replay{steps: steps{Envs: e, world: w, part: "replay", ring: true}}
	r.Hold(make([]int32, replayHeads+r.state()+e.Replay*r.width()))
	r.begin(w, r.part, 0, r.now())
	r.memory[episodesAt] = 1
	for range e.Warmup {
		r.move(e.policy(w, r.now()))
	}
	return r
}

func (r *Replay) now() state { return r.memory[replayHeads : replayHeads+r.state()] }

// Memory implements datasets.Replay.
func (r *Replay) Memory() []int32 { return r.memory }

// Hold implements datasets.Replay.
func (r *Replay) Hold(memory []int32) {
	r.memory = memory
	r.rows = memory[replayHeads+r.state():]
}

// With implements datasets.Replay.
func (r *Replay) With(memory []int32) datasets.Replay {
	other := *r
	other.Hold(memory)
	return &other
}

// Filled implements datasets.Replay.
func (r *Replay) Filled() int { return min(int(r.memory[writtenAt]), r.Envs.Replay) }

// first is the row that stands for row i.
func (r *Replay) first(i int) int { return i % r.Filled() }

// Label implements datasets.Labelled: nobody tells an agent what to do.
func (r *Replay) Label(int) int { return -1 }

// Name implements datasets.Labelled.
func (r *Replay) Name(i int) string { return r.steps.Name(r.first(i)) }

// Image implements datasets.Set.
func (r *Replay) Image(i int, dst *datasets.Image) error { return r.steps.Image(r.first(i), dst) }

// Sum implements datasets.Summed.
func (r *Replay) Sum(i int) (uint32, error) { return r.steps.Sum(r.first(i)) }

// Source implements datasets.MixedSet.
func (r *Replay) Source(i int, dst []float64) { r.steps.Source(r.first(i), dst) }

// Observe implements datasets.World.
func (r *Replay) Observe(dst *datasets.Image) { r.draw(r.world, r.now(), dst) }

// Act implements datasets.World.
func (r *Replay) Act(action int) (reward float64, over bool, err error) {
	if err := checkAction(r.Env, r.world, action); err != nil {
		return 0, false, err
	}
	reward, over = r.move(action)
	return reward, over, nil
}

// move writes a step over the oldest one, and begins another episode after the last step of one.
func (r *Replay) move(action int) (reward float64, over bool) {
	i := int(r.memory[writtenAt]) % r.Envs.Replay
	over = r.act(i, int(r.memory[episodesAt])-1, r.now(), action)
	r.memory[writtenAt]++
	if over {
		r.begin(r.world, r.part, int(r.memory[episodesAt]), r.now())
		r.memory[episodesAt]++
	}
	return float64(r.steps.Step(i).Reward), over
}

// Fresh implements datasets.Replay: episodes of a part of their own.
func (s *steps) Fresh(episode int) datasets.World {
	g := &game{set: s, now: make(state, s.state())}
	s.begin(s.world, "play", episode, g.now)
	return g
}

// game is an episode that nobody keeps.
type game struct {
	set  *steps
	now  state
	over bool
}

// Observe implements datasets.World.
func (g *game) Observe(dst *datasets.Image) { g.set.draw(g.set.world, g.now, dst) }

// Act implements datasets.World.
func (g *game) Act(action int) (reward float64, over bool, err error) {
	if err := checkAction(g.set.Env, g.set.world, action); err != nil {
		return 0, false, err
	}
	if g.over {
		return 0, true, fmt.Errorf("envs: %s: the episode is over", g.set.Env)
	}
	reward, terminal := advance(g.set.world, g.now, action)
	g.over = terminal || g.now.time() >= g.set.world.limit()
	return reward, g.over, nil
}
