package experiment

import (
	"context"
	"fmt"
	"math"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/frames"
	"selfsup/datasets/sampling"
	"selfsup/encoder"
	"selfsup/evaluations"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/methods"
)

// What is told, and what is true, of the pixels of clips, for protocols that compare both.

// checkSurveyed refuses protocols of pixels of clips where nothing is told or known of them.
func (s *Setup) checkSurveyed() error {
	r := s.Recipe
	for _, c := range r.Evaluate.On {
		needs := c.Value.Needs()
		if needs.Frames && s.encoder().Frames == nil {
			return fmt.Errorf("[evaluate.%s] frames = true reads the features of single frames, and backbone.%s has "+
				"none; want per_frame and clips, or frames = false", c.Name, r.Backbone.Name)
		}
		if needs.Ridden {
			if _, tells := r.Method.Value.(methods.Riding); !tells {
				return fmt.Errorf("[evaluate.%s] needs a method that tells how the camera moves, which [method.%s] "+
					"does not; want one such as ego_motion, or %[1]s = false", c.Name, r.Method.Name)
			}
			if _, known := s.Data.Test.(datasets.CameraSet); !known {
				return fmt.Errorf("[evaluate.%s] needs test clips whose camera's motion is known, and dataset.%s has "+
					"none; want dataset.scenes with held above 0, or %[1]s = false", c.Name, r.Dataset.Name)
			}
		}
		if needs.Surveyed == "" && needs.SurveyedPlaces == 0 {
			continue
		}
		m, tells := r.Method.Value.(methods.Surveying)
		if needs.Surveyed != "" && (!tells || m.Surveys() != needs.Surveyed) {
			return fmt.Errorf("[evaluate.%s] needs a method that tells %s of every pixel, which [method.%s] does not; "+
				"want one such as monodepth or moving_objects, or %[1]s = false", c.Name, needs.Surveyed, r.Method.Name)
		}
		if needs.SurveyedPlaces > 0 && s.encoder().FrameMaps == nil && !s.hasTubes() {
			return fmt.Errorf("[evaluate.%s] needs feature maps of frames, and backbone.%s has none; want per_frame "+
				"with a tower such as convnet, vit3d, or %[1]s = false", c.Name, r.Backbone.Name)
		}
		_, train := s.Data.Train.(datasets.SurveyedSet)
		_, test := s.Data.Test.(datasets.SurveyedSet)
		if !train || !test {
			return fmt.Errorf("[evaluate.%s] needs clips of whose pixels the truth is known, and dataset.%s does not "+
				"say; want dataset.scenes with samples = \"clips\" and held above 0, or %[1]s = false", c.Name,
				r.Dataset.Name)
		}
		if h, w := s.Input.Shape[1], s.Input.Shape[2]; h != s.Data.Height || w != s.Data.Width {
			return fmt.Errorf("[evaluate.%s] compares views of %dx%d pixels with what is true of frames of %dx%d; "+
				"want views as large as the frames, or %[1]s = false", c.Name, h, w, s.Data.Height, s.Data.Width)
		}
	}
	return nil
}

// surveyBatch is how many clips a survey reads at once.
const surveyBatch = 8

// surveyOutput is what a survey's program makes.
const surveyOutput = "survey"

// surveyGraph is what the method tells of surveyBatch clips, [n,H,W] of a Surveying one, [n,2] of a Riding one; nil: it
// tells nothing.
func (s *Setup) surveyGraph() (*graph.Graph, error) {
	var tell func(s *graph.Scope, enc methods.Encoder, b *methods.Batch, x *graph.Node) *graph.Node
	switch m := s.Recipe.Method.Value.(type) {
	case methods.Surveying:
		tell = m.Survey
	case methods.Riding:
		tell = m.Ride
	default:
		return nil, nil
	}
	return graph.Build(graph.Options{}, func(g *graph.Scope) {
		b := methods.NewBatch(g, surveyBatch, methods.Data{Maker: s.Kind.Evaluation(s.Data.Train),
			Samples: s.Seen.Len()})
		g.Output(surveyOutput, tell(g, s.encoder(), b, b.View(0)))
	})
}

