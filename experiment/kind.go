package experiment

import (
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/rows"
	"selfsup/datasets/views"
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
			return nil, viewsError(r.File, err)
		}
		s.Views = pipe
		return pipe, nil
	case datasets.RowSet:
		t, err := rows.New(r.Rows, train)
		if err != nil {
			return nil, &DataError{err}
		}
		return t, nil
	}
	return nil, &RecipeError{r.File, fmt.Errorf("dataset.%s: no method trains on samples of its kind yet (%T)", r.Dataset.Name, s.Data.Train)}
}
