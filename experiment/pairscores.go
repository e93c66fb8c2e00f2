package experiment

import (
	"context"
	"fmt"
	"path/filepath"

	"selfsup/datasets/captioned"
	"selfsup/datasets/feed"
	"selfsup/evaluations"
	"selfsup/experiment/folder"
	"selfsup/methods"
	"selfsup/recipes"
)

// PairScore is how well a sample and its captions belong together, by two trained towers.
type PairScore struct {
	Row    int32   // in the training set
	Name   string  // of the sample
	Text   string  // its first caption
	Cosine float64 // of the sample with its captions, their mean
	Wrong  bool    // [captions] wrong gave it another sample's
}

// PairScores are those of the whole training set of a run whose method has two towers, in the order of the set.
func PairScores(ctx context.Context, dir string, best bool, c recipes.Catalog, o Options) ([]PairScore, error) {
	h, err := reopen(&folder.Folder{Path: filepath.Clean(dir)}, best, "data filter", o, c)
	if err != nil {
		return nil, err
	}
	if h.store == nil {
		return nil, noCheckpoint("data filter", dir, best)
	}
	s := h.Setup
	k, texts := s.Kind.(*captioned.Kind)
	if _, towers := s.Recipe.Method.Value.(methods.Towers); !towers || !texts {
		return nil, &RecipeError{dir, fmt.Errorf("the run's method is %s, of dataset.%s; want a run of a method "+
			"with a tower for captions, such as clip, on samples with captions", s.Recipe.Method.Name,
			s.Recipe.Dataset.Name)}
	}
	set := s.Data.Train
	sample, dim, err := s.tower(h.store, false)
	if err != nil {
		return nil, err
	}
	x, err := sample(ctx, set.Len(), s.samples(set, feed.View(0)))
	if err != nil {
		return nil, err
	}
	var captions []string
	scores := make([]PairScore, set.Len())
	for i := range scores {
		own := k.Captions(set, i)
		scores[i] = PairScore{Row: int32(i), Name: set.Name(i), Text: own[0], Wrong: k.IsWrong(set, i)}
		captions = append(captions, own...)
	}
	text, _, err := s.tower(h.store, true)
	if err != nil {
		return nil, err
	}
	y, err := text(ctx, len(captions), symbols(k, captions))
	if err != nil {
		return nil, err
	}
	x, y = evaluations.UnitRows[float32](x, dim), evaluations.UnitRows[float32](y, dim)
	at := 0
	for i := range scores {
		n := len(k.Captions(set, i))
		for range n {
			for d := range dim {
				scores[i].Cosine += float64(x[i*dim+d]) * float64(y[at*dim+d]) / float64(n)
			}
			at++
		}
	}
	return scores, nil
}
