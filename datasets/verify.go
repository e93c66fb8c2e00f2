package datasets

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Damage is a sample of a set that cannot be read.
type Damage struct {
	Image int // position in the set
	Err   error
}

// Verify decodes every image of a set on every core, and returns those that fail, in order.
func Verify(s Set) []Damage {
	images := sync.Pool{New: func() any { return new(Image) }}
	return verify(s.Len(), func(i int) error {
		m := images.Get().(*Image)
		defer images.Put(m)
		return s.Image(i, m)
	})
}

// checked is a set that reads more of a sample than an image.
type checked interface{ Check(i int) error }

// VerifySamples is Verify of a set of any kind. Rows and texts were read when the source was opened.
func VerifySamples(s Labelled) []Damage {
	found, _ := VerifyContents(s)
	return found
}

// VerifyContents is VerifySamples; of images it also returns the digests.
func VerifyContents(s Labelled) ([]Damage, Contents) {
	set, images := s.(Set)
	more, inDepth := s.(checked)
	if !images {
		if inDepth {
			return verify(s.Len(), more.Check), nil
		}
		return nil, nil
	}
	c := make(Contents, s.Len())
	pool := sync.Pool{New: func() any { return new(Image) }}
	return verify(s.Len(), func(i int) error {
		m := pool.Get().(*Image)
		defer pool.Put(m)
		if inDepth {
			if err := more.Check(i); err != nil {
				return err
			}
		}
		if err := set.Image(i, m); err != nil {
			return err
		}
		c[i] = digest(m)
		return nil
	}), c
}

func verify(n int, check func(i int) error) (found []Damage) {
	var mu sync.Mutex
	Parallel(n, func(i int) {
		if err := check(i); err != nil {
			mu.Lock()
			found = append(found, Damage{i, err})
			mu.Unlock()
		}
	})
	slices.SortFunc(found, func(a, b Damage) int { return a.Image - b.Image })
	return found
}

// Parallel calls do for 0 .. n-1 on every core.
func Parallel(n int, do func(i int)) {
	ParallelWith(n, func() struct{} { return struct{}{} }, func(i int, _ struct{}) { do(i) })
}

// ParallelWith is parallel with something that each core has made for itself.
func ParallelWith[W any](n int, own func() W, do func(i int, w W)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			w := own()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i, w)
			}
		}()
	}
	wg.Wait()
}
