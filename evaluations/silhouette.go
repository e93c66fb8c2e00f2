package evaluations

import "math"

// silhouette is the mean over rows x [N,dim] of (b - a) / max(a, b) with the mean cosine distance a from the other rows
// of a row's group, and the smallest mean distance b from those of another group. A row alone in its group counts 0, as
// in scikit-learn; so do all where there is one group. The mean distance from a group is 1 less the product with the
// mean of its unit rows, so that the work is N groups dim, not N^2 dim.
func silhouette(x []float32, dim int, of []int32, groups int) float64 {
	rows := UnitRows[float64](x, dim)
	sums, counts := make([]float64, groups*dim), make([]float64, groups)
	for i, g := range of {
		counts[g]++
		for j, v := range rows[i*dim : (i+1)*dim] {
			sums[int(g)*dim+j] += v
		}
	}
	var total float64
	for i, g := range of {
		row := rows[i*dim : (i+1)*dim]
		own, other := 0.0, math.Inf(1)
		for c, n := range counts {
			if n == 0 || c == int(g) && n == 1 {
				continue
			}
			near := dot(row, sums[c*dim:(c+1)*dim])
			if c == int(g) {
				own = (n - 1 - (near - dot(row, row))) / (n - 1)
			} else {
				other = min(other, (n-near)/n)
			}
		}
		if counts[g] == 1 || math.IsInf(other, 1) || max(own, other) == 0 {
			continue
		}
		total += (other - own) / max(own, other) / float64(len(of))
	}
	return total
}
