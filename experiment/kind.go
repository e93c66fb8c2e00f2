package experiment

import (
	"errors"
	"fmt"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/captioned"
	"selfsup/datasets/feed"
	"selfsup/datasets/frames"
	"selfsup/datasets/proposals"
	"selfsup/datasets/rows"
	"selfsup/datasets/sounded"
	"selfsup/datasets/steps"
	"selfsup/datasets/views"
	"selfsup/datasets/windows"
	"selfsup/recipes"
)

// kindOf settles how the samples of the recipe's data become fields: by the recipe's table for their kind.
func (s *Setup) kindOf() (feed.Kind, error) {
	r := s.Recipe
	switch train := s.Data.Train.(type) {
	case datasets.Set:
		if err := s.checkPixels(); err != nil {
			return nil, err
		}
		pipe, err := views.New(s.viewSettings(), s.measured(), r.Views.Count())
		if err != nil {
			return nil, viewsError(r, err)
		}
		pipe.Finder = func() views.Finder { return &proposals.Search{} }
		s.Views = pipe
		if _, acts := train.(datasets.StepSet); acts {
			k, err := steps.New(pipe, s.Data)
			if err != nil {
				return nil, &DataError{err}
			}
			return k, nil
		}
		return s.withCaptions(pipe)
	case datasets.ClipSet:
		if len(r.Train.Resolution) > 0 {
			return nil, r.Result.Bad("train.resolution", "is about the size of views of images, and the samples "+
				"of dataset.%s are clips", r.Dataset.Name)
		}
		if _, err := r.Clips.Fit(train.Frames()); err != nil {
			return nil, tableError(r, "clips", err)
		}
		k, err := frames.New(r.Clips, s.viewSettings(), s.Data, r.Views.Count())
		if err != nil {
			return nil, viewsError(r, err)
		}
		s.Views = k.Pipeline
		return s.withSound(k)
	case datasets.RowSet:
		if err := s.checkOneView(); err != nil {
			return nil, err
		}
		t, err := rows.New(r.Rows, train)
		if err != nil {
			return nil, &DataError{err}
		}
		return t, nil
	case datasets.TextSet:
		if err := s.checkOneSize(); err != nil {
			return nil, err
		}
		t, err := windows.NewTexts(r.Windows, train, s.Data.Test)
		if err != nil {
			return nil, tableError(r, "windows", err)
		}
		s.note(t.Notes())
		return t, nil
	case datasets.WaveSet:
		if err := s.checkOneSize(); err != nil {
			return nil, err
		}
		w, err := windows.NewWaves(r.Windows, train, s.Data.Test)
		if err != nil {
			return nil, tableError(r, "windows", err)
		}
		s.note(w.Notes())
		return s.withCaptions(w)
	}
	return nil, &RecipeError{r.File, fmt.Errorf("dataset.%s: no method trains on samples of its kind yet (%T)",
		r.Dataset.Name, s.Data.Train)}
}

// withSound adds the sounds of clips that have some.
func (s *Setup) withSound(k feed.Kind) (feed.Kind, error) {
	train, sounds := s.Data.Train.(datasets.SoundedSet)
	if !sounds {
		return k, nil
	}
	w, err := sounded.New(k, s.Recipe.Windows, train, s.Data.Test)
	if err != nil {
		return nil, tableError(s.Recipe, "windows", err)
	}
	return w, nil
}

// note adds notes to those of the data, each once.
func (s *Setup) note(notes []string) {
	for _, n := range notes {
		if !slices.Contains(s.Data.Notes, n) {
			s.Data.Notes = append(s.Data.Notes, n)
		}
	}
}

// withCaptions adds captions to samples that have some.
func (s *Setup) withCaptions(k feed.Kind) (feed.Kind, error) {
	if _, texts := s.Data.Train.(datasets.CaptionSet); !texts {
		return k, nil
	}
	c, err := captioned.New(s.Recipe.Captions, k, s.Data)
	if err != nil {
		return nil, tableError(s.Recipe, "captions", err)
	}
	return c, nil
}

// checkOneSize refuses what resizes views, of data that are no images.
func (s *Setup) checkOneSize() error {
	if r := s.Recipe; len(r.Train.Resolution) > 0 {
		return r.Result.Bad("train.resolution", "is about the size of views of images, and the samples of "+
			"dataset.%s are %s", r.Dataset.Name, s.Noun())
	}
	return nil
}

// checkOneView refuses what compares or resizes views, of data in which nothing is random.
func (s *Setup) checkOneView() error {
	r := s.Recipe
	if err := s.checkOneSize(); err != nil {
		return err
	}
	for _, c := range r.Evaluate.On {
		if needs := c.Value.Needs(); needs.Views || needs.Draws > 0 {
			return &RecipeError{r.File, fmt.Errorf("[evaluate.%s] compares random views of a sample, and "+
				"nothing is random in the %s of dataset.%s; "+
				"switch it off with [evaluate] %s = false", c.Name, s.Noun(), r.Dataset.Name, c.Name)}
		}
	}
	return nil
}

// tableError is a fault of the recipe's table where a setting of it is to be changed, else of the data.
func tableError(r *recipes.Loaded, table string, err error) error {
	var bad interface{ BadKey() (key, text string) }
	if errors.As(err, &bad) {
		key, text := bad.BadKey()
		return r.Result.Bad(table+"."+key, "%s", text)
	}
	return &DataError{err}
}
