package kern

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		t.Run(fmt.Sprint(threads, " threads"), func(t *testing.T) {
			setThreads(t, threads)
			for _, n := range []int{0, 1, 2, 7, 1000} {
				done := make([]atomic.Int32, n)
				inside := make([]atomic.Int32, threads) // calls under way, by worker
				Run(n, func(i int) { done[i].Add(1) })
				RunWorker(n, func(i, w int) {
					if inside[w].Add(1) != 1 {
						t.Errorf("worker %d runs two tasks at once", w)
					}
					done[i].Add(1)
					inside[w].Add(-1)
				})
				for i := range done {
					if got := done[i].Load(); got != 2 {
						t.Errorf("%d tasks: task %d ran %d times in Run and RunWorker, want 2", n, i, got)
					}
				}
			}
		})
	}
}

// TestRunMany lets short jobs follow each other closely, and after pauses that park the workers.
func TestRunMany(t *testing.T) {
	setThreads(t, 4)
	var sum atomic.Int64
	f := func(i int) { sum.Add(int64(i)) }
	const rounds, n = 3000, 9
	for r := range rounds {
		Run(n, f)
		if r%300 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	if want := int64(rounds * n * (n - 1) / 2); sum.Load() != want {
		t.Errorf("sum of tasks is %d, want %d", sum.Load(), want)
	}
}

func TestRunNestedAndConcurrent(t *testing.T) {
	setThreads(t, 3)
	var count atomic.Int64
	inner := func(int) { count.Add(1) }
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 50 {
				Run(5, func(int) { Run(7, inner) })
			}
		}()
	}
	for n := range 20 {
		SetThreads(1 + n%4)
		runtime.Gosched()
	}
	wg.Wait()
	if want := int64(4 * 50 * 5 * 7); count.Load() != want {
		t.Errorf("%d inner tasks ran, want %d", count.Load(), want)
	}
}

func TestRunPanics(t *testing.T) {
	setThreads(t, 3)
	for range 20 {
		func() {
			defer func() {
				if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "task 5") {
					t.Errorf("recovered %v, want the panic of task 5", v)
				}
			}()
			Run(8, func(i int) {
				if i == 5 {
					panic("task 5")
				}
			})
		}()
	}
	var n atomic.Int32
	Run(8, func(int) { n.Add(1) })
	if n.Load() != 8 {
		t.Errorf("after a panic %d of 8 tasks ran", n.Load())
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	setThreads(t, 3)
	f, g := func(int) {}, func(int, int) {}
	if n := testing.AllocsPerRun(100, func() { Run(10, f); RunWorker(10, g) }); n != 0 {
		t.Errorf("Run and RunWorker: %g allocations, want 0", n)
	}
}

func BenchmarkRun(b *testing.B) {
	f := func(int) {}
	for b.Loop() {
		Run(Threads(), f)
	}
}

// TestRunSharesOut holds that a worker held up by a task leaves the rest of its share to the others.
func TestRunSharesOut(t *testing.T) {
	setThreads(t, 3)
	const n = 30
	var done atomic.Int32
	Run(n, func(task int) {
		if task == 0 { // the first of the caller's share
			for begin := time.Now(); done.Load() < n-1; runtime.Gosched() {
				if time.Since(begin) > 10*time.Second {
					panic(fmt.Sprintf("%d of %d other tasks done in 10 s", done.Load(), n-1))
				}
			}
		}
		done.Add(1)
	})
	if done.Load() != n {
		t.Errorf("%d tasks done, want %d", done.Load(), n)
	}
}
