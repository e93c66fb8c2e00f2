package envs

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"selfsup/datasets"
	"selfsup/setting"
)

// Frames is what is seen in episodes of one or several worlds, as images: for an encoder that methods of images learn
// before any agent acts, and that one then keeps as it is, [init] with frozen = true of dqn or sac. An encoder of many
// worlds is to serve in any of them (Majumdar et al. 2023, arXiv:2303.18240, where they are many data sets of videos).
// The label of a frame is its world and the action that an expert would take there.
type Frames struct {
	Envs       []string `toml:"envs"`       // of reach, catch and maze
	Episodes   int      `toml:"episodes"`   // of each world, of the training set
	Held       int      `toml:"held"`       // test episodes of each; 0: none
	Expert     float64  `toml:"expert"`     // probability of the expert's action, else any
	Distractor string   `toml:"distractor"` // as of dataset.envs
	Strength   float64  `toml:"strength"`   // of the background, a share of full brightness
	Seed       uint64   `toml:"seed"`       // of all episodes
}

// NewFrames has 100 + 20 episodes of every world in which half of the actions are an expert's.
func NewFrames() *Frames {
	return &Frames{Envs: slices.Sorted(maps.Keys(worlds)), Episodes: 100, Held: 20, Expert: 0.5,
		Distractor: noDistractor, Strength: 0.5}
}

// of is the settings of one world.
func (f *Frames) of(env string) *Envs {
	e := New()
	e.Env, e.Episodes, e.Held, e.Expert, e.Seed = env, f.Episodes, f.Held, f.Expert, f.Seed
	e.Distractor, e.Strength = f.Distractor, f.Strength
	return e
}

// Validate checks the settings.
func (f *Frames) Validate() error {
	names := slices.Sorted(maps.Keys(worlds))
	var bad []error
	for i, env := range f.Envs {
		if worlds[env] == nil || slices.Contains(f.Envs[:i], env) {
			bad = append(bad, setting.Bad("envs", "%q: want each of them once, of %q", f.Envs, names))
			break
		}
	}
	if len(f.Envs) == 0 {
		return setting.Bad("envs", "[]: want some of %q", names)
	}
	if len(bad) == 0 {
		bad = append(bad, f.of(f.Envs[0]).Validate())
	}
	return errors.Join(bad...)
}

// Open implements datasets.Source.
func (f *Frames) Open(datasets.Env) (*datasets.Data, error) {
	if err := f.Validate(); err != nil {
		return nil, fmt.Errorf("datasets: frames: %w", err)
	}
	train, test := &frames{}, &frames{}
	for _, env := range f.Envs {
		e := f.of(env)
		w := worlds[env](e)
		train.add(e.episodes(w, "train", e.Episodes))
		if e.Held > 0 {
			test.add(e.episodes(w, "test", e.Held))
		}
	}
	d := &datasets.Data{Train: train}
	if f.Held > 0 {
		d.Test = test
	}
	return d, d.Check("frames")
}

// frames is sets of steps one after another, of which the observations are seen.
type frames struct {
	parts   []*steps
	ends    []int // samples up to and with each part
	first   []int // class of the first action of each part
	classes []string
}

func (f *frames) add(s *steps) {
	f.parts, f.ends = append(f.parts, s), append(f.ends, f.Len()+s.Len())
	f.first = append(f.first, len(f.classes))
	for _, action := range s.Classes() {
		f.classes = append(f.classes, s.Env+": "+action)
	}
}

// at is the part that sample i is of, and its place there.
func (f *frames) at(i int) (part, place int) {
	part, _ = slices.BinarySearch(f.ends, i+1)
	if part > 0 {
		i -= f.ends[part-1]
	}
	return part, i
}

// Len implements datasets.Labelled.
func (f *frames) Len() int {
	if len(f.ends) == 0 {
		return 0
	}
	return f.ends[len(f.ends)-1]
}

// Classes implements datasets.Labelled: the actions of each world.
func (f *frames) Classes() []string { return f.classes }

// Label implements datasets.Labelled: the expert's action.
func (f *frames) Label(i int) int {
	k, j := f.at(i)
	return f.first[k] + f.parts[k].Label(j)
}

// Name implements datasets.Labelled.
func (f *frames) Name(i int) string {
	k, j := f.at(i)
	return f.parts[k].Name(j)
}

// Shape implements datasets.Shaped.
func (*frames) Shape(int) (h, w, c int) { return Side, Side, 3 }

// Image implements datasets.Set.
func (f *frames) Image(i int, dst *datasets.Image) error {
	k, j := f.at(i)
	return f.parts[k].Image(j, dst)
}

// Sum implements datasets.Summed.
func (f *frames) Sum(i int) (uint32, error) {
	k, j := f.at(i)
	return f.parts[k].Sum(j)
}
