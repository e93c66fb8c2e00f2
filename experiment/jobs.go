package experiment

import (
	"context"
	"fmt"
	"math/rand/v2"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/methods"
)

// host is what a job of a method works with between two steps.
type host struct {
	r    *run
	name string
	done int // steps
}

// Time implements methods.Host.
func (h *host) Time() graph.Time { return h.r.time(h.done) }

// missingEntry is the name of a value that a job asked for and that the Store does not have.
type missingEntry string

// Entry implements methods.Host.
func (h *host) Entry(name string) ir.Array {
	e := h.r.Store.Get(name)
	if e == nil {
		panic(missingEntry(name))
	}
	return e.Array
}

// Embed implements methods.Host.
func (h *host) Embed(ctx context.Context) ([]float32, error) {
	take, err := h.r.embedder(h.r.Store)
	if err != nil {
		return nil, err
	}
	f, err := take(ctx, h.r.Seen)
	return f.x, err
}

// Rand implements methods.Host.
func (h *host) Rand() *rand.Rand {
	return graph.Rand(uint64(h.r.Recipe.Seed), fmt.Sprintf("job/%s/%d", h.name, h.done))
}

// runJobs runs the method's jobs that are due after so many steps; before the first step all are.
func (r *run) runJobs(ctx context.Context, done int) error {
	for _, j := range r.objective.Jobs {
		if done > 0 && !due(done, j.Every.Steps(r.PerEpoch, r.Steps)) {
			continue
		}
		if err := r.now.sync(); err != nil {
			return err
		}
		if err := r.runJob(ctx, j, done); err != nil {
			return fmt.Errorf("[method.%s] job %s after step %d: %w", r.Recipe.Method.Name, j.Name, done, err)
		}
	}
	return nil
}

func (r *run) runJob(ctx context.Context, j methods.Job, done int) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case missingEntry:
			err = fmt.Errorf("the store has no %s", string(v))
		default:
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return j.Run(ctx, &host{r, j.Name, done})
}
