package experiment

import (
	"context"
	"errors"
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/experiment/checkpoint"
	"selfsup/experiment/evaluate"
	"selfsup/graph"
)

// Features of a representation: every image of a set as a row.
type features struct {
	x   []float32 // [N,dim]
	y   []int32
	dim int
}

// embedder compiles the frozen encoder of a Store and returns the function that runs it over a set.
func (s *Setup) embedder(st *graph.Store) (func(context.Context, datasets.Labelled) (features, error), error) {
	g, err := s.embedGraph()
	if err != nil {
		return nil, err
	}
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
	out, err := p.Output(featuresOutput)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, set datasets.Labelled) (features, error) {
		return s.rows(ctx, set, s.Recipe.Backbone.Value.Dim(), func(dst []float32, rows []int32) error {
			clear(in.F32)
			clear(in.I32)
			if err := feed.Fill(s.Kind.Evaluation(set), s.Input.Name, feed.Slot{F32: in.F32, I32: in.I32}, rows, uint64(s.Recipe.Seed)); err != nil {
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
	maker := s.Kind.Evaluation(set)
	f, err := maker.Field(feed.Raw)
	if err != nil {
		return features{}, err
	}
	return s.rows(ctx, set, f.Size(), func(dst []float32, rows []int32) error {
		if err := feed.Fill(maker, feed.Raw, feed.Slot{F32: dst}, rows, uint64(s.Recipe.Seed)); err != nil {
			return &DataError{err}
		}
		return nil
	})
}

// rows fills features in blocks of embedBatch images.
func (s *Setup) rows(ctx context.Context, set datasets.Labelled, dim int, fill func(dst []float32, rows []int32) error) (features, error) {
	n := set.Len()
	f := features{x: make([]float32, n*dim), y: make([]int32, n), dim: dim}
	for i := range f.y {
		f.y[i] = int32(set.Label(i))
	}
	for from := 0; from < n; from += embedBatch {
		if err := ctx.Err(); err != nil {
			return f, err
		}
		rows := make([]int32, min(embedBatch, n-from))
		for i := range rows {
			rows[i] = int32(from + i)
		}
		if s.alive != nil {
			if err := s.alive(); err != nil {
				return f, err
			}
		}
		if err := fill(f.x[from*dim:(from+len(rows))*dim], rows); err != nil {
			return f, err
		}
	}
	return f, nil
}

// evaluateAs runs protocols on one representation of the training and test set.
func (s *Setup) evaluateAs(ctx context.Context, name string, take func(context.Context, datasets.Labelled) (features, error), protocols []evaluate.Protocol) ([]Evaluation, error) {
	train, err := take(ctx, s.Labelled)
	if err != nil {
		return nil, fmt.Errorf("evaluate: %s: %w", name, err)
	}
	test, err := take(ctx, s.Tested)
	if err != nil {
		return nil, fmt.Errorf("evaluate: %s: %w", name, err)
	}
	var all []Evaluation
	for _, p := range protocols {
		rs, err := p.Evaluate(ctx, evaluate.Features{
			TrainX: train.x, TrainY: train.y, TestX: test.x, TestY: test.y,
			Dim: train.dim, Classes: len(s.Data.Train.Classes()), Seed: uint64(s.Recipe.Seed), Alive: s.alive,
		})
		if err != nil {
			return nil, fmt.Errorf("evaluate: %s: %w", name, err)
		}
		for _, r := range rs {
			all = append(all, Evaluation{r, name, p})
		}
	}
	return all, nil
}

// evaluateEncoder runs protocols on the frozen encoder of a Store, and proves that it stayed frozen.
func (s *Setup) evaluateEncoder(ctx context.Context, name string, st *graph.Store, protocols []evaluate.Protocol) ([]Evaluation, error) {
	take, err := s.embedder(st)
	if err != nil {
		return nil, err
	}
	before := st.Hash(s.encoderScope() + "/")
	all, err := s.evaluateAs(ctx, name, take, protocols)
	if err == nil && st.Hash(s.encoderScope()+"/") != before {
		err = fmt.Errorf("evaluate: %s: the encoder's weights changed during its evaluation", name)
	}
	return all, err
}

// protocols lists the recipe's protocols.
func (s *Setup) protocols() []evaluate.Protocol {
	var ps []evaluate.Protocol
	for _, c := range s.Recipe.Evaluate.On {
		ps = append(ps, c.Value)
	}
	return ps
}

// evaluateAll runs all protocols on the trained encoder, the same encoder untrained, and the pixels.
func (s *Setup) evaluateAll(ctx context.Context) ([]Evaluation, error) {
	ps := s.protocols()
	if len(ps) == 0 {
		return nil, nil
	}
	all, err := s.evaluateEncoder(ctx, "trained", s.Store, ps)
	if err != nil {
		return nil, err
	}
	fresh, err := s.untrained()
	if err != nil {
		return nil, err
	}
	untrained, err := s.evaluateEncoder(ctx, "untrained", fresh, ps)
	if err != nil {
		return nil, err
	}
	raw, err := s.evaluateAs(ctx, "pixels", s.raw, ps)
	if err != nil {
		return nil, err
	}
	return append(append(all, untrained...), raw...), nil
}

// evaluateEnd is the evaluation of the finished training. A request ends it; resuming the run begins it again.
func (r *run) evaluateEnd() ([]Evaluation, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	asked := make(chan Request, 1)
	go func() {
		select {
		case q := <-r.Stop:
			asked <- q
			cancel()
		case <-ctx.Done():
		}
	}()
	all, err := r.evaluateAll(ctx)
	if errors.Is(err, context.Canceled) {
		return nil, &Stopped{Reason: <-asked, Step: r.Steps, Folder: r.Folder.Path}
	}
	if err != nil {
		return nil, err
	}
	return all, r.keepBest(r.Steps, all)
}

// leading is the protocol that the best checkpoint follows: the first that runs during the training; nil if none does.
func (r *run) leading() evaluate.Protocol {
	for _, p := range r.protocols() {
		if p.When().Steps(r.PerEpoch, r.Steps) > 0 {
			return p
		}
	}
	return nil
}

// keepBest saves the state after done steps as the best checkpoint, if the leading protocol's first value is higher than all before.
func (r *run) keepBest(done int, all []Evaluation) error {
	lead := r.leading()
	for _, e := range all {
		if lead == nil || e.by != lead {
			continue
		}
		if r.best != nil && r.best.Evaluation == e.Label() && e.Value <= r.best.Value {
			return nil
		}
		r.best = &checkpoint.Score{Evaluation: e.Label(), Value: e.Value}
		m := r.meta(done)
		m.Score = r.best
		return checkpoint.SaveBest(r.Folder.File(checkpointDir), r.Store, m)
	}
	return nil
}
