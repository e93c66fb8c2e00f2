package experiment

import (
	"context"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/sampling"
	"selfsup/evaluations"
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

// some are so many samples of a set, in their order, which the seed chooses; where there are no more, or most is 0,
// they are all.
func some(set datasets.Labelled, most int, seed uint64, stream string) datasets.Labelled {
	n := set.Len()
	if most == 0 || most >= n {
		return set
	}
	r := datasets.NewRand(seed, stream)
	order := r.Order(make([]int, n))
	rows := make([]int32, most)
	for i := range rows {
		rows[i] = int32(order[i])
	}
	slices.Sort(rows)
	return sampling.Part(set, rows)
}
