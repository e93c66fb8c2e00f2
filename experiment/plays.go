package experiment

import (
	"context"
	"fmt"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/frames"
	"selfsup/datasets/sampling"
	"selfsup/datasets/sounded"
	"selfsup/encoder"
	"selfsup/evaluations"
	"selfsup/graph"
	"selfsup/graph/op"
)

// shownClips is what a representation makes of clips whose frames are shown in an order: features of each as a whole
// [N,F], or of its times [N,times*F].
type shownClips func(ctx context.Context, set datasets.Labelled, order func(clip int) []int,
	times bool) (x features, count int, err error)

// films is how the samples become views of clips; nil: they are none.
func (s *Setup) films() *frames.Kind {
	kind := s.Kind
	if heard, ok := kind.(*sounded.Kind); ok {
		kind = heard.Kind
	}
	k, _ := kind.(*frames.Kind)
	return k
}

// checkShownClips refuses protocols that show clips in several ways where there are none, or where they are too short.
func (s *Setup) checkShownClips() error {
	r := s.Recipe
	for _, c := range r.Evaluate.On {
		p := c.Value.Needs().Plays
		if p == nil {
			continue
		}
		bad := func(format string, args ...any) error {
			return fmt.Errorf("[evaluate.%s] %s; switch it off with [evaluate] %[1]s = false", c.Name,
				fmt.Sprintf(format, args...))
		}
		clips, ok := s.Data.Train.(datasets.ClipSet)
		if !ok {
			return bad("shows the frames of clips, and the samples of dataset.%s are %s", r.Dataset.Name, s.Noun())
		}
		k := s.films()
		switch n := s.playedFrames(p); {
		case !k.Stills() && s.encoder().Times == nil && p.Times:
			return bad("has a head on features of times, and [backbone.%s] has none; want heads = [\"whole\"]",
				r.Backbone.Name)
		case !k.Stills() && p.Frames > 0:
			return bad("shows frames = %d, and the encoder sees clips of %d; want frames = 0", p.Frames, k.Frames())
		case n < 1 || p.Span(n) > clips.Frames():
			return bad("shows %d frames over %d, and a clip of dataset.%s has %d; want longer clips, or smaller steps "+
				"in time", max(n, 2), p.Span(max(n, 2)), r.Dataset.Name, clips.Frames())
		case n < 3 && p.Disorders():
			return bad("puts %d frames of a clip out of order; want at least 3", n)
		}
	}
	return nil
}

// checkTimes refuses heads on distances between times where features have only one, or views only one frame.
func (s *Setup) checkTimes() error {
	for _, c := range s.Recipe.Evaluate.On {
		p := c.Value.Needs().Plays
		if p == nil || !p.Pairs {
			continue
		}
		times := s.playedFrames(p)
		if !s.films().Stills() {
			_, count, err := s.timesGraph()
			if err != nil {
				return err
			}
			times = count
		}
		if times < 2 {
			return &RecipeError{s.Recipe.File, fmt.Errorf("[evaluate.%s] has a head on distances between times, and "+
				"there are features of %d; want two or more, or heads without \"distances\"", c.Name, times)}
		}
	}
	return nil
}

// timesGraph has the features of the times of clips as its output [EmbedBatch,times*F], and says how many times.
func (s *Setup) timesGraph() (g *graph.Graph, times int, err error) {
	g, err = graph.Build(graph.Options{}, func(g *graph.Scope) {
		y := s.encoder().Times(s.aboveEncoder(g))(encoder.InputOf(g, s.Input, EmbedBatch)) // [B,T,F]
		times = op.ShapeOf(y)[1]
		g.Output(FeaturesOutput, op.Reshape(y, EmbedBatch, -1))
	})
	return g, times, err
}

// playedFrames is how many frames of a clip a protocol shows.
func (s *Setup) playedFrames(p *evaluations.Plays) int {
	k := s.films()
	if !k.Stills() {
		return k.Frames()
	}
	if p.Frames > 0 {
		return p.Frames
	}
	clip, n := s.Data.Train.(datasets.ClipSet).Frames(), 1
	for p.Span(n+1) <= clip {
		n++
	}
	return n
}

// sides are a training and a test set that need no labels. During the training, and where there is no test set, every
// second sample stands for the test.
func (s *Setup) sides(on string) (train, test datasets.Labelled, measured string) {
	if on == onTest && s.Data.Test != nil {
		return s.Seen, s.Data.Test, onTest
	}
	train, test = halves(s.Seen)
	return train, test, onTraining
}

// halves are every second sample of a set, and the others.
func halves(set datasets.Labelled) (even, odd datasets.Labelled) {
	var rows [2][]int32
	for i := range int32(set.Len()) {
		rows[i%2] = append(rows[i%2], i)
	}
	return sampling.Part(set, rows[0]), sampling.Part(set, rows[1])
}

