package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"selfsup/datasets"
	"selfsup/datasets/masks"
	"selfsup/datasets/sampling"
)

// ErrClosed is the error of Next after Close.
var ErrClosed = errors.New("feed: the loader is closed")

// Config says what a loader delivers. Workers and Prefetch change speed and memory, never a bit of a batch.
type Config struct {
	Seed     uint64
	Batch    int // samples a step
	Start    int // first step, so that a resumed run goes on where it stopped
	Workers  int // goroutines that make fields; 0: one a core
	Prefetch int // batches made ahead; 0: 2

	Sampler sampling.Settings // which samples a step holds; nil: sampling.Shuffle
	Hidden  []bool            // samples whose labels the sampler does not see; nil: none

	// Ranks is how many processes share every batch, of which this is Rank; 0 and 1: none. Each makes its own rows of
	// the batch, the same bits as one process alone would, and nothing else. A batch that goes through a program in
	// Parts has a rank's rows of every part, one part behind the other.
	Rank, Ranks, Parts int

	Wants []string              // fields of a batch: the Maker's, Labels, Rows, and the names of Masks
	Masks map[string]masks.Plan // a mask for every sample, [planes,tokens] of 0 and 1
}

// Batch is the input of one step. Release gives its memory back to the loader.
type Batch struct {
	Step   int
	Fields []Slot  // [B,...] in the order of Config.Wants, B the rows of this rank
	Rows   []int32 // [B], places in the set

	whole []int32 // Rows of all ranks; Rows itself on one

	left   atomic.Int64  // jobs not finished
	done   chan struct{} // receives one value when left reaches 0
	failed FirstError
	loader *Loader
}

// Feed delivers the batches of a run in order.
type Feed interface {
	// Next returns the next step's batch.
	Next(ctx context.Context) (*Batch, error)
	// WaitSeconds is the time that Next has waited.
	WaitSeconds() float64
	Close()
}

// Loader makes the batches of an endless run over a set ahead of time. Batch n depends on (seed, n) alone; of an
// agent's memory, which grows between steps, also on what is in it when Next is called.
type Loader struct {
	set    datasets.Labelled
	maker  Maker
	cfg    Config
	fields []Field // in the order of cfg.Wants
	made   []int   // places among cfg.Wants that the maker fills
	names  []string

	// of a set that changes between steps: a batch is made when it is asked for, and not before. nil: ahead of time
	ask   chan struct{}
	asked bool // for a batch that was not taken yet

	ready   chan *Batch // in order of steps; being made, or made
	free    chan *Batch
	jobs    chan job
	stop    chan struct{}
	close   sync.Once
	running sync.WaitGroup

	current *Batch // taken from ready by a Next that was cancelled
	steps   int    // an epoch
	mine    []int  // places of this rank's rows in the batch; nil: it has all
	waited  time.Duration
}

// job is rows from .. to of a batch.
type job struct {
	batch    *Batch
	from, to int
}

// jobRows is the rows of a job: small enough to share a batch among many cores, large enough to cost nothing.
const jobRows = 8

// NewLoader starts the loader's goroutines; Close ends them. The maker makes fields of the set's samples, and the set
// must not change meanwhile.
func NewLoader(set datasets.Labelled, maker Maker, cfg Config) (*Loader, error) {
	sampler, err := sampling.New(cfg.Sampler, sampling.Hide(set, cfg.Hidden), cfg.Batch, cfg.Seed)
	if err != nil {
		return nil, err
	}
	if cfg.Start < 0 || cfg.Workers < 0 || cfg.Prefetch < 0 {
		return nil, fmt.Errorf("feed: loader: start = %d, workers = %d, prefetch = %d, want none below 0", cfg.Start,
			cfg.Workers, cfg.Prefetch)
	}
	if cfg.Workers == 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.Prefetch == 0 {
		cfg.Prefetch = 2
	}
	l := &Loader{
		set: set, maker: maker, cfg: cfg, steps: set.Len() / cfg.Batch,
		ready: make(chan *Batch, cfg.Prefetch), free: make(chan *Batch, cfg.Prefetch+2),
		jobs: make(chan job), stop: make(chan struct{}),
	}
	if _, changes := set.(datasets.Replay); changes {
		l.ask = make(chan struct{}, 1)
	}
	if err := cmp.Or(l.describe(), l.share()); err != nil {
		return nil, err
	}
	workers := make([]*worker, cfg.Workers)
	for i := range workers {
		w, err := maker.Worker(l.names)
		if err != nil {
			return nil, err
		}
		workers[i] = &worker{l: l, make: w, to: make([]Slot, len(l.made))}
	}
	l.running.Add(1 + cfg.Workers)
	go l.plan(sampler)
	for _, w := range workers {
		go w.run()
	}
	return l, nil
}

