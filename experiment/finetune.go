package experiment

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"selfsup/backbones"
	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/sampling"
	"selfsup/datasets/views"
	"selfsup/encoder"
	"selfsup/evaluations"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/optim"
	"selfsup/methods"
	"selfsup/recipes"
	"selfsup/recipes/overlay"
)

// Fine-tuning, for protocols that train the encoder: the supervised method on a copy of the encoder, as an experiment
// of its own over the run's data. The run's Store stays as it is.

// checkTuning refuses fine-tuning that the backbone cannot do.
func (s *Setup) checkTuning() error {
	r := s.Recipe
	for _, c := range r.Evaluate.On {
		t := c.Value.Needs().Tuning
		if t == nil {
			continue
		}
		table := "evaluate." + c.Name + "."
		if _, ok := r.Backbone.Value.(backbones.DropPath); t.DropPath > 0 && !ok {
			return r.Result.Bad(table+"drop_path", "%v: [backbone.%s] has no branches that can be left out; want 0",
				t.DropPath, r.Backbone.Name)
		}
		if n := len(s.classes()); n > evaluations.ProjectAbove {
			return &RecipeError{r.File, fmt.Errorf("[evaluate.%s] scores %d classes; want at most %d", c.Name, n,
				evaluations.ProjectAbove)}
		}
		layers, err := s.encoderLayers()
		switch {
		case err != nil:
			return err
		case layers == 0 && t.Blocks > 0:
			return r.Result.Bad(table+"blocks", "%d: [backbone.%s] has no layers that are counted; want 0, which "+
				"trains all of it", t.Blocks, r.Backbone.Name)
		case t.Blocks > layers:
			return r.Result.Bad(table+"blocks", "%d: [backbone.%s] has %d layers; want at most that, or 0 for all",
				t.Blocks, r.Backbone.Name, layers)
		}
	}
	return nil
}

// encoderLayers is how many layers the backbone has of which a learning rate may depend, see graph.Scope.Layer.
func (s *Setup) encoderLayers() (n int, err error) {
	_, err = graph.Build(graph.Options{}, func(g *graph.Scope) {
		s.encoder().New(g)(encoder.InputOf(g, s.Input, 1))
		for _, p := range g.Params() {
			if i, ok := g.LayerOf(p); ok {
				n = max(n, i+1)
			}
		}
	})
	return n, err
}

// tuned is the supervised method over an encoder whose lowest layers stay as they are.
type tuned struct {
	*methods.Supervised
	locked int // layers
}

// Build implements methods.Method.
func (m *tuned) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	return m.Supervised.Build(s.LockedBelow(m.locked), enc, b)
}

// unaugmented is a kind of data whose training shows what the evaluation shows.
type unaugmented struct{ feed.Kind }

// Training implements feed.Kind.
func (u unaugmented) Training(set datasets.Labelled) feed.Maker { return u.Evaluation(set) }

// tuner trains copies of the encoder of a Store.
func (s *Setup) tuner(st *graph.Store, t evaluations.Tuning) *evaluations.Tuner {
	train := func(ctx context.Context, rate float64, choose bool) ([]float32, []int32, error) {
		learned, measured := s.Labelled, s.Tested
		if choose {
			learned, measured = s.without(s.held), sampling.Part(s.Labelled, s.held)
		}
		f, err := s.tune(ctx, st, t, rate, learned, measured)
		return f.x, f.y, err
	}
	return &evaluations.Tuner{Tuning: t, Train: train}
}

// without is the labelled training samples but for some rows, which rise.
func (s *Setup) without(held []int32) datasets.Labelled {
	rows := make([]int32, 0, s.Labelled.Len())
	for i := range int32(s.Labelled.Len()) {
		if _, found := slices.BinarySearch(held, i); !found {
			rows = append(rows, i)
		}
	}
	return sampling.Part(s.Labelled, rows)
}

// tune trains a copy of the encoder of a Store with a linear classifier, and scores samples.
func (s *Setup) tune(ctx context.Context, st *graph.Store, t evaluations.Tuning, rate float64, learned,
	measured datasets.Labelled) (f features, err error) {
	u, err := s.tuning(t, rate, learned)
	if err != nil {
		return f, err
	}
	if err := u.copyEncoder(s, st); err != nil {
		return f, err
	}
	what := fmt.Sprintf("%s at the rate %v", s.doing, rate)
	if err := u.trainTuned(ctx, rate, func(step int) error {
		s.telling(what, step, u.Steps)
		return s.beat()
	}); err != nil {
		return f, err
	}
	g, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		h := u.encoder().New(g)(encoder.InputOf(g, s.Input, EmbedBatch))
		logits := layer.Linear(g.In("classifier"), u.Recipe.Backbone.Value.Dim(), len(s.classes()), true)(h)
		g.Output(FeaturesOutput, logits)
	})
	if err != nil {
		return f, err
	}
	run, err := s.over(u.Store, g)
	if err != nil {
		return f, err
	}
	return run(ctx, measured, s.Kind.Evaluation(measured), func(int32) uint64 { return uint64(s.Recipe.Seed) })
}

