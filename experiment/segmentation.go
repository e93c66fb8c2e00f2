package experiment

import (
	"context"
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/views"
	"selfsup/encoder"
	"selfsup/evaluations"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
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
		if !c.Value.Needs().OfMasks() {
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
		if s.encoder().Places == nil {
			return fmt.Errorf("[evaluate.%s] needs feature maps, and backbone.%s has none: take a convnet, a "+
				"resnet or a vit", c.Name, r.Backbone.Name)
		}
	}
	return nil
}

// checkPlaces refuses protocols of pixels whose images the backbone does not take as a whole, or whose attention cannot
// be had.
func (s *Setup) checkPlaces() error {
	r := s.Recipe
	for _, c := range r.Evaluate.On {
		if !c.Value.Needs().OfMasks() {
			continue
		}
		if err := r.Backbone.Value.Check(methods.InputOf(s.wholeInput())); err != nil {
			return fmt.Errorf("[evaluate.%s] shows whole images, of %dx%d: %w", c.Name, s.Data.Height,
				s.Data.Width, err)
		}
		if !c.Value.Needs().Gaze {
			continue
		}
		looks := false
		_, err := graph.Build(graph.Options{}, func(g *graph.Scope) { looks = s.gaze(g, 1) != nil })
		if err == nil && !looks {
			err = fmt.Errorf("[evaluate.%s] needs attention, and backbone.%s has none that can be had: take a vit "+
				"without relative positions", c.Name, r.Backbone.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wholeInput is the encoder's input for images of the data's size.
func (s *Setup) wholeInput() feed.Field {
	field := s.Input
	field.Shape = []int{s.Data.Height, s.Data.Width, s.Data.Channels}
	return field
}

// gaze is where the last block of a transformer looks in so many images, [n,h,w,heads]; nil: it does not say.
func (s *Setup) gaze(g *graph.Scope, n int) *graph.Node {
	enc := s.encoder()
	if enc.Tokens == nil || enc.Maps != nil {
		return nil
	}
	above := s.aboveEncoder(g)
	_, places := enc.Places(above)(encoder.InputOf(g, s.wholeInput(), n))
	size := op.ShapeOf(places)
	w := layer.Gaze(above, places, size[1]*size[2], enc.Tokens(above).HasClass) // [n,heads,T]
	if w == nil {
		return nil
	}
	return op.Reshape(op.Transpose(w, 0, 2, 1), n, size[1], size[2], op.ShapeOf(w)[1])
}

// gazeOver compiles gaze over a Store.
func (s *Setup) gazeOver(st *graph.Store) (*mapper, error) {
	g, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		g.Output("map", s.gaze(g, mapBatch))
	})
	if err != nil {
		return nil, err
	}
	return s.mapperOf(st, g, s.Input.Name, &mapper{normalize: true})
}

// mapsOver compiles the frozen encoder of a Store up to its last feature map, for images of the data's size.
func (s *Setup) mapsOver(st *graph.Store) (*mapper, error) {
	m := &mapper{normalize: true}
	field := s.wholeInput()
	g, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		_, places := s.encoder().Places(s.aboveEncoder(g))(encoder.InputOf(g, field, mapBatch))
		g.Output("map", places)
	})
	if err != nil {
		return nil, err
	}
	return s.mapperOf(st, g, field.Name, m)
}

