package kern

import "fmt"

// GiveLargest is the gradient of a maximum over a window: for every c, d[c] is added to dx[p+c] for the first of the
// places p where x[p+c] is largest. Places are at least len(d) apart. NaN is larger than nothing.
func GiveLargest(dx, x, d []float32, places []int) {
	n := len(d)
	if n == 0 || len(places) == 0 {
		return
	}
	for _, p := range places {
		if p < 0 || p+n > len(x) || p+n > len(dx) {
			panic(fmt.Sprintf("kern: GiveLargest: %d elements at place %d are not within the %d of x and %d of dx", n,
				p, len(x), len(dx)))
		}
	}
	done := 0
	if active >= avx2 {
		done = n &^ 7
	}
	if done > 0 {
		giveLargestAt(&dx[0], &x[0], &d[0], &places[0], uintptr(len(places)), uintptr(done))
	}
	for c := done; c < n; c++ {
		at := places[0] + c
		for _, p := range places[1:] {
			if x[p+c] > x[at] {
				at = p + c
			}
		}
		dx[at] += d[c]
	}
}
