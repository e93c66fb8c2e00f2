package datasets

import (
	"fmt"
	"math"
)

// Split is how much of an undivided set is kept for the test.
type Split struct {
	// share of each class kept for the test where there is no test set, in [0,1); at least one of two images
	TestFraction float64 `toml:"test_fraction"`
	// which images that share is; apart from the run's seed, so that seeds compare
	SplitSeed uint64 `toml:"split_seed"`
}

// Validate checks the settings.
func (s *Split) Validate() error {
	if !(s.TestFraction >= 0 && s.TestFraction < 1) {
		return fmt.Errorf("test_fraction = %v, want 0 up to, not including, 1", s.TestFraction)
	}
	return nil
}

// Held says which samples of these classes are kept for the test: the fraction of each class, rounded to the nearest
// count from one on that leaves one.
func (s *Split) Held(classes []string) []bool {
	return s.HeldOf(len(classes), func(i int) string { return classes[i] })
}

// HeldOf is Held of so many samples.
func (s *Split) HeldOf(samples int, classOf func(i int) string) []bool {
	byClass := map[string][]int{}
	for i := range samples {
		class := classOf(i)
		byClass[class] = append(byClass[class], i)
	}
	held := make([]bool, samples)
	for class, rows := range byClass {
		r := NewRand(s.SplitSeed, "split/"+class)
		r.Shuffle(rows)
		n := int(math.Round(s.TestFraction * float64(len(rows))))
		if s.TestFraction > 0 {
			n = max(n, 1)
		}
		n = min(n, len(rows)-1)
		for _, i := range rows[:n] {
			held[i] = true
		}
	}
	return held
}

// Divide keeps a share of each class for the test: the samples that Held says, in the order that they had.
func Divide[T any](s *Split, all []T, class func(T) string) (train, test []T) {
	classes := make([]string, len(all))
	for i, x := range all {
		classes[i] = class(x)
	}
	for i, held := range s.Held(classes) {
		if held {
			test = append(test, all[i])
		} else {
			train = append(train, all[i])
		}
	}
	return train, test
}
