package experiment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/sampling"
	"selfsup/datasets/views"
	"selfsup/evaluations"
	"selfsup/experiment/checkpoint"
	"selfsup/graph"
)

// Features of a representation: every image of a set as a row.
type features struct {
	x    []float32 // [N,dim]
	y    []int32
	dim  int
	full int // before a projection; 0: there was none
}

// embedder compiles the frozen encoder of a Store and returns the function that runs it over a set.
func (s *Setup) embedder(st *graph.Store) (func(context.Context, datasets.Labelled) (features, error), error) {
	run, err := s.encoderOver(st)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, set datasets.Labelled) (features, error) {
		return run(ctx, set, s.Kind.Evaluation(set), func(int32) uint64 { return uint64(s.Recipe.Seed) })
	}, nil
}

// encoderOver compiles the frozen encoder of a Store and returns the function that runs it over a set as a maker shows
// it; what the maker draws for a block of samples depends on the seed of its first.
func (s *Setup) encoderOver(st *graph.Store) (runner, error) {
	g, err := s.EmbedGraph()
	if err != nil {
		return nil, err
	}
	return s.over(st, g)
}

// runner runs a compiled network over a set.
type runner func(context.Context, datasets.Labelled, feed.Maker, func(first int32) uint64) (features, error)

// over is encoderOver for any graph with the encoder's input and output.
func (s *Setup) over(st *graph.Store, g *graph.Graph) (runner, error) { return s.overBy(st, g, true) }

// overBy is over, with features that are too many reduced or not.
func (s *Setup) overBy(st *graph.Store, g *graph.Graph, reduce bool) (runner, error) {
	p, err := g.CompileOver(s.Device, st)
	if err != nil {
		return nil, err
	}
	if err := checkInputs(p, s.Input.Name); err != nil {
		return nil, err
	}
	in, err := p.Input(s.Input.Name)
	if err != nil {
		return nil, err
	}
	out, err := p.Output(FeaturesOutput)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, set datasets.Labelled, m feed.Maker, seed func(first int32) uint64) (features,
		error) {
		dim := out.Shape.Last()
		var by *evaluations.Projection
		if reduce {
			by = evaluations.NewProjection(dim, uint64(s.Recipe.Seed))
		}
		return s.rowsBy(ctx, set, dim, by, func(dst []float32, rows []int32) error {
			clear(in.F32)
			clear(in.I32)
			shown := rows
			if s.Noun() == "rows" {
				shown = feed.Again(rows, EmbedBatch)
			}
			err := feed.Fill(m, s.Input.Name, feed.Slot{F32: in.F32, I32: in.I32}, shown, seed(rows[0]))
			if err != nil {
				return &DataError{err}
			}
			if err := p.Run(); err != nil {
				return err
			}
			copy(dst, out.F32)
			return nil
		})
	}, nil
}

// raw takes the samples themselves as features.
func (s *Setup) raw(ctx context.Context, set datasets.Labelled) (features, error) {
	return s.ofField(ctx, set, feed.Raw)
}

// ofField takes a field of the samples as features.
func (s *Setup) ofField(ctx context.Context, set datasets.Labelled, field string) (features, error) {
	return s.fieldBy(ctx, set, s.Kind.Evaluation(set), field)
}

// fieldBy is ofField of samples as a maker shows them.
func (s *Setup) fieldBy(ctx context.Context, set datasets.Labelled, maker feed.Maker, field string) (features,
	error) {
	f, err := maker.Field(field)
	if err != nil {
		return features{}, err
	}
	return s.rows(ctx, set, f.Size(), func(dst []float32, rows []int32) error {
		if err := feed.Fill(maker, field, feed.Slot{F32: dst}, rows, uint64(s.Recipe.Seed)); err != nil {
			return &DataError{err}
		}
		return nil
	})
}

