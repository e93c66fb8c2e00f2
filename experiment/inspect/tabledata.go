package inspect

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"selfsup/datasets"
	"selfsup/datasets/images/pack"
	"selfsup/datasets/tables"
	"selfsup/experiment"
	"selfsup/experiment/folder"
	"selfsup/recipes"
)

// Table is the table of a recipe, not yet read.
type Table struct {
	settings *tables.Table
	env      datasets.Env
}

// OpenTable is the table of a recipe with dataset.table; nil: path is something else.
func OpenTable(path string, sets []string, c recipes.Catalog) (*Table, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() || pack.Is(path) {
		return nil, nil
	}
	source, dir := datasets.Source(nil), ""
	if recipes.NamesSource(path) {
		s, err := recipes.LoadSource(path, sets, c)
		if err != nil {
			return nil, err
		}
		source, dir = s.Data.Value, filepath.Dir(s.File)
	} else {
		r, err := recipes.Load(path, sets, c)
		if err != nil {
			return nil, err
		}
		source, dir = r.Dataset.Value, r.Dir()
	}
	t, ok := source.(*tables.Table)
	if !ok {
		return nil, nil
	}
	return &Table{t, datasets.Env{BaseDir: dir}}, nil
}

// Write packs the table into the file at path, which appears when it is whole, and not at all when ctx ends.
func (t *Table) Write(ctx context.Context, path string) (rep *tables.PackReport, err error) {
	if err := folder.RemoveStale(path); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var file *noting
	err = folder.Replace(path, func(w io.Writer) error {
		file = &noting{ctx: ctx, to: w}
		rep, err = t.settings.Pack(t.env, file)
		return err
	})
	switch {
	case err == nil:
		return rep, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s is not written: %w", path, ctx.Err())
	case file != nil && file.err == nil && rep == nil: // the file could be written, so that the table could not be read
		return nil, &experiment.DataError{Err: err}
	}
	return nil, fmt.Errorf("%s: %w", path, err)
}
