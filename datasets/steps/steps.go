// Package steps turns the steps of an agent's episodes into the fields of a batch: those of package views, of what is
// observed before an action, and what was done and came later in the episode.
//
// With N a number of steps: afterN [H,W,C] is what is observed N steps later, aheadN [N,H,W,C] what is observed 1 to N
// steps later, by one draw of the views' settings; actionsN [N] int32 and rewardsN [N] are of the step and those after
// it, aliveN [N] is 1 where the observation 1 to N steps later is one of the episode, and terminalN [] is 1 where the
// episode came to its end within N steps. Of what is after an episode's last observation that one stands for the
// observation, action 0 for the action and 0 for the reward.
//
// goal [H,W,C] is a later observation of the episode. trail [5,H,W,C] is an early and a late observation of it and
// three between them in their order, way [4,H,W,C] an observation, a later one, one between them and what follows
// that; reached [] is 1 where the third is the second. instruction [T] int32 are the words that say what is to be
// done.
package steps

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/sampling"
	"selfsup/datasets/views"
)

// Fields of one name.
const (
	Goal        = "goal"
	Trail       = "trail"
	Way         = "way"
	Reached     = "reached"
	Instruction = "instruction"
)

// Fields of N steps are After(n) and so on.
const (
	after    = "after"
	ahead    = "ahead"
	actions  = "actions"
	rewards  = "rewards"
	alive    = "alive"
	terminal = "terminal"
)

func named(what string, n int) string { return fmt.Sprintf("%s%d", what, n) }

// After names the observation n steps later.
func After(n int) string { return named(after, n) }

// Ahead names the observations 1 to n steps later.
func Ahead(n int) string { return named(ahead, n) }

// Actions names the actions of n steps.
func Actions(n int) string { return named(actions, n) }

// Rewards names the rewards of n steps.
func Rewards(n int) string { return named(rewards, n) }

// Alive names the field that says which of n later observations there are.
func Alive(n int) string { return named(alive, n) }

// Terminal names the field that says whether the episode came to its end within n steps.
func Terminal(n int) string { return named(terminal, n) }

// later is the probability that a goal is a step further (contrastive RL, arXiv:2206.07568, has 0.99 of longer
// episodes).
const later = 0.9

// firstWord is the number of the first word, behind datasets.Padding and datasets.Unknown.
const firstWord = datasets.Unknown + 1

// maxSteps bounds N.
const maxSteps = 64

// Kind is steps as methods see them.
type Kind struct {
	*views.Pipeline
	actions int
	words   map[string]int32
	longest int // words of an instruction
}

// New numbers the words of the training steps' instructions; those that it does not meet are datasets.Unknown.
func New(p *views.Pipeline, d *datasets.Data) (*Kind, error) {
	train, ok := d.Train.(datasets.StepSet)
	if !ok {
		return nil, fmt.Errorf("steps: the data are no steps of an agent (%T)", d.Train)
	}
	k := &Kind{Pipeline: p, actions: len(train.Actions()), words: map[string]int32{}, longest: 1}
	known := train
	if l, ok := d.Labelled.(datasets.StepSet); ok {
		known = l
	}
	for i := range known.Len() {
		words := strings.Fields(known.Words(i))
		k.longest = max(k.longest, len(words))
		for _, w := range words {
			if _, there := k.words[w]; !there {
				k.words[w] = int32(len(k.words) + firstWord)
			}
		}
	}
	return k, nil
}

// Training implements feed.Kind.
func (k *Kind) Training(set datasets.Labelled) feed.Maker {
	inner := views.NewMaker(set.(datasets.Set), k.Pipeline)
	whole, place := sampling.Whole(set)
	return &maker{Maker: inner, kind: k, set: whole.(datasets.StepSet), place: place}
}

// maker adds fields of steps to a maker of images.
type maker struct {
	*views.Maker
	kind  *Kind
	set   datasets.StepSet
	place []int32 // of the samples among the set's steps; nil: each is its own
}

