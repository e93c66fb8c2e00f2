package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"selfsup/datasets"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optim"
	"selfsup/setting"
)

// Way is a way to show the frames of a clip.
type Way struct {
	Stride   int  // from one frame to the next; below 0 backwards
	Shuffled bool // in an order of the clip's own, neither this nor the opposite one
}

// Shown is the places of n frames in a clip of so many, in its middle. An order that the clip draws depends on its
// number alone.
func (w Way) Shown(n, clip, number int) []int {
	every := max(w.Stride, -w.Stride)
	order := make([]int, n)
	for f := range order {
		order[f] = (clip-(n-1)*every-1)/2 + f*every
	}
	if w.Stride < 0 {
		slices.Reverse(order)
	}
	if !w.Shuffled {
		return order
	}
	r := datasets.NewRand(0, "order", uint64(number))
	for put := make([]int, n); ; {
		r.Order(put)
		if slices.IsSorted(put) || slices.IsSortedFunc(put, func(a, b int) int { return b - a }) {
			continue
		}
		for i, f := range put {
			put[i] = order[f]
		}
		return put
	}
}

// Plays is how a protocol has the clips of a training and a test set shown.
type Plays struct {
	Ways   []Way
	Frames int  // of encoders of single frames, which see one after the other; 0: as many as a clip has
	Whole  bool // features of clips
	Times  bool // features of times
	Pairs  bool // of which there are two or more
}

// Span is how many frames of a clip n frames take, in the way that takes the most.
func (p *Plays) Span(n int) int {
	most := 1
	for _, w := range p.Ways {
		most = max(most, w.Stride, -w.Stride)
	}
	return (n-1)*most + 1
}

// Disorders reports whether a way shuffles the frames.
func (p *Plays) Disorders() bool {
	return slices.ContainsFunc(p.Ways, func(w Way) bool { return w.Shuffled })
}

// Played is clips, each in several ways one after the other, as a frozen encoder sees them.
type Played struct {
	Ways, Dim, Times, TimesDim int
	Train, Test                PlayedClips
}

// PlayedClips are features of clips: of each as a whole [clips*ways,Dim], and of its times [clips*ways,Times*TimesDim].
type PlayedClips struct{ Whole, Times []float32 }

// ClipHeads are the heads that tell the classes of clips by frozen features:
//
//	whole: a linear one on the features of the clip, softmax regression as in Linear
//	times: the same on the features of its frames side by side
//	recurrent: a layer of gated recurrent units over the features of its frames, and a linear one on its last state
//	distances: a linear one on how far the features of every two of its times are apart, as in newApart
//
// Distances are what differences of frames are to films: frames that are near in time are alike, and those of features
// that change as slowly as what is filmed are near. A clip that runs backwards has the same ones in the opposite order.
//
// An encoder of single frames has the mean of their features as the features of a clip, in which no order is left. The
// baseline are the frames' own values, of which a random projection makes 512 numbers where they are more.
type ClipHeads struct {
	Heads  []string  `toml:"heads"`  // whole | times | recurrent | distances
	L2     []float64 `toml:"l2"`     // strengths of the linear heads; of several the best on a fifth of the clips
	Width  int       `toml:"width"`  // of the recurrent units
	Rate   float64   `toml:"rate"`   // of their training by AdamW, for 256 clips a step, down to 0 along half a cosine
	Decay  float64   `toml:"decay"`  // of their weights
	Batch  int       `toml:"batch"`  // clips of a step
	Epochs int       `toml:"epochs"` // of their training
	Frames int       `toml:"frames"` // of encoders of single frames, that are seen of a clip; 0: all that fit
}

// defaultClipHeads has all heads.
func defaultClipHeads() ClipHeads {
	return ClipHeads{Heads: slices.Clone(clipHeads), L2: []float64{0.3, 0.03, 3e-3}, Width: 32, Rate: 0.01, Decay: 0.05,
		Batch: 64, Epochs: 40}
}

