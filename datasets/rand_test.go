package datasets

import (
	"slices"
	"testing"
)

func TestRand(t *testing.T) {
	first := func(r Rand) uint64 { return r.Uint64() }
	seen := map[uint64]string{}
	for name, r := range map[string]Rand{
		"seed 1": NewRand(1, "a"), "seed 2": NewRand(2, "a"), "name": NewRand(1, "b"), "longer name": NewRand(1, "aa"),
		"index": NewRand(1, "a", 0), "index 1": NewRand(1, "a", 1), "two": NewRand(1, "a", 0, 1),
		"swapped": NewRand(1, "a", 1, 0),
	} {
		v := first(r)
		if other, ok := seen[v]; ok {
			t.Errorf("%s and %s begin alike", name, other)
		}
		seen[v] = name
	}
	// Reference values of SplitMix64 from state 0 (Vigna's splitmix64.c, widely reprinted).
	r := Rand{}
	for i, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		if got := r.Uint64(); got != want {
			t.Errorf("SplitMix64 output %d from state 0: got %#x, want %#x", i, got, want)
		}
	}
	counts := make([]int, 5)
	for range 10000 {
		counts[r.Intn(5)]++
	}
	for v, n := range counts {
		if n < 1800 || n > 2200 {
			t.Errorf("Intn(5) gave %d %d times of 10000, want about 2000", v, n)
		}
	}
}

// An order is every number once, whatever the slice held before, and what the generator's shuffle makes of the numbers
// as they come.
func TestOrder(t *testing.T) {
	a, b := NewRand(3, "order"), NewRand(3, "order")
	got := a.Order([]int{9, 9, 9, 9, 9, 9, 9, 9})
	want := []int{0, 1, 2, 3, 4, 5, 6, 7}
	b.Shuffle(want)
	if !slices.Equal(got, want) || slices.IsSorted(got) {
		t.Errorf("order %v, want %v", got, want)
	}
	if slices.Sort(got); !slices.Equal(got, []int{0, 1, 2, 3, 4, 5, 6, 7}) {
		t.Errorf("sorted it is %v", got)
	}
}
