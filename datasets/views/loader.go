package views

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"selfsup/datasets"
	"selfsup/datasets/masks"
	"selfsup/datasets/resample"
	"selfsup/datasets/sampling"
)

var errClosed = errors.New("views: the loader is closed")

// LoaderConfig says what a loader delivers. Workers and Prefetch change speed and memory, never a bit of a batch.
type LoaderConfig struct {
	Seed     uint64
	Batch    int // images a step
	Start    int // first step, so that a resumed run goes on where it stopped
	Workers  int // goroutines that make views; 0: one a core
	Prefetch int // batches made ahead; 0: 2

	Sampler sampling.Settings // which images a step holds; nil: sampling.Shuffle

	Params bool        // deliver what was drawn for every view
	Masks  *masks.Plan // deliver a mask for every image; nil: none
}

// Batch is the input of one step. Release gives its memory back to the loader.
type Batch struct {
	Step    int
	Views   [][]float32 // one a view, each [B,H,W,C] of its own H and W
	Labels  []int32     // [B]; -1: none
	Indices []int32     // [B], position in the set
	Params  []float32   // [B,V,len(ParamNames)]; nil unless asked for
	Masks   []uint8     // [B,planes,tokens], see masks.Plan; nil unless asked for

	left   atomic.Int64  // jobs not finished
	done   chan struct{} // receives one value when left reaches 0
	failed firstError
	loader *Loader
}

// Loader makes the batches of an endless run ahead of time. Batch n depends on (seed, n) alone.
type Loader struct {
	set  datasets.Set
	pipe *Pipeline
	cfg  LoaderConfig

	ready   chan *Batch // in order of steps; being made, or made
	free    chan *Batch
	jobs    chan job
	stop    chan struct{}
	close   sync.Once
	running sync.WaitGroup

	current *Batch // taken from ready by a Next that was cancelled
	steps   int    // an epoch
	waited  time.Duration
}

// job is rows from .. to of a batch.
type job struct {
	batch    *Batch
	from, to int
}

// jobRows is the rows of a job: small enough to share a batch among many cores, large enough to cost nothing.
const jobRows = 8

// NewLoader starts the loader's goroutines; Close ends them. The set must not change meanwhile.
func NewLoader(set datasets.Set, pipe *Pipeline, cfg LoaderConfig) (*Loader, error) {
	sampler, err := sampling.New(cfg.Sampler, set, cfg.Batch, cfg.Seed)
	if err != nil {
		return nil, err
	}
	if cfg.Start < 0 || cfg.Workers < 0 || cfg.Prefetch < 0 {
		return nil, fmt.Errorf("views: loader: start = %d, workers = %d, prefetch = %d, expected none below 0", cfg.Start, cfg.Workers, cfg.Prefetch)
	}
	if cfg.Workers == 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.Prefetch == 0 {
		cfg.Prefetch = 2
	}
	if cfg.Masks != nil {
		if err := cfg.Masks.Validate(); err != nil {
			return nil, err
		}
	}
	l := &Loader{
		set: set, pipe: pipe, cfg: cfg, steps: set.Len() / cfg.Batch,
		ready: make(chan *Batch, cfg.Prefetch), free: make(chan *Batch, cfg.Prefetch+2),
		jobs: make(chan job), stop: make(chan struct{}),
	}
	l.running.Add(1 + cfg.Workers)
	go l.plan(sampler)
	for range cfg.Workers {
		go l.work()
	}
	return l, nil
}

// StepsPerEpoch is the number of full batches in the set.
func (l *Loader) StepsPerEpoch() int { return l.steps }

// plan hands out the steps in order: it chooses the rows of a batch and cuts it into jobs. ready bounds how far it runs ahead.
func (l *Loader) plan(s sampling.Sampler) {
	defer l.running.Done()
	for step := l.cfg.Start; ; step++ {
		b := l.batch()
		b.Step = step
		b.failed = firstError{}
		s.Batch(step, b.Indices)
		b.left.Store(int64((l.cfg.Batch + jobRows - 1) / jobRows))
		select {
		case l.ready <- b:
		case <-l.stop:
			return
		}
		for from := 0; from < l.cfg.Batch; from += jobRows {
			select {
			case l.jobs <- job{b, from, min(from+jobRows, l.cfg.Batch)}:
			case <-l.stop:
				return
			}
		}
	}
}

