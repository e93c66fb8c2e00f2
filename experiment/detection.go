package experiment

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/sampling"
	"selfsup/datasets/views"
	"selfsup/encoder"
	"selfsup/evaluations"
	"selfsup/graph"
	"selfsup/heads"
	"selfsup/methods"
	"selfsup/methods/dense"
	"selfsup/recipes/overlay"
)

// Detectors, for protocols of boxes: [method.detr] over a copy of the encoder, as an experiment of its own over the
// run's data. The run's Store stays as it is.

// boxesOf is a set with boxes, which may be part of one.
func boxesOf(set datasets.Labelled) (boxed datasets.BoxSet, rows []int32) {
	whole, rows := sampling.Whole(set)
	boxed, _ = whole.(datasets.BoxSet)
	return boxed, rows
}

// detector is the one that the run's method has; nil: it has none.
func (s *Setup) detector() *heads.Detector {
	if m, ok := s.Recipe.Method.Value.(interface{ Network() *heads.Detector }); ok {
		return m.Network()
	}
	return nil
}

// checkDetection refuses protocols of boxes that the data or the backbone cannot serve.
func (s *Setup) checkDetection() error {
	r := s.Recipe
	for _, c := range r.Evaluate.On {
		t := c.Value.Needs().Boxes
		if t == nil {
			continue
		}
		table := "evaluate." + c.Name
		train, _ := boxesOf(s.Data.Train)
		var test datasets.BoxSet
		if s.Data.Test != nil {
			test, _ = boxesOf(s.Data.Test)
		}
		enc := s.encoder()
		own := s.detector()
		switch {
		case train == nil:
			return &RecipeError{r.File, fmt.Errorf("[%s] needs images with boxes, such as of dataset.scenes, and this "+
				"dataset.%s has none", table, r.Dataset.Name)}
		case test == nil:
			return &RecipeError{r.File, fmt.Errorf("[%s] needs boxes to test on, and this dataset.%s has no test set",
				table, r.Dataset.Name)}
		case s.Data.Height < 1 || s.Data.Height != s.Data.Width:
			return &RecipeError{r.File,
				fmt.Errorf("[%s] needs square images of one size, and those of this dataset.%s "+
					"are none", table, r.Dataset.Name)}
		case enc.Maps == nil && enc.Tokens == nil:
			return &RecipeError{r.File,
				fmt.Errorf("[%s] needs feature maps or tokens, and backbone.%s has none: take a "+
					"convnet, a resnet or a vit", table, r.Backbone.Name)}
		case enc.Maps == nil && s.Input.Shape[0] != s.Data.Height:
			return r.Result.Bad("views.crop", "%d: [%s] shows images whole, %d pixels wide, and the positions of "+
				"backbone.%s are for this size alone; want %d", s.Input.Shape[0], table, s.Data.Height, r.Backbone.Name,
				s.Data.Height)
		case train.MostBoxes() > t.Net.Queries:
			return r.Result.Bad(table+".queries",
				"%d: an image of dataset.%s has up to %d boxes; want at least as many",
				t.Net.Queries, r.Dataset.Name, train.MostBoxes())
		case own != nil && !t.Fresh && *own != *t.Net:
			return r.Result.Bad(table+".queries",
				"the run's detector has %+v and [%s] has %+v; want the same settings, "+
					"or fresh = true for a new one", *own, table, *t.Net)
		}
		for _, name := range t.Withheld {
			if !slices.Contains(train.BoxClasses(), name) {
				return r.Result.Bad(table+".withheld", "%q is no class of dataset.%s; want some of %q", name,
					r.Dataset.Name, train.BoxClasses())
			}
		}
	}
	return nil
}

// withoutClasses is a set of which some classes have no boxes.
type withoutClasses struct {
	datasets.BoxSet
	gone []string
}

// Boxes implements datasets.BoxSet.
func (w withoutClasses) Boxes(i int, dst []datasets.ClassBox) ([]datasets.ClassBox, error) {
	all, err := w.BoxSet.Boxes(i, dst)
	names := w.BoxClasses()
	return slices.DeleteFunc(all, func(b datasets.ClassBox) bool { return slices.Contains(w.gone, names[b.Class]) }),
		err
}

// wholeViews show images whole, at their own size, mirrored with a probability.
func (s *Setup) wholeViews(set datasets.Labelled, flip float64) (*views.Pipeline, error) {
	v := views.Defaults()
	v.CropArea, v.Flip, v.Jitter, v.Grayscale = [2]float64{1, 1}, views.PerView{flip}, views.PerView{0},
		views.PerView{0}
	v.CropRatio = [2]float64{1, 1}
	v.Mean, v.Std = float64s(s.Views.Mean), float64s(s.Views.Std)
	return views.New(v, &datasets.Data{Train: set, Channels: s.Data.Channels, Height: s.Data.Height,
		Width: s.Data.Width}, 1)
}

