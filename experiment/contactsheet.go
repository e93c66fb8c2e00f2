package experiment

import (
	"fmt"
	"path/filepath"

	"selfsup/datasets"
	"selfsup/datasets/resample"
	"selfsup/datasets/sampling"
	"selfsup/datasets/views"
	"selfsup/experiment/sheet"
	"selfsup/graph"
	"selfsup/methods"
	"selfsup/recipes"
)

// ContactSheet writes a picture of what the network will see in the first step of a training: a row for each of the first images of its
// batch, with the image, its views before normalisation, and what a method that masks hides of the first view.
func ContactSheet(r *recipes.Loaded, rows int, path string) error {
	s, err := newSetup(r)
	if err != nil {
		return err
	}
	if err := s.openData(); err != nil {
		return err
	}
	if len(r.Train.Resolution) > 0 {
		early, err := s.sized(0)
		if err != nil {
			return &RecipeError{r.File, err}
		}
		s = early
	}
	sh, err := s.sheet(min(rows, r.Train.Batch))
	if err != nil {
		return err
	}
	return sh.Write(path)
}

func (s *Setup) sheet(rows int) (*sheet.Sheet, error) {
	seed, set := uint64(s.Recipe.Seed), s.Seen
	sampler, err := sampling.New(s.Recipe.Sampler.Value, set, s.Recipe.Train.Batch, seed)
	if err != nil {
		return nil, &DataError{err}
	}
	batch := make([]int32, s.Recipe.Train.Batch)
	sampler.Batch(0, batch)
	hide, err := s.maskedPatches(rows)
	if err != nil {
		return nil, err
	}

	sh := &sheet.Sheet{Columns: []string{"image"}, Title: fmt.Sprintf("%s, %s: step 0 with seed %d", filepath.Base(s.Recipe.File), s.Recipe.Method.Name, seed)}
	for v := range s.Views.Views {
		h, w := s.Views.Shape(v)
		sh.Columns = append(sh.Columns, fmt.Sprintf("view %d, %dx%d", v, h, w))
	}
	if hide != nil {
		sh.Columns = append(sh.Columns, "view 0, masked")
	}
	var img datasets.Image
	scratch := new(views.Scratch)
	for row := range rows {
		i := int(batch[row])
		if err := set.Image(i, &img); err != nil {
			return nil, &DataError{fmt.Errorf("views: image %d, %s: %w", i, set.Name(i), err)}
		}
		one := sheet.Row{Label: fmt.Sprint(i), Cells: []sheet.Cell{whole(&img)}}
		if l := set.Label(i); l >= 0 {
			one.Label += "\n" + set.Classes()[l]
		}
		for v := range s.Views.Views {
			size := s.view(v)
			c := sheet.Cell{H: size.H, W: size.W, C: size.C, Pix: make([]float32, s.Views.ViewSize(v))}
			if err := s.Views.View(c.Pix, &img, seed, 0, row, v, scratch); err != nil {
				return nil, &DataError{fmt.Errorf("views: image %d, %s: %w", i, set.Name(i), err)}
			}
			for k := range c.Pix {
				c.Pix[k] = c.Pix[k]*s.Views.Std[k%c.C] + s.Views.Mean[k%c.C]
			}
			one.Cells = append(one.Cells, c)
		}
		if hide != nil {
			one.Cells = append(one.Cells, hide(one.Cells[1], row))
		}
		sh.Rows = append(sh.Rows, one)
	}
	return sh, nil
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

// maskedPatches returns the function that paints over what the method hides of a view in step 0: the training's own random numbers, for
// they depend on the seed, the name of their source and the step. It is nil for a method that hides nothing.
func (s *Setup) maskedPatches(rows int) (func(c sheet.Cell, row int) sheet.Cell, error) {
	m, ok := s.Recipe.Method.Value.(methods.Masked)
	enc := s.encoder()
	if !ok || enc.Tokens == nil {
		return nil, nil
	}
	var columns, patch, tokens int
	g, err := graph.Build(graph.Options{Training: true}, func(g *graph.Scope) {
		e := enc.Tokens(g.In(backboneScope))
		columns, patch, tokens = e.Columns, e.Patch, e.Rows*e.Columns
		g.Output("hidden", m.Hidden(g, rows, tokens))
	})
	if err != nil {
		return nil, &RecipeError{s.Recipe.File, err}
	}
	p, err := g.Compile(s.Device, s.newStore())
	if err != nil {
		return nil, &RecipeError{s.Recipe.File, err}
	}
	p.Schedule(s.time(0))
	if err := p.Run(); err != nil {
		return nil, err
	}
	hidden, err := p.Output("hidden")
	if err != nil {
		return nil, err
	}
	return func(c sheet.Cell, row int) sheet.Cell {
		c.Pix = append([]float32(nil), c.Pix...)
		for i := range c.Pix {
			y, x := i/c.C/c.W, i/c.C%c.W
			if hidden.At(row*tokens+y/patch*columns+x/patch) == 1 {
				c.Pix[i] = 0.5
			}
		}
		return c
	}, nil
}
