package experiment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/internal/callsite"
	"selfsup/methods"
)

// host is what a job of a method works with between two steps.
type host struct {
	r    *run
	name string
	done int // steps
}

// Time implements methods.Host.
func (h *host) Time() graph.Time { return h.r.Time(h.done) }

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

// jobsDue lists the method's jobs that are due after so many steps; before the first step all are.
func (r *run) jobsDue(done int) (due []methods.Job) {
	for _, j := range r.objective.Jobs {
		if every := j.Every.Steps(r.PerEpoch, r.Steps); done == 0 || every > 0 && done%every == 0 {
			due = append(due, j)
		}
	}
	return due
}

// goOnWithJobs does what comes before a process's first step: all jobs before the first step of the training, and
// after a checkpoint those that an earlier process left undone, with what follows them.
func (r *run) goOnWithJobs(ctx context.Context, from int) error {
	switch {
	case from == 0:
		if err := r.runJobs(ctx, r.jobsDue(0), 0); err != nil {
			return err
		}
	case len(r.left) > 0:
		jobs, err := r.jobsLeft(from)
		if err != nil {
			return err
		}
		if err := r.runJobs(ctx, jobs, from); err != nil {
			return err
		}
		if err := r.evaluateDue(ctx, from); err != nil {
			return err
		}
		r.left, r.saved = nil, -1
		if err := r.save(from); err != nil {
			return err
		}
	}
	if r.asked != 0 {
		return r.stopped(from)
	}
	return nil
}

// jobsLeft are the jobs that the checkpoint of a step names as undone.
func (r *run) jobsLeft(from int) (jobs []methods.Job, err error) {
	for _, name := range r.left {
		i := slices.IndexFunc(r.objective.Jobs, func(j methods.Job) bool { return j.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("the checkpoint of step %d was made before job %s, which [method.%s] does not have",
				from, name, r.Recipe.Method.Name)
		}
		jobs = append(jobs, r.objective.Jobs[i])
	}
	return jobs, nil
}

// stopped is the end of a run on a request that came while a job ran after so many steps.
func (r *run) stopped(done int) *Stopped {
	return &Stopped{Reason: r.asked, Step: done, Folder: r.Folder.Path, Early: done == 0}
}

// runJobs runs jobs after so many steps. A request ends a job that heeds its context: the checkpoint then names the
// job and those after it, which the run goes on with when it is resumed. Before the first step there is nothing to
// save.
func (r *run) runJobs(ctx context.Context, jobs []methods.Job, done int) error {
	for i, j := range jobs {
		if err := r.now.sync(); err != nil {
			return err
		}
		err := r.runJob(ctx, j, done)
		if stop := (*Stopped)(nil); errors.As(err, &stop) {
			if done == 0 {
				return stop
			}
			r.left, r.saved = nil, -1
			for _, j := range jobs[i:] {
				r.left = append(r.left, j.Name)
			}
			return errors.Join(r.save(done), stop)
		}
		if err != nil {
			return fmt.Errorf("[method.%s] job %s after step %d: %w", r.Recipe.Method.Name, j.Name, done, err)
		}
	}
	return nil
}

// attendEvery is how often a job is looked after: the run says that it goes on, and asks whether it should.
const attendEvery = time.Second

// runJob runs a job, and says meanwhile what goes on, beats, and listens for requests.
func (r *run) runJob(ctx context.Context, j methods.Job, done int) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	finished, attended := make(chan struct{}), make(chan struct{})
	r.doing = "job " + j.Name
	go func() {
		defer close(attended)
		r.attend(done, cancel, finished)
	}()
	defer func() {
		p := recover()
		close(finished)
		<-attended
		r.doing = ""
		switch v := p.(type) {
		case nil:
		case missingEntry:
			err = fmt.Errorf("the store has no %s", string(v))
		default:
			err = callsite.Panic(p)
		}
		if cause := context.Cause(ctx); err != nil && cause != nil && errors.Is(err, context.Canceled) {
			err = cause // a job may return the context's error alone
		}
		cancel(nil)
	}()
	return j.Run(ctx, &host{r, j.Name, done})
}

// attend looks after a job until it is finished: a request, or an error of the heartbeat, ends the job's context. A
// job that comes to its end all the same has the request wait for the end of the step.
func (r *run) attend(done int, cancel context.CancelCauseFunc, finished <-chan struct{}) {
	tick := time.NewTicker(attendEvery)
	defer tick.Stop()
	requests := r.requests()
	if r.clock.steps == 0 {
		requests = r.Leave
	}
	for {
		select {
		case q := <-requests:
			r.asked = q
			cancel(r.stopped(done))
		case <-tick.C:
			if err := r.beat(); err != nil {
				cancel(err)
			}
		case <-finished:
			return
		}
	}
}
