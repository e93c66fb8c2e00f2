// Package envs holds three small worlds that an agent sees as pixels, of which the true state is known: as episodes of
// a stated policy, to learn from without acting, and as a world to act in, whose steps a training keeps.
//
// Everything is drawn here; a world needs nothing from outside.
package envs

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"selfsup/datasets"
	"selfsup/setting"
)

// Envs is steps of episodes in a world: reach (bring a point to a target), catch (be under a falling ball) or maze
// (find a goal in four rooms). An observation is 32x32 pixels in colour. A sample is a step: the observation, the
// action that was taken, its reward, and what came later in the episode. Its label is the action that an expert would
// take there; its sources, for [evaluate.state], are where things truly are.
//
// The policy takes the expert's action with a probability and any action else. Episode i is drawn from the seed and i
// alone. Training and test episodes are unrelated.
//
// With replay above 0 the training set is what an agent does while it learns: a buffer of so many steps, which begins
// with warmup steps of the policy and then holds the newest ones of [method.dqn] and the like. Evaluations then learn
// from the episodes, and so compare with runs that learn without acting.
type Envs struct {
	Env      string  `toml:"env"`      // reach | catch | maze
	Episodes int     `toml:"episodes"` // of the training set
	Held     int     `toml:"held"`     // test episodes; 0: none
	Expert   float64 `toml:"expert"`   // probability of the expert's action, else any
	Far      bool    `toml:"far"`      // of the maze: from the first room to the last corner
	Near     bool    `toml:"near"`     // of reach: every step costs how far the target is, not the same
	// background: none | fixed (noise of the episode) | slow (waves that drift) | changing (noise of the step) |
	// television (a corner with noise of the step) | remote (a corner whose noise changes where the agent stays)
	Distractor string  `toml:"distractor"`
	Strength   float64 `toml:"strength"` // of the background, a share of full brightness
	Replay     int     `toml:"replay"`   // steps that an agent's memory holds; 0: nobody acts
	Warmup     int     `toml:"warmup"`   // steps in the memory before the first update
	Seed       uint64  `toml:"seed"`     // of all episodes; apart from the run's seed, so that seeds compare
}

// New has 300 + 60 episodes in reach, half of whose actions are an expert's.
func New() *Envs {
	return &Envs{Env: "reach", Episodes: 300, Held: 60, Expert: 0.5, Distractor: noDistractor, Strength: 0.5,
		Warmup: 500}
}

// Samples implements datasets.Kinded.
func (*Envs) Samples() string { return datasets.OfSteps }

// Validate checks the settings.
func (e *Envs) Validate() error {
	bad := []error{setting.Least("episodes", e.Episodes, 1), setting.Least("held", e.Held, 0),
		setting.Within("expert", e.Expert, 0, 1), setting.Within("strength", e.Strength, 0, 1)}
	if worlds[e.Env] == nil {
		bad = append(bad, setting.Bad("env", "%q: want one of %q", e.Env, slices.Sorted(maps.Keys(worlds))))
	}
	if e.Far && e.Env != "maze" {
		bad = append(bad, setting.Bad("far", "true: is about env = \"maze\", and env is %q", e.Env))
	}
	if e.Near && e.Env != "reach" {
		bad = append(bad, setting.Bad("near", "true: is about env = \"reach\", and env is %q", e.Env))
	}
	if !slices.Contains(distractors, e.Distractor) {
		bad = append(bad, setting.Bad("distractor", "%q: want one of %q", e.Distractor, distractors))
	}
	if e.Replay != 0 && (e.Warmup < 1 || e.Replay < e.Warmup) {
		bad = append(bad, setting.Bad("replay", "%d with warmup = %d: want a memory of at least the warmup, and that "+
			"at least 1; or 0, where nobody acts", e.Replay, e.Warmup))
	}
	return errors.Join(bad...)
}

// Open implements datasets.Source.
func (e *Envs) Open(datasets.Env) (*datasets.Data, error) {
	if err := e.Validate(); err != nil {
		return nil, fmt.Errorf("datasets: envs: %w", err)
	}
	w := worlds[e.Env](e)
	train := e.episodes(w, "train", e.Episodes)
	d := &datasets.Data{Train: train}
	if e.Held > 0 {
		d.Test = e.episodes(w, "test", e.Held)
	}
	if e.Replay > 0 {
		d.Train, d.Labelled = e.replay(w), train
	}
	return d, d.Check("envs")
}

// begin starts an episode of a part.
func (e *Envs) begin(w world, part string, episode int, s state) {
	r := datasets.NewRand(e.Seed, "envs/"+e.Env+"/"+part, uint64(episode))
	s[keyAt], s[timeAt], s[stayedAt] = int32(uint32(r.Uint64())), 0, 0
	w.start(s, &r)
}

// policy is the action of the stated policy; it depends on the state and the seed alone.
func (e *Envs) policy(w world, s state) int {
	r := datasets.NewRand(e.Seed^s.key(), "envs/policy", uint64(s.time()))
	if r.Chance(e.Expert) {
		return w.expert(s)
	}
	return r.Intn(len(w.actions()))
}

// episodes are whole episodes of the stated policy.
func (e *Envs) episodes(w world, part string, n int) *steps {
	set := &steps{Envs: e, world: w, part: part}
	now := make(state, common+w.size())
	for i := range n {
		e.begin(w, part, i, now)
		for over := false; !over; {
			set.rows = append(set.rows, make([]int32, set.width())...)
			over = set.act(len(set.rows)/set.width()-1, i, now, e.policy(w, now))
		}
	}
	return set
}
