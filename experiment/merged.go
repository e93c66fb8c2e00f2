package experiment

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/views"
	"selfsup/evaluations"
	"selfsup/experiment/report"
	"selfsup/recipes"
)

// Encoders of other runs beside or together with a run's own.

// taker gives features of a set.
type taker func(context.Context, datasets.Labelled) (features, error)

// otherRun is what the evaluated encoder of another run makes of this run's images: as that run shows its own, in its
// size, its channels and with its statistics.
func (s *Setup) otherRun(verb, dir string, best bool, c recipes.Catalog, o Options) (taker, error) {
	t, err := s.openOtherRun(verb, dir, best, c, o)
	if err != nil {
		return nil, err
	}
	run, err := t.encoderOver(t.Store)
	return t.showing(run, uint64(s.Recipe.Seed)), err
}

// showing gives what a compiled network makes of another run's images.
func (s *Setup) showing(run runner, seed uint64) taker {
	return func(ctx context.Context, set datasets.Labelled) (features, error) {
		shown := &inChannels{set.(datasets.Set), s.Views.Channels}
		return run(ctx, set, views.NewEvalMaker(shown, s.Views), func(int32) uint64 { return seed })
	}
}

// openOtherRun opens the encoder of another run for images.
func (s *Setup) openOtherRun(verb, dir string, best bool, c recipes.Catalog, o Options) (*Setup, error) {
	if _, images := s.Data.Train.(datasets.Set); !images {
		return nil, &RecipeError{verb, fmt.Errorf("%s: encoders of other runs are shown images, and the samples are %s",
			dir, s.Noun())}
	}
	t, m, err := OpenTrained(verb, dir, best, c, o)
	if err != nil {
		return nil, err
	}
	if kind := m.Encoder.Other; kind != nil {
		return nil, &RecipeError{verb, fmt.Errorf("%s: its encoder takes %s, and the samples are images", dir,
			kind.Kind)}
	}
	t.alive = s.alive
	return t, nil
}

// together concatenates features, each row of a run's at length 1, so that no run outweighs the others.
func together(takes []taker) taker {
	return func(ctx context.Context, set datasets.Labelled) (features, error) {
		var all features
		var parts []features
		for _, take := range takes {
			f, err := take(ctx, set)
			if err != nil {
				return all, err
			}
			f.x = evaluations.UnitRows[float32](f.x, f.dim)
			parts = append(parts, f)
			all.dim += f.dim
		}
		all.y, all.x = parts[0].y, make([]float32, len(parts[0].y)*all.dim)
		for i := range all.y {
			at := i * all.dim
			for _, f := range parts {
				copy(all.x[at:], f.x[i*f.dim:(i+1)*f.dim])
				at += f.dim
			}
		}
		return all, nil
	}
}

// EvaluateMerged evaluates the encoders of several runs, each alone ("run1" ...) and all together ("merged": their
// features side by side, each run's at length 1), by the protocols with labels of the first run's recipe, on its data.
// It changes nothing in the folders.
func EvaluateMerged(dirs []string, best bool, sets []string, c recipes.Catalog, o Options) (*Summary, error) {
	h, st, sum, err := openEvaluated(dirs[0], best, sets, c, o)
	if err != nil {
		return nil, err
	}
	defer h.shown.Clear()
	ps := slices.DeleteFunc(h.protocols(), func(p evaluations.Protocol) bool { return !ofFeatures(p) })
	if len(ps) == 0 {
		return nil, &RecipeError{"eval", fmt.Errorf("--merge: %s has no protocol that learns from labelled features; "+
			"name one, such as --protocol linear", dirs[0])}
	}
	own, err := h.encoderSubject("run1", st)
	if err != nil {
		return nil, err
	}
	takes := []taker{own.take}
	for _, dir := range dirs[1:] {
		take, err := h.otherRun("eval", dir, best, c, o)
		if err != nil {
			return nil, err
		}
		takes = append(takes, take)
	}
	for i, take := range append(slices.Clone(takes), together(takes)) {
		name := "merged"
		if i < len(dirs) {
			name = fmt.Sprintf("run%d", i+1)
			sum.Merged = append(sum.Merged, filepath.Clean(dirs[i]))
		}
		more, err := (&subject{Setup: h.Setup, name: name, take: take}).measure(context.Background(), onTest, ps)
		if err != nil {
			return nil, err
		}
		sum.Evaluations = append(sum.Evaluations, more...)
	}
	sum.PeakRSSMB = report.PeakRSSMB()
	h.describeSets(sum)
	return sum, nil
}

// ofFeatures reports whether a protocol learns from labelled features of images as they are and from nothing else.
func ofFeatures(p evaluations.Protocol) bool {
	n := p.Needs()
	return n.Labels && !ofPixels(p) && !n.Pairs && !n.Online && !n.Attack && !n.Transfer && n.Outside == nil &&
		!n.Sources && n.Tuning == nil && n.Blocks == 0 && n.Augment == nil
}

// compared are features of images that the method sees, as this representation and as another one has them.
func (u *subject) compared(ctx context.Context, needs evaluations.Needs) (f evaluations.Features, err error) {
	f, err = u.unlabelled(ctx, needs)
	if err != nil {
		return f, err
	}
	set := some(u.Seen, needs.Images, uint64(u.Recipe.Seed), "evaluated")
	take, blocks, err := u.against(needs)
	if err != nil {
		return f, err
	}
	other, err := take(ctx, set)
	if err != nil {
		return f, err
	}
	f.OtherX, f.OtherDim = other.x, other.dim
	if needs.Blocks == 0 || u.blocks == nil {
		return f, nil
	}
	own, layout, err := u.blocks(needs.Blocks)
	if err != nil {
		return f, err
	}
	mine, err := u.subjectOf(u.name, own).take(ctx, set)
	if err != nil {
		return f, err
	}
	theirs, theirLayout, err := blocks(needs.Blocks)
	if err != nil {
		return f, err
	}
	beside, err := theirs(ctx, set)
	if err == nil {
		f.OwnBlocks, f.OtherBlocks = layout.Means(mine.x), theirLayout.Means(beside.x)
	}
	return f, err
}

// against is the representation that another one is compared with: its features, and those of its last blocks.
func (u *subject) against(needs evaluations.Needs) (take taker, blocks func(n int) (taker, *evaluations.Blocks, error),
	err error) {
	switch needs.Against {
	case "untrained":
		fresh, err := u.untrained()
		if err != nil {
			return nil, nil, err
		}
		other, err := u.encoderSubject("untrained", fresh)
		if err != nil {
			return nil, nil, err
		}
		return other.take, func(n int) (taker, *evaluations.Blocks, error) {
			run, layout, err := other.blocks(n)
			return other.subjectOf(other.name, run).take, layout, err
		}, nil
	case "pixels":
		return u.raw, nil, nil
	}
	dir := needs.Against
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(u.Recipe.Dir(), dir)
	}
	t, err := u.openOtherRun("evaluate", dir, false, u.Recipe.Catalog, Options{Messages: io.Discard})
	if err != nil {
		return nil, nil, err
	}
	run, err := t.encoderOver(t.Store)
	seed := uint64(u.Recipe.Seed)
	return t.showing(run, seed), func(n int) (taker, *evaluations.Blocks, error) {
		if depth, err := t.depth(); err != nil || n > depth {
			return nil, nil, &RecipeError{dir, fmt.Errorf("[backbone.%s] has %d blocks, and %d are compared",
				t.Recipe.Backbone.Name, depth, n)}
		}
		run, layout, err := t.blocksOver(t.Store, n)
		return t.showing(run, seed), layout, err
	}, err
}