// rows fills features in blocks of EmbedBatch images. Features that are too many are reduced by a random projection,
// block by block.
func (s *Setup) rows(ctx context.Context, set datasets.Labelled, dim int,
	fill func(dst []float32, rows []int32) error) (features, error) {
	return s.rowsBy(ctx, set, dim, evaluations.NewProjection(dim, uint64(s.Recipe.Seed)), fill)
}

// rowsBy is rows with a projection, or none where it is nil.
func (s *Setup) rowsBy(ctx context.Context, set datasets.Labelled, dim int, reduced *evaluations.Projection,
	fill func(dst []float32, rows []int32) error) (features, error) {
	n := set.Len()
	f := features{y: make([]int32, n), dim: dim}
	var block []float32
	if reduced != nil {
		f.dim, f.full = reduced.To, dim
		block = make([]float32, min(n, EmbedBatch)*dim)
	}
	f.x = make([]float32, n*f.dim)
	for i := range f.y {
		f.y[i] = int32(set.Label(i))
	}
	for from := 0; from < n; from += EmbedBatch {
		if err := ctx.Err(); err != nil {
			return f, err
		}
		rows := make([]int32, min(EmbedBatch, n-from))
		for i := range rows {
			rows[i] = int32(from + i)
		}
		s.telling(s.doing, from, n)
		if err := s.beat(); err != nil {
			return f, err
		}
		if s.Ranks != nil && from/EmbedBatch%s.Ranks.Size() != s.Ranks.Rank() {
			continue // another rank does it
		}
		to := f.x[from*f.dim : (from+len(rows))*f.dim]
		if reduced == nil {
			if err := fill(to, rows); err != nil {
				return f, err
			}
			continue
		}
		if err := fill(block[:len(rows)*dim], rows); err != nil {
			return f, err
		}
		reduced.Apply(to, block[:len(rows)*dim])
	}
	if s.Ranks != nil {
		return f, s.shareBlocks(f.x, EmbedBatch*f.dim)
	}
	return f, nil
}

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
	// the returns of so many episodes; nil: nobody acts
	plays  func(ctx context.Context, episodes int) ([]float64, error)
	visits func() (evaluations.Features, error) // where the agent has been; nil: it is not one that has acted
	// the embeddings of so many views that the method predicts; nil: nothing is predicted
	predict func(ctx context.Context, set datasets.Labelled, views int) (*evaluations.Predicted, error)
	// pictures that the method draws of captions; nil: there is none, or no method
	draw func(ctx context.Context, texts []string) (*datasets.Memory, error)
	// what the test texts cost as it tells them; nil: it tells none
	told  func(ctx context.Context, t *evaluations.Telling) (*evaluations.Texts, error)
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
	var err error
	var labelled evaluations.Features
	looked := false
	defer func() { u.doing = "" }()
	for _, p := range protocols {
		u.doing = "evaluating " + u.name
		f, set := labelled, on
		switch {
		case p.Needs().Gaze && u.looks == nil || p.Needs().Decoded && u.decoder == nil,
			p.Needs().Samples && u.name != u.rawName():
			continue
		case p.Needs().Boxes != nil:
			if u.detect == nil {
				continue
			}
			f = u.labels()
			f.Detect, f.Regions = u.detect(u.Setup, *p.Needs().Boxes), u.regions
		case ofPixels(p):
			f, err = u.ofMasks(ctx, p.Needs())
		case p.Needs().Episodes > 0:
			if u.plays == nil {
				continue
			}
			f, err = u.played(ctx, p.Needs())
		case p.Needs().Visits:
			if u.visits == nil {
				continue
			}
			f, err = u.visits()
			set = onTraining
		case p.Needs().Sources:
			f, err = u.mixed(ctx, on, p.Needs().Frames)
			if on != onTest {
				set = onTraining
			}
		case p.Needs().Surveyed != "":
			if u.survey == nil {
				continue
			}
			f = evaluations.Features{Seed: uint64(u.Recipe.Seed), Alive: u.alive}
			f.Surveyed, err = u.survey(ctx)
			set = onTest
		case p.Needs().SurveyedPlaces > 0:
			if u.known == nil {
				continue
			}
			f, err = u.known(ctx, p.Needs().SurveyedPlaces)
			set = onTest
		case p.Needs().Heard:
			if u.heard == nil {
				continue
			}
			f = evaluations.Features{Seed: uint64(u.Recipe.Seed), Alive: u.alive}
			f.Heard, err = u.heard(ctx)
			set = onTest
		case p.Needs().Told != nil:
			if u.told == nil {
				continue
			}
			f = evaluations.Features{Seed: uint64(u.Recipe.Seed), Alive: u.alive}
			f.Told, err = u.told(ctx, p.Needs().Told)
			set = onTest
		case p.Needs().Halves:
			f, err = u.halved(ctx, p.Needs())
			set = onTest
		case p.Needs().Graded != nil:
			f, err = u.gradedPairs(ctx, *p.Needs().Graded)
			set = onOther
		case p.Needs().Tags != nil:
			f, err = u.tagged(ctx, on, p.Needs().Tags)
		case p.Needs().Words != nil:
			f, err = u.ofWords(ctx, *p.Needs().Words)
			set = onOther
		case p.Needs().Plays != nil && u.clips == nil:
			continue
		case p.Needs().Plays != nil:
			f, set, err = u.ofPlayed(ctx, on, p.Needs())
		case p.Needs().Colours:
			f, set, err = u.coloured(ctx, on, p.Needs())
		case p.Needs().Attack && u.attack == nil || p.Needs().Predicted > 0 && u.predict == nil:
			continue
		case p.Needs().Judge != "" && u.draw == nil:
			continue
		case p.Needs().Judge != "":
			f, err = u.judged(ctx, p.Needs())
		case p.Needs().Predicted > 0:
			f, err = u.predicted(ctx, p.Needs())
			set = onTraining
		case p.Needs().Attack:
			f, err = u.attacked(ctx, on, p.Needs())
		case p.Needs().Copies:
			f, set, err = u.copied(ctx, on, p.Needs())
		case p.Needs().Transfer:
			f, err = u.transferred(ctx, p.Needs())
			set = onOther
		case p.Needs().Outside != nil:
			f, err = u.beside(ctx, on, p.Needs())
		case p.Needs().Tuning != nil:
			if u.tuner == nil {
				continue
			}
			f = u.labels()
			f.Tuner = u.tuner(u.Setup, *p.Needs().Tuning)
		case labelFree(p) && u.views == nil || p.Needs().Pairs && u.pairs == nil || p.Needs().Online && u.online == nil:
			continue
		case p.Needs().Online:
			f, err = u.probed(ctx, on)
		case p.Needs().Against != "":
			f, err = u.compared(ctx, p.Needs())
			set = onTraining
		case labelFree(p):
			f, err = u.unlabelled(ctx, p.Needs())
			set = onTraining
		case p.Needs().Blocks > 0 && u.blocks != nil && p.Needs().Labels:
			f, err = u.ofBlocks(ctx, on, p.Needs())
		case p.Needs().Augment != nil:
			if f, err = u.labelled(ctx, on); err == nil && u.show != nil {
				f.Augmented, err = u.cropped(on, *p.Needs().Augment, u.show)
			}
		case labelled.Dim == 0:
			labelled, err = u.labelled(ctx, on)
			f = labelled
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

// some are so many samples of a set, in their order, which the seed chooses; where there are no more, or most is 0,
// they are all.
func some(set datasets.Labelled, most int, seed uint64, stream string) datasets.Labelled {
	n := set.Len()
	if most == 0 || most >= n {
		return set
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	r := datasets.NewRand(seed, stream)
	r.Shuffle(order)
	rows := make([]int32, most)
	for i := range rows {
		rows[i] = int32(order[i])
	}
	slices.Sort(rows)
	return sampling.Part(set, rows)
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
	u.told = func(ctx context.Context, t *evaluations.Telling) (*evaluations.Texts, error) {
		return s.told(ctx, st, t)
	}
	u.detect = func(s *Setup, t evaluations.BoxTuning) func(context.Context) (*evaluations.Detected, error) {
		return func(ctx context.Context) (*evaluations.Detected, error) { return s.detect(ctx, st, t) }
	}
	u.pairs = func(ctx context.Context, on string) (*evaluations.Pairs, error) { return s.pairs(ctx, st, on) }
	u.survey = func(ctx context.Context) (*evaluations.Surveyed, error) { return s.surveyed(ctx, st) }
	u.known = func(ctx context.Context, places int) (evaluations.Features, error) {
		return u.ofPlaces(ctx, st, places)
	}
	u.frames = func() (runner, error) { return s.frameRunner(st) }
	u.heard = func(ctx context.Context) (*evaluations.Heard, error) { return s.hear(ctx, st) }
	u.draw = func(ctx context.Context, texts []string) (*datasets.Memory, error) { return s.draw(ctx, st, texts) }
	u.plays = func(ctx context.Context, episodes int) ([]float64, error) {
		if name == untrainedName {
			return s.play(ctx, episodes, nil)
		}
		a, err := s.actorOver(st)
		if err != nil {
			return nil, err
		}
		return s.play(ctx, episodes, a)
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

// frozen runs an evaluation of the encoder of a Store, and proves that it stayed frozen.
func (s *Setup) frozen(name string, st *graph.Store, evaluate func() ([]Evaluation, error)) ([]Evaluation, error) {
	before := st.Hash(s.encoderScope() + "/")
	all, err := evaluate()
	if err == nil && st.Hash(s.encoderScope()+"/") != before {
		err = fmt.Errorf("evaluate: %s: the encoder's weights changed during its evaluation", name)
	}
	return all, err
}

// validate runs protocols on the trained encoder after done steps and the validation split.
func (r *run) validate(ctx context.Context, done int, protocols []evaluations.Protocol) ([]Evaluation, error) {
	st, _, err := r.toEvaluate(done)
	if err != nil {
		return nil, err
	}
	u, err := r.encoderSubject("trained", st)
	if err != nil {
		return nil, err
	}
	return r.frozen(u.name, st, func() ([]Evaluation, error) { return u.measure(ctx, onValidation, protocols) })
}

// protocolName is the name that the recipe has for a protocol.
func (s *Setup) protocolName(p evaluations.Protocol) string {
	for _, c := range s.Recipe.Evaluate.On {
		if c.Value == p {
			return c.Name
		}
	}
	return ""
}

// protocols lists the recipe's protocols.
func (s *Setup) protocols() []evaluations.Protocol {
	var ps []evaluations.Protocol
	for _, c := range s.Recipe.Evaluate.On {
		ps = append(ps, c.Value)
	}
	return ps
}

// evaluateAll runs all protocols on the trained encoder of a Store, and on the recipe's baselines: the same encoder
// untrained, and the samples themselves.
func (s *Setup) evaluateAll(ctx context.Context, trained *graph.Store) ([]Evaluation, error) {
	ps := s.protocols()
	if len(ps) == 0 {
		return nil, nil
	}
	var all []Evaluation
	encoder := func(name string, st *graph.Store) error {
		u, err := s.encoderSubject(name, st)
		if err != nil {
			return err
		}
		more, err := s.frozen(name, st, func() ([]Evaluation, error) { return u.measure(ctx, onTest, ps) })
		all = append(all, more...)
		return err
	}
	if err := encoder("trained", trained); err != nil {
		return nil, err
	}
	for _, n := range s.Recipe.Baselines.Projector {
		more, err := s.evaluateProjected(ctx, trained, n, ps)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	parts, err := s.evaluateParts(ctx, trained, ps)
	if err != nil {
		return nil, err
	}
	all = append(all, parts...)
	if s.Recipe.Baselines.Untrained {
		fresh, err := s.untrained()
		if err != nil {
			return nil, err
		}
		if err := encoder(untrainedName, fresh); err != nil {
			return nil, err
		}
	}
	if s.Recipe.Baselines.Pixels {
		raw, err := (&subject{Setup: s, name: s.rawName(), take: s.raw, told: s.toldByCounts, clips: s.rawClips(),
			maps: func() (*mapper, error) {
				return s.rawMaps(), nil
			}}).measure(ctx, onTest, ps)
		if err != nil {
			return nil, err
		}
		all = append(all, raw...)
		if w := s.weighted(); w != nil {
			more, err := w.measure(ctx, onTest, comparing(ps))
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		}
	}
	return s.relate(all), nil
}

// evaluateProjected runs the protocols that need features alone on the first n layers of a Store's projector.
func (s *Setup) evaluateProjected(ctx context.Context, st *graph.Store, n int,
	ps []evaluations.Protocol) ([]Evaluation, error) {
	g, err := s.projectedGraph(n)
	if err != nil {
		return nil, err
	}
	run, err := s.over(st, g)
	if err != nil {
		return nil, err
	}
	u := s.subjectOf(fmt.Sprintf("projector%d", n), run)
	return u.measure(ctx, onTest, withoutPixels(ps))
}

// withoutPixels are the protocols that need features alone.
func withoutPixels(ps []evaluations.Protocol) []evaluations.Protocol {
	return slices.DeleteFunc(slices.Clone(ps), ofPixels)
}

// evaluateEnd is the evaluation of the finished training, on the validation split and on the test set. A request ends
// it; resuming the run begins it again.
func (r *run) evaluateEnd() (chosen, all []Evaluation, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	asked := make(chan Request, 1)
	go func() {
		select {
		case q := <-r.requests():
			asked <- q
			cancel()
		case <-ctx.Done():
		}
	}()
	chosen, all, err = r.concluding(ctx)
	if errors.Is(err, context.Canceled) {
		return nil, nil, &Stopped{Reason: <-asked, Step: r.Steps, Folder: r.Folder.Path}
	}
	if err != nil {
		return nil, nil, err
	}
	return chosen, all, r.keepBest(r.Steps, chosen)
}

// concluding evaluates the last state: as a candidate for the best one, by what ran during the training, and on the
// test set.
func (r *run) concluding(ctx context.Context) (chosen, all []Evaluation, err error) {
	var during []evaluations.Protocol
	for _, p := range r.protocols() {
		if r.during(p) > 0 {
			during = append(during, p)
		}
	}
	if len(during) > 0 {
		if chosen, err = r.validate(ctx, r.Steps, during); err != nil {
			return nil, nil, err
		}
	}
	st, said, err := r.toEvaluate(r.Steps)
	if err != nil {
		return nil, nil, err
	}
	r.weights = said
	all, err = r.evaluateAll(ctx, st)
	return chosen, all, err
}

// leading is the protocol that the best checkpoint follows: the first that runs during the training; nil if none does.
func (r *run) leading() evaluations.Protocol {
	for _, p := range r.protocols() {
		if r.during(p) > 0 {
			return p
		}
	}
	return nil
}

// keepBest saves the state after done steps as the best checkpoint, if the leading protocol's first value is better
// than all before.
func (r *run) keepBest(done int, all []Evaluation) error {
	lead := r.leading()
	for _, e := range all {
		if lead == nil || e.by != lead {
			continue
		}
		if r.best != nil && r.best.Evaluation == e.Label() && !e.better(r.best.Value) {
			return nil
		}
		m := r.meta(done)
		r.best, r.bestStep = &checkpoint.Score{Evaluation: e.Label(), Value: e.Value}, done
		m.Score = r.best
		if !r.Options.Ranks.Lead() {
			return nil
		}
		return checkpoint.SaveBest(r.Folder.File(checkpointDir), r.Store, m)
	}
	return nil
}
