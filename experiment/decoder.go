package experiment

import (
	"context"
	"fmt"

	"selfsup/datasets"
	"selfsup/encoder"
	"selfsup/evaluations"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optim"
)

// Decoders of masks, for protocols that train one over the encoder: programs over a Store of their own, so that the
// run's stays as it is.

// decoderScope is where a decoder has its parameters.
const decoderScope = "segmentation"

// decoded is the test masks, and the encoder with a decoder.
func (u *subject) decoded(ctx context.Context) (f evaluations.Features, err error) {
	test := u.Data.Test.(datasets.MaskSet)
	names := u.Data.Train.(datasets.MaskSet).PixelClasses()
	m := &evaluations.Maps{MaskH: u.Data.Height, MaskW: u.Data.Width, Ignored: datasets.Ignored, ClassNames: names}
	var mask datasets.Image
	for i := range test.Len() {
		if err := test.Mask(i, &mask); err != nil {
			return f, &DataError{err}
		}
		m.Masks = append(m.Masks, mask.Pix...)
	}
	return evaluations.Features{Maps: m, Classes: len(names), Decoded: u.decoder, Seed: uint64(u.Recipe.Seed),
		Alive: u.alive}, nil
}

// decoding is a decoder over a copy of the encoder of a Store, and its training.
type decoding struct {
	*Setup
	*evaluations.Decoding
	store   *graph.Store
	classes int
}

// decode trains a decoder and returns the classes that it gives the pixels of the test images.
func (u *subject) decode(ctx context.Context, st *graph.Store, settings *evaluations.Decoding) ([]byte, error) {
	train, test := u.Data.Train.(datasets.MaskSet), u.Data.Test.(datasets.MaskSet)
	d := &decoding{Setup: u.Setup, Decoding: settings, store: u.newStore(), classes: len(train.PixelClasses())}
	learn, err := graph.Build(graph.Options{Training: true}, d.learning)
	if err != nil {
		return nil, err
	}
	p, err := learn.Compile(u.Device, d.store)
	if err != nil {
		return nil, err
	}
	g, err := u.EmbedGraph()
	if err != nil {
		return nil, err
	}
	reads, err := g.Reads()
	if err != nil {
		return nil, err
	}
	for _, l := range reads {
		if e := d.store.Get(l.Name); e != nil { // a transformer's features may read what its patches do not
			e.Copy(st.Get(l.Name).Array)
		}
	}
	if err := d.train(ctx, u, p, train); err != nil {
		return nil, err
	}
	say, err := graph.Build(graph.Options{}, func(g *graph.Scope) {
		logits := d.scores(g, encoder.InputOf(g, d.wholeInput(), mapBatch))
		g.Output("map", op.Reshape(g.Float(op.Argmax(logits)), mapBatch, d.Data.Height, d.Data.Width, 1))
	})
	if err != nil {
		return nil, err
	}
	m, err := u.mapperOf(d.store, say, u.Input.Name, &mapper{normalize: true})
	if err != nil {
		return nil, err
	}
	var out []byte
	err = u.each(ctx, m, test, func(_ int, classes []float32, _ []byte) {
		for _, c := range classes {
			out = append(out, byte(c))
		}
	})
	return out, err
}

// batch is how many images a step has.
func (d *decoding) batch() int { return min(d.Batch, d.Data.Train.Len()) }

// scores are the logits of the classes of every pixel of images [N,H,W,C], [N,H,W,classes].
func (d *decoding) scores(g *graph.Scope, x *graph.Node) *graph.Node {
	above := d.aboveEncoder(g)
	if d.BackboneRate == 0 {
		above = above.Locked()
	}
	_, places := d.encoder().Places(above)(x)
	size, s, to := op.ShapeOf(places), g.In(decoderScope), op.ShapeOf(x)
	width := d.Decoding.Width
	block := func(name string, in int) layer.Func {
		at := s.In(name)
		return layer.Chain(layer.Conv(at.In("conv"), in, width, 3, 1), layer.BatchNorm(at.In("norm"), width),
			layer.Relu)
	}
	y := block("0", size[3])(places)
	y = layer.Interpolate2D(s, y, layer.Interpolation{Mode: "bilinear", Height: 2 * size[1], Width: 2 * size[2]})
	y = block("1", width)(y)
	classify := layer.Linear(s.In("classes"), width, d.classes, true)
	y = op.Reshape(classify(op.Reshape(y, -1, width)), size[0], 2*size[1], 2*size[2], d.classes)
	return layer.Interpolate2D(s, y, layer.Interpolation{Mode: "bilinear", Height: to[1], Width: to[2]})
}

