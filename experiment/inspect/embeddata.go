package inspect

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/images"
	"selfsup/datasets/images/pack"
	"selfsup/datasets/rows"
	"selfsup/experiment"
	"selfsup/graph/ir"
	"selfsup/recipes"
)

// embedPart is a set whose samples are embedded.
type embedPart struct {
	name  string // train, test; empty for a folder
	set   datasets.Labelled
	maker feed.Maker
	base  string // folder that names begin with
	plain bool   // a sample's label is the folder that it is in, below base
}

// fill writes what the encoder takes of samples of the part.
func (p embedPart) fill(in ir.Array, rows []int32) error {
	clear(in.F32)
	clear(in.I32)
	if err := feed.Fill(p.maker, feed.View(0), feed.Slot{F32: in.F32, I32: in.I32}, rows, 0); err != nil {
		return &experiment.DataError{Err: err}
	}
	return nil
}

// label names sample i's class; empty where it has none.
func (p embedPart) label(i int) string {
	if p.plain {
		if dir := filepath.ToSlash(filepath.Dir(p.named(i))); dir != "." {
			return dir
		}
		return ""
	}
	if l := p.set.Label(i); l >= 0 {
		return p.set.Classes()[l]
	}
	return ""
}

// named is sample i's name, relative to the base.
func (p embedPart) named(i int) string {
	name := p.set.Name(i)
	if p.base == "" {
		return name
	}
	if rel, err := filepath.Rel(p.base, name); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return name
}

// toEmbed opens what data names, and makes it ready for the encoder.
func toEmbed(s *experiment.Setup, data string, sets []string, maxSkipped int, c recipes.Catalog) (parts []embedPart,
	skipped []datasets.Skip, err error) {
	info, err := os.Stat(data)
	switch {
	case err == nil && info.IsDir() && len(sets) > 0:
		return nil, nil, &experiment.RecipeError{File: data, Err: errNoRecipe}
	case err == nil && info.IsDir():
		parts, skipped, err = folderToEmbed(s, data, maxSkipped)
	default:
		parts, skipped, err = recipeToEmbed(s, data, sets, c)
	}
	if err != nil {
		return nil, nil, err
	}
	return fitted(s, data, parts, skipped)
}

// fitted makes parts of data, which errors name, ready for the encoder.
func fitted(s *experiment.Setup, data string, parts []embedPart, skipped []datasets.Skip) ([]embedPart,
	[]datasets.Skip, error) {
	kind, err := kindOfTrained(s)
	if err != nil {
		return nil, nil, err
	}
	for i := range parts {
		p := &parts[i]
		if p.set, err = s.Trained.Fits(p.set); err != nil {
			return nil, nil, &experiment.DataError{Err: fmt.Errorf("%s: %w", data, err)}
		}
		p.maker = kind.Evaluation(p.set)
	}
	return parts, skipped, nil
}

// partsOfData are the sets of data whose names begin with a folder.
func partsOfData(d *datasets.Data, base string) []embedPart {
	parts := []embedPart{{name: "train", set: d.Train, base: base}}
	if d.Test != nil {
		parts = append(parts, embedPart{name: "test", set: d.Test, base: base})
	}
	if d.Labelled != nil {
		parts = append(parts, embedPart{name: "labelled", set: d.Labelled, base: base})
	}
	return parts
}

// kindOfTrained is how samples become what the encoder takes. Ranks among the training rows are the only thing that is
// not kept with the encoder: they are made again of the run's own data.
func kindOfTrained(s *experiment.Setup) (feed.Kind, error) {
	r := s.Recipe
	if s.Trained.Takes() == "rows" && r.Rows.Numbers == "quantile" {
		d, err := experiment.OpenSource(r.Dataset.Name, r.Dataset.Value, datasets.Env{BaseDir: r.Dir()})
		if err != nil {
			return nil, fmt.Errorf("rows.numbers = \"quantile\" needs the rows that the run was trained on: %w", err)
		}
		train, ok := d.Train.(datasets.RowSet)
		if !ok {
			return nil, &experiment.DataError{Err: fmt.Errorf("dataset.%s has no rows", r.Dataset.Name)}
		}
		return rows.New(r.Rows, train)
	}
	kind, err := s.Trained.Kind()
	if err != nil {
		return nil, &experiment.DataError{Err: err}
	}
	return kind, nil
}

// recipeToEmbed is the data set of a recipe, of a file with a [dataset.X] table alone, or of a pack.
func recipeToEmbed(s *experiment.Setup, data string, sets []string, c recipes.Catalog) ([]embedPart, []datasets.Skip,
	error) {
	o, err := openToEmbed(data, sets, c)
	if err != nil {
		return nil, nil, err
	}
	if o.Channels != s.Trained.Channels && s.Trained.Pixels() && o.Channels != 0 {
		err := fmt.Errorf("%s: its images have %d channels, the run's encoder takes %d", data, o.Channels,
			s.Trained.Channels)
		if !pack.Is(data) {
			err = fmt.Errorf("%w; a dataset with a channels setting converts them", err)
		}
		return nil, nil, &experiment.DataError{Err: err}
	}
	return partsOfData(o.Data, o.Base), o.Skipped, nil
}

// openToEmbed opens a data set of any kind.
func openToEmbed(data string, sets []string, c recipes.Catalog) (*Opened, error) {
	if !recipes.NamesSource(data) {
		return OpenData(data, sets, c)
	}
	src, err := recipes.LoadSource(data, sets, c)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(data)
	d, err := experiment.OpenSource(src.Data.Name, src.Data.Value, datasets.Env{BaseDir: dir})
	if err != nil {
		return nil, err
	}
	return &Opened{Data: d, Source: src.Data.Name, Base: dir}, nil
}

// folderToEmbed is every image below a folder, sorted by name. They get the channels that the encoder takes, and are
// decoded as the run's own data set decodes, where that is a folder too.
func folderToEmbed(s *experiment.Setup, dir string, maxSkipped int) ([]embedPart, []datasets.Skip, error) {
	if kind := s.Trained.Takes(); kind != "images" {
		return nil, nil, &experiment.RecipeError{File: dir, Err: fmt.Errorf("a folder is taken for images, and the "+
			"run's encoder takes %s; want a recipe, or a file with a [dataset.X] table alone that names them", kind)}
	}
	f := images.NewFolder()
	if own, ok := s.Recipe.Dataset.Value.(*images.Folder); ok {
		f.Files = own.Files
	}
	f.Train, f.Unlabelled, f.TestFraction = dir, true, 0
	f.Channels, f.MaxSkipped = s.Views.Channels, maxSkipped
	d, err := f.Open(datasets.Env{})
	if err != nil {
		return nil, nil, &experiment.DataError{Err: err}
	}
	train, _ := d.Images()
	if train == nil {
		return nil, nil, &experiment.DataError{Err: errors.New(dir + ": no images")}
	}
	return []embedPart{{set: train, base: filepath.Clean(dir), plain: true}}, d.Skipped, nil
}
