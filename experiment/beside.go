package experiment

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/corruptions"
	"selfsup/datasets/sampling"
	"selfsup/evaluations"
)

// What protocols show the frozen encoder beside the recipe's own samples: images of another data set, and corrupted
// ones. And what they compare it with.

// checkBeside refuses protocols whose samples or baselines are not there. It opens the other data sets, so that what is
// wrong with them is said before the training.
func (s *Setup) checkBeside() error {
	r := s.Recipe
	for _, c := range r.Evaluate.On {
		needs := c.Value.Needs()
		images := s.Noun() == "images"
		if (needs.Corrupted || needs.Copies || needs.Attack || needs.Colours || needs.Outside != nil) && !images {
			return &RecipeError{r.File, fmt.Errorf("[evaluate.%s] shows the encoder other images, and the samples of "+
				"dataset.%s are %s; switch it off with [evaluate] %[1]s = false", c.Name, r.Dataset.Name, s.Noun())}
		}
		if needs.Outside != nil {
			if err := s.openOutside(c.Name, c.Value); err != nil {
				return err
			}
		}
		if p, ok := c.Value.(evaluations.Relative); ok {
			if beside := s.representations(); !slices.Contains(beside, p.Against()) {
				return r.Result.Bad("evaluate."+c.Name+".against", "%q is not evaluated: [baselines] asks for %s",
					p.Against(), cmp.Or(strings.Join(beside, ", "), "nothing"))
			}
		}
	}
	return nil
}

// representations names what the trained encoder is evaluated beside.
func (s *Setup) representations() (names []string) {
	for _, n := range s.Recipe.Baselines.Projector {
		names = append(names, fmt.Sprintf("projector%d", n))
	}
	for _, part := range s.parts() {
		names = append(names, part.Name)
	}
	if s.Recipe.Baselines.Untrained {
		names = append(names, "untrained")
	}
	if s.Recipe.Baselines.Pixels {
		names = append(names, s.rawName())
	}
	return names
}

// other is another data set, in the channels that the encoder takes.
type other struct {
	train, test datasets.Labelled // test is nil where there is none
}

// openOutside opens the data set that a protocol names beside the recipe's.
func (s *Setup) openOutside(name string, p evaluations.Protocol) error {
	r, needs := s.Recipe, p.Needs()
	table := "evaluate." + name
	switch {
	case s.during(p) > 0 && (len(s.held) == 0 || s.main != nil):
		return r.Result.Bad(table+".every", "%q measures on training images whose labels are held "+
			"out, and none are; want 0, which evaluates at the end alone", p.When())
	case s.Data.Test == nil && !needs.Transfer:
		return &RecipeError{r.File, fmt.Errorf("[%s] needs a test set, and this dataset.%s has none; "+
			"switch it off with [evaluate] %s = false", table, r.Dataset.Name, name)}
	}
	o, err := s.openOther(table, name, needs.Outside)
	if err == nil && needs.Transfer {
		err = s.teaches(table, &o)
	}
	if err != nil {
		return err
	}
	if s.during(p) > 0 && o.test == nil {
		return r.Result.Bad(table+".every", "%q measures on training images of the other data set, and at the end on "+
			"its test images, of which it has none; want 0, which evaluates at the end alone", p.When())
	}
	if s.outside == nil {
		s.outside = map[datasets.Source]other{}
	}
	s.outside[needs.Outside] = o
	return nil
}

// openOther opens a data set of images that a table of the recipe names beside its own.
func (s *Setup) openOther(table, name string, source datasets.Source) (o other, err error) {
	r := s.Recipe
	if own := datasets.SamplesOf(r.Dataset.Value); datasets.PlainKind(own) != "images" {
		return o, r.Result.Bad(table, "names images to show the encoder, and the samples of dataset.%s are %s",
			r.Dataset.Name, own)
	}
	if of := datasets.SamplesOf(source); datasets.PlainKind(of) != "images" {
		return o, r.Result.Bad(table, "names data of %s, and those of dataset.%s are images", of, r.Dataset.Name)
	}
	d, err := OpenSource(name, source, datasets.Env{BaseDir: r.Dir(), Progress: s.reads("reading " + table)})
	if err != nil {
		return o, &DataError{fmt.Errorf("[%s] %w", table, err)}
	}
	train := d.Train
	if d.Labelled != nil {
		train = d.Labelled
	}
	o.train = &inChannels{train.(datasets.Set), s.Data.Channels}
	if d.Test != nil {
		o.test = &inChannels{d.Test.(datasets.Set), s.Data.Channels}
	}
	return o, nil
}

// inChannels is a set of images in as many channels as an encoder takes.
type inChannels struct {
	datasets.Set
	channels int
}

// Image implements datasets.Set.
func (c *inChannels) Image(i int, dst *datasets.Image) error {
	if err := c.Set.Image(i, dst); err != nil {
		return err
	}
	dst.Convert(c.channels)
	return nil
}

// tested is the set that a protocol measures on: the test set, or during the training the validation split.
func (u *subject) tested(on string) datasets.Labelled {
	switch {
	case on != onTest:
		return sampling.Part(u.Labelled, u.held)
	case u.Tested != nil && u.Tested.Len() > 0:
		return u.Tested
	}
	return u.Data.Test
}

