// Package kmeans finds clusters of rows: for methods that learn from clusters, and for evaluations that count them.
// Results are the same bits on any number of threads.
package kmeans

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"selfsup/graph/device"
)

// Cosines are made a block of rows at a time, so that memory does not grow with the product of rows and clusters. The
// cut depends on shapes alone.
const (
	blockRows = 512 // of x
	taskRows  = 16  // of a block, in one task
)

// Clusters are centres, and which of them each row belongs to.
type Clusters struct {
	Centres []float32 // [K,D]
	Of      []int32   // [N]
}

// Used is the number of centres that some row belongs to.
func (c *Clusters) Used() (n int) {
	used := map[int32]bool{}
	for _, k := range c.Of {
		used[k] = true
	}
	return len(used)
}

// Filled is the rows of a memory [N,D] that hold something, and which they are. The others are 0: their samples were
// not seen yet.
func Filled(memory []float32, d int) (x []float32, rows []int) {
	for i := range len(memory) / d {
		if row := memory[i*d : (i+1)*d]; slices.ContainsFunc(row, func(v float32) bool { return v != 0 }) {
			x, rows = append(x, row...), append(rows, i)
		}
	}
	return x, rows
}

// Draw picks k different rows of x [N,D] as centres to start from: [k,D]. k is at most N.
func Draw(r *rand.Rand, x []float32, d, k int) []float32 {
	start := make([]float32, 0, k*d)
	for _, i := range r.Perm(len(x) / d)[:k] {
		start = append(start, x[i*d:(i+1)*d]...)
	}
	return start
}

// Spherical clusters unit rows x [N,D] by their cosines with centres, which start [K,D] gives. Each iteration gives
// every row to the centre with the largest cosine, the first of equal ones, and then moves each centre to the mean of
// its rows, scaled to unit length; a centre without rows stays. At last every row is given to a centre once more. It
// ends early where ctx does.
//
// Dhillon and Modha 2001, Machine Learning 42, section 3.1, as in the code of Caron et al. 2020, arXiv:2006.09882
// (DeepCluster v2).
func Spherical(ctx context.Context, x, start []float32, d, iterations int) (*Clusters, error) {
	return spherical(ctx, x, start, d, iterations, func(*Clusters) {})
}

// SphericalSplit is Spherical in which no centre stays without rows: it is put beside the centre of a cluster that is
// drawn among those of two rows or more, and the next iteration deals the rows out to the two. Centres may still be
// without rows after the last iteration.
//
// Caron et al. 2018, arXiv:1807.05520, with the distance of its code's k-means (Faiss).
func SphericalSplit(ctx context.Context, r *rand.Rand, x, start []float32, d, iterations int) (*Clusters, error) {
	return spherical(ctx, x, start, d, iterations, func(c *Clusters) { c.split(r, d) })
}

// beside is how far the two centres of a split are from where the one was, of its length: Faiss' EPS.
const beside = 1.0 / 1024

// split puts centres without rows beside others.
func (c *Clusters) split(r *rand.Rand, d int) {
	rows, from := make([]int, len(c.Centres)/d), []int(nil)
	for _, k := range c.Of {
		if rows[k]++; rows[k] == 2 {
			from = append(from, int(k))
		}
	}
	for k, n := range rows {
		if n > 0 || len(from) == 0 {
			continue
		}
		old := c.Centres[from[r.IntN(len(from))]*d:][:d]
		fresh := c.Centres[k*d:][:d]
		for j, v := range old {
			sign := float32(1 - j%2*2)
			fresh[j], old[j] = v*(1+sign*beside), v*(1-sign*beside)
		}
		unit(fresh)
		unit(old)
	}
}

// unit scales a centre that is not 0 to unit length.
func unit(v []float32) {
	var squares float64
	for _, x := range v {
		squares += float64(x) * float64(x)
	}
	for j := range v {
		v[j] = float32(float64(v[j]) / math.Sqrt(squares))
	}
}

// spherical is Spherical that changes the clusters after every move.
func spherical(ctx context.Context, x, start []float32, d, iterations int, after func(*Clusters)) (*Clusters, error) {
	if d < 1 || len(x)%d != 0 || len(start)%d != 0 || len(start) == 0 {
		return nil, fmt.Errorf("kmeans: %d numbers of rows and %d of centres; want rows of %d, and at least one centre",
			len(x), len(start), d)
	}
	c := &Clusters{Centres: append([]float32(nil), start...), Of: make([]int32, len(x)/d)}
	for range iterations {
		if err := c.assign(ctx, x, d); err != nil {
			return nil, err
		}
		c.move(x, d)
		after(c)
	}
	return c, c.assign(ctx, x, d)
}

// assign gives every row to its nearest centre.
func (c *Clusters) assign(ctx context.Context, x []float32, d int) error {
	n, k := len(c.Of), len(c.Centres)/d
	cosines := make([]float32, min(n, blockRows)*k)
	var scratch []float32
	for from := 0; from < n; from += blockRows {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		rows := min(blockRows, n-from)
		if need := device.GemmScratch(false, true, rows, k, d); need > len(scratch) {
			scratch = make([]float32, need)
		}
		device.Gemm(false, true, rows, k, d, x[from*d:], d, c.Centres, d, cosines, k, 0, scratch)
		device.Parallel((rows+taskRows-1)/taskRows, func(task int) {
			for i := task * taskRows; i < min((task+1)*taskRows, rows); i++ {
				c.Of[from+i] = int32(largest(cosines[i*k : (i+1)*k]))
			}
		})
	}
	return nil
}

// largest is the place of the first largest number.
func largest(v []float32) (at int) {
	for i, x := range v {
		if x > v[at] {
			at = i
		}
	}
	return at
}

// move brings each centre to the mean direction of its rows, which are added up in float64 in their order.
func (c *Clusters) move(x []float32, d int) {
	rows := make([][]int32, len(c.Centres)/d)
	for i, k := range c.Of {
		rows[k] = append(rows[k], int32(i))
	}
	device.Parallel(len(rows), func(k int) {
		sum := make([]float64, d)
		for _, i := range rows[k] {
			for j, v := range x[int(i)*d : (int(i)+1)*d] {
				sum[j] += float64(v)
			}
		}
		var squares float64
		for _, v := range sum {
			squares += v * v
		}
		if squares == 0 { // no rows, or rows that cancel
			return
		}
		for j, v := range sum {
			c.Centres[k*d+j] = float32(v / math.Sqrt(squares))
		}
	})
}