// hasTubes reports whether the encoder's tokens are tubes of clips.
func (s *Setup) hasTubes() bool {
	enc, tubes := s.encoder(), false
	if enc.Tokens != nil && len(s.Input.Shape) == 4 {
		_, err := graph.Build(graph.Options{}, func(g *graph.Scope) { tubes = enc.Tokens(g).Frames > 0 })
		return err == nil && tubes
	}
	return false
}

// placesGraph is the last feature map of the middle frames of surveyBatch clips, [n,h,w,D], or the tokens of the tubes
// that these are in.
func (s *Setup) placesGraph() (*graph.Graph, error) {
	return graph.Build(graph.Options{}, func(g *graph.Scope) {
		x := encoder.InputOf(g, s.Input, surveyBatch)
		size := op.ShapeOf(x)
		k := methods.Surveyed(size[1])
		if s.encoder().FrameMaps == nil {
			e := s.encoder().Tokens(s.aboveEncoder(g))
			y := op.Reshape(e.Encode(e.Embed(x)), size[0], e.Frames, e.Rows, e.Columns, e.Dim)
			g.Output(surveyOutput, op.At(y, 1, k/e.Tube))
			return
		}
		maps := s.encoder().FrameMaps(s.aboveEncoder(g))(op.At(x, 1, k))
		g.Output(surveyOutput, maps[len(maps)-1])
	})
}