// tuning is the experiment that fine-tunes on samples, compiled, with fresh weights.
func (s *Setup) tuning(t evaluations.Tuning, rate float64, learned datasets.Labelled) (*Setup, error) {
	kind, err := s.tuningKind(t)
	if err != nil {
		return nil, err
	}
	layers, err := s.encoderLayers()
	if err != nil {
		return nil, err
	}
	m := &tuned{Supervised: &methods.Supervised{Smoothing: t.Smoothing}}
	if t.Blocks > 0 {
		m.locked = layers - t.Blocks
	}
	return s.further(t, rate, learned, kind, overlay.Choice[methods.Method]{Name: "supervised", Value: m})
}

// further is an experiment that trains an encoder like this one's by another method on samples of a kind, compiled,
// with fresh weights.
func (s *Setup) further(t evaluations.Tuning, rate float64, learned datasets.Labelled, kind feed.Kind,
	method overlay.Choice[methods.Method]) (*Setup, error) {
	if learned.Len() < 2 {
		return nil, fmt.Errorf("%d labelled training %s; want at least 2", learned.Len(), s.Noun())
	}
	loaded, r := *s.Recipe, *s.Recipe.Recipe
	loaded.Recipe = &r
	r.Method = method
	if b, ok := r.Backbone.Value.(backbones.DropPath); ok {
		r.Backbone.Value = b.WithDropPath(t.DropPath)
	}
	r.Projector, r.Average, r.Baselines = recipes.Projector{}, recipes.DefaultAverage(), recipes.Baselines{}
	r.Evaluate = overlay.Choices[recipes.Evaluation]{} // which are of the run
	r.Sampler = overlay.Choice[sampling.Settings]{}
	r.Optimizer = overlay.Choice[optim.Optimizer]{Name: t.Optimizer, Value: t.Rule(rate)}
	r.Train = recipes.Train{Batch: min(t.Batch, learned.Len()), Length: t.Length, Clip: t.Clip, Accumulate: 1,
		Workers: r.Train.Workers}
	data := *s.Data
	data.Train, data.Labelled = learned, nil
	u := &Setup{Recipe: &loaded, Device: s.Device, Data: &data, Seen: learned, Labelled: learned, Tested: s.Tested,
		Views: s.Views}
	u.Store = u.newStore()
	u.PerEpoch = learned.Len() / r.Train.Batch
	u.Steps = t.Length.Steps(u.PerEpoch, 0)
	if err := u.takeKind(kind); err != nil {
		return nil, err
	}
	if err := u.plan(int64(r.MemoryLimit)); err != nil {
		return nil, err
	}
	return u, u.compile()
}

// tuningKind is how samples are shown to an encoder that is fine-tuned.
func (s *Setup) tuningKind(t evaluations.Tuning) (feed.Kind, error) {
	images := s.Noun() == "images"
	switch {
	case t.Augment == evaluations.AugmentNone:
		return unaugmented{s.Kind}, nil
	case t.Augment == evaluations.AugmentRecipe || !images:
		return s.Kind, nil
	}
	v := views.Defaults()
	v.CropArea, v.Flip, v.Jitter, v.Grayscale = t.CropArea, views.PerView{t.Flip}, views.PerView{0}, views.PerView{0}
	v.Interpolation, v.Mean, v.Std = s.Recipe.Views.Interpolation, float64s(s.Views.Mean), float64s(s.Views.Std)
	if s.Views.Height == s.Views.Width {
		v.Crop = s.Views.Height
	}
	return views.New(v, s.Data, 1)
}

// copyEncoder copies the evaluated encoder of another experiment's Store.
func (s *Setup) copyEncoder(from *Setup, st *graph.Store) error {
	g, err := from.EmbedGraph()
	if err != nil {
		return err
	}
	reads, err := g.Reads()
	if err != nil {
		return err
	}
	for _, l := range reads {
		s.Store.Get(methods.Backbone + "/" + belowBackbone(l.Name)).Copy(st.Get(l.Name).Array)
	}
	return nil
}

// trainTuned runs the training from beginning to end, and calls tell before every step.
func (s *Setup) trainTuned(ctx context.Context, rate float64, tell func(step int) error) error {
	loader, err := s.Loader(0)
	if err != nil {
		return err
	}
	defer loader.Close()
	fill, err := s.filler()
	if err != nil {
		return err
	}
	loss, err := s.Train.Output(LossOutput)
	if err != nil {
		return err
	}
	for step := range s.Steps {
		if err := cmp.Or(ctx.Err(), tell(step)); err != nil {
			return err
		}
		batch, err := loader.Next(ctx)
		if err != nil {
			return err
		}
		fill(batch, 0, 0)
		batch.Release()
		s.Train.Schedule(s.Time(step))
		if err := s.Train.Run(); err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
		if v := loss.At(0); v-v != 0 {
			return &evaluations.Diverged{Rate: rate, Step: step, Loss: v}
		}
	}
	return s.sync()
}
