package kern

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// pool runs one job at a time on the calling goroutine and up to threads-1 workers.
//
// A job is published by the open bit of state; a worker joins by counting itself into state, and the caller closes the
// job before it waits for those who joined. A worker that wakes late finds the job closed and touches nothing, so a job
// never waits for a parked worker.
type pool struct {
	threads int
	start   sync.Once
	busy    atomic.Bool   // a job is running: further Runs are serial
	state   atomic.Uint64 // epoch<<32 | open<<31 | workers joined
	left    atomic.Int64  // workers that joined and finished
	parked  atomic.Int32
	wake    chan struct{}
	quit    atomic.Bool

	seats  atomic.Int32           // workers the job takes, the caller's included
	share  []share                // of the tasks, by seat
	f      func(task, worker int) // the job; written before open, read after joining
	plain  func(task int)         // the job of Run, called by
	call   func(task, worker int) // this, bound once
	failed atomic.Pointer[any]    // first panic of a task
}

// share is a run of a job's tasks. Its seat takes them in order and then those that other seats have left: jobs that
// walk over the same memory find it in the cache of the core that wrote it.
type share struct {
	next, end atomic.Int64
	_         [48]byte // a cache line each
}

const (
	openBit   = 1 << 31
	epochUnit = 1 << 32
	spinTime  = 150 * time.Microsecond // a parked worker costs about as much to wake
	// relaxations, about half a millisecond, before the caller sleeps for a late worker
	patience = 20000
)

var current atomic.Pointer[pool]

func init() { current.Store(newPool(runtime.GOMAXPROCS(0))) }

func newPool(threads int) *pool {
	p := &pool{threads: threads, wake: make(chan struct{}, threads), share: make([]share, threads)}
	p.call = func(task, _ int) { p.plain(task) }
	return p
}

// Threads is how many tasks run at once, the caller's included.
func Threads() int { return current.Load().threads }

// SetThreads replaces the workers, at least 1. The default is GOMAXPROCS. Results never depend on it.
func SetThreads(n int) {
	old := current.Swap(newPool(max(n, 1)))
	old.quit.Store(true)
	for range old.threads {
		select {
		case old.wake <- struct{}{}:
		default:
		}
	}
}

// Run calls f(0) .. f(n-1), in any order and at the same time, and returns when all are done. The caller works too.
// Build f once and keep it: the call itself allocates nothing. Inside a task, or while another goroutine's Run is under
// way, the tasks run one after the other on the caller. A panic of f is raised again on the caller.
func Run(n int, f func(task int)) {
	p := current.Load()
	if n <= 1 || p.threads == 1 || !p.busy.CompareAndSwap(false, true) {
		for i := range n {
			f(i)
		}
		return
	}
	defer p.busy.Store(false)
	p.plain = f
	p.run(n, p.threads, p.call)
}

// RunWorker is Run for tasks that need scratch: worker < Threads(), and two calls with the same worker never overlap
// within one RunWorker.
func RunWorker(n int, f func(task, worker int)) { runLimited(n, 1<<30, f) }

// runLimited is RunWorker with worker < limit, for scratch that holds so many.
func runLimited(n, limit int, f func(task, worker int)) {
	p := current.Load()
	if n <= 1 || min(p.threads, limit) <= 1 || !p.busy.CompareAndSwap(false, true) {
		for i := range n {
			f(i, 0)
		}
		return
	}
	defer p.busy.Store(false)
	p.run(n, limit, f)
}

func (p *pool) run(n, limit int, f func(task, worker int)) {
	p.start.Do(p.spawn)
	p.f = f
	seats := min(limit, p.threads, n)
	p.seats.Store(int32(seats))
	p.left.Store(0)
	for i := range seats {
		from, to := cut(n, seats, i)
		p.share[i].next.Store(int64(from))
		p.share[i].end.Store(int64(to))
	}
	epoch := p.state.Load() &^ (epochUnit - 1)
	p.state.Store(epoch + epochUnit | openBit)
	for range min(int(p.parked.Load()), seats-1) {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
	p.work(0)
	closed := p.state.And(^uint64(openBit)) // the value before
	joined := int64(closed & (openBit - 1))
	for spins := 0; p.left.Load() != joined; spins++ {
		if spins < patience {
			relax(spins)
		} else {
			time.Sleep(10 * time.Microsecond) // somebody else has the worker's core: do not keep this one from it
		}
	}
	p.f, p.plain = nil, nil
	if v := p.failed.Swap(nil); v != nil {
		panic(*v)
	}
}

// work takes tasks until none is left. A panic ends this worker's part and is kept for the caller.
func (p *pool) work(worker int) {
	defer func() {
		if v := recover(); v != nil {
			p.fail(v)
		}
	}()
	f, seats := p.f, int(p.seats.Load())
	for i := range seats {
		s := &p.share[(worker+i)%seats]
		for end := s.end.Load(); ; {
			task := s.next.Add(1) - 1
			if task >= end {
				break
			}
			f(int(task), worker)
		}
	}
}

func (p *pool) fail(v any) { p.failed.CompareAndSwap(nil, &v) }

func (p *pool) spawn() {
	for range p.threads - 1 {
		go p.serve()
	}
}

// serve is a worker's life: spin for a job, join it, and park when none has come for spinTime.
func (p *pool) serve() {
	var last uint64 // epoch of the job served last
	for !p.quit.Load() {
		if worker := p.join(&last); worker > 0 {
			p.work(worker)
			p.left.Add(1)
			continue
		}
		if p.spin(last) {
			continue
		}
		p.parked.Add(1)
		if !p.pending(last) && !p.quit.Load() {
			<-p.wake
		}
		p.parked.Add(-1)
	}
}

// join enters the open job, if it is a new one with a seat left, and returns the seat; 0 otherwise.
func (p *pool) join(last *uint64) int {
	for {
		s := p.state.Load()
		if s&openBit == 0 || s>>32 == *last {
			return 0
		}
		seat := int(s&(openBit-1)) + 1
		if seat >= int(p.seats.Load()) {
			*last = s >> 32
			return 0
		}
		if p.state.CompareAndSwap(s, s+1) {
			*last = s >> 32
			return seat
		}
	}
}

func (p *pool) pending(last uint64) bool {
	s := p.state.Load()
	return s&openBit != 0 && s>>32 != last
}

// spin waits up to spinTime and reports whether a job came.
func (p *pool) spin(last uint64) bool {
	begin := time.Now()
	for spins := 0; ; spins++ {
		if p.pending(last) {
			return true
		}
		if spins&63 == 63 && (time.Since(begin) > spinTime || p.quit.Load()) {
			return false
		}
		relax(spins)
	}
}

// relax waits 10 to 50 ns, and now and then lets another goroutine run.
func relax(spins int) {
	if spins&63 == 62 {
		runtime.Gosched()
		return
	}
	pause()
}
