package datasets

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Damage is an image of a set that does not decode.
type Damage struct {
	Image int // position in the set
	Err   error
}

// Verify decodes every image of a set on every core, and returns those that fail, in order.
func Verify(s Set) []Damage {
	var next atomic.Int64
	var mu sync.Mutex
	var found []Damage
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), s.Len()) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var m Image
			for i := int(next.Add(1)) - 1; i < s.Len(); i = int(next.Add(1)) - 1 {
				if err := s.Image(i, &m); err != nil {
					mu.Lock()
					found = append(found, Damage{i, err})
					mu.Unlock()
				}
			}
		}()
	}
	wg.Wait()
	slices.SortFunc(found, func(a, b Damage) int { return a.Image - b.Image })
	return found
}
