package filetest

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// Heap is the memory in use by Go values.
func Heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// MemoryOf is how many bytes of memory f takes in all. It counts small values when the span that they share is full,
// and costs less than a microsecond, so that fuzzing may ask each time.
func MemoryOf(f func()) uint64 {
	taken := func() uint64 {
		s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	before := taken()
	f()
	return taken() - before
}

// MemoryToOpen opens a source and tells what that takes.
func MemoryToOpen[E, D any](open func(E) (D, error), env E) (d D, took uint64, err error) {
	took = MemoryOf(func() { d, err = open(env) })
	return d, took, err
}

// PeakOf is the most bytes of heap that are in use while f runs, above those before it, looked at every few
// milliseconds. A small debug.SetGCPercent keeps what is no longer used out of it.
func PeakOf(f func()) uint64 {
	before := Heap()
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var m runtime.MemStats
		most := before
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				peak <- most
				return
			case <-tick.C:
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
	}()
	f()
	close(done)
	return <-peak - before
}
