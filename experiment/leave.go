package experiment

import (
	"context"

	"selfsup/internal/callsite"
)

// Before the first step a request ends a run at once: nothing is lost.

// leavable calls f, and returns at once when a request comes before f is done. What f does then goes on without anybody
// until the process ends.
func (o Options) leavable(dir string, f func() error) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil { // of a data set of somebody else
				done <- callsite.Panic(p)
			}
		}()
		done <- f()
	}()
	select {
	case err := <-done:
		return err
	case q := <-o.Leave:
		return &Stopped{Reason: q, Folder: dir, Early: true}
	}
}

// firstStep is a context for what leads to the first step: a request cancels it. begun is called before the step; it
// returns the error to end with if a request came.
func (r *run) firstStep(ctx context.Context) (_ context.Context, begun func() error) {
	ctx, cancel := context.WithCancelCause(ctx)
	finished, watching := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watching)
		select {
		case q := <-r.Leave:
			cancel(&Stopped{Reason: q, Step: r.first, Folder: r.Folder.Path, Early: true})
		case <-finished:
		}
	}()
	return ctx, func() error {
		close(finished)
		<-watching
		return context.Cause(ctx)
	}
}
