package kmeans

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"selfsup/graph/device"
)

// Euclidean is k centres [k,d] of rows x [N,d], each the mean of the rows that are nearest to it, after so many
// iterations of Lloyd's algorithm from centres that k-means++ draws (Arthur and Vassilvitskii 2007). A centre without
// rows goes to the row that is farthest from its own.
func Euclidean(ctx context.Context, r *rand.Rand, x []float32, k, d, iterations int) ([]float32, error) {
	if d < 1 || len(x)%d != 0 || k < 1 || len(x)/d < k {
		return nil,
			fmt.Errorf("kmeans: %d numbers of rows for %d centres of %d; want at least as many rows of that width",
				len(x), k, d)
	}
	n := len(x) / d
	centres := spread(r, x, k, d)
	of, far := make([]int32, n), make([]float64, n)
	for range iterations {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		assign(x, centres, d, of, far)
		sums, counts := make([]float64, k*d), make([]int, k)
		for i, c := range of {
			counts[c]++
			for j, v := range x[i*d : (i+1)*d] {
				sums[int(c)*d+j] += float64(v)
			}
		}
		for c, count := range counts {
			if count == 0 {
				at := farthest(far)
				copy(centres[c*d:(c+1)*d], x[at*d:(at+1)*d])
				far[at] = 0
				continue
			}
			for j := range d {
				centres[c*d+j] = float32(sums[c*d+j] / float64(count))
			}
		}
	}
	return centres, nil
}

// spread draws centres from rows, each with a chance by its squared distance from those before it.
func spread(r *rand.Rand, x []float32, k, d int) []float32 {
	n := len(x) / d
	row := func(i int) []float32 { return x[i*d : (i+1)*d] }
	centres := append([]float32(nil), row(r.IntN(n))...)
	away := make([]float64, n)
	for i := range away {
		away[i] = math.Inf(1)
	}
	for len(centres) < k*d {
		last := centres[len(centres)-d:]
		device.Parallel((n+taskRows-1)/taskRows, func(task int) {
			for i := task * taskRows; i < min((task+1)*taskRows, n); i++ {
				away[i] = min(away[i], squared(row(i), last))
			}
		})
		all := 0.0
		for _, v := range away {
			all += v
		}
		at, left := 0, r.Float64()*all
		for at < n-1 && left >= away[at] {
			left -= away[at]
			at++
		}
		centres = append(centres, row(at)...)
	}
	return centres
}

// assign finds the nearest centre of every row and its squared distance.
func assign(x, centres []float32, d int, of []int32, far []float64) {
	n, k := len(of), len(centres)/d
	device.Parallel((n+taskRows-1)/taskRows, func(task int) {
		for i := task * taskRows; i < min((task+1)*taskRows, n); i++ {
			of[i], far[i] = 0, math.Inf(1)
			for c := range k {
				if s := squared(x[i*d:(i+1)*d], centres[c*d:(c+1)*d]); s < far[i] {
					of[i], far[i] = int32(c), s
				}
			}
		}
	})
}

func squared(a, b []float32) (sum float64) {
	for i, v := range a {
		e := float64(v) - float64(b[i])
		sum += e * e
	}
	return sum
}

func farthest(far []float64) (at int) {
	for i, v := range far {
		if v > far[at] {
			at = i
		}
	}
	return at
}
