package experiment

import (
	"context"
	"fmt"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/views"
	"selfsup/evaluations"
	"selfsup/graph"
)

// subject is a representation under evaluation: trained, untrained, pixels or raw. Features of the training images are
// computed once.
type subject struct {
	*Setup
	name string
	take func(context.Context, datasets.Labelled) (features, error)
	// the first view, drawn anew for every number; nil: of the samples themselves there are none
	views func(context.Context, datasets.Labelled, int) (features, error)
	// clips shown in other orders; nil: they are none, or it is not the encoder and not the samples
	clips shownClips
	// the images turned by quarters; nil where views is
	turns func(context.Context, datasets.Labelled, int) (features, error)
	// images and texts in one space; nil: there are none
	pairs func(ctx context.Context, on string) (*evaluations.Pairs, error)
	// what the method tells of every pixel of test clips, and the truth; nil: there is no method
	survey func(ctx context.Context) (*evaluations.Surveyed, error)
	// the camera's way in test clips, as the method tells it and as it is; nil: there is no method
	ride func(ctx context.Context) (*evaluations.Ridden, error)
	// so many places of frames, and what is true of them; nil: it is no encoder
	known func(ctx context.Context, places int) (evaluations.Features, error)
	// the features of every frame of a clip side by side; nil: it is no encoder
	frames func() (runner, error)
	// test clips and their sounds in one space; nil: there are none
	heard func(ctx context.Context) (*evaluations.Heard, error)
	maps  func() (*mapper, error)
	looks func() (*mapper, error) // where a transformer looks; nil: it is no encoder
	// a decoder of masks that is trained on it; nil: it is no encoder
	decoder func(ctx context.Context, d *evaluations.Decoding) ([]byte, error)
	tuner   func(*Setup, evaluations.Tuning) *evaluations.Tuner // nil: there is no encoder that could be trained
	// what trains a detector over the encoder; nil: as tuner
	detect func(*Setup, evaluations.BoxTuning) func(context.Context) (*evaluations.Detected, error)
	// what its image tower makes of boxes of the test images; nil: as pairs
	regions func(ctx context.Context, boxes [][]datasets.Box, widen float64) ([]float32, error)
	// the tokens of so many last blocks; nil: it is no encoder
	blocks func(n int) (runner, *evaluations.Blocks, error)
	show   runner                    // what makes features of any view; nil: there is none, samples are features
	attack func() (*attacker, error) // the encoder with a gradient; nil: there is none
	// the online probe over the encoder; nil: there is none
	online func() (runner, error)
	// the returns of so many episodes, from one on; nil: nobody acts
	plays  func(ctx context.Context, from, episodes int) ([]float64, error)
	visits func() (evaluations.Features, error) // where the agent has been; nil: it is not one that has acted
	// the embeddings of so many views that the method predicts; nil: nothing is predicted
	predict func(ctx context.Context, set datasets.Labelled, views int) (*evaluations.Predicted, error)
	// pictures that the method draws of captions; nil: there is none, or no method
	draw func(ctx context.Context, texts []string) (*datasets.Memory, error)
	// what texts of a set cost as it tells them; nil: it tells none
	told  func(ctx context.Context, of datasets.Labelled, t *evaluations.Telling) (*evaluations.Texts, error)
	train features
}

// untrainedName is the representation of the encoder as its seed made it.
const untrainedName = "untrained"

// The sets that evaluations measure on.
const (
	onTest       = "test"
	onValidation = "validation" // the split of the training images, during the training
	onTraining   = "training"   // what needs no labels
	onOther      = "other"      // the test set of another data set
)