// overClips runs a graph of surveyBatch clips over a set, and calls take with the output of each clip [size...].
func (s *Setup) overClips(ctx context.Context, st *graph.Store, g *graph.Graph, set datasets.Labelled, take func(i int,
	out []float32, shape ir.Shape) error) error {
	p, err := g.CompileOver(s.Device, st)
	if err != nil {
		return err
	}
	in, err := p.Input(s.Input.Name)
	if err != nil {
		return err
	}
	out, err := p.Output(surveyOutput)
	if err != nil {
		return err
	}
	fill, size := s.samples(set, feed.View(0)), out.Shape.Size()/surveyBatch
	for from := 0; from < set.Len(); from += surveyBatch {
		s.telling(s.doing, from, set.Len())
		if err := s.goOn(ctx); err != nil {
			return err
		}
		to := min(from+surveyBatch, set.Len())
		clear(in.F32)
		if err := fill(in, from, to); err != nil {
			return err
		}
		if err := p.Run(); err != nil {
			return err
		}
		for i := from; i < to; i++ {
			if err := take(i, out.F32[(i-from)*size:(i-from+1)*size], out.Shape[1:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// truth gives what is true of the middle frame of the views of evaluation.
func (s *Setup) truth(set datasets.Labelled) func(i int, dst *datasets.Survey) error {
	whole, place := sampling.Whole(set)
	known := whole.(datasets.SurveyedSet)
	frames := s.Input.Shape[0]
	at := s.Recipe.Clips.Shown(frames, known.Frames(), methods.Surveyed(frames))
	return func(i int, dst *datasets.Survey) error {
		if place != nil {
			i = int(place[i])
		}
		if err := known.Survey(i, at, dst); err != nil {
			return &DataError{err}
		}
		return nil
	}
}

// surveyed is what the method tells over a Store of the test clips, and what is true.
func (s *Setup) surveyed(ctx context.Context, st *graph.Store) (*evaluations.Surveyed, error) {
	g, err := s.surveyGraph()
	if err != nil {
		return nil, err
	}
	all := &evaluations.Surveyed{Pixels: s.Input.Shape[1] * s.Input.Shape[2]}
	truth := s.truth(s.Data.Test)
	var known datasets.Survey
	err = s.overClips(ctx, st, g, s.Data.Test, func(i int, told []float32, _ ir.Shape) error {
		if err := truth(i, &known); err != nil {
			return err
		}
		all.Told = append(all.Told, told...)
		all.Depth, all.Moves = append(all.Depth, known.Depth...), append(all.Moves, known.Moves...)
		return nil
	})
	return all, err
}

// ridden is the camera's way in the test clips as the method tells it over a Store, and as it is.
func (s *Setup) ridden(ctx context.Context, st *graph.Store) (*evaluations.Ridden, error) {
	g, err := s.surveyGraph()
	if err != nil {
		return nil, err
	}
	maker := s.Kind.Evaluation(s.Data.Test)
	field, err := maker.Field(frames.Camera)
	if err != nil {
		return nil, err
	}
	all, way := &evaluations.Ridden{}, feed.NewSlot(field, 1)
	return all, s.overClips(ctx, st, g, s.Data.Test, func(i int, told []float32, _ ir.Shape) error {
		if err := feed.Fill(maker, frames.Camera, way, []int32{int32(i)}, uint64(s.Recipe.Seed)); err != nil {
			return &DataError{err}
		}
		for axis, v := range way.F32[len(way.F32)-2:] {
			all.Told, all.True = append(all.Told, float64(told[axis])), append(all.True, float64(v))
		}
		return nil
	})
}

// placeNames are what is true of a place.
var placeNames = []string{"motion right", "motion down", "own speed", "log depth"}

// ofPlaces are so many places of the middle frame of each training and test clip, by the features that the encoder of
// a Store has there, and what is true of them.
func (u *subject) ofPlaces(ctx context.Context, st *graph.Store, most int) (f evaluations.Features, err error) {
	g, err := u.placesGraph()
	if err != nil {
		return f, err
	}
	f = evaluations.Features{Seed: uint64(u.Recipe.Seed), Alive: u.alive, Sources: len(placeNames),
		SourceNames: placeNames}
	for _, way := range []struct {
		set     datasets.Labelled
		x       *[]float32
		sources *[]float64
		stream  string
	}{{u.Seen, &f.TrainX, &f.TrainSources, "surveyed places"}, {u.Data.Test, &f.TestX, &f.TestSources,
		"tested surveyed places"}} {
		truth := u.truth(way.set)
		var known datasets.Survey
		err := u.overClips(ctx, st, g, way.set, func(i int, out []float32, shape ir.Shape) error {
			if err := truth(i, &known); err != nil {
				return err
			}
			h, w, dim := shape[0], shape[1], shape[2]
			f.Dim = dim
			r := datasets.NewRand(uint64(u.Recipe.Seed), way.stream, uint64(i))
			order := r.Order(make([]int, h*w))
			for _, at := range order[:min(most, len(order))] {
				*way.x = append(*way.x, out[at*dim:(at+1)*dim]...)
				*way.sources = append(*way.sources, placeTruth(&known, u.Input.Shape[1], u.Input.Shape[2], h, w, at)...)
			}
			return nil
		})
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

// placeTruth is what is true of place at of a map [mh,mw] of a frame [h,w], the mean over its pixels: see placeNames.
// The ground's motion is that of the farthest pixel.
func placeTruth(s *datasets.Survey, h, w, mh, mw, at int) []float64 {
	far := 0
	for i, z := range s.Depth {
		if z > s.Depth[far] || s.Moves[far] && !s.Moves[i] {
			far = i
		}
	}
	out, n := make([]float64, len(placeNames)), 0.0
	top, left := at/mw, at%mw
	for y := top * h / mh; y < max((top+1)*h/mh, top*h/mh+1); y++ {
		for x := left * w / mw; x < max((left+1)*w/mw, left*w/mw+1); x++ {
			i := y*w + x
			z := float64(s.Depth[i])
			right, down := float64(s.Motion[2*i]), float64(s.Motion[2*i+1])
			share := float64(s.Depth[far]) / z // of the ground's motion, nearer things make more
			out[0], out[1] = out[0]+right, out[1]+down
			out[2] += math.Hypot(right-share*float64(s.Motion[2*far]), down-share*float64(s.Motion[2*far+1]))
			out[3] += math.Log(z)
			n++
		}
	}
	for k := range out {
		out[k] /= n
	}
	return out
}

// frameRunner is the features of every frame side by side, over a Store.
func (s *Setup) frameRunner(st *graph.Store) (runner, error) {
	g, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		h := s.encoder().Frames(s.aboveEncoder(g))(encoder.InputOf(g, s.Input, EmbedBatch))
		size := op.ShapeOf(h)
		g.Output(FeaturesOutput, op.Reshape(h, size[0], size[1]*size[2]))
	})
	if err != nil {
		return nil, err
	}
	return s.over(st, g)
}
