package command

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"selfsup/experiment"
)

// together is how far apart two signals of one Ctrl-C can be: timeout and process groups pass it on beside the
// terminal.
const together = 100 * time.Millisecond

// options turns the machine into what a run needs: messages to standard error, signals to requests. A reader of
// standard error that goes away takes nothing but the messages with it.
func (a *app) options(root string) (o experiment.Options, stop func()) {
	requests, early := make(chan experiment.Request, 1), make(chan experiment.Request, 1)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, append([]os.Signal{os.Interrupt, syscall.SIGTERM}, saveSignals()...)...)
	keepWriting()
	finished := make(chan struct{})
	go func() {
		var asked time.Time // first
		for {
			select {
			case s := <-signals:
				q := requestOf(s)
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
				return
			}
		}
	}()
	return experiment.Options{Root: root, Messages: a.err, Stop: requests, Leave: early}, func() {
		signal.Stop(signals)
		close(finished)
	}
}