// share finds out which rows of a batch are this rank's.
func (l *Loader) share() error {
	c := l.cfg
	ranks, parts := max(c.Ranks, 1), max(c.Parts, 1)
	if c.Batch%(ranks*parts) != 0 || c.Rank < 0 || c.Rank >= ranks {
		return fmt.Errorf("feed: loader: rank %d of %d has its rows of each of %d parts of a batch of %d: want a "+
			"rank below the ranks, and a batch that divides by both", c.Rank, ranks, parts, c.Batch)
	}
	if ranks == 1 {
		return nil
	}
	part := c.Batch / parts
	own := part / ranks
	for p := range parts {
		for i := range own {
			l.mine = append(l.mine, p*part+c.Rank*own+i)
		}
	}
	return nil
}

// size is the rows of a batch that this rank makes.
func (l *Loader) size() int {
	if l.mine == nil {
		return l.cfg.Batch
	}
	return len(l.mine)
}

// place is where a row of this rank is in the batch.
func (l *Loader) place(row int) int {
	if l.mine == nil {
		return row
	}
	return l.mine[row]
}

// describe finds out what the wanted fields are and who makes them.
func (l *Loader) describe() error {
	for i, name := range l.cfg.Wants {
		if Index(l.cfg.Wants[:i], name) >= 0 {
			return fmt.Errorf("feed: loader: field %q is wanted twice", name)
		}
		f, err := FieldOf(l.maker, l.cfg.Masks, name)
		if err != nil {
			return err
		}
		l.fields = append(l.fields, f)
		if _, mask := l.cfg.Masks[name]; name != Labels && name != Rows && !mask {
			l.made, l.names = append(l.made, i), append(l.names, name)
		}
	}
	return nil
}

// FieldOf describes a field of a batch: the maker's, the loader's own, or a mask.
func FieldOf(m Maker, plans map[string]masks.Plan, name string) (Field, error) {
	switch plan, ok := plans[name]; {
	case ok:
		if err := plan.Validate(); err != nil {
			return Field{}, err
		}
		return Field{Name: name, Shape: []int{plan.Kind.Planes(), plan.Grid.Tokens()}}, nil
	case name == Labels || name == Rows:
		return Field{Name: name, Int: true}, nil
	}
	return m.Field(name)
}

// Ahead reports whether batches can be asked for before their step: not of a set that changes between steps.
func (l *Loader) Ahead() bool { return l.ask == nil }

// StepsPerEpoch is the number of full batches in the set.
func (l *Loader) StepsPerEpoch() int { return l.steps }