// ofPlayed are features of clips in the ways that a protocol has them shown.
func (u *subject) ofPlayed(ctx context.Context, on string, needs evaluations.Needs) (f evaluations.Features,
	measured string, err error) {
	train, test, measured := u.sides(on)
	f, p := u.labels(), needs.Plays
	seed := uint64(u.Recipe.Seed)
	train, test = some(train, needs.Images, seed, "played"), some(test, needs.Images, seed, "played")
	if needs.Labels {
		train, test, measured = u.Labelled, u.tested(on), on
		if on != onTest {
			train = sampling.Part(train, others(train.Len(), u.held))
		}
		for i := range train.Len() {
			f.TrainY = append(f.TrainY, int32(train.Label(i)))
		}
		for i := range test.Len() {
			f.TestY = append(f.TestY, int32(test.Label(i)))
		}
	}
	f.Played = &evaluations.Played{Ways: len(p.Ways)}
	if f.Played.Train, err = u.inWays(ctx, train, p, f.Played); err == nil {
		f.Played.Test, err = u.inWays(ctx, test, p, f.Played)
	}
	return f, measured, err
}

// inWays are the features of a set's clips in every way, and what they are made of in all.
func (u *subject) inWays(ctx context.Context, set datasets.Labelled, p *evaluations.Plays,
	all *evaluations.Played) (c evaluations.PlayedClips, err error) {
	n, length := u.playedFrames(p), u.Data.Train.(datasets.ClipSet).Frames()
	take := func(times bool) ([]float32, features, int, error) {
		var x []float32
		var one features
		count := 0
		for k, way := range p.Ways {
			order := func(clip int) []int { return way.Shown(n, length, clip) }
			if one, count, err = u.clips(ctx, set, order, times); err != nil {
				return nil, one, 0, err
			}
			if x == nil {
				x = make([]float32, len(p.Ways)*len(one.x))
			}
			for i := range set.Len() {
				copy(x[(i*len(p.Ways)+k)*one.dim:], one.x[i*one.dim:(i+1)*one.dim])
			}
		}
		return x, one, count, nil
	}
	if p.Whole {
		var one features
		if c.Whole, one, _, err = take(false); err != nil {
			return c, err
		}
		all.Dim = one.dim
	}
	if p.Times {
		var one features
		if c.Times, one, all.Times, err = take(true); err != nil {
			return c, err
		}
		all.TimesDim = one.dim / all.Times
	}
	return c, nil
}

// clipsOver is shownClips of the frozen encoder of a Store, which run runs.
func (s *Setup) clipsOver(st *graph.Store, run runner) shownClips {
	k := s.films()
	if k == nil {
		return nil
	}
	seed := func(int32) uint64 { return uint64(s.Recipe.Seed) }
	if k.Stills() {
		return oneByOne(func(ctx context.Context, set datasets.Labelled, order func(clip int) []int) (features, error) {
			return run(ctx, set, k.Playing(set, order), seed)
		})
	}
	var byTime runner
	count := 0
	return func(ctx context.Context, set datasets.Labelled, order func(clip int) []int, times bool) (x features, n int,
		err error) {
		if !times {
			x, err = run(ctx, set, k.Playing(set, order), seed)
			return x, 1, err
		}
		if byTime == nil {
			g, times, err := s.timesGraph()
			if err != nil {
				return x, 0, err
			}
			count = times
			if byTime, err = s.overBy(st, g, false); err != nil {
				return x, 0, err
			}
		}
		x, err = byTime(ctx, set, k.Playing(set, order), seed)
		return x, count, err
	}
}

// rawClips is shownClips of the frames themselves: the mean frame, and one frame after the other, with at most
// evaluations.FrameValues numbers of each.
func (s *Setup) rawClips() shownClips {
	k := s.films()
	if k == nil {
		return nil
	}
	still := k.OneByOne()
	return oneByOne(func(ctx context.Context, set datasets.Labelled, order func(clip int) []int) (features, error) {
		x, err := s.fieldBy(ctx, set, still.Playing(set, order), feed.Raw)
		if by := evaluations.NewFrameProjection(x.dim, uint64(s.Recipe.Seed)); err == nil && by != nil {
			reduced := make([]float32, set.Len()*by.To)
			by.Apply(reduced, x.x)
			x.x, x.dim = reduced, by.To
		}
		return x, err
	})
}

// oneByOne is shownClips by features of single frames, whose mean is the features of a clip.
func oneByOne(take func(ctx context.Context, set datasets.Labelled, order func(clip int) []int) (features,
	error)) shownClips {
	return func(ctx context.Context, set datasets.Labelled, order func(clip int) []int, times bool) (x features, n int,
		err error) {
		n = len(order(0))
		for f := range n {
			one, err := take(ctx, set, func(clip int) []int { return order(clip)[f : f+1] })
			if err != nil {
				return x, 0, err
			}
			if x.x == nil {
				x = one
				x.x, x.dim = make([]float32, n*len(one.x)), n*one.dim
			}
			for i := range set.Len() {
				copy(x.x[(i*n+f)*one.dim:], one.x[i*one.dim:(i+1)*one.dim])
			}
		}
		if times {
			return x, n, nil
		}
		dim := x.dim / n
		mean := make([]float32, len(x.x)/n)
		for i := range x.x {
			mean[i/x.dim*dim+i%dim] += x.x[i] / float32(n)
		}
		x.x, x.dim = mean, dim
		return x, 1, nil
	}
}