// measure runs protocols on the test set, or on the validation split; those that need no labels on training images.
func (u *subject) measure(ctx context.Context, on string, protocols []evaluations.Protocol) ([]Evaluation, error) {
	var all []Evaluation
	var labelled evaluations.Features
	looked := false
	defer func() { u.doing = "" }()
	for _, p := range protocols {
		u.doing = "evaluating " + u.name
		f, set, err := u.gather(ctx, on, p, &labelled)
		if err == nil && set == "" {
			continue
		}
		if p.Needs().Corrupted {
			f.Corrupted = u.corrupted(on)
		}
		if err == nil && p.Needs().Pairs {
			f.Pairs, err = u.pairs(ctx, on)
		}
		if err != nil {
			return nil, fmt.Errorf("evaluate: %s: %w", u.name, err)
		}
		if u.look != nil && u.name == "trained" && !looked && f.TrainX != nil && !ofPixels(p) && set != onOther {
			looked, err = true, u.look(f.TrainX, f.Dim)
			if err != nil {
				return nil, err
			}
		}
		u.doing += ": " + u.protocolName(p)
		u.evaluating()
		rs, err := p.Evaluate(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("evaluate: %s: %w", u.name, err)
		}
		for _, r := range rs {
			if full := u.train.full; full > 0 && set != onTraining && !ofPixels(p) && p.Needs().Tuning == nil {
				r.Notes = append(slices.Clone(r.Notes), fmt.Sprintf("%d features are reduced to %d by a random "+
					"projection", full, u.train.dim))
			}
			all = append(all, Evaluation{Result: r, Representation: u.name, Set: set, by: p})
		}
	}
	more, err := u.onOthers(ctx, on, protocols)
	return append(all, more...), err
}

// labelled are the features that a protocol fits and measures on. Only onTest reads the test set.
func (u *subject) labelled(ctx context.Context, on string) (f evaluations.Features, err error) {
	if u.train.x == nil {
		if u.train, err = u.take(ctx, u.Labelled); err != nil {
			return f, err
		}
	}
	t := u.train
	f = u.labels()
	f.Dim = t.dim
	if on == onTest {
		test, err := u.take(ctx, u.Tested)
		f.TrainX, f.TrainY, f.TestX, f.TestY, f.Held = t.x, t.y, test.x, test.y, u.held
		return f, err
	}
	f.Validation = true
	held := u.held
	for i := range t.y {
		row := t.x[i*t.dim : (i+1)*t.dim]
		if len(held) > 0 && held[0] == int32(i) {
			f.TestX, f.TestY, held = append(f.TestX, row...), append(f.TestY, t.y[i]), held[1:]
			continue
		}
		f.TrainX, f.TrainY = append(f.TrainX, row...), append(f.TrainY, t.y[i])
	}
	return f, nil
}

// labels are Features without any, of the run's classes.
func (u *subject) labels() evaluations.Features {
	return evaluations.Features{Classes: len(u.classes()), Names: u.classes(), Seed: uint64(u.Recipe.Seed),
		Alive: u.alive}
}

// unlabelled are features of the images that the method sees, or of so many of them as a protocol asks for, chosen by
// the seed.
func (u *subject) unlabelled(ctx context.Context, needs evaluations.Needs) (f evaluations.Features, err error) {
	set := some(u.Seen, needs.Images, uint64(u.Recipe.Seed), "evaluated")
	f = evaluations.Features{Seed: uint64(u.Recipe.Seed), Alive: u.alive}
	switch {
	case needs.Draws > 0:
		f.Group = needs.Draws
		f.Grouped, f.Dim, err = grouped(ctx, set, f.Group, u.views)
		return f, err
	case needs.Turns > 0:
		f.Group = needs.Turns
		f.Grouped, f.Dim, err = grouped(ctx, set, f.Group, u.turns)
		return f, err
	case needs.Views:
		a, err := u.views(ctx, set, 0)
		if err != nil {
			return f, err
		}
		b, err := u.views(ctx, set, 1)
		f.ViewA, f.ViewB, f.Dim = a.x, b.x, a.dim
		if err == nil && needs.Drawn {
			f.Drawn, err = u.drawn(set)
		}
		return f, err
	}
	t, err := u.take(ctx, set)
	f.TrainX, f.Dim = t.x, t.dim
	return f, err
}

