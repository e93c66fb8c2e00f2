package pack

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"selfsup/datasets"
)

// Damage is a record that does not read.
type Damage struct {
	Record int
	Err    error // names the file, the record, and both checksums where those differ
}

// Verify reads and decodes every record on every core, and returns those that are damaged, in order. progress is called from several
// goroutines with the number of records done; it may be nil.
func (r *Reader) Verify(progress func(done int)) []Damage {
	var next, done atomic.Int64
	var mu sync.Mutex
	var found []Damage
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var m datasets.Image
			for i := int(next.Add(1)) - 1; i < r.Len(); i = int(next.Add(1)) - 1 {
				if err := r.image(i, &m); err != nil {
					mu.Lock()
					found = append(found, Damage{i, err})
					mu.Unlock()
				}
				if n := int(done.Add(1)); progress != nil {
					progress(n)
				}
			}
		}()
	}
	wg.Wait()
	slices.SortFunc(found, func(a, b Damage) int { return a.Record - b.Record })
	return found
}
