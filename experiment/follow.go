package experiment

import (
	"context"
	"fmt"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/views"
	"selfsup/evaluations"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
)

// What was done to images, and the embeddings that methods predict of it, for protocols that ask for either.

// checkFollowing refuses protocols that ask what was drawn where nothing is, or for predictions that the method does
// not make.
func (s *Setup) checkFollowing() error {
	for _, c := range s.Recipe.Evaluate.On {
		bad := func(format string, args ...any) error {
			return &RecipeError{s.Recipe.File, fmt.Errorf("[evaluate.%s] %s; switch it off with [evaluate] %[1]s = "+
				"false", c.Name, fmt.Sprintf(format, args...))}
		}
		if c.Value.Needs().Drawn {
			of, err := s.Kind.Training(s.Seen).Field(feed.Params(0))
			if err != nil {
				return bad("asks what was done to views, and the %s of dataset.%s have nothing that says it", s.Noun(),
					s.Recipe.Dataset.Name)
			}
			if d := (&evaluations.Drawn{Columns: of.Columns, Range: of.Range}); len(d.Kinds()) == 0 {
				return bad("asks what was done to views, and [views] never do anything")
			}
		}
		if c.Value.Needs().Predicted > 0 {
			if _, ok := s.Recipe.Method.Value.(methods.Following); !ok {
				return bad("looks for the views that a method predicts, and [method.%s] predicts none; want sie, "+
					"equimod, sen, or lie_group with of", s.Recipe.Method.Name)
			}
			if _, _, err := s.followGraph(); err != nil {
				return bad("%v", err)
			}
		}
	}
	if _, splits := s.Recipe.Method.Value.(methods.Split); s.Recipe.Baselines.Parts && !splits {
		return s.Recipe.Result.Bad("baselines.parts", "true: the features of [method.%s] have no parts; want false, "+
			"or the method sie", s.Recipe.Method.Name)
	}
	return nil
}

// Outputs of followGraph.
const predictedOutput, followedOutput = "predicted", "followed"

// followGraph is what the method predicts of EmbedBatch samples, and what it asks the data for. Without a method that
// predicts there is none.
func (s *Setup) followGraph() (g *graph.Graph, b *methods.Batch, err error) {
	m, ok := s.Recipe.Method.Value.(methods.Following)
	if !ok {
		return nil, nil, nil
	}
	g, err = graph.Build(graph.Options{}, func(at *graph.Scope) {
		b = methods.NewBatch(at, EmbedBatch, methods.Data{Maker: s.Kind.Training(s.Seen), Samples: s.Seen.Len()})
		predicted, followed := m.Follow(at, s.encoder(), b)
		if p, f := op.ShapeOf(predicted), op.ShapeOf(followed); !p.Equal(f) || len(p) != 2 || p[0] != EmbedBatch {
			op.Fail("", "[method.%s] predicts %v of %v; want both [B,E]", s.Recipe.Method.Name, p, f)
		}
		at.Output(predictedOutput, predicted)
		at.Output(followedOutput, followed)
	})
	return g, b, err
}

// viewSeed is the seed of what is drawn for a block of samples that is evaluated in views: no training step has drawn
// it.
func (s *Setup) viewSeed(number int, first int32) uint64 {
	r := datasets.NewRand(uint64(s.Recipe.Seed), "evaluated views", uint64(number), uint64(first))
	return r.Uint64()
}

// drawn is what was drawn for two of a set's views, those of subject.views.
func (s *Setup) drawn(set datasets.Labelled) (*evaluations.Drawn, error) {
	maker := views.Some(s.Kind.Training(set))
	of, err := maker.Field(feed.Params(0))
	if err != nil {
		return nil, err
	}
	d := &evaluations.Drawn{Columns: of.Columns, Range: of.Range}
	all := upTo(set.Len())
	for number, to := range []*[]float32{&d.A, &d.B} {
		*to = make([]float32, set.Len()*of.Size())
		for rows := range slices.Chunk(all, EmbedBatch) {
			slot := feed.Slot{F32: (*to)[int(rows[0])*of.Size():][:len(rows)*of.Size()]}
			if err := feed.Fill(maker, of.Name, slot, rows, s.viewSeed(number, rows[0])); err != nil {
				return nil, &DataError{err}
			}
		}
	}
	return d, nil
}

// predictions are the embeddings of so many views of each image of a set, as a Store's method predicts them and as they
// are.
func (s *Setup) predictions(ctx context.Context, st *graph.Store, set datasets.Labelled,
	draws int) (*evaluations.Predicted, error) {
	g, b, err := s.followGraph()
	if err != nil {
		return nil, err
	}
	p, err := g.CompileOver(s.Device, st)
	if err != nil {
		return nil, err
	}
	guess, err := p.Output(predictedOutput)
	if err != nil {
		return nil, err
	}
	followed, err := p.Output(followedOutput)
	if err != nil {
		return nil, err
	}
	maker, dim := views.Some(s.Kind.Training(set)), guess.Shape[1]
	out := &evaluations.Predicted{Group: draws, Dim: dim, Guess: make([]float32, set.Len()*draws*dim),
		True: make([]float32, set.Len()*draws*dim)}
	all := upTo(set.Len())
	for number := range draws {
		for rows := range slices.Chunk(all, EmbedBatch) {
			if err := s.goOn(ctx); err != nil {
				return nil, err
			}
			for _, name := range b.Wants() {
				in, err := p.Input(name)
				if err != nil {
					return nil, err
				}
				clear(in.F32)
				slot := feed.Slot{F32: in.F32, I32: in.I32}
				if err := feed.Fill(maker, name, slot, rows, s.viewSeed(number, rows[0])); err != nil {
					return nil, &DataError{err}
				}
			}
			if err := p.Run(); err != nil {
				return nil, err
			}
			for i := range rows {
				to := ((int(rows[0])+i)*draws + number) * dim
				copy(out.Guess[to:], guess.F32[i*dim:(i+1)*dim])
				copy(out.True[to:], followed.F32[i*dim:(i+1)*dim])
			}
		}
	}
	return out, nil
}

// predicted are embeddings of the images that the method sees, of so many as a protocol asks for.
func (u *subject) predicted(ctx context.Context, needs evaluations.Needs) (f evaluations.Features, err error) {
	seed := uint64(u.Recipe.Seed)
	f = evaluations.Features{Seed: seed, Alive: u.alive}
	f.Predicted, err = u.predict(ctx, some(u.Seen, needs.Images, seed, "evaluated"), needs.Predicted)
	return f, err
}

// evaluateParts runs the protocols that need features alone on the parts of a Store's features, each by itself.
func (s *Setup) evaluateParts(ctx context.Context, st *graph.Store, ps []evaluations.Protocol) (all []Evaluation,
	err error) {
	for _, part := range s.parts() {
		g, err := s.partGraph(part)
		if err != nil {
			return nil, err
		}
		run, err := s.over(st, g)
		if err != nil {
			return nil, err
		}
		more, err := s.subjectOf(part.Name, run).measure(ctx, onTest, withoutPixels(ps))
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// parts are those of the features that the recipe asks for.
func (s *Setup) parts() []methods.Part {
	split, ok := s.Recipe.Method.Value.(methods.Split)
	if !ok || !s.Recipe.Baselines.Parts {
		return nil
	}
	return split.Parts(s.encoder().Dim)
}