// encoderSubject is the frozen encoder of a Store.
func (s *Setup) encoderSubject(name string, st *graph.Store) (*subject, error) {
	run, err := s.encoderOver(st)
	if err != nil {
		return nil, err
	}
	u := s.subjectOf(name, run)
	u.clips = s.clipsOver(st, run)
	u.maps = func() (*mapper, error) { return s.mapsOver(st) }
	u.looks = func() (*mapper, error) { return s.gazeOver(st) }
	u.decoder = func(ctx context.Context, d *evaluations.Decoding) ([]byte, error) { return u.decode(ctx, st, d) }
	u.attack = func() (*attacker, error) { return s.attackOver(st) }
	u.blocks = func(n int) (runner, *evaluations.Blocks, error) { return s.blocksOver(st, n) }
	if name == "trained" {
		u.online = func() (runner, error) { return s.onlineOver(st) }
		u.visits = func() (evaluations.Features, error) { return s.visited(st) }
	}
	u.tuner = func(s *Setup, t evaluations.Tuning) *evaluations.Tuner {
		if name == untrainedName {
			t = t.Scratch()
		}
		return s.tuner(st, t)
	}
	u.predict = func(ctx context.Context, set datasets.Labelled, views int) (*evaluations.Predicted, error) {
		return s.predictions(ctx, st, set, views)
	}
	u.told = func(ctx context.Context, of datasets.Labelled, t *evaluations.Telling) (*evaluations.Texts, error) {
		return s.told(ctx, st, of, t)
	}
	u.detect = func(s *Setup, t evaluations.BoxTuning) func(context.Context) (*evaluations.Detected, error) {
		return func(ctx context.Context) (*evaluations.Detected, error) { return s.detect(ctx, st, t) }
	}
	u.pairs = func(ctx context.Context, on string) (*evaluations.Pairs, error) { return s.pairs(ctx, st, on) }
	u.survey = func(ctx context.Context) (*evaluations.Surveyed, error) { return s.surveyed(ctx, st) }
	u.ride = func(ctx context.Context) (*evaluations.Ridden, error) { return s.ridden(ctx, st) }
	u.known = func(ctx context.Context, places int) (evaluations.Features, error) {
		return u.ofPlaces(ctx, st, places)
	}
	u.frames = func() (runner, error) { return s.frameRunner(st) }
	u.heard = func(ctx context.Context) (*evaluations.Heard, error) { return s.hear(ctx, st) }
	u.draw = func(ctx context.Context, texts []string) (*datasets.Memory, error) { return s.draw(ctx, st, texts) }
	u.plays = func(ctx context.Context, from, episodes int) ([]float64, error) {
		if name == untrainedName {
			return s.play(ctx, from, episodes, nil)
		}
		a, err := s.actorOver(st)
		if err != nil {
			return nil, err
		}
		return s.play(ctx, from, episodes, a)
	}
	u.regions = func(ctx context.Context, boxes [][]datasets.Box, widen float64) ([]float32, error) {
		return s.regions(ctx, st, boxes, widen)
	}
	return u, nil
}

// subjectOf is what a compiled network makes of the samples and of their views.
func (s *Setup) subjectOf(name string, run runner) *subject {
	return &subject{
		Setup: s, name: name, turns: s.turned(run), show: run,
		take: func(ctx context.Context, set datasets.Labelled) (features, error) {
			return run(ctx, set, s.Kind.Evaluation(set), func(int32) uint64 { return uint64(s.Recipe.Seed) })
		},
		views: func(ctx context.Context, set datasets.Labelled, number int) (features, error) {
			// a training step has drawn none of these
			return run(ctx, set, views.Some(s.Kind.Training(set)), func(first int32) uint64 {
				return s.viewSeed(number, first)
			})
		},
	}
}
