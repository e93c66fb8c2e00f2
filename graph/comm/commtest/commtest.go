// Package commtest has ranks that are goroutines of one process, for tests without a library of MPI.
package commtest

import (
	"errors"
	"fmt"
	"sync"

	"selfsup/graph/comm"
)

// ErrAborted is the error of every collective after one of the ranks called Abort.
var ErrAborted = errors.New("commtest: a rank called Abort")

// Run runs f on n ranks at once, and returns what each returned. A rank that returns ends the collectives of those that
// still wait for it.
func Run(n int, f func(c comm.Comm) error) []error {
	w := &world{n: n, here: make([]any, n)}
	w.turn = sync.NewCond(&w.mu)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for r := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if errs[r] = f(&rank{world: w, rank: r}); errs[r] != nil {
				w.abort()
			}
		}()
	}
	wg.Wait()
	return errs
}

// world is what the ranks share: the values that they brought to the collective that goes on.
type world struct {
	mu      sync.Mutex
	turn    *sync.Cond
	n       int
	here    []any
	came    int
	left    int
	round   int
	stopped bool
}

func (w *world) abort() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.turn.Broadcast()
}

// meet brings x to a collective and calls read with what every rank brought, in their order, while nobody changes it.
func (w *world) meet(rank int, x any, read func(all []any)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.left > 0 && !w.stopped { // the round before
		w.turn.Wait()
	}
	round := w.round
	w.here[rank] = x
	if w.came++; w.came == w.n {
		w.came, w.left = 0, w.n
		w.round++
		w.turn.Broadcast()
	}
	for w.round == round && !w.stopped {
		w.turn.Wait()
	}
	if w.stopped {
		return ErrAborted
	}
	read(w.here)
	if w.left--; w.left == 0 {
		w.turn.Broadcast()
	}
	return nil
}

type rank struct {
	*world
	rank int
}

func (r *rank) Rank() int        { return r.rank }
func (r *rank) Size() int        { return r.n }
func (r *rank) About() string    { return "goroutines" }
func (r *rank) Close() error     { return nil }
func (r *rank) Barrier() error   { return r.meet(r.rank, nil, func([]any) {}) }
func (r *rank) Abort(status int) { r.abort() }

// fold replaces x by f over what all ranks brought.
func fold[T any](r *rank, x []T, f func(a, b T) T) error {
	own := append([]T(nil), x...)
	return r.meet(r.rank, own, func(all []any) {
		copy(x, all[0].([]T))
		for _, y := range all[1:] {
			for i, v := range y.([]T) {
				x[i] = f(x[i], v)
			}
		}
	})
}

func (r *rank) Sum32(x []float32) error {
	return fold(r, x, func(a, b float32) float32 { return a + b })
}
func (r *rank) Sum64(x []float64) error {
	return fold(r, x, func(a, b float64) float64 { return a + b })
}
func (r *rank) Max(x []float64) error {
	return fold(r, x, func(a, b float64) float64 { return max(a, b) })
}

func (r *rank) Gather(dst, src []byte) error {
	if len(dst) != r.n*len(src) {
		return fmt.Errorf("commtest: %d bytes of each of %d ranks into %d", len(src), r.n, len(dst))
	}
	return r.meet(r.rank, append([]byte(nil), src...), func(all []any) {
		for i, b := range all {
			copy(dst[i*len(src):], b.([]byte))
		}
	})
}

func scatter[T float32 | float64](r *rank, dst, src []T) error {
	if len(src) != r.n*len(dst) {
		return fmt.Errorf("commtest: %d sums for %d ranks with %d each", len(src), r.n, len(dst))
	}
	return r.meet(r.rank, append([]T(nil), src...), func(all []any) {
		clear(dst)
		for _, y := range all {
			for i, v := range y.([]T)[r.rank*len(dst):][:len(dst)] {
				dst[i] += v
			}
		}
	})
}

func (r *rank) Scatter32(dst, src []float32) error { return scatter(r, dst, src) }
func (r *rank) Scatter64(dst, src []float64) error { return scatter(r, dst, src) }

func (r *rank) Broadcast(b []byte) error {
	return r.meet(r.rank, append([]byte(nil), b...), func(all []any) { copy(b, all[0].([]byte)) })
}