// learning is a step of the training.
func (d *decoding) learning(g *graph.Scope) {
	x := encoder.InputOf(g, d.wholeInput(), d.batch())
	logits := op.Reshape(d.scores(g, x), -1, d.classes)
	masks := g.IntInput("masks", op.ShapeOf(logits)[0])
	loss := op.OfLabelled(op.MeanAll(op.CrossEntropy(logits, masks, 0)), masks)
	rule := d.Rule()
	rates, usual := rule.Rates(), optim.PlainOnly(g)
	h := optim.Hyper{Rate: g.Scheduled("rate", rates.At(d.batch())), Decay: g.Scheduled("decay", rates.Decay()),
		Step: g.Scheduled("step", optim.CountSteps)}
	slower := op.Scale(h.Rate, d.BackboneRate)
	params := g.Params()
	var reached []*graph.Node // no loss on places reaches the norm of a ConvNeXt's features
	for i, d := range g.Gradients(loss, params) {
		if d != nil {
			reached = append(reached, params[i])
		}
	}
	optim.Apply(g, rule, loss, reached, h, optim.Training{Treat: func(p *graph.Node) optim.Treatment {
		how := usual(p)
		if !below(g.Name(p), decoderScope) {
			how.Rate = slower
		}
		return how
	}})
	g.Output(LossOutput, loss)
}

// train runs the training over images with masks, each epoch in an order of its own.
func (d *decoding) train(ctx context.Context, u *subject, p *graph.Program, set datasets.MaskSet) error {
	pipe, err := d.wholeImages(set)
	if err != nil {
		return err
	}
	var in, masks, loss ir.Array
	for _, find := range []func() error{
		func() (err error) { in, err = p.Input(d.Input.Name); return err },
		func() (err error) { masks, err = p.Input("masks"); return err },
		func() (err error) { loss, err = p.Output(LossOutput); return err },
	} {
		if err := find(); err != nil {
			return err
		}
	}
	n, pixels, channels := d.batch(), d.Data.Height*d.Data.Width, d.Data.Channels
	perEpoch := set.Len() / n
	steps := d.Length.Steps(perEpoch, 0)
	order, rows := make([]int, set.Len()), make([]int32, n)
	var mask datasets.Image
	what := d.doing
	for step := range steps {
		d.telling(what, step, steps)
		if err := d.goOn(ctx); err != nil {
			return err
		}
		if step%perEpoch == 0 {
			r := datasets.NewRand(uint64(d.Recipe.Seed), "decoded", uint64(step/perEpoch))
			r.Order(order)
		}
		for k := range rows {
			rows[k] = int32(order[step%perEpoch*n+k])
		}
		if err := pipe.EvalBatch(in.F32, set, rows); err != nil {
			return &DataError{err}
		}
		r := datasets.NewRand(uint64(d.Recipe.Seed), "decoded flips", uint64(step))
		for k, row := range rows {
			if err := set.Mask(int(row), &mask); err != nil {
				return &DataError{err}
			}
			if r.Uniform(0, 1) < d.Flip {
				mirror(in.F32[k*pixels*channels:(k+1)*pixels*channels], d.Data.Width, channels)
				mirror(mask.Pix, d.Data.Width, 1)
			}
			for j, c := range mask.Pix {
				masks.I32[k*pixels+j] = int32(c)
				if c == datasets.Ignored {
					masks.I32[k*pixels+j] = -1
				}
			}
		}
		p.Schedule(graph.Time{Step: step, Steps: steps, PerEpoch: perEpoch})
		if err := p.Run(); err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
		if v := loss.At(0); v-v != 0 {
			return fmt.Errorf("the loss is %v at step %d; want a smaller rate than %v", v, step, d.Rate)
		}
	}
	return p.Sync()
}

// mirror turns rows of width pixels round.
func mirror[T any](x []T, width, channels int) {
	for row := 0; row < len(x); row += width * channels {
		for a, b := 0, width-1; a < b; a, b = a+1, b-1 {
			for c := range channels {
				i, j := row+a*channels+c, row+b*channels+c
				x[i], x[j] = x[j], x[i]
			}
		}
	}
}
