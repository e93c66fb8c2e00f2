package experiment

import (
	"context"
	"fmt"

	"selfsup/backbones"
	"selfsup/datasets"
	"selfsup/datasets/views"
	"selfsup/encoder"
	"selfsup/evaluations"
	"selfsup/graph"
)

// Feature maps and masks for protocols of pixels.

// mapBatch is how many images go through the frozen encoder at once for their feature maps, at their own size.
const mapBatch = 8

// mapper makes the feature maps [n,h,w,dim] of images [n,H,W,C], at most mapBatch of them.
type mapper struct {
	h, w, dim int
	normalize bool
	run       func(images []float32) ([]float32, error)
}

// checkMasks refuses protocols of pixels where pixels have no classes.
func (s *Setup) checkMasks() error {
	r := s.Recipe
	for _, c := range r.Evaluate.On {
		if c.Value.Needs().Pixels == 0 {
			continue
		}
		train, ok := s.Data.Train.(datasets.MaskSet)
		_, tested := s.Data.Test.(datasets.MaskSet)
		switch {
		case !ok:
			return fmt.Errorf("[evaluate.%s] needs images with masks, such as of dataset.masks, and this "+
				"dataset.%s has none", c.Name, r.Dataset.Name)
		case !tested:
			return fmt.Errorf("[evaluate.%s] needs masks to test on, and this dataset.%s has no test set", c.Name,
				r.Dataset.Name)
		case len(train.PixelClasses()) < 2:
			return fmt.Errorf("[evaluate.%s] needs two classes of pixels, and this dataset.%s has %d", c.Name,
				r.Dataset.Name, len(train.PixelClasses()))
		case s.Data.Height < 1:
			return fmt.Errorf("[evaluate.%s] needs images of one size, and those of this dataset.%s differ: set resize",
				c.Name, r.Dataset.Name)
		}
		if _, ok := r.Backbone.Value.(backbones.Maps); !ok {
			return fmt.Errorf("[evaluate.%s] needs feature maps, and backbone.%s has none: take a convnet or a resnet",
				c.Name, r.Backbone.Name)
		}
	}
	return nil
}

// mapsOver compiles the frozen encoder of a Store up to its last feature map, for images of the data's size.
func (s *Setup) mapsOver(st *graph.Store) (*mapper, error) {
	m := &mapper{normalize: true}
	field := s.Input
	field.Shape = []int{s.Data.Height, s.Data.Width, s.Data.Channels}
	g, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		maps := s.encoder().Maps(s.aboveEncoder(g))(encoder.InputOf(g, field, mapBatch))
		g.Output("map", maps[len(maps)-1])
	})
	if err != nil {
		return nil, err
	}
	p, err := g.CompileOver(s.Device, st)
	if err != nil {
		return nil, err
	}
	in, err := p.Input(field.Name)
	if err != nil {
		return nil, err
	}
	out, err := p.Output("map")
	if err != nil {
		return nil, err
	}
	m.h, m.w, m.dim = out.Shape[1], out.Shape[2], out.Shape[3]
	m.run = func(images []float32) ([]float32, error) {
		clear(in.F32)
		copy(in.F32, images)
		return out.F32, p.Run()
	}
	return m, nil
}

// rawMaps takes the pixels themselves.
func (s *Setup) rawMaps() *mapper {
	return &mapper{h: s.Data.Height, w: s.Data.Width, dim: s.Data.Channels, run: func(images []float32) ([]float32,
		error) {
		return images, nil
	}}
}

// each calls take with every image of a set: its number, its map and its mask.
func (u *subject) each(ctx context.Context, m *mapper, set datasets.MaskSet, take func(i int, features []float32,
	mask []byte)) error {
	whole := views.Defaults() // of which only the normalisation counts
	whole.Mean, whole.Std = float64s(u.Views.Mean), float64s(u.Views.Std)
	pipe, err := views.New(whole, &datasets.Data{Train: set, Channels: u.Data.Channels, Height: u.Data.Height,
		Width: u.Data.Width}, 1)
	if err != nil {
		return err
	}
	show := pipe.RawBatch
	if m.normalize {
		show = pipe.EvalBatch
	}
	images, size := make([]float32, mapBatch*pipe.Size()), m.h*m.w*m.dim
	var mask datasets.Image
	for from := 0; from < set.Len(); from += mapBatch {
		if err := ctx.Err(); err != nil {
			return err
		}
		u.telling(u.doing, from, set.Len())
		if u.alive != nil {
			if err := u.alive(); err != nil {
				return err
			}
		}
		rows := make([]int32, min(mapBatch, set.Len()-from))
		for i := range rows {
			rows[i] = int32(from + i)
		}
		if err := show(images[:len(rows)*pipe.Size()], set, rows); err != nil {
			return &DataError{err}
		}
		out, err := m.run(images)
		if err != nil {
			return err
		}
		for i := range rows {
			if err := set.Mask(from+i, &mask); err != nil {
				return &DataError{err}
			}
			take(from+i, out[i*size:(i+1)*size], mask.Pix)
		}
	}
	return nil
}

// pixels are features of pixels of the training masks, drawn by the seed and the image's number, and the maps of the
// test set. Those of the training images are those that their pixels' places in the map give, interpolated.
func (u *subject) pixels(ctx context.Context, needs evaluations.Needs) (f evaluations.Features, err error) {
	m, err := u.maps()
	if err != nil {
		return f, err
	}
	train, test := u.Data.Train.(datasets.MaskSet), u.Data.Test.(datasets.MaskSet)
	h, w := u.Data.Height, u.Data.Width
	f = evaluations.Features{Dim: m.dim, Classes: len(train.PixelClasses()), Seed: uint64(u.Recipe.Seed),
		Alive: u.alive}
	f.Maps = &evaluations.Maps{H: m.h, W: m.w, MaskH: h, MaskW: w, Ignored: datasets.Ignored,
		ClassNames: train.PixelClasses()}
	err = u.each(ctx, m, train, func(i int, features []float32, mask []byte) {
		r := datasets.NewRand(uint64(u.Recipe.Seed), "evaluated pixels", uint64(i))
		for range needs.Pixels {
			at := r.Intn(len(mask))
			if mask[at] == datasets.Ignored {
				continue
			}
			row := make([]float32, m.dim)
			for _, c := range evaluations.Corners(m.h, m.w, h, w, at/w, at%w) {
				for k := range row {
					row[k] += float32(c.Weight) * features[c.At*m.dim+k]
				}
			}
			f.TrainX, f.TrainY = append(f.TrainX, row...), append(f.TrainY, int32(mask[at]))
		}
	})
	if err != nil {
		return f, err
	}
	return f, u.each(ctx, m, test, func(_ int, features []float32, mask []byte) {
		f.Maps.X, f.Maps.Masks = append(f.Maps.X, features...), append(f.Maps.Masks, mask...)
	})
}

func float64s(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}