// Fields implements feed.Maker.
func (m *maker) Fields() []string {
	list := slices.Clone(m.Maker.Fields())
	for _, what := range []string{after, ahead, actions, rewards, alive, terminal} {
		list = append(list, fmt.Sprintf("%s1, %s2 ...", what, what))
	}
	return append(list, Goal, Trail, Way, Reached, Instruction)
}

// Field implements feed.Maker.
func (m *maker) Field(name string) (feed.Field, error) {
	p := m.kind.Pipeline
	low, high := p.Range()
	pixels := feed.Field{Name: name, Shape: []int{p.Height, p.Width, p.Channels}, Low: low, High: high}
	some := func(n int) feed.Field {
		pixels.Shape = append([]int{n}, pixels.Shape...)
		return pixels
	}
	switch name {
	case Goal:
		return pixels, nil
	case Trail:
		return some(5), nil
	case Way:
		return some(4), nil
	case Reached:
		return feed.Field{Name: name}, nil
	case Instruction:
		n := len(m.kind.words) + firstWord
		return feed.Field{Name: name, Shape: []int{m.kind.longest}, Int: true, Of: []int{n}}, nil
	}
	switch what, n := numbered(name); {
	case n < 0:
	case n < 1 || n > maxSteps:
		return feed.Field{}, fmt.Errorf("steps: %s: want 1 to %d steps", name, maxSteps)
	case what == after:
		return pixels, nil
	case what == ahead:
		return some(n), nil
	case what == actions:
		return feed.Field{Name: name, Shape: []int{n}, Int: true, Of: []int{m.kind.actions}}, nil
	case what == terminal:
		return feed.Field{Name: name}, nil
	default:
		return feed.Field{Name: name, Shape: []int{n}}, nil
	}
	f, err := m.Maker.Field(name)
	var unknown *feed.UnknownField
	if errors.As(err, &unknown) {
		unknown.Kind, unknown.Has = "steps of an agent", m.Fields()
	}
	return f, err
}

// numbered is the field of n steps that a name means; n is -1 where it means none.
func numbered(name string) (what string, n int) {
	for _, what := range []string{after, ahead, actions, rewards, alive, terminal} {
		if n, ok := feed.Numbered(name, what); ok {
			return what, n
		}
	}
	return "", -1
}

// own reports whether a field is not one of images.
func own(name string) bool {
	_, n := numbered(name)
	return n >= 0 || slices.Contains([]string{Goal, Trail, Way, Reached, Instruction}, name)
}

// Worker implements feed.Maker.
func (m *maker) Worker(names []string) (feed.Worker, error) {
	w := &worker{maker: m, names: names}
	var rest []string
	for k, name := range names {
		if _, err := m.Field(name); err != nil {
			return nil, err
		}
		if !own(name) {
			rest = append(rest, name)
			w.rest = append(w.rest, k)
		}
	}
	var err error
	w.images, err = m.Maker.Worker(rest)
	return w, err
}

// worker makes the fields of one step after another.
type worker struct {
	*maker
	names   []string
	rest    []int // places among the fields of those that images have
	images  feed.Worker
	to      []feed.Slot
	image   datasets.Image
	scratch views.Scratch
}

// Make implements feed.Worker.
func (w *worker) Make(to []feed.Slot, i int, key feed.Key) error {
	if len(w.rest) > 0 {
		w.to = w.to[:0]
		for _, k := range w.rest {
			w.to = append(w.to, to[k])
		}
		if err := w.images.Make(w.to, i, key); err != nil {
			return err
		}
	}
	if len(w.rest) == len(w.names) {
		return nil
	}
	if w.place != nil {
		i = int(w.place[i])
	}
	st := w.set.Step(i)
	for k, name := range w.names {
		if !own(name) {
			continue
		}
		if err := w.field(to[k], name, i, st, key); err != nil {
			return fmt.Errorf("%s: %w", w.set.Name(i), err)
		}
	}
	return nil
}

