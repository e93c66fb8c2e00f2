package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"selfsup/datasets"
	"selfsup/datasets/disk"
	"selfsup/datasets/images"
	"selfsup/datasets/images/codec"
	"selfsup/datasets/images/pack"
	"selfsup/experiment"
	"selfsup/experiment/folder"
	"selfsup/recipes"
)

// Opened is a data set that a `data` command was pointed at.
type Opened struct {
	*datasets.Data
	Source string       // the recipe's choice, the folder's name, or what the pack says it was made from
	Base   string       // folder that the images' names begin with
	Pack   *pack.Reader // nil: not a pack

	whole bool // no recipe says how many images may be left out
}

// OpenData opens a pack, a folder of images (with train and val or test below it, or classes), or the data set of a
// recipe.
func OpenData(path string, sets []string, c recipes.Catalog) (*Opened, error) {
	info, err := os.Stat(path)
	isDir := err == nil && info.IsDir()
	isPack := err == nil && !isDir && (filepath.Ext(path) == ".pack" || pack.Is(path))
	if (isDir || isPack) && len(sets) > 0 {
		return nil, &experiment.RecipeError{File: path, Err: errors.New("--set changes a recipe, and this is none")}
	}
	switch {
	case isPack:
		return openPack(path)
	case isDir:
		return openFolder(path, 0)
	}
	r, err := recipes.Load(path, sets, c)
	if err != nil {
		return nil, err
	}
	o := &Opened{Source: r.Dataset.Name, Base: r.Dir()}
	o.Data, err = experiment.OpenSource(r.Dataset.Name, r.Dataset.Value, datasets.Env{BaseDir: r.Dir()})
	if err != nil {
		return nil, err
	}
	return o, nil
}

func openPack(path string) (*Opened, error) {
	r, err := pack.Open(path, codec.DefaultMaxPixels)
	if err != nil {
		return nil, &experiment.DataError{Err: err}
	}
	d, err := r.Data()
	if err != nil {
		return nil, &experiment.DataError{Err: err}
	}
	return &Opened{Data: d, Source: r.Meta.Source, Pack: r}, nil
}

// openFolder leaves out up to so many images that do not decode.
func openFolder(path string, skipped int) (*Opened, error) {
	s := images.NewFolder()
	s.MaxSkipped = skipped
	if disk.HasParts(path) {
		s.Root = path
	} else {
		s.Train = path
	}
	d, err := s.Open(datasets.Env{})
	if err != nil {
		return nil, &experiment.DataError{Err: err}
	}
	name := filepath.Base(path)
	if abs, err := filepath.Abs(path); err == nil {
		name = filepath.Base(abs)
	}
	return &Opened{Data: d, Source: name, Base: filepath.Clean(path)}, nil
}

// WritePack packs a data set into the file at path, which appears when it is whole. When ctx ends nothing is left
// behind; what an earlier one left that was killed is removed.
func (o *Opened) WritePack(ctx context.Context, path string, opt pack.Options) (*pack.Report, error) {
	opt.Source, opt.Base = o.Source, o.Base
	if err := opt.Validate(); err != nil {
		return nil, &experiment.RecipeError{File: "data pack", Err: err}
	}
	return packed(ctx, path, func(w io.Writer) (*pack.Report, error) { return pack.Write(w, o.Data, opt) })
}

// packed writes the file at path by write, which reports what it wrote.
func packed[R any](ctx context.Context, path string, write func(w io.Writer) (*R, error)) (rep *R, err error) {
	if err := folder.RemoveStale(path); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var file *noting
	err = folder.Replace(path, func(w io.Writer) error {
		file = &noting{ctx: ctx, to: w}
		rep, err = write(file)
		return err
	})
	switch {
	case err == nil:
		return rep, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s is not written: %w", path, ctx.Err())
	case file != nil && file.err == nil && rep == nil: // the file could be written, so that the data could not be read
		return nil, &experiment.DataError{Err: err}
	}
	return nil, fmt.Errorf("%s: %w", path, err)
}

// noting is a writer that keeps its first error, and fails when ctx ends.
type noting struct {
	ctx context.Context
	to  io.Writer
	err error
}

func (n *noting) Write(b []byte) (int, error) {
	if n.err == nil {
		n.err = n.ctx.Err()
	}
	if n.err != nil {
		return 0, n.err
	}
	k, err := n.to.Write(b)
	n.err = err
	return k, err
}

// Damaged is a sample that cannot be read.
type Damaged struct {
	Set    string `json:"set"` // train or test
	Sample int    `json:"sample"`
	Name   string `json:"name"`
	Error  string `json:"error"`
}

// Verified is the outcome of reading every sample of a data set.
type Verified struct {
	Samples int       `json:"samples"` // read, the damaged ones included
	LeftOut []Damaged `json:"left_out"`
	Damaged []Damaged `json:"damaged"`
	Both    []Both    `json:"both"`  // test images that are training images too, by their pixels
	Notes   []string  `json:"notes"` // what was passed over

	whole bool // nothing said that samples may be left out
}

// Verify reads and decodes every image of both sets; of a pack it also compares every checksum.
func (o *Opened) Verify() *Verified {
	v := verified(o.Data)
	v.whole = o.whole
	return v
}

// Err is a experiment.DataError if a sample is damaged, or left out where no recipe allows that.
func (v *Verified) Err(source string) error {
	switch {
	case len(v.Damaged) > 0:
		return &experiment.DataError{Err: fmt.Errorf("%s: %d of %d samples are damaged", source, len(v.Damaged),
			v.Samples)}
	case v.whole && len(v.LeftOut) > 0:
		return &experiment.DataError{Err: fmt.Errorf("%s: %d of %d samples do not decode", source, len(v.LeftOut),
			v.Samples+len(v.LeftOut))}
	}
	return nil
}

type namedSet struct {
	name string
	set  datasets.Set
}

func (o *Opened) parts() []namedSet {
	train, test := o.Images()
	ps := []namedSet{{"train", train}}
	if test != nil {
		ps = append(ps, namedSet{"test", test})
	}
	if labelled, ok := o.Labelled.(datasets.Set); ok {
		ps = append(ps, namedSet{"labelled", labelled})
	}
	return ps
}