// detect trains a detector over a copy of the encoder of a Store, and says what it finds in the test images.
func (s *Setup) detect(ctx context.Context, st *graph.Store, t evaluations.BoxTuning) (*evaluations.Detected, error) {
	u, d, err := s.trainDetector(ctx, st, t)
	if err != nil {
		return nil, err
	}
	classes := len(d.Classes)
	if t.Agnostic {
		classes = 1
	}
	g, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		scores, boxes := dense.Detect(g, u.encoder(), t.Net, classes, encoder.InputOf(g, u.Input, mapBatch))
		g.Output("scores", scores)
		g.Output("boxes", boxes)
	})
	if err != nil {
		return nil, err
	}
	test, rows := boxesOf(s.Data.Test)
	return d, s.findIn(ctx, u, g, test, rows, d)
}

// trainDetector trains [method.detr] on training images with their boxes.
func (s *Setup) trainDetector(ctx context.Context, st *graph.Store, t evaluations.BoxTuning) (*Setup,
	*evaluations.Detected, error) {
	set := some(s.Data.Train, t.Images, uint64(s.Recipe.Seed), "detection")
	boxed, rows := boxesOf(set)
	if len(t.Withheld) > 0 {
		boxed = withoutClasses{boxed, t.Withheld}
	}
	learned := sampling.Part(boxed, rows)
	kind, err := s.wholeViews(learned, t.Flip)
	if err != nil {
		return nil, nil, err
	}
	m := dense.DefaultDETR()
	m.Detector, m.Lock, m.Agnostic = *t.Net, t.Lock, t.Agnostic
	u, err := s.further(t.Tuning(), t.Rate, learned, feed.Kind(kind), overlay.Choice[methods.Method]{Name: "detr",
		Value: m})
	if err != nil {
		return nil, nil, err
	}
	if err := u.copyEncoder(s, st); err != nil {
		return nil, nil, err
	}
	d := &evaluations.Detected{Classes: boxed.BoxClasses(), Images: learned.Len()}
	if !t.Fresh && s.detector() != nil {
		d.Lent = u.copyDetector(st)
	}
	what := s.doing
	return u, d, u.trainTuned(ctx, t.Rate, func(step int) error {
		s.telling(what, step, u.Steps)
		return s.beat()
	})
}

// copyDetector copies the weights of a detector that is in another Store, all but the classes', and names them.
func (s *Setup) copyDetector(st *graph.Store) (names []string) {
	for _, name := range s.Store.Names() {
		own, from := s.Store.Get(name), st.Get(name)
		if from == nil || own.Kind != graph.Param || !strings.HasPrefix(name, dense.DetectorScope+"/") ||
			strings.HasPrefix(name, dense.DetectorScope+"/class/") || !own.Shape.Equal(from.Shape) {
			continue
		}
		own.Copy(from.Array)
		names = append(names, name)
	}
	return names
}

// findIn runs a compiled detector over the images of a set, and notes what it finds and what is there.
func (s *Setup) findIn(ctx context.Context, u *Setup, g *graph.Graph, set datasets.BoxSet, rows []int32,
	d *evaluations.Detected) error {
	p, err := g.CompileOver(s.Device, u.Store)
	if err != nil {
		return err
	}
	in, err := p.Input(u.Input.Name)
	if err != nil {
		return err
	}
	scores, err := p.Output("scores")
	if err != nil {
		return err
	}
	boxes, err := p.Output("boxes")
	if err != nil {
		return err
	}
	part := sampling.Part(set, rows)
	maker := u.Kind.Evaluation(part)
	q, k := scores.Shape[1], scores.Shape[2]
	for batch := range slices.Chunk(upTo(part.Len()), mapBatch) {
		s.telling(s.doing, int(batch[0]), part.Len())
		if err := s.goOn(ctx); err != nil {
			return err
		}
		clear(in.F32)
		if err := feed.Fill(maker, u.Input.Name, feed.Slot{F32: in.F32}, batch, 0); err != nil {
			return &DataError{err}
		}
		if err := p.Run(); err != nil {
			return err
		}
		for i, row := range batch {
			if rows != nil {
				row = rows[row]
			}
			truth, err := set.Boxes(int(row), nil)
			if err != nil {
				return &DataError{err}
			}
			d.Truth = append(d.Truth, truth)
			d.Found = append(d.Found, foundBy(scores.F32[i*q*k:(i+1)*q*k], boxes.F32[i*q*4:(i+1)*q*4], k))
		}
	}
	return nil
}

// foundBy is what Q queries have found in an image, by probabilities [Q,K] and boxes [Q,4]: a box for every class, cut
// at the image's edges.
func foundBy(scores, boxes []float32, k int) (found []evaluations.Found) {
	for i, score := range scores {
		b := boxes[i/k*4 : i/k*4+4]
		x, y, w, h := float64(b[0]), float64(b[1]), float64(b[2])/2, float64(b[3])/2
		box := datasets.Box{X0: max(x-w, 0), Y0: max(y-h, 0), X1: min(x+w, 1), Y1: min(y+h, 1)}
		if box.Check() != nil || math.IsNaN(float64(score)) {
			continue
		}
		found = append(found, evaluations.Found{ClassBox: datasets.ClassBox{Box: box, Class: i % k},
			Score: float64(score)})
	}
	return found
}
