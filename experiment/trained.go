package experiment

import (
	"fmt"
	"path/filepath"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/views"
	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
	"selfsup/graph"
	"selfsup/recipes"
)

// OpenTrained makes the encoder of a run's newest or best checkpoint ready without the data that it was trained on: as
// much of a Setup as the frozen encoder needs. The images' size and statistics are the checkpoint's.
func OpenTrained(verb, dir string, best bool, c recipes.Catalog, o Options) (*Setup, checkpoint.Meta, error) {
	fail := func(err error) (*Setup, checkpoint.Meta, error) { return nil, checkpoint.Meta{}, err }
	status, err := ReadStatus(dir)
	if err != nil {
		return fail(err)
	}
	f := &folder.Folder{Path: filepath.Clean(dir)}
	st, m, warning, err := readCheckpoint(f, best)
	if err != nil {
		return fail(err)
	}
	if st == nil {
		return fail(noCheckpoint(verb, dir, best))
	}
	if warning != "" {
		fmt.Fprintln(o.messages(), "warning:", warning)
	}
	if m.Encoder == nil {
		return fail(&DataError{fmt.Errorf("%s: the checkpoint of step %d does not say what its encoder is", verb,
			m.Step)})
	}
	rec, err := recipes.Load(f.File(ResolvedFile), nil, c)
	if err != nil {
		return fail(err)
	}
	rec.BaseDir = status.BaseDir
	s, err := newSetup(rec)
	if err != nil {
		return fail(err)
	}
	if n, _ := recipes.Checkpoints(rec.Average.Weights); best && n > 0 {
		fmt.Fprintf(o.messages(), "warning: %s is of the newest checkpoints; the best is one state, whose weights are "+
			"taken\n", rec.Average.Weights)
	} else if st, _, err = averaged(rec.Average.Weights, f.Path, st, m.Step); err != nil {
		return fail(err)
	}
	s.Store, s.Data = st, &datasets.Data{Train: noImages{}, Channels: m.Encoder.Channels}
	s.encodedAt = encoderPlace{m.Encoder.Scope, m.Encoder.Student}
	if o := m.Encoder.Other; o != nil {
		s.Input = feed.Field{Name: feed.View(0), Shape: o.Shape, Int: o.Int, Of: o.Of}
		if err := checkStored(f.File(checkpointDir), s, st); err != nil {
			return fail(err)
		}
		return s, m, nil
	}
	s.Input = feed.Field{Name: feed.View(0), Shape: []int{m.Encoder.Height, m.Encoder.Width, m.Encoder.Channels}}
	if s.Views, err = evaluationViews(rec.Views, m.Encoder); err != nil {
		return fail(&RecipeError{f.File(ResolvedFile), err})
	}
	s.Kind = s.Views
	if err := checkStored(f.File(checkpointDir), s, st); err != nil {
		return fail(err)
	}
	return s, m, nil
}

// evaluationViews is the pipeline of a run's views as far as evaluation has part in it, with the statistics of its
// checkpoint.
func evaluationViews(s views.Settings, e *checkpoint.Encoder) (*views.Pipeline, error) {
	plain := views.Defaults()
	plain.Interpolation, plain.Mean, plain.Std = s.Interpolation, nil, nil
	for c := range e.Mean {
		plain.Mean, plain.Std = append(plain.Mean, float64(e.Mean[c])), append(plain.Std, float64(e.Std[c]))
	}
	if e.Height == e.Width {
		plain.Crop = e.Height
	}
	return views.New(plain, &datasets.Data{Train: noImages{}, Channels: e.Channels, Height: e.Height, Width: e.Width},
		1)
}

// checkStored refuses a checkpoint that lacks a part of the encoder, which compiling it would else fill with fresh
// values.
func checkStored(where string, s *Setup, st *graph.Store) error {
	g, err := s.EmbedGraph()
	if err != nil {
		return &RecipeError{s.Recipe.File, err}
	}
	reads, err := g.Reads()
	if err != nil {
		return &RecipeError{s.Recipe.File, err}
	}
	for _, l := range reads {
		e := st.Get(l.Name)
		switch {
		case e == nil:
			return &DataError{fmt.Errorf("checkpoint: %s: %s is missing, this recipe builds %v", where, l.Name, l.Type)}
		case !e.Shape.Equal(l.Shape) || e.DType != l.DType:
			return &DataError{fmt.Errorf("checkpoint: %s: %s is %v, this recipe builds %v", where, l.Name, e.Type,
				l.Type)}
		}
	}
	return nil
}

// noImages stands for a training set that is not there.
type noImages struct{ datasets.Set }

func (noImages) Len() int          { return 0 }
func (noImages) Classes() []string { return nil }