// field makes one field of step i.
func (w *worker) field(to feed.Slot, name string, i int, st datasets.Step, key feed.Key) error {
	r := datasets.NewRand(key.Seed, "steps/"+name, uint64(key.Step), uint64(key.Row))
	switch name {
	case Goal:
		k := 1
		if u := r.Float64(); u > 0 {
			k += int(math.Log(u) / math.Log(later))
		}
		return w.observe(to.F32, name, i, []int{min(k, st.After)}, key)
	case Trail:
		return w.observe(to.F32, name, i, trail(&r, st), key)
	case Way, Reached:
		r = datasets.NewRand(key.Seed, "steps/way", uint64(key.Step), uint64(key.Row))
		at := way(&r, st)
		if name == Way {
			return w.observe(to.F32, name, i, at, key)
		}
		to.F32[0] = truth(at[2] == at[1])
		return nil
	case Instruction:
		words := strings.Fields(w.set.Words(i))
		for k := range to.I32 {
			to.I32[k] = datasets.Padding
			if k < len(words) {
				to.I32[k] = datasets.Unknown
				if n, ok := w.kind.words[words[k]]; ok {
					to.I32[k] = n
				}
			}
		}
		return nil
	}
	what, n := numbered(name)
	switch what {
	case after:
		return w.observe(to.F32, name, i, []int{min(n, st.After)}, key)
	case ahead:
		at := make([]int, n)
		for k := range at {
			at[k] = min(k+1, st.After)
		}
		return w.observe(to.F32, name, i, at, key)
	case terminal:
		to.F32[0] = truth(st.After <= n && w.set.Step(w.set.Moved(i, st.After-1)).Terminal)
		return nil
	}
	for k := range n {
		there := k < st.After
		one := datasets.Step{}
		if there {
			one = w.set.Step(w.set.Moved(i, k))
		}
		switch what {
		case actions:
			to.I32[k] = int32(one.Action)
		case rewards:
			to.F32[k] = one.Reward
		case alive:
			to.F32[k] = truth(there)
		}
	}
	return nil
}

func truth(b bool) float32 {
	if b {
		return 1
	}
	return 0
}

// trail is an early and a late observation of the episode, from its first and last fifth, and three in order from
// there to there, relative to a step (Nair et al. 2022, arXiv:2203.12601; the authors' loader draws them so).
func trail(r *datasets.Rand, st datasets.Step) []int {
	length := st.Before + st.After
	start := r.Intn(1 + length/5)
	end := length - r.Intn(1+length/5)
	three := []int{start + r.Intn(end-start+1), start + r.Intn(end-start+1), start + r.Intn(end-start+1)}
	slices.Sort(three)
	at := append([]int{start, end}, three...)
	for k := range at {
		at[k] -= st.Before
	}
	return at
}

// way is an observation of the episode, a later one, one between them and the one that follows that, relative to a
// step (Ma et al. 2023, arXiv:2210.00030; the authors' loader never draws the later one itself).
func way(r *datasets.Rand, st datasets.Step) []int {
	length := st.Before + st.After
	start := r.Intn(length)
	end := start + 1 + r.Intn(length-start)
	between := start + r.Intn(end-start+1)
	return []int{start - st.Before, end - st.Before, between - st.Before, min(between+1, end) - st.Before}
}

// observe writes the observations so many steps after step i, all by one draw.
func (w *worker) observe(dst []float32, name string, i int, later []int, key feed.Key) error {
	size := len(dst) / len(later)
	seed := key.Seed
	for _, c := range []byte(name) {
		seed = seed*31 + uint64(c)
	}
	for n, k := range later {
		if err := Observe(w.set, i, k, &w.image); err != nil {
			return err
		}
		if err := w.kind.ViewParams(dst[n*size:(n+1)*size], nil, &w.image, seed, key.Step, key.Row, 0,
			&w.scratch); err != nil {
			return err
		}
	}
	return nil
}

// Observe is the observation k steps after step i of a set, of those that Step says to be there: -Before to After.
func Observe(set datasets.StepSet, i, k int, dst *datasets.Image) error {
	if st := set.Step(i); k == st.After {
		return set.Result(set.Moved(i, k-1), dst)
	}
	return set.Image(set.Moved(i, k), dst)
}
