package evaluations

import (
	"math"
	"slices"

	"selfsup/datasets"
	"selfsup/graph/device"
)

// resamples is how often a bootstrap draws test images anew: the ends of a 95 % interval are then good to about a
// fifteenth of its length.
const resamples = 1000

// bootstrap is the 95 % interval that the choice of n test images leaves open for a statistic of them: the 2.5 and 97.5
// percentiles of it over sets of n images that are drawn from them with replacement, by the seed (Efron 1979,
// doi:10.1214/aos/1176344552). statistic gets the rows of a set and may be called by several goroutines. nil where it
// is not finite on some set.
func (f Features) bootstrap(n int, statistic func(rows []int32) float64) *[2]float64 {
	if n < 2 {
		return nil
	}
	values := make([]float64, resamples)
	device.Parallel(resamples, func(k int) {
		r := datasets.NewRand(f.Seed, "bootstrap", uint64(k))
		rows := make([]int32, n)
		for i := range rows {
			rows[i] = int32(r.Intn(n))
		}
		values[k] = statistic(rows)
	})
	if slices.ContainsFunc(values, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
		return nil
	}
	slices.Sort(values)
	const tail = resamples / 40
	return &[2]float64{values[tail], values[resamples-1-tail]}
}

// meanOf is the mean of values of rows; of nil it is that of all.
func meanOf(values []float64) func(rows []int32) float64 {
	return func(rows []int32) (sum float64) {
		if rows == nil {
			for _, v := range values {
				sum += v / float64(len(values))
			}
			return sum
		}
		for _, i := range rows {
			sum += values[i] / float64(len(rows))
		}
		return sum
	}
}

// at is the labels of rows.
func at(labels, rows []int32) []int32 {
	out := make([]int32, len(rows))
	for i, r := range rows {
		out[i] = labels[r]
	}
	return out
}
