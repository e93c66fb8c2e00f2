package experiment

import (
	"fmt"
	"path/filepath"

	"selfsup/datasets"
	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
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
	if status.State == "running" {
		fmt.Fprintf(o.messages(), "warning: %s is still running, or was killed: its encoder is that of step %d of %d\n",
			f.Path, m.Step, status.Steps)
	}
	if !exists(f.File(ResolvedFile)) {
		return fail(&DataError{fmt.Errorf("%s: %s lacks %s, which says what its encoder is; want a whole run folder",
			verb, f.Path, ResolvedFile)})
	}
	rec, err := recipes.Load(f.File(ResolvedFile), nil, c)
	if err != nil {
		return fail(err)
	}
	rec.BaseDir = status.BaseDir
	s, err := newSetup(rec, nil)
	if err != nil {
		return fail(err)
	}
	if n, _ := recipes.Checkpoints(rec.Average.Weights); best && n > 0 {
		fmt.Fprintf(o.messages(), "warning: %s is of the newest checkpoints; the best is one state, whose weights are "+
			"taken\n", rec.Average.Weights)
	} else if st, _, err = averaged(rec.Average.Weights, f.Path, st, m.Step); err != nil {
		return fail(err)
	}
	s.Store, s.Data = st, &datasets.Data{Channels: m.Encoder.Channels}
	s.encodedAt = encoderPlace{m.Encoder.Scope, m.Encoder.Student}
	if s.Trained, err = s.encoderConfig(m.Encoder); err != nil {
		return fail(&RecipeError{f.File(ResolvedFile), err})
	}
	if s.Input, err = s.Trained.Field(); err != nil {
		return fail(&RecipeError{f.File(ResolvedFile), err})
	}
	if s.Views, err = s.Trained.Pipeline(); err != nil {
		return fail(&RecipeError{f.File(ResolvedFile), err})
	}
	if err := s.frozenEncoder().Check(st); err != nil {
		return fail(&DataError{fmt.Errorf("checkpoint: %s: %w", f.File(checkpointDir), err)})
	}
	return s, m, nil
}
