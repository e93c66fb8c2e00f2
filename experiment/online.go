package experiment

import (
	"context"
	"fmt"

	"selfsup/datasets/sampling"
	"selfsup/encoder"
	"selfsup/evaluations"
	"selfsup/graph"
)

// The online probe as an evaluation.

// checkOnline refuses an evaluation by the online probe where the training has none, and one of the samples themselves
// where these are not evaluated.
func (s *Setup) checkOnline() error {
	for _, c := range s.Recipe.Evaluate.On {
		if c.Value.Needs().Samples && !s.Recipe.Baselines.Pixels {
			return s.Recipe.Result.Bad("baselines.pixels", "false: [evaluate.%s] is of the %s themselves; want true, "+
				"or [evaluate] %[1]s = false", c.Name, s.Noun())
		}
		if !c.Value.Needs().Online {
			continue
		}
		switch {
		case s.main != nil:
			return fmt.Errorf("[evaluate.%s] is of the probe of train.probe, which learns from labels of the training "+
				"%s, and this dataset.%s has none; switch it off with [evaluate] %[1]s = false", c.Name, s.Noun(),
				s.Recipe.Dataset.Name)
		case !s.probed(s.objective):
			return fmt.Errorf("[evaluate.%s] is of the probe of train.probe, and this training has none; want "+
				"train.probe = true, a method with features, and labels, or [evaluate] %[1]s = false", c.Name)
		}
	}
	return nil
}

// onlineOver compiles the frozen encoder with the online probe behind it; its output is logits.
func (s *Setup) onlineOver(st *graph.Store) (runner, error) {
	g, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		x := s.encoder().New(s.aboveEncoder(g))(encoder.InputOf(g, s.Input, EmbedBatch))
		g.Output(FeaturesOutput, s.classifier(g.In(probeScope), s.Recipe.Backbone.Value.Dim())(x))
	})
	if err != nil {
		return nil, err
	}
	if err := g.Missing(st); err != nil {
		return nil, fmt.Errorf("the online probe: %w", err)
	}
	return s.over(st, g)
}

// probed are the online probe's logits of the images that are measured on.
func (u *subject) probed(ctx context.Context, on string) (f evaluations.Features, err error) {
	run, err := u.online()
	if err != nil {
		return f, err
	}
	set := u.Tested
	if on != onTest {
		set = sampling.Part(u.Labelled, u.held)
	}
	x, err := run(ctx, set, u.Kind.Evaluation(set), func(int32) uint64 { return uint64(u.Recipe.Seed) })
	return evaluations.Features{TestX: x.x, TestY: x.y, Dim: x.dim, Classes: len(u.classes()), Validation: on != onTest,
		Seed: uint64(u.Recipe.Seed), Alive: u.alive}, err
}