// mapperOf compiles a graph whose output "map" [mapBatch,h,w,dim] is made of an input.
func (s *Setup) mapperOf(st *graph.Store, g *graph.Graph, input string, m *mapper) (*mapper, error) {
	p, err := g.CompileOver(s.Device, st)
	if err != nil {
		return nil, err
	}
	in, err := p.Input(input)
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

// wholeImages shows images of a set as they are, normalised.
func (s *Setup) wholeImages(set datasets.Set) (*views.Pipeline, error) {
	whole := views.Defaults() // of which only the normalisation counts
	whole.Mean, whole.Std = float64s(s.Views.Mean), float64s(s.Views.Std)
	return views.New(whole, &datasets.Data{Train: set, Channels: s.Data.Channels, Height: s.Data.Height,
		Width: s.Data.Width}, 1)
}

// each calls take with every image of a set: its number, its map and its mask.
func (u *subject) each(ctx context.Context, m *mapper, set datasets.MaskSet, take func(i int, features []float32,
	mask []byte)) error {
	pipe, err := u.wholeImages(set)
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
		u.telling(u.doing, from, set.Len())
		if err := u.goOn(ctx); err != nil {
			return err
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

// ofMasks is what a protocol of masks needs.
func (u *subject) ofMasks(ctx context.Context, needs evaluations.Needs) (f evaluations.Features, err error) {
	switch {
	case needs.Gaze:
		return u.gazes(ctx, needs.Images)
	case needs.Places > 0:
		return u.places(ctx, needs.Places)
	case needs.Decoded:
		return u.decoded(ctx)
	}
	return u.pixels(ctx, needs)
}

// places are so many places of the map of each image, drawn by the seed and the image's number, with the class of most
// pixels there.
func (u *subject) places(ctx context.Context, most int) (f evaluations.Features, err error) {
	m, err := u.maps()
	if err != nil {
		return f, err
	}
	train, test := u.Data.Train.(datasets.MaskSet), u.Data.Test.(datasets.MaskSet)
	h, w := u.Data.Height, u.Data.Width
	f = evaluations.Features{Dim: m.dim, Classes: len(train.PixelClasses()), Names: train.PixelClasses(),
		Seed: uint64(u.Recipe.Seed), Alive: u.alive}
	take := func(stream string, x *[]float32, y *[]int32) func(i int, features []float32, mask []byte) {
		return func(i int, features []float32, mask []byte) {
			r := datasets.NewRand(uint64(u.Recipe.Seed), stream, uint64(i))
			order := r.Order(make([]int, m.h*m.w))
			for _, at := range order[:min(most, len(order))] {
				if c := mostOf(mask, h, w, m.h, m.w, at); c >= 0 {
					*x, *y = append(*x, features[at*m.dim:(at+1)*m.dim]...), append(*y, int32(c))
				}
			}
		}
	}
	if err = u.each(ctx, m, train, take("evaluated places", &f.TrainX, &f.TrainY)); err != nil {
		return f, err
	}
	return f, u.each(ctx, m, test, take("tested places", &f.TestX, &f.TestY))
}

// mostOf is the class that more than half of the pixels of place at of a map [mh,mw] over a mask [h,w] have; -1: none
// has.
func mostOf(mask []byte, h, w, mh, mw, at int) int {
	count, all := map[byte]int{}, 0
	top, left := at/mw, at%mw
	for y := top * h / mh; y < max((top+1)*h/mh, top*h/mh+1); y++ {
		for x := left * w / mw; x < max((left+1)*w/mw, left*w/mw+1); x++ {
			count[mask[y*w+x]]++
			all++
		}
	}
	for c, n := range count {
		if 2*n > all && c != datasets.Ignored {
			return int(c)
		}
	}
	return -1
}

// gazes are where a transformer looks in the test images, and in so many training images.
func (u *subject) gazes(ctx context.Context, most int) (f evaluations.Features, err error) {
	m, err := u.looks()
	if err != nil {
		return f, err
	}
	train, test := u.Data.Train.(datasets.MaskSet), u.Data.Test.(datasets.MaskSet)
	g := &evaluations.Gaze{Heads: m.dim, H: m.h, W: m.w, MaskH: u.Data.Height, MaskW: u.Data.Width,
		Ignored: datasets.Ignored, ClassNames: train.PixelClasses()}
	take := func(to *[]float32, masks *[]byte) func(_ int, gaze []float32, mask []byte) {
		return func(_ int, gaze []float32, mask []byte) {
			for head := range m.dim { // [h,w,heads] -> [heads,h,w]
				for k := head; k < len(gaze); k += m.dim {
					*to = append(*to, gaze[k])
				}
			}
			*masks = append(*masks, mask...)
		}
	}
	f = evaluations.Features{Gaze: g, Seed: uint64(u.Recipe.Seed), Alive: u.alive}
	first := &firstMasks{train, min(most, train.Len())}
	if err = u.each(ctx, m, first, take(&g.Choice, &g.ChoiceMasks)); err != nil {
		return f, err
	}
	return f, u.each(ctx, m, test, take(&g.Test, &g.Masks))
}

// firstMasks is the first n images of a set.
type firstMasks struct {
	datasets.MaskSet
	n int
}

func (s *firstMasks) Len() int { return s.n }

func float64s(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}
