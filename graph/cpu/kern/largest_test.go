package kern

import (
	"fmt"
	"math"
	"testing"
)

// The gradient of a maximum goes to the first of the largest, at every level alike; NaN is larger than nothing.
func TestGiveLargest(t *testing.T) {
	windows := [][]int{{0}, {0, 40}, {80, 0, 40}, {0, 40, 80, 120, 160, 200, 240, 280, 320}}
	for _, n := range []int{1, 7, 8, 9, 16, 24, 37} {
		for k, places := range windows {
			t.Run(fmt.Sprintf("%d of %d places", n, len(places)), func(t *testing.T) {
				eachLevel(t, func(t *testing.T) {
					r := newRand("largest", n+k)
					x, d, dx := newGuarded("x", n+320).random(r), newGuarded("d", n).random(r),
						newGuarded("dx", n+320).random(r)
					for i := range x.v {
						x.v[i] = float32(math.Round(float64(2 * x.v[i]))) // many are equal
						if r.IntN(20) == 0 {
							x.v[i] = float32(math.NaN())
						}
					}
					want := append([]float32{}, dx.v...)
					for c := range n {
						at := c + places[0]
						for _, p := range places {
							if x.v[p+c] > x.v[at] {
								at = p + c
							}
						}
						want[at] += d.v[c]
					}
					GiveLargest(dx.v, x.v, d.v, places)
					checkSame(t, "dx", dx.v, want)
					for _, g := range []*guarded{x, d, dx} {
						g.check(t)
					}
				})
			})
		}
	}
}
