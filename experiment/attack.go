package experiment

import (
	"context"
	"fmt"
	"math"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/encoder"
	"selfsup/evaluations"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// Images that are moved along the gradient of a classifier with respect to their pixels, for protocols that measure how
// well an encoder holds out.

// attackBatch is how many images are moved at once: the gradient keeps what every layer gave.
const attackBatch = 64

// Names of the attack's program.
const (
	gradientOutput = "gradient"
	weightInput    = "classifier/weight"
	biasInput      = "classifier/bias"
)

// attackGraph is the frozen encoder and a linear classifier of its features, whose weights are inputs: the features
// [n,F] of images, and the gradient of the sum of their cross-entropies with respect to the images, of their shape.
func (s *Setup) attackGraph(o graph.Options, n int) (*graph.Graph, error) {
	dim, classes := s.Recipe.Backbone.Value.Dim(), len(s.classes())
	return graph.Build(o, func(g *graph.Scope) {
		x := encoder.InputOf(g, s.Input, n)
		h := s.encoder().New(s.aboveEncoder(g))(x)
		w, b := g.Input(weightInput, classes, dim), g.Input(biasInput, classes)
		y := g.IntInput(feed.Labels, n)
		logits := op.Add(op.MatMul(h, w, false, true), b) // [n,C]
		loss := op.Scale(op.MeanAll(op.CrossEntropy(logits, y, 0)), float64(n))
		g.Output(FeaturesOutput, h)
		g.Output(gradientOutput, g.Gradients(loss, []*graph.Node{x})[0])
	})
}

// attacker is a compiled attackGraph.
type attacker struct {
	*Setup
	program         *graph.Program
	x, w, b, y      ir.Array
	features, slope ir.Array
}

func (s *Setup) attackOver(st *graph.Store) (*attacker, error) {
	g, err := s.attackGraph(graph.Options{}, attackBatch)
	if err != nil {
		return nil, err
	}
	a := &attacker{Setup: s}
	if a.program, err = g.CompileOver(s.Device, st); err != nil {
		return nil, err
	}
	find := func(x ir.Array, e error) ir.Array {
		if err == nil {
			err = e
		}
		return x
	}
	a.x, a.y = find(a.program.Input(s.Input.Name)), find(a.program.Input(feed.Labels))
	a.w, a.b = find(a.program.Input(weightInput)), find(a.program.Input(biasInput))
	a.features, a.slope = find(a.program.Output(FeaturesOutput)), find(a.program.Output(gradientOutput))
	return a, err
}

// attacked are the labelled features of a protocol that moves images, and the images that are measured on, or so many
// of them as it asks for.
func (u *subject) attacked(ctx context.Context, on string, needs evaluations.Needs) (f evaluations.Features,
	err error) {
	if f, err = u.labelled(ctx, on); err != nil {
		return f, err
	}
	if u.train.full > 0 {
		return f, fmt.Errorf("the encoder has %d features, of which a random projection leaves %d; an attack wants all",
			u.train.full, u.train.dim)
	}
	a, err := u.attack()
	if err != nil {
		return f, err
	}
	set := some(u.tested(on), needs.Images, uint64(u.Recipe.Seed), "attacked").(datasets.Set)
	clean, err := u.take(ctx, set)
	f.Attack = &evaluations.Attack{TestX: clean.x, TestY: clean.y,
		Run: func(ctx context.Context, w, b []float32, how evaluations.Ball) ([]float32, error) {
			return a.run(ctx, set, w, b, how)
		}}
	return f, err
}

// run moves the images of a set against a classifier, and gives their features.
func (a *attacker) run(ctx context.Context, set datasets.Set, w, b []float32, how evaluations.Ball) ([]float32,
	error) {
	copy(a.w.F32, w)
	copy(a.b.F32, b)
	size, dim := a.Views.Size(), a.features.Shape.Last()
	var out []float32
	still := make([]float32, attackBatch*size) // pixels of the images as they are, in [0,1]
	for from := 0; from < set.Len(); from += attackBatch {
		n := min(attackBatch, set.Len()-from)
		rows := make([]int32, n)
		clear(a.y.I32)
		for k := range rows {
			rows[k] = int32(from + k)
			a.y.I32[k] = int32(set.Label(from + k))
		}
		clear(still)
		if err := a.Views.RawBatch(still[:n*size], set, rows); err != nil {
			return nil, &DataError{err}
		}
		moved := make([]float32, len(still))
		for k := range n {
			a.begin(moved[k*size:(k+1)*size], still[k*size:(k+1)*size], how, uint64(from+k))
		}
		for step := 0; ; step++ {
			if err := a.goOn(ctx); err != nil {
				return nil, err
			}
			a.show(moved)
			if err := a.program.Run(); err != nil {
				return nil, err
			}
			if step == how.Steps {
				break
			}
			for k := range n {
				at := k * size
				a.move(moved[at:at+size], still[at:at+size], a.slope.F32[at:at+size], how)
			}
		}
		out = append(out, a.features.F32[:n*dim]...)
	}
	return out, nil
}

// show normalises pixels for the encoder.
func (a *attacker) show(pixels []float32) {
	c := a.Views.Channels
	for i, v := range pixels {
		a.x.F32[i] = (v - a.Views.Mean[i%c]) / a.Views.Std[i%c]
	}
}

// begin is a random place in the ball about an image: uniform in every pixel, or of a uniform length in a direction
// that is uniform.
func (a *attacker) begin(moved, still []float32, how evaluations.Ball, image uint64) {
	r := datasets.NewRand(uint64(a.Recipe.Seed), "attack", image)
	if how.Max {
		for i, v := range still {
			moved[i] = min(max(v+float32(r.Uniform(-how.Radius, how.Radius)), 0), 1)
		}
		return
	}
	var square float64
	way := make([]float64, len(still))
	for i := range way { // Box and Muller
		way[i] = math.Sqrt(-2*math.Log(1-r.Float64())) * math.Cos(2*math.Pi*r.Float64())
		square += way[i] * way[i]
	}
	length := how.Radius * r.Float64() / math.Sqrt(square)
	for i, v := range still {
		moved[i] = min(max(v+float32(length*way[i]), 0), 1)
	}
}

// move takes a step along the gradient with respect to normalised pixels, back into the ball and into [0,1].
func (a *attacker) move(moved, still, slope []float32, how evaluations.Ball) {
	c := a.Views.Channels
	if how.Max {
		step, radius := float32(how.Step), float32(how.Radius)
		for i, g := range slope {
			v := moved[i]
			switch {
			case g > 0:
				v += step
			case g < 0:
				v -= step
			}
			v = min(max(v, still[i]-radius), still[i]+radius)
			moved[i] = min(max(v, 0), 1)
		}
		return
	}
	var square float64
	for i, g := range slope {
		d := float64(g) / float64(a.Views.Std[i%c])
		square += d * d
	}
	if square == 0 {
		return // the image is right beyond what numbers tell
	}
	scale := how.Step / math.Sqrt(square)
	var far float64
	way := make([]float64, len(slope))
	for i, g := range slope {
		way[i] = float64(moved[i]) + scale*float64(g)/float64(a.Views.Std[i%c]) - float64(still[i])
		far += way[i] * way[i]
	}
	shrink := min(1, how.Radius/math.Sqrt(far))
	for i, d := range way {
		moved[i] = min(max(still[i]+float32(shrink*d), 0), 1)
	}
}
