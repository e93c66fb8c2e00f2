package evaluations

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Wilson is the 95 % interval of a fraction right of n test images (Wilson 1927, doi:10.1080/01621459.1927.10502953):
// what the choice of test images alone leaves open.
func Wilson(right float64, n int) (low, high float64) {
	const z = 1.959963984540054
	m := float64(n)
	centre := (right + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(right*(1-right)/m+z*z/(4*m*m))
	return max(0, centre-half), min(1, centre+half)
}

// MeanInterval is the mean of at least two independent values, such as the paired differences of seeds, and its 95 %
// interval (Student 1908, doi:10.2307/2331554).
func MeanInterval(values []float64) (mean, low, high float64) {
	mean, deviation := stat.MeanStdDev(values, nil)
	n := float64(len(values))
	half := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975) * deviation / math.Sqrt(n)
	return mean, mean - half, mean + half
}

// ApartInterval is the mean of a less that of b, at least two independent values each that are not paired, and its 95 %
// interval (Welch 1947, doi:10.1093/biomet/34.1-2.28).
func ApartInterval(a, b []float64) (mean, low, high float64) {
	x, left := stat.MeanVariance(a, nil)
	y, right := stat.MeanVariance(b, nil)
	n, m := float64(len(a)), float64(len(b))
	left, right = left/n, right/m
	mean = x - y
	if left+right == 0 {
		return mean, mean, mean
	}
	freedom := (left + right) * (left + right) / (left*left/(n-1) + right*right/(m-1))
	half := distuv.StudentsT{Sigma: 1, Nu: freedom}.Quantile(0.975) * math.Sqrt(left+right)
	return mean, mean - half, mean + half
}

// PairedExact is the two-sided p of a difference between two rows that were measured on the same test images: of the
// hits of one less those of the other, image by image, summed over seeds. Were the rows equally good, every image's
// difference could as well have the other sign: p is the share of all choices of signs whose total is at least as far
// from 0. Of one seed each this is McNemar's exact test (1947, doi:10.1007/BF02295996). Seeds of one image are one
// observation, as they err together: counting them apart would make p too small.
func PairedExact(differences []int) float64 {
	counts := map[int]int{} // images by the size of their difference
	total, span, most := 0, 0, 0
	for _, d := range differences {
		total += d
		if d < 0 {
			d = -d
		}
		if d > 0 {
			counts[d]++
			span += d
			most = max(most, d)
		}
	}
	if total < 0 {
		total = -total
	}
	p := make([]float64, 2*span+1) // of every total, from -span on
	p[span] = 1
	reach := 0
	for size := 1; size <= most; size++ {
		n := counts[size]
		if n == 0 {
			continue
		}
		next := make([]float64, len(p))
		for k := range n + 1 { // of which k count with plus
			ways, _ := math.Lgamma(float64(n + 1))
			with, _ := math.Lgamma(float64(k + 1))
			without, _ := math.Lgamma(float64(n - k + 1))
			share := math.Exp(ways - with - without - float64(n)*math.Ln2)
			shift := size * (2*k - n)
			for at := span - reach; at <= span+reach; at++ {
				next[at+shift] += share * p[at]
			}
		}
		p = next
		reach += n * size
	}
	var tail float64
	for at, v := range p {
		if at-span >= total || span-at >= total {
			tail += v
		}
	}
	return min(1, tail)
}
