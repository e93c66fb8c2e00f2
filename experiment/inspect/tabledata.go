package inspect

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"selfsup/datasets"
	"selfsup/datasets/images/pack"
	"selfsup/datasets/tables"
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
func (t *Table) Write(ctx context.Context, path string) (*tables.PackReport, error) {
	return packed(ctx, path, func(w io.Writer) (*tables.PackReport, error) { return t.settings.Pack(t.env, w) })
}