// clipHeads are all heads.
var clipHeads = []string{"whole", "times", "recurrent", "distances"}

// Validate checks the settings.
func (h *ClipHeads) Validate() error {
	bad := []error{setting.Least("width", h.Width, 1), setting.Positive("rate", h.Rate),
		setting.Weight("decay", h.Decay), setting.Least("batch", h.Batch, 2), setting.Least("epochs", h.Epochs, 1),
		setting.Least("frames", h.Frames, 0), h.probe().Validate()}
	if len(h.Heads) == 0 {
		bad = append(bad, setting.Bad("heads", "no heads: want some of %q", clipHeads))
	}
	for i, name := range h.Heads {
		if !slices.Contains(clipHeads, name) || slices.Contains(h.Heads[:i], name) {
			bad = append(bad, setting.Bad("heads", "%q: want some of %q, each once", h.Heads, clipHeads))
		}
	}
	return errors.Join(bad...)
}

// probe is the linear head.
func (h *ClipHeads) probe() *Linear {
	l := DefaultLinear()
	l.L2 = h.L2
	return l
}

// plays are the ways that the heads need features of.
func (h *ClipHeads) plays(ways ...Way) *Plays {
	has := func(head string) bool { return slices.Contains(h.Heads, head) }
	return &Plays{Ways: ways, Frames: h.Frames, Whole: has("whole"), Pairs: has("distances"),
		Times: has("times") || has("recurrent") || has("distances")}
}

// evaluate is the share of shown clips whose class each head tells; classes of the training and of the test set, by
// clip and way.
func (h *ClipHeads) evaluate(ctx context.Context, protocol string, f Features, classes int, train,
	test []int32) ([]Result, error) {
	p := f.Played
	if p == nil || len(train)%p.Ways != 0 || len(test)%p.Ways != 0 || len(train) < heldEvery*p.Ways || len(test) == 0 {
		return nil, fmt.Errorf("evaluate: %s: %d and %d clips; want at least %d to learn from and one to measure",
			protocol, len(train), len(test), heldEvery)
	}
	var held []int32
	for i := range train {
		if i/p.Ways%heldEvery == 0 { // a clip is on one side in all its ways
			held = append(held, int32(i))
		}
	}
	counts := make([]int, classes)
	for _, y := range train {
		counts[y]++
	}
	most, constant := int32(slices.Index(counts, slices.Max(counts))), 0
	for _, y := range test {
		if y == most {
			constant++
		}
	}
	var out []Result
	for _, head := range h.Heads {
		of := Features{TrainX: p.Train.Times, TrainY: train, TestX: p.Test.Times, TestY: test,
			Dim: p.Times * p.TimesDim, Classes: classes, Held: held, Seed: f.Seed, Alive: f.Alive}
		switch head {
		case "whole":
			of.TrainX, of.TestX, of.Dim = p.Train.Whole, p.Test.Whole, p.Dim
		case "distances":
			if p.Times < 2 {
				return nil, fmt.Errorf("evaluate: %s: distances: features of %d time; want two or more", protocol,
					p.Times)
			}
			by := newApart(p)
			of.TrainX, of.TestX, of.Dim = by.of(p.Train.Times), by.of(p.Test.Times), p.Times*(p.Times-1)/2
		}
		var one Result
		var err error
		if head == "recurrent" {
			one, err = h.recurrent(ctx, of, p.Times)
		} else {
			var rs []Result
			if rs, err = h.probe().Evaluate(ctx, of); err == nil {
				one = rs[0]
			}
		}
		if err != nil {
			return nil, fmt.Errorf("evaluate: %s: %s: %w", protocol, head, err)
		}
		one.Protocol, one.Metric = protocol, head
		if p.Ways > 1 { // which err together: a clip counts once
			one.Images, one.Hits = len(test)/p.Ways, nil
		}
		one.Settings["constant"] = float64(constant) / float64(len(test))
		out = append(out, one)
	}
	out[0].Notes = append(out[0].Notes, fmt.Sprintf("a constant guess is right of %.4f", float64(constant)/
		float64(len(test))))
	return out, nil
}

