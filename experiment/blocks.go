package experiment

import (
	"context"

	"selfsup/backbones"
	"selfsup/datasets"
	"selfsup/datasets/sampling"
	"selfsup/encoder"
	"selfsup/evaluations"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
)

// What protocols learn from beside the features of images as they are: the tokens of a transformer's last blocks, and
// features of random crops.

// checkBlocks refuses protocols of blocks or crops where there are none.
func (s *Setup) checkBlocks() error {
	r := s.Recipe
	for _, c := range r.Evaluate.On {
		needs := c.Value.Needs()
		if _, images := s.Data.Train.(datasets.Set); needs.Augment != nil && !images {
			return r.Result.Bad("evaluate."+c.Name+".augment", "is about images, and the samples of dataset.%s are "+
				"%s; want false", r.Dataset.Name, s.Noun())
		}
		if needs.Blocks == 0 {
			continue
		}
		key := "evaluate." + c.Name + ".blocks"
		depth, err := s.depth()
		switch {
		case err != nil:
			return err
		case depth == 0:
			return r.Result.Bad(key, "are those of a transformer, and backbone.%s has none; want none",
				r.Backbone.Name)
		case needs.Blocks > depth:
			return r.Result.Bad(key, "%d of them, and backbone.%s has %d", needs.Blocks, r.Backbone.Name, depth)
		case needs.Class && !s.hasClass():
			return r.Result.Bad("evaluate."+c.Name+".pool", "asks for the class token, and backbone.%s has none: "+
				"want [\"mean\"]", r.Backbone.Name)
		}
	}
	return nil
}

// depth is the number of blocks whose tokens the backbone gives; 0: it is no transformer that does.
func (s *Setup) depth() (n int, err error) {
	t, ok := s.Recipe.Backbone.Value.(backbones.Tokens)
	if !ok {
		return 0, nil
	}
	given := true
	_, err = graph.Build(graph.Options{}, func(g *graph.Scope) {
		e := t.NewTokens(g, methods.InputOf(s.Input))
		if given = e.Layers != nil && e.Norm != nil; given {
			after := e.Layers(e.Embed(encoder.InputOf(g, s.Input, 1)))
			n = len(after)
			g.Output(FeaturesOutput, e.Norm(after[n-1]))
		}
	})
	if !given {
		return 0, nil
	}
	return n, err
}

// hasClass reports whether the backbone has a class token.
func (s *Setup) hasClass() (has bool) {
	t := s.Recipe.Backbone.Value.(backbones.Tokens)
	graph.Build(graph.Options{}, func(g *graph.Scope) { has = t.NewTokens(g, methods.InputOf(s.Input)).HasClass })
	return has
}

// blocksOver compiles the frozen transformer of a Store with the tokens of its last n blocks as features, laid out as
// evaluations.Blocks says.
func (s *Setup) blocksOver(st *graph.Store, n int) (runner, *evaluations.Blocks, error) {
	layout := &evaluations.Blocks{Count: n}
	g, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		e := s.encoder().Tokens(s.aboveEncoder(g))
		after := e.Layers(e.Embed(encoder.InputOf(g, s.Input, EmbedBatch)))
		layout.Dim, layout.HasClass = e.Dim, e.HasClass
		var classes, means []*graph.Node
		for _, y := range after[len(after)-n:] {
			y = e.Norm(y)
			if e.HasClass {
				classes = append(classes, op.Reshape(op.Slice(y, 1, 0, 1), -1, e.Dim))
			}
			means = append([]*graph.Node{op.Mean(e.Last(y, e.Rows*e.Columns), false, 1)}, means...)
		}
		g.Output(FeaturesOutput, op.Concat(1, append(classes, means...)...)) // [B, (n) D + n D]
	})
	if err != nil {
		return nil, nil, err
	}
	run, err := s.overBy(st, g, false)
	return run, layout, err
}

// ofBlocks are the labelled features of a protocol that learns from the last blocks.
func (u *subject) ofBlocks(ctx context.Context, on string, needs evaluations.Needs) (f evaluations.Features,
	err error) {
	run, layout, err := u.blocks(needs.Blocks)
	if err != nil {
		return f, err
	}
	v := *u
	v.train = features{}
	v.take = func(ctx context.Context, set datasets.Labelled) (features, error) {
		return run(ctx, set, u.Kind.Evaluation(set), func(int32) uint64 { return uint64(u.Recipe.Seed) })
	}
	if f, err = v.labelled(ctx, on); err != nil {
		return f, err
	}
	f.Blocks = layout
	if needs.Augment != nil {
		f.Augmented, err = v.cropped(on, *needs.Augment, run)
	}
	return f, err
}

// cropped gives features of other random crops of the labelled training images for every epoch, in the order of the
// training rows: during the training without those of the validation split.
func (u *subject) cropped(on string, a evaluations.Augment, run runner) (func(context.Context, int) ([]float32, error),
	error) {
	pipe, err := u.Views.Cropped(a.Area, a.Flip)
	if err != nil {
		return nil, err
	}
	set := u.Labelled
	if on != onTest {
		set = sampling.Part(set, others(set.Len(), u.held))
	}
	return func(ctx context.Context, epoch int) ([]float32, error) {
		f, err := run(ctx, set, pipe.Training(set), func(first int32) uint64 {
			r := datasets.NewRand(uint64(u.Recipe.Seed), "probe crops", uint64(epoch), uint64(first))
			return r.Uint64()
		})
		return f.x, err
	}, nil
}

// others are the rows of n that are not held out; held rises.
func others(n int, held []int32) []int32 {
	rows := make([]int32, 0, n-len(held))
	for i := range n {
		if len(held) > 0 && held[0] == int32(i) {
			held = held[1:]
			continue
		}
		rows = append(rows, int32(i))
	}
	return rows
}
