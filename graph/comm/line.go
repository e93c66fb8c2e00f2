package comm

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Line puts the collectives of one process in order. Most are waited for; those of Start run beside the computing, on a
// thread of their own, and everything that comes later waits for them.
type Line struct {
	Comm
	// Alone has Start wait too: nothing runs beside the computing, to see what that is worth.
	Alone bool

	begin sync.Once
	work  chan work
	under sync.WaitGroup // of Start

	spent atomic.Int64 // nanoseconds in collectives
	stood atomic.Int64 // nanoseconds of it in which the computing waited
}

type work struct {
	x    []float32
	done chan error
}

// NewLine is a line to the ranks of c.
func NewLine(c Comm) *Line { return &Line{Comm: c} }

// Ticket is a sum under way.
type Ticket chan error

// NewTicket is a ticket for one Start after another.
func NewTicket() Ticket { return make(Ticket, 1) }

// Start begins to sum x over the ranks, which must not be touched before Wait returns for the ticket.
func (l *Line) Start(x []float32, t Ticket) {
	if l.Alone {
		t <- l.Do(func(c Comm) error { return c.Sum32(x) })
		return
	}
	l.begin.Do(func() {
		l.work = make(chan work, 1024)
		go func() {
			runtime.LockOSThread()
			for w := range l.work {
				began := time.Now()
				err := l.Comm.Sum32(w.x)
				l.spent.Add(int64(time.Since(began)))
				w.done <- err
				l.under.Done()
			}
		}()
	})
	l.under.Add(1)
	l.work <- work{x, t}
}

// Wait waits for a sum that was started.
func (l *Line) Wait(t Ticket) error {
	began := time.Now()
	err := <-t
	l.stood.Add(int64(time.Since(began)))
	return err
}

// Do runs a collective when those before it are through.
func (l *Line) Do(f func(c Comm) error) error {
	began := time.Now()
	l.under.Wait()
	waited := time.Since(began)
	err := f(l.Comm)
	all := time.Since(began)
	l.spent.Add(int64(all - waited))
	l.stood.Add(int64(all))
	return err
}

// Seconds is the time in collectives so far, and how much of the time the computing waited for them.
func (l *Line) Seconds() (spent, waited float64) {
	return time.Duration(l.spent.Load()).Seconds(), time.Duration(l.stood.Load()).Seconds()
}
