package experiment

import (
	"context"
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/sampling"
	"selfsup/evaluations"
)

// Samples whose sources are known, for protocols that look for them in the features.

// checkSources refuses protocols of sources where none are known.
func (s *Setup) checkSources() error {
	for _, c := range s.Recipe.Evaluate.On {
		if !c.Value.Needs().Sources {
			continue
		}
		known := s.Data.Train
		if s.Data.Labelled != nil {
			known = s.Data.Labelled
		}
		_, train := known.(datasets.MixedSet)
		_, test := s.Data.Test.(datasets.MixedSet)
		if !train || !test {
			return fmt.Errorf("[evaluate.%s] needs to know what training and test samples were mixed of, and "+
				"dataset.%s does not say; want dataset.modulated, or %[1]s = false", c.Name, s.Recipe.Dataset.Name)
		}
	}
	return nil
}

// mixed are features and sources of the samples that the method sees, or of the labelled ones where the data have them
// beside those, and of the test samples. During the training every second of the former stands for the latter.
func (u *subject) mixed(ctx context.Context, on string, frames bool) (f evaluations.Features, err error) {
	take := u.take
	if frames && u.frames != nil {
		run, err := u.frames()
		if err != nil {
			return f, err
		}
		take = func(ctx context.Context, set datasets.Labelled) (features, error) {
			return run(ctx, set, u.Kind.Evaluation(set), func(int32) uint64 { return uint64(u.Recipe.Seed) })
		}
	}
	seen := u.Seen
	if u.Data.Labelled != nil {
		seen = u.Labelled
	}
	test := u.Data.Test
	if on != onTest {
		seen, test = halves(seen)
	}
	train, err := take(ctx, seen)
	if err != nil {
		return f, err
	}
	f = evaluations.Features{TrainX: train.x, Dim: train.dim, Seed: uint64(u.Recipe.Seed), Alive: u.alive}
	f.TrainSources, f.Sources = sourcesOf(seen)
	if whole, _ := sampling.Whole(seen); whole != nil {
		if named, ok := whole.(datasets.NamedSources); ok {
			f.SourceNames = named.SourceNames()
		}
	}
	measured, err := take(ctx, test)
	f.TestX = measured.x
	f.TestSources, _ = sourcesOf(test)
	return f, err
}

// sourcesOf are the sources [N,S] of a set, which may be part of another.
func sourcesOf(set datasets.Labelled) (all []float64, sources int) {
	whole, place := sampling.Whole(set)
	m := whole.(datasets.MixedSet)
	sources = m.Sources()
	all = make([]float64, set.Len()*sources)
	for i := range set.Len() {
		row := i
		if place != nil {
			row = int(place[i])
		}
		m.Source(row, all[i*sources:(i+1)*sources])
	}
	return all, sources
}
