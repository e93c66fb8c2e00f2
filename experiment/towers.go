package experiment

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/captioned"
	"selfsup/datasets/feed"
	"selfsup/datasets/sampling"
	"selfsup/encoder"
	"selfsup/evaluations"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/methods"
)

// Samples and captions in one space, for protocols that compare them.

// checkPairs refuses protocols that need two towers where there are none.
func (s *Setup) checkPairs() error {
	for _, c := range s.Recipe.Evaluate.On {
		if !c.Value.Needs().Pairs {
			continue
		}
		if _, ok := s.Recipe.Method.Value.(methods.Towers); !ok {
			return fmt.Errorf("[evaluate.%s] compares images with texts, and [method.%s] has no tower for "+
				"texts; want a method such as clip, or %[1]s = false",
				c.Name, s.Recipe.Method.Name)
		}
		if _, ok := s.Kind.(*captioned.Kind); !ok {
			return fmt.Errorf("[evaluate.%s] compares samples with texts, and the %s of dataset.%s have "+
				"none; want dataset.captions, or %[1]s = false",
				c.Name, s.Noun(), s.Recipe.Dataset.Name)
		}
	}
	return nil
}

// pairsOutput is what a tower's program makes.
const pairsOutput = "embedding"

// towerGraph is one of the method's frozen towers for EmbedBatch samples: of images, or of texts.
func (s *Setup) towerGraph(text bool) (*graph.Graph, error) {
	return graph.Build(graph.Options{}, func(g *graph.Scope) {
		caption := s.Kind.(*captioned.Kind).Field()
		t := s.Recipe.Method.Value.(methods.Towers).Towers(g, s.encoder(), caption)
		if text {
			g.Output(pairsOutput, t.Text(encoder.InputOf(g, caption, EmbedBatch)))
			return
		}
		g.Output(pairsOutput, t.Image(t.Encode(encoder.InputOf(g, s.Input, EmbedBatch))))
	})
}

// towerGraphs are both, none of a method without.
func (s *Setup) towerGraphs() (gs []*graph.Graph, err error) {
	_, towers := s.Recipe.Method.Value.(methods.Towers)
	if _, texts := s.Kind.(*captioned.Kind); !towers || !texts {
		return nil, nil
	}
	for _, text := range []bool{false, true} {
		g, err := s.towerGraph(text)
		if err != nil {
			return nil, err
		}
		gs = append(gs, g)
	}
	return gs, nil
}

// tower compiles one of the towers of a Store. The function runs it on n samples, which fill writes a block of from a
// place on, and returns the embeddings [n,dim].
func (s *Setup) tower(st *graph.Store, text bool) (run func(ctx context.Context, n int, fill func(in ir.Array, from,
	to int) error) ([]float32, error), dim int, err error) {
	g, err := s.towerGraph(text)
	if err != nil {
		return nil, 0, err
	}
	if text {
		return s.towerOver(st, g, captioned.Caption)
	}
	return s.towerOver(st, g, s.Input.Name)
}

// towerOver compiles the graph of a tower, which reads a field of EmbedBatch samples, over a Store; see tower.
func (s *Setup) towerOver(st *graph.Store, g *graph.Graph, field string) (run func(ctx context.Context, n int,
	fill func(in ir.Array, from, to int) error) ([]float32, error), dim int, err error) {
	p, err := g.CompileOver(s.Device, st)
	if err != nil {
		return nil, 0, err
	}
	in, err := p.Input(field)
	if err != nil {
		return nil, 0, err
	}
	out, err := p.Output(pairsOutput)
	if err != nil {
		return nil, 0, err
	}
	dim = out.Shape[1]
	return func(ctx context.Context, n int, fill func(in ir.Array, from, to int) error) ([]float32, error) {
		x := make([]float32, 0, n*dim)
		for from := 0; from < n; from += EmbedBatch {
			if err := s.goOn(ctx); err != nil {
				return nil, err
			}
			to := min(from+EmbedBatch, n)
			clear(in.F32)
			clear(in.I32)
			if err := fill(in, from, to); err != nil {
				return nil, err
			}
			if err := p.Run(); err != nil {
				return nil, err
			}
			x = append(x, out.F32[:(to-from)*dim]...)
		}
		return x, nil
	}, dim, nil
}

// pairs are the test images, or those of the validation split, and what compares them with texts.
func (s *Setup) pairs(ctx context.Context, st *graph.Store, on string) (*evaluations.Pairs, error) {
	k := s.Kind.(*captioned.Kind)
	set, known := s.Tested, s.Labelled
	if on == onValidation {
		var rest []int32
		for i := range s.Labelled.Len() {
			if _, held := slices.BinarySearch(s.held, int32(i)); !held {
				rest = append(rest, int32(i))
			}
		}
		set, known = sampling.Part(s.Labelled, s.held), sampling.Part(s.Labelled, rest)
	}
	p := &evaluations.Pairs{Classes: s.Data.Train.Classes(), What: strings.TrimSuffix(s.Noun(), "s"),
		Known: make([][]string, len(s.Data.Train.Classes()))}
	for i := range known.Len() {
		c := known.Label(i)
		p.Known[c] = append(p.Known[c], k.Captions(known, i)...)
	}
	for i := range set.Len() {
		p.Captions = append(p.Captions, k.Captions(set, i)[0])
	}
	image, dim, err := s.tower(st, false)
	if err != nil {
		return nil, err
	}
	p.Dim = dim
	p.Images, err = image(ctx, set.Len(), s.samples(set, feed.View(0)))
	if err != nil {
		return nil, err
	}
	text, _, err := s.tower(st, true)
	p.Texts = func(ctx context.Context, texts []string) ([]float32, error) {
		return text(ctx, len(texts), symbols(k, texts))
	}
	return p, err
}

// samples writes what a tower takes of the samples of a set, a field.
func (s *Setup) samples(set datasets.Labelled, field string) func(in ir.Array, from, to int) error {
	maker := s.Kind.Evaluation(set)
	return func(in ir.Array, from, to int) error {
		rows := make([]int32, to-from)
		for i := range rows {
			rows[i] = int32(from + i)
		}
		if err := feed.Fill(maker, field, feed.Slot{F32: in.F32}, rows, uint64(s.Recipe.Seed)); err != nil {
			return &DataError{err}
		}
		return nil
	}
}

// symbols writes what a text tower takes of texts.
func symbols(k *captioned.Kind, texts []string) func(in ir.Array, from, to int) error {
	return func(in ir.Array, from, to int) error {
		n := in.Shape[1]
		for i, t := range texts[from:to] {
			k.Encode(t, in.I32[i*n:(i+1)*n])
		}
		return nil
	}
}
