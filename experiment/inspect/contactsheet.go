package inspect

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/masks"
	"selfsup/datasets/resample"
	"selfsup/experiment"
	"selfsup/experiment/sheet"
	"selfsup/recipes"
)

// ContactSheet writes a picture of what the network will see in the first step of a training: a row for each of the
// first images of its batch, with the image, its views before normalisation, and what a method that masks hides of the
// first view.
func ContactSheet(r *recipes.Loaded, rows int, path string) error {
	s, err := experiment.Open(r)
	if err != nil {
		return err
	}
	if s, err = s.First(); err != nil {
		return err
	}
	sh, err := draw(s, min(rows, r.Train.Batch))
	if err != nil {
		return err
	}
	return sh.Write(path)
}

func draw(s *experiment.Setup, rows int) (*sheet.Sheet, error) {
	if err := s.Build(); err != nil {
		return nil, err
	}
	seed, set := uint64(s.Recipe.Seed), s.Seen
	images, ok := set.(datasets.Set)
	if !ok {
		return nil, &experiment.RecipeError{File: s.Recipe.File, Err: fmt.Errorf(
			"a sheet shows images, and dataset.%s has %s", s.Recipe.Dataset.Name, s.Kind.Noun())}
	}
	sampler, err := s.Sampler()
	if err != nil {
		return nil, &experiment.DataError{Err: err}
	}
	batch := make([]int32, s.Recipe.Train.Batch)
	sampler.Batch(0, batch)

	sh := &sheet.Sheet{Columns: []string{"image"}, Title: fmt.Sprintf("%s, %s: step 0 with seed %d",
		filepath.Base(s.Recipe.File), s.Recipe.Method.Name, seed)}
	maker := s.Kind.Training(set)
	var views []string
	var slots []feed.Slot
	for v := range s.ViewCount() {
		f, err := maker.Field(feed.View(v))
		if err != nil {
			return nil, err
		}
		views, slots = append(views, f.Name), append(slots, feed.NewSlot(f, 1))
		sh.Columns = append(sh.Columns, fmt.Sprintf("view %d, %dx%d", v, f.Shape[0], f.Shape[1]))
	}
	names := slices.Sorted(maps.Keys(s.Masks))
	for range names {
		sh.Columns = append(sh.Columns, "view 0, masked")
	}
	worker, err := maker.Worker(views)
	if err != nil {
		return nil, &experiment.RecipeError{File: s.Recipe.File, Err: err}
	}
	var img datasets.Image
	for row := range rows {
		i := int(batch[row])
		fail := func(err error) error {
			return &experiment.DataError{Err: fmt.Errorf("views: image %d, %s: %w", i, set.Name(i), err)}
		}
		if err := images.Image(i, &img); err != nil {
			return nil, fail(err)
		}
		one := sheet.Row{Label: fmt.Sprint(i), Cells: []sheet.Cell{whole(&img)}}
		if l := set.Label(i); l >= 0 {
			one.Label += "\n" + set.Classes()[l]
		}
		if err := worker.Make(slots, i, feed.Key{Seed: seed, Row: row}); err != nil {
			return nil, fail(err)
		}
		for v, slot := range slots {
			f, _ := maker.Field(views[v])
			c := sheet.Cell{H: f.Shape[0], W: f.Shape[1], C: f.Shape[2], Pix: slices.Clone(slot.F32)}
			for k := range c.Pix {
				c.Pix[k] = c.Pix[k]*s.Views.Std[k%c.C] + s.Views.Mean[k%c.C]
			}
			one.Cells = append(one.Cells, c)
		}
		for _, name := range names {
			one.Cells = append(one.Cells, masked(one.Cells[1], s.Masks[name], seed, row))
		}
		sh.Rows = append(sh.Rows, one)
	}
	return sh, nil
}

// masked is a view with grey where the first plane of a mask is 1 in step 0.
func masked(c sheet.Cell, plan masks.Plan, seed uint64, row int) sheet.Cell {
	drawn := make([]uint8, plan.Size())
	plan.Draw(drawn, seed, 0, row, new(masks.Scratch))
	c.Pix = slices.Clone(c.Pix)
	g := plan.Grid
	for i := range c.Pix {
		y, x := i/c.C/c.W, i/c.C%c.W
		if drawn[y*g.Rows/c.H*g.Columns+x*g.Columns/c.W] == 1 {
			c.Pix[i] = 0.5
		}
	}
	return c
}

// whole is an image in one cell; a large one is shrunk.
func whole(img *datasets.Image) sheet.Cell {
	const side = 256
	c := sheet.Cell{H: img.H, W: img.W, C: img.C}
	if most := max(img.H, img.W); most > side {
		c.H, c.W = max(img.H*side/most, 1), max(img.W*side/most, 1)
	}
	c.Pix = make([]float32, c.H*c.W*c.C)
	new(resample.Resampler).Run(c.Pix, resample.Job{Src: img.Pix, Width: img.W, Channels: img.C,
		Box: resample.Box{Height: img.H, Width: img.W}, Size: [2]int{c.H, c.W}})
	return c
}