// apart is how far features of times are apart.
type apart struct {
	times, dim int
	variance   float64
}

// stillness is the square of a distance that is told from none, as a share of the variance of the features.
const stillness = 1e-6

// newApart makes the features f_1 to f_T of a clip's times, of D numbers each, into one number of every two of them,
//
//	log(|f_i - f_j|^2 / (D v) + 1e-6),   i < j
//
// where v is the variance of the features over all times of all training clips, of each number about its own mean, and
// the mean of these. Features of any scale have the same distances.
func newApart(p *Played) *apart {
	a := &apart{times: p.Times, dim: p.TimesDim}
	n := float64(len(p.Train.Times) / a.dim)
	mean := make([]float64, a.dim)
	for i, v := range p.Train.Times {
		mean[i%a.dim] += float64(v) / n
	}
	for i, v := range p.Train.Times {
		d := float64(v) - mean[i%a.dim]
		a.variance += d * d / n / float64(a.dim)
	}
	return a
}

// of are the distances of clips x [N,T*D], [N,T*(T-1)/2].
func (a *apart) of(x []float32) (far []float32) {
	for ; len(x) > 0; x = x[a.times*a.dim:] {
		for i := range a.times {
			for j := i + 1; j < a.times; j++ {
				square := 0.0
				for k := range a.dim {
					d := float64(x[i*a.dim+k]) - float64(x[j*a.dim+k])
					square += d * d
				}
				if square > 0 { // features that never change have no variance
					square /= float64(a.dim) * a.variance
				}
				far = append(far, float32(math.Log(square+stillness)))
			}
		}
	}
	return far
}

// recurrent trains the recurrent head.
func (h *ClipHeads) recurrent(ctx context.Context, f Features, times int) (Result, error) {
	if err := f.check("recurrent"); err != nil {
		return Result{}, err
	}
	adam := optim.DefaultAdamW()
	adam.Rate = cosine(h.Rate, h.Decay)
	b, err := newBatches(f, rowsBut(f, nil), true, h.Batch, h.Epochs, []classifier{{
		build: func(s *graph.Scope, x *graph.Node) *graph.Node {
			y := layer.GRU(s.In("recurrent"), f.Dim/times, h.Width)(op.Reshape(x, -1, times, f.Dim/times))
			last := op.Reshape(op.Slice(y, 1, times-1, times), -1, h.Width)
			return layer.Linear(s.In("classes"), h.Width, f.Classes, true)(last)
		},
		rates: adam,
	}})
	if err != nil {
		return Result{}, err
	}
	for range h.Epochs {
		if err := b.epoch(ctx); err != nil {
			return Result{}, err
		}
	}
	ranks, err := b.ranks(ctx, f.TestX, f.TestY)
	if err != nil {
		return Result{}, err
	}
	settings := map[string]any{"width": h.Width, "rate": h.Rate, "decay": h.Decay, "batch": h.Batch, "epochs": h.Epochs}
	return accuracies("recurrent", 0, f.Classes, 5, ranks[0], f.TestY, settings)[0], nil
}

// ways are the classes of n clips that are each shown in so many ways.
func ways(n, ways int) []int32 {
	y := make([]int32, n*ways)
	for i := range y {
		y[i] = int32(i % ways)
	}
	return y
}

// clips is how many clips the training and the test set of f have.
func (f Features) clips() (train, test int) {
	p := f.Played
	count := func(c PlayedClips) int {
		if p.Dim > 0 {
			return len(c.Whole) / p.Dim / p.Ways
		}
		return len(c.Times) / p.Times / p.TimesDim / p.Ways
	}
	return count(p.Train), count(p.Test)
}
