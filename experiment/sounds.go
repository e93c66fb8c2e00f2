package experiment

import (
	"context"
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/sounded"
	"selfsup/encoder"
	"selfsup/evaluations"
	"selfsup/graph"
	"selfsup/methods"
)

// Clips and their sounds in one space, for protocols that look for one by the other.

// checkHeard refuses protocols that need both where one is missing.
func (s *Setup) checkHeard() error {
	for _, c := range s.Recipe.Evaluate.On {
		if !c.Value.Needs().Heard {
			continue
		}
		if _, ok := s.Recipe.Method.Value.(methods.Sounding); !ok {
			return fmt.Errorf("[evaluate.%s] looks for clips by their sounds, and [method.%s] has no common space for "+
				"both; want a method such as av_contrast, or %[1]s = false", c.Name, s.Recipe.Method.Name)
		}
		if _, ok := s.Data.Test.(datasets.SoundedSet); !ok {
			return fmt.Errorf("[evaluate.%s] looks for test clips by their sounds, and dataset.%s has none; want "+
				"dataset.scenes with samples = \"clips\" and held above 0, or %[1]s = false", c.Name,
				s.Recipe.Dataset.Name)
		}
	}
	return nil
}

// soundGraphs are the method's frozen towers of clips and of their sounds, for EmbedBatch samples; none of a method
// without.
func (s *Setup) soundGraphs() ([]*graph.Graph, error) {
	m, towers := s.Recipe.Method.Value.(methods.Sounding)
	k, sounds := s.Kind.(*sounded.Kind)
	if !towers || !sounds {
		return nil, nil
	}
	sound, err := k.Field()
	if err != nil {
		return nil, err
	}
	clips, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		t := m.SoundTowers(g, s.encoder(), sound)
		g.Output(pairsOutput, t.Image(t.Encode(encoder.InputOf(g, s.Input, EmbedBatch))))
	})
	if err != nil {
		return nil, err
	}
	heard, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		t := m.SoundTowers(g, s.encoder(), sound)
		g.Output(pairsOutput, t.Text(encoder.InputOf(g, sound, EmbedBatch)))
	})
	return []*graph.Graph{clips, heard}, err
}

// hear is the test clips and their sounds as the towers of a Store have them.
func (s *Setup) hear(ctx context.Context, st *graph.Store) (*evaluations.Heard, error) {
	graphs, err := s.soundGraphs()
	if err != nil {
		return nil, err
	}
	h := &evaluations.Heard{}
	for i, way := range []struct {
		field string
		to    *[]float32
	}{{s.Input.Name, &h.Clips}, {sounded.Sound, &h.Sounds}} {
		run, dim, err := s.towerOver(st, graphs[i], way.field)
		if err != nil {
			return nil, err
		}
		h.Dim = dim
		if *way.to, err = run(ctx, s.Data.Test.Len(), s.samples(s.Data.Test, way.field)); err != nil {
			return nil, err
		}
	}
	return h, nil
}