// corrupted gives features of the images that are measured on, after a corruption.
func (u *subject) corrupted(on string) func(context.Context, string, int) ([]float32, error) {
	return func(ctx context.Context, name string, severity int) ([]float32, error) {
		set, err := corruptions.Of(u.tested(on).(datasets.Set), name, severity, uint64(u.Recipe.Seed))
		if err != nil {
			return nil, err
		}
		f, err := u.take(ctx, set)
		return f.x, err
	}
}

// copied are features of images, drawn by the seed, and of their copies: of the test set, or of the images that the
// method sees where there is none, and during the training of the validation split, where there is one.
func (u *subject) copied(ctx context.Context, on string, needs evaluations.Needs) (f evaluations.Features,
	measured string, err error) {
	set, seed := u.Seen, uint64(u.Recipe.Seed)
	measured = onTraining
	if on == onTest && (u.Data.Test != nil || u.main != nil) || on == onValidation && len(u.held) > 0 {
		set, measured = u.tested(on), on
	}
	set = some(set, needs.Images, seed, "copied")
	originals, err := u.take(ctx, set)
	f = evaluations.Features{TestX: originals.x, Dim: originals.dim, Seed: seed, Alive: u.alive}
	f.Copies = func(ctx context.Context, kind string) ([]float32, error) {
		copies, err := corruptions.CopiesOf(set.(datasets.Set), kind, seed)
		if err != nil {
			return nil, err
		}
		found, err := u.take(ctx, copies)
		return found.x, err
	}
	return f, measured, err
}

// beside are features of the training images, labelled or not, of the images that are measured on, and of those of
// another data set.
func (u *subject) beside(ctx context.Context, on string, needs evaluations.Needs) (f evaluations.Features, err error) {
	if on != onTest {
		f, err = u.labelled(ctx, on)
	} else {
		f, err = u.againstTest(ctx)
	}
	if err != nil {
		return f, err
	}
	set := u.outside[needs.Outside].test
	if set == nil {
		set = u.outside[needs.Outside].train
	}
	found, err := u.take(ctx, some(set, needs.Images, uint64(u.Recipe.Seed), "outside"))
	f.OutsideX = found.x
	return f, err
}

// againstTest are features of the training images, labelled ones where there are any, and of all test images.
func (u *subject) againstTest(ctx context.Context) (f evaluations.Features, err error) {
	train, tested := u.train, u.tested(onTest)
	switch {
	case u.main != nil: // whose images are not those of the training
		tested = u.Data.Test
		train, err = u.take(ctx, u.Seen)
	case u.Labelled.Len() == 0:
		train, err = u.take(ctx, u.Seen)
	case train.x == nil:
		train, err = u.take(ctx, u.Labelled)
		u.train = train
	}
	if err != nil {
		return f, err
	}
	test, err := u.take(ctx, tested)
	return evaluations.Features{TrainX: train.x, TestX: test.x, Dim: train.dim, Seed: uint64(u.Recipe.Seed),
		Alive: u.alive}, err
}

// transferred are features of another data set, whose labelled training images a protocol learns from.
func (u *subject) transferred(ctx context.Context, needs evaluations.Needs) (f evaluations.Features, err error) {
	o, seed := u.outside[needs.Outside], uint64(u.Recipe.Seed)
	train, err := u.take(ctx, o.train)
	if err != nil {
		return f, err
	}
	test, err := u.take(ctx, o.test)
	return evaluations.Features{TrainX: train.x, TrainY: train.y, TestX: test.x, TestY: test.y, Dim: train.dim,
		Classes: len(o.train.Classes()), Seed: seed, Held: split(o.train, u.Recipe.Validation.Share, seed),
		Alive: u.alive}, err
}

// relate adds to the evaluations of all representations what comes of comparing them, on each data set alone.
func (s *Setup) relate(all []Evaluation) []Evaluation {
	for _, on := range setsIn(all) {
		all = s.relateOn(on, all)
	}
	return all
}

// setsIn names the labelled data sets that evaluations are of, the run's own, "", first.
func setsIn(all []Evaluation) []string {
	names := []string{""}
	for _, e := range all {
		if !slices.Contains(names, e.On) {
			names = append(names, e.On)
		}
	}
	return names
}

func (s *Setup) relateOn(on string, all []Evaluation) []Evaluation {
	for _, p := range s.protocols() {
		relative, ok := p.(evaluations.Relative)
		if !ok {
			continue
		}
		own := map[string][]evaluations.Result{}
		var names []string
		for _, e := range all {
			if e.by == p && e.On == on {
				if own[e.Representation] == nil {
					names = append(names, e.Representation)
				}
				own[e.Representation] = append(own[e.Representation], e.Result)
			}
		}
		for _, name := range names {
			for _, r := range relative.Relate(own[name], own[relative.Against()]) {
				all = append(all, Evaluation{Result: r, Representation: name, Set: onTest, by: p, On: on})
			}
		}
	}
	return all
}