// batch is a released batch, or a new one while none has come back.
func (l *Loader) batch() *Batch {
	select {
	case b := <-l.free:
		return b
	default:
	}
	n := l.cfg.Batch
	b := &Batch{Labels: make([]int32, n), Indices: make([]int32, n), done: make(chan struct{}, 1), loader: l}
	for v := range l.pipe.Views {
		b.Views = append(b.Views, make([]float32, n*l.pipe.ViewSize(v)))
	}
	if l.cfg.Params {
		b.Params = make([]float32, n*l.pipe.Views*paramCount)
	}
	if m := l.cfg.Masks; m != nil {
		b.Masks = make([]uint8, n*m.Size())
	}
	return b
}

// work makes the views of one job after another.
func (l *Loader) work() {
	defer l.running.Done()
	var s Scratch
	for {
		select {
		case <-l.stop:
			return
		case j := <-l.jobs:
			for row := j.from; row < j.to; row++ {
				if err := l.views(j.batch, row, &s); err != nil {
					i := int(j.batch.Indices[row])
					j.batch.failed.set(row, fmt.Errorf("views: step %d: image %d, %s: %w", j.batch.Step, i, l.set.Name(i), err))
				}
			}
			if j.batch.left.Add(-1) == 0 {
				j.batch.done <- struct{}{}
			}
		}
	}
}

// reading tells a set which part of an image the views are made of. What is drawn for that is drawn again when they are made.
type reading struct {
	pipe      *Pipeline
	seed      uint64
	step, row int
	choose    func(h, w int) resample.Box
}

func (r *reading) read(l *Loader, i, step, row int, dst *datasets.Image) error {
	r.pipe, r.seed, r.step, r.row = l.pipe, l.cfg.Seed, step, row
	if r.choose == nil {
		r.choose = func(h, w int) resample.Box { return r.pipe.reads(r.seed, r.step, r.row, h, w) }
	}
	return datasets.Part(l.set, i, dst, r.choose)
}

// views fills row of a batch.
func (l *Loader) views(b *Batch, row int, s *Scratch) (err error) {
	defer datasets.Guard(&err)
	i := int(b.Indices[row])
	b.Labels[row] = int32(l.set.Label(i))
	if err := s.reading.read(l, i, b.Step, row, &s.image); err != nil {
		return err
	}
	for v, dst := range b.Views {
		var params []float32
		if b.Params != nil {
			params = b.Params[(row*len(b.Views)+v)*paramCount:][:paramCount]
		}
		n := l.pipe.ViewSize(v)
		if err := l.pipe.ViewParams(dst[row*n:(row+1)*n], params, &s.image, l.cfg.Seed, b.Step, row, v, s); err != nil {
			return err
		}
	}
	if m := l.cfg.Masks; m != nil {
		m.Draw(b.Masks[row*m.Size():(row+1)*m.Size()], l.cfg.Seed, b.Step, row, &s.masks)
	}
	return nil
}

// Next returns the next step's batch, in order. It fails where an image of the step does not decode, when ctx ends (the batch then
// stays for the following Next) and after Close. One goroutine calls Next and WaitSeconds.
func (l *Loader) Next(ctx context.Context) (*Batch, error) {
	start := time.Now()
	defer func() { l.waited += time.Since(start) }()
	select {
	case <-l.stop:
		return nil, errClosed
	default:
	}
	if l.current == nil {
		select {
		case l.current = <-l.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.stop:
			return nil, errClosed
		}
	}
	select {
	case <-l.current.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.stop:
		return nil, errClosed
	}
	b := l.current
	l.current = nil
	if err := b.failed.err; err != nil {
		b.Release()
		return nil, err
	}
	return b, nil
}

// Release gives the batch's memory back; the batch must not be used after it. A batch that is never released is left to the garbage
// collector.
func (b *Batch) Release() {
	select {
	case b.loader.free <- b:
	default:
	}
}

// WaitSeconds is the time Next has waited for data since the loader started.
func (l *Loader) WaitSeconds() float64 { return l.waited.Seconds() }

// Close ends the loader's goroutines and returns when they are gone. Calling it again does nothing.
func (l *Loader) Close() {
	l.close.Do(func() { close(l.stop) })
	l.running.Wait()
}
