package evaluations

import (
	"context"
	"fmt"

	"selfsup/datasets"
	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optim"
	"selfsup/setting"
)

// classifier is one of several that learn beside each other from the same batches of features.
type classifier struct {
	build func(s *graph.Scope, x *graph.Node) *graph.Node // features [B,F] to logits [B,C]
	rates optim.Optimizer
}

// batches trains classifiers of frozen features by programs of the host, from a Store of their own.
type batches struct {
	f      Features
	rows   []int     // of the training set
	x0     []float32 // [N,F] its features, of this epoch
	scale  *softmax
	size   int // rows of a batch
	steps  int // of the whole training
	seed   uint64
	step   int
	again  func(ctx context.Context, epoch int) ([]float32, error) // features of an epoch; nil: always the same
	order  []int
	train  *graph.Program
	score  *graph.Program
	x, out ir.Array // inputs of the two
	y      ir.Array
	loss   ir.Array
	logits []ir.Array
}

// newBatches compiles the training of classifiers over epochs of the rows of a training set. What is left of an epoch
// beyond whole batches is left out; the next one has another order.
func newBatches(f Features, rows []int, standardize bool, size, epochs int, list []classifier) (*batches, error) {
	b := &batches{f: f, rows: rows, x0: f.TrainX, scale: newSoftmax(f, rows, 0), size: min(size, len(rows)),
		seed: f.Seed}
	b.steps = len(rows) / b.size * epochs
	if standardize {
		b.scale.standardize()
	}
	st := graph.NewStore(f.Seed)
	heads := func(s *graph.Scope) (logits []*graph.Node) {
		x := s.Input("x", b.size, f.Dim)
		for i, c := range list {
			logits = append(logits, c.build(s.In(fmt.Sprint("classifier", i)), x))
		}
		return logits
	}
	train, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		y := s.IntInput("y", b.size)
		var all []*graph.Node
		for i, z := range heads(s) {
			loss, at := op.MeanAll(op.CrossEntropy(z, y, 0)), s.In(fmt.Sprint("classifier", i))
			rates := list[i].rates.Rates()
			optim.Apply(at, list[i].rates, loss, at.Params(), optim.Hyper{Rate: at.Scheduled("rate", rates.At(b.size)),
				Decay: at.Scheduled("decay", rates.Decay()), Step: at.Scheduled("step", optim.CountSteps)},
				optim.Training{Treat: optim.PlainOnly(at)})
			all = append(all, loss)
		}
		s.Output("loss", op.Sum(all...))
	})
	if err != nil {
		return nil, err
	}
	score, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		for i, z := range heads(s) {
			s.Output(fmt.Sprint("logits", i), z)
		}
	})
	if err != nil {
		return nil, err
	}
	if b.train, err = train.Compile(device.Host(), st); err != nil {
		return nil, err
	}
	if b.score, err = score.CompileOver(device.Host(), st); err != nil {
		return nil, err
	}
	return b, b.bind(len(list))
}

// bind finds the inputs and outputs of the programs.
func (b *batches) bind(classifiers int) (err error) {
	find := func(a ir.Array, e error) ir.Array {
		if err == nil {
			err = e
		}
		return a
	}
	b.x, b.y, b.loss = find(b.train.Input("x")), find(b.train.Input("y")), find(b.train.Output("loss"))
	b.out = find(b.score.Input("x"))
	for i := range classifiers {
		b.logits = append(b.logits, find(b.score.Output(fmt.Sprint("logits", i))))
	}
	return err
}

// perEpoch is the steps of an epoch.
func (b *batches) perEpoch() int { return len(b.rows) / b.size }

// epoch trains for one epoch.
func (b *batches) epoch(ctx context.Context) error {
	b.order = append(b.order[:0], b.rows...)
	r := datasets.NewRand(b.seed, "batches", uint64(b.step/b.perEpoch()))
	r.Shuffle(b.order)
	if b.again != nil {
		x, err := b.again(ctx, b.step/b.perEpoch())
		if err == nil && len(x) != len(b.x0) {
			err = fmt.Errorf("%d numbers as other features of the training set, want %d", len(x), len(b.x0))
		}
		if err != nil {
			return err
		}
		b.x0 = x
	}
	wide := make([]float64, b.f.Dim)
	for range b.perEpoch() {
		if err := b.f.goOn(ctx); err != nil {
			return err
		}
		for k := range b.size {
			i := b.order[b.step%b.perEpoch()*b.size+k]
			b.fill(b.x, k, b.x0[i*b.f.Dim:][:b.f.Dim], wide)
			b.y.I32[k] = b.f.TrainY[i]
		}
		b.train.Schedule(graph.Time{Step: b.step, Steps: b.steps, PerEpoch: b.perEpoch()})
		if err := b.train.Run(); err != nil {
			return err
		}
		if loss := b.loss.At(0); loss-loss != 0 {
			return fmt.Errorf("the loss is %v at step %d; want smaller rates", loss, b.step)
		}
		b.step++
	}
	return b.train.Sync()
}

// fill writes standardised features to row k of a batch.
func (b *batches) fill(to ir.Array, k int, row []float32, wide []float64) {
	b.scale.take(wide, row, 0, b.f.Dim)
	for j, v := range wide {
		to.F32[k*b.f.Dim+j] = float32(v)
	}
}

// ranks says of every classifier and row of x [M,F] how many classes stand before the label.
func (b *batches) ranks(ctx context.Context, x []float32, y []int32) ([][]int, error) {
	out := make([][]int, len(b.logits))
	wide, scores := make([]float64, b.f.Dim), make([]float64, b.f.Classes)
	for from := 0; from < len(y); from += b.size {
		if err := b.f.goOn(ctx); err != nil {
			return nil, err
		}
		n := min(b.size, len(y)-from)
		for k := range n {
			b.fill(b.out, k, x[(from+k)*b.f.Dim:][:b.f.Dim], wide)
		}
		if err := b.score.Run(); err != nil {
			return nil, err
		}
		for c, z := range b.logits {
			for k := range n {
				for j := range scores {
					scores[j] = float64(z.F32[k*b.f.Classes+j])
				}
				out[c] = append(out[c], rank(scores, y[from+k]))
			}
		}
	}
	return out, nil
}

// cosine is a learning rate that falls to 0 along half a cosine.
func cosine(rate, decay float64) optim.Rate {
	r := optim.DefaultRate(rate, decay)
	r.Warmup = setting.Length{}
	return r
}
