package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"selfsup/experiment"
	"selfsup/graph/comm"
	"selfsup/graph/comm/mpi"
)

// together is how far apart two signals of one Ctrl-C can be: timeout and process groups pass it on beside the
// terminal.
const together = 100 * time.Millisecond

// options turns the machine into what a run needs: messages to standard error, signals to requests. A reader of
// standard error that goes away takes nothing but the messages with it. stop gives the signals back to the system,
// unless one has come: what a stopped run still prints is not cut off by the second of a doubled Ctrl-C.
func (a *app) options(root string) (o experiment.Options, stop func()) {
	requests, early := make(chan experiment.Request, 1), make(chan experiment.Request, 1)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, append([]os.Signal{os.Interrupt, syscall.SIGTERM}, saveSignals()...)...)
	keepWriting()
	stopped := make(chan struct{})
	go func() {
		finished := stopped
		var asked time.Time // first
		for {
			select {
			case s := <-signals:
				q := requestOf(s)
				if a.ranks != nil && q == experiment.Terminate { // a launcher leaves a second
					a.ranks.End(q.String())
				}
				if !asked.IsZero() && q == experiment.Interrupt && time.Since(asked) > together {
					fmt.Fprintln(a.err, "\nleft at once; the last checkpoint counts")
					os.Exit(interrupted)
				}
				if asked.IsZero() {
					asked = time.Now()
				}
				for _, to := range []chan experiment.Request{early, requests} {
					select {
					case to <- q:
					default:
					}
				}
			case <-finished:
				if asked.IsZero() {
					signal.Stop(signals)
					return
				}
				finished = nil // the process ends soon
			}
		}
	}()
	o = experiment.Options{Root: root, Messages: a.err, Stop: requests, Leave: early}
	if a.ranks != nil {
		o.Ranks, o.Leave = a.ranks, nil // they stop behind a step, together
		if !a.ranks.Lead() {
			o.Messages = io.Discard
		}
	}
	return o, func() { close(stopped) }
}

// leaving is a context that ends with an interrupt or SIGTERM. stop gives the signals back to the system, unless one
// has come.
func leaving() (ctx context.Context, stop func()) {
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	return ctx, func() {
		if ctx.Err() == nil {
			release()
		}
	}
}

// join meets the other processes of a job, where a launcher started several.
func (a *app) join() error {
	job, err := comm.Noticed()
	if err != nil {
		return usage{err}
	}
	if !job.Launched {
		return nil
	}
	c, err := mpi.Open(job)
	if err != nil {
		return err
	}
	if c.Size() == 1 {
		a.alone = c
		return nil
	}
	if n := job.Local; n > 1 && !a.threaded && runtime.NumCPU() >= n {
		experiment.SetThreads(runtime.NumCPU() / n)
	}
	a.ranks, err = experiment.Join(c, a.err)
	return err
}

// line is the line to the other ranks, nil where this process is alone. waiting has every sum waited for.
func (a *app) line(waiting bool) *comm.Line {
	if a.ranks == nil {
		return nil
	}
	a.ranks.Alone = waiting
	return a.ranks.Line
}

// part ends what join began.
func (a *app) part(err error) {
	switch {
	case a.ranks != nil:
		a.ranks.Leave(err, status(err))
	case a.alone != nil:
		_ = a.alone.Close()
	}
}
