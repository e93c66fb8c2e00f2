package kmeans

import (
	"math"
	"slices"
)

// Concentrations are how wide the clusters of rows x [N,D] are, [K], scaled to a mean: the sum of the rows' distances
// from their centre over Z log(Z + 10), with Z rows. A cluster of at most one row is as wide as the widest; what is
// below the 10th or above the 90th percentile is moved there.
//
// Li et al. 2021, arXiv:2005.04966, eq. 12, with the limits of its code.
func (c *Clusters) Concentrations(x []float32, d int, mean float64) []float32 {
	k := len(c.Centres) / d
	distance, size := make([]float64, k), make([]float64, k)
	for i, of := range c.Of {
		var squares float64
		for j := range d {
			v := float64(x[i*d+j]) - float64(c.Centres[int(of)*d+j])
			squares += v * v
		}
		distance[of], size[of] = distance[of]+math.Sqrt(squares), size[of]+1
	}
	phi, largest := make([]float64, k), 0.0
	for i := range phi {
		if size[i] > 1 {
			phi[i] = distance[i] / (size[i] * math.Log(size[i]+10))
			largest = max(largest, phi[i])
		}
	}
	for i := range phi {
		if size[i] <= 1 {
			phi[i] = largest
		}
	}
	sorted := slices.Sorted(slices.Values(phi))
	low, high, sum := percentile(sorted, 0.1), percentile(sorted, 0.9), 0.0
	for i, v := range phi {
		phi[i] = min(max(v, low), high)
		sum += phi[i] / float64(k)
	}
	out := make([]float32, k)
	for i, v := range phi {
		out[i] = float32(mean)
		if sum > 0 { // else every row is a centre
			out[i] = float32(mean * v / sum)
		}
	}
	return out
}

// percentile is a share of the way through sorted numbers, between neighbours in a straight line, as NumPy has it.
func percentile(sorted []float64, share float64) float64 {
	at := share * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
