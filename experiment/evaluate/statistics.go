package evaluate

import "math"

// Wilson is the 95 % interval of a fraction right of n test images (Wilson 1927, doi:10.1080/01621459.1927.10502953): what the choice of test images
// alone leaves open.
func Wilson(right float64, n int) (low, high float64) {
	const z = 1.959963984540054
	m := float64(n)
	centre := (right + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(right*(1-right)/m+z*z/(4*m*m))
	return max(0, centre-half), min(1, centre+half)
}