// plan hands out the steps in order: it chooses the rows of a batch and cuts it into jobs. ready bounds how far it
// runs ahead.
func (l *Loader) plan(s sampling.Sampler) {
	defer l.running.Done()
	for step := l.cfg.Start; ; step++ {
		if l.ask != nil {
			select {
			case <-l.ask:
			case <-l.stop:
				return
			}
		}
		b := l.batch()
		b.Step = step
		b.failed = FirstError{}
		s.Batch(step, b.whole)
		for row := range l.mine {
			b.Rows[row] = b.whole[l.mine[row]]
		}
		b.left.Store(int64((l.size() + jobRows - 1) / jobRows))
		select {
		case l.ready <- b:
		case <-l.stop:
			return
		}
		for from := 0; from < l.size(); from += jobRows {
			select {
			case l.jobs <- job{b, from, min(from+jobRows, l.size())}:
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
	b := &Batch{Rows: make([]int32, l.size()), done: make(chan struct{}, 1), loader: l}
	if b.whole = b.Rows; l.mine != nil {
		b.whole = make([]int32, l.cfg.Batch)
	}
	for _, f := range l.fields {
		b.Fields = append(b.Fields, NewSlot(f, l.size()))
	}
	return b
}

// worker makes the fields of one job after another.
type worker struct {
	l    *Loader
	make Worker
	to   []Slot // of the maker's fields of one sample

	bytes []uint8 // a mask
	masks masks.Scratch
}

func (w *worker) run() {
	l := w.l
	defer l.running.Done()
	for {
		select {
		case <-l.stop:
			return
		case j := <-l.jobs:
			for row := j.from; row < j.to; row++ {
				if err := w.row(j.batch, row); err != nil {
					i := int(j.batch.Rows[row])
					j.batch.failed.Set(row, fmt.Errorf("feed: step %d: sample %d, %s: %w", j.batch.Step, i,
						l.set.Name(i), err))
				}
			}
			if j.batch.left.Add(-1) == 0 {
				j.batch.done <- struct{}{}
			}
		}
	}
}

// row fills row of a batch.
func (w *worker) row(b *Batch, row int) (err error) {
	defer datasets.Guard(&err)
	l, i := w.l, int(b.Rows[row])
	for k, name := range l.cfg.Wants {
		switch plan, mask := l.cfg.Masks[name]; {
		case mask:
			w.mask(b.Fields[k].row(row, l.fields[k].Size()).F32, plan, b.Step, l.place(row))
		case name == Labels:
			b.Fields[k].I32[row] = int32(l.set.Label(i))
		case name == Rows:
			b.Fields[k].I32[row] = int32(i)
		}
	}
	for n, k := range l.made {
		w.to[n] = b.Fields[k].row(row, l.fields[k].Size())
	}
	return w.make.Make(w.to, i, Key{l.cfg.Seed, b.Step, l.place(row)})
}

// mask draws one mask.
func (w *worker) mask(dst []float32, plan masks.Plan, step, row int) {
	if cap(w.bytes) < len(dst) {
		w.bytes = make([]uint8, len(dst))
	}
	bytes := w.bytes[:len(dst)]
	plan.Draw(bytes, w.l.cfg.Seed, step, row, &w.masks)
	for i, v := range bytes {
		dst[i] = float32(v)
	}
}

// Next returns the next step's batch, in order. It fails where a sample of the step cannot be read, when ctx ends (the
// batch then stays for the following Next) and after Close. One goroutine calls Next and WaitSeconds.
func (l *Loader) Next(ctx context.Context) (*Batch, error) {
	start := time.Now()
	defer func() { l.waited += time.Since(start) }()
	select {
	case <-l.stop:
		return nil, ErrClosed
	default:
	}
	if l.current == nil {
		if l.ask != nil && !l.asked {
			l.ask <- struct{}{}
			l.asked = true
		}
		select {
		case l.current = <-l.ready:
			l.asked = false
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.stop:
			return nil, ErrClosed
		}
	}
	select {
	case <-l.current.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.stop:
		return nil, ErrClosed
	}
	b := l.current
	l.current = nil
	if err := b.failed.Err(); err != nil {
		b.Release()
		return nil, err
	}
	return b, nil
}

// Release gives the batch's memory back; the batch must not be used after it. A batch that is never released is left
// to the garbage collector.
func (b *Batch) Release() {
	if b.loader == nil {
		return
	}
	select {
	case b.loader.free <- b:
	default:
	}
}

// Field is a field of the batch by name; it is empty where the loader was not asked for it.
func (b *Batch) Field(name string) Slot {
	if b.loader != nil {
		if k := Index(b.loader.cfg.Wants, name); k >= 0 {
			return b.Fields[k]
		}
	}
	return Slot{}
}

// WaitSeconds is the time Next has waited for data since the loader started.
func (l *Loader) WaitSeconds() float64 { return l.waited.Seconds() }

// Close ends the loader's goroutines and returns when they are gone. Calling it again does nothing.
func (l *Loader) Close() {
	l.close.Do(func() { close(l.stop) })
	l.running.Wait()
}

// FirstError keeps the error of the lowest row, whichever goroutine comes first.
type FirstError struct {
	mu  sync.Mutex
	row int
	err error
}

// Set notes the error of a row.
func (f *FirstError) Set(row int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil || row < f.row {
		f.row, f.err = row, err
	}
}

// Err is the error, nil if there is none.
func (f *FirstError) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Again is rows and, from their beginning, the same again up to n: what fills a block for an encoder that compares the
// rows of a block with each other.
func Again(rows []int32, n int) []int32 {
	all := make([]int32, n)
	for i := range all {
		all[i] = rows[i%len(rows)]
	}
	return all
}

// Fill makes a field of the given samples, a row each, on every core. Nothing about it is random but what the key's
// seed draws at step 0.
func Fill(m Maker, name string, dst Slot, rows []int32, seed uint64) error {
	f, err := m.Field(name)
	if err != nil {
		return err
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	var failed FirstError
	n := min(runtime.GOMAXPROCS(0), len(rows))
	for range n {
		w, err := m.Worker([]string{name})
		if err != nil {
			return err
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			var to [1]Slot
			one := func(i int) (err error) {
				defer datasets.Guard(&err)
				to[0] = dst.row(i, f.Size())
				return w.Make(to[:], int(rows[i]), Key{Seed: seed, Row: i})
			}
			for i := int(next.Add(1)) - 1; i < len(rows); i = int(next.Add(1)) - 1 {
				if err := one(i); err != nil {
					failed.Set(i, fmt.Errorf("feed: sample %d: %w", rows[i], err))
				}
			}
		}()
	}
	wg.Wait()
	return failed.Err()
}

// List joins names for a message.
func List(names []string) string { return strings.Join(names, ", ") }
