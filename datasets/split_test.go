package datasets

import (
	"fmt"
	"slices"
	"testing"
)

// Of every class that has two samples at least one is held out, and one stays; without a fraction none is.
func TestSplitOfSmallClasses(t *testing.T) {
	var classes []string
	for n, class := range []string{"", "a", "b", "c", "d"} {
		for range n {
			classes = append(classes, class)
		}
	}
	classes = append(classes, slices.Repeat([]string{"large"}, 40)...)
	for _, c := range []struct {
		fraction float64
		want     string
	}{{0, "map[]"}, {0.1, "map[b:1 c:1 d:1 large:4]"}, {0.6, "map[b:1 c:2 d:2 large:24]"},
		{0.99, "map[b:1 c:2 d:3 large:39]"}} {
		held := map[string]int{}
		for i, h := range (&Split{TestFraction: c.fraction}).Held(classes) {
			if h {
				held[classes[i]]++
			}
		}
		if got := fmt.Sprint(held); got != c.want {
			t.Errorf("fraction %v holds %s, want %s", c.fraction, got, c.want)
		}
	}
}
