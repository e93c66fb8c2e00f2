package kmeans_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/internal/golden"
	"selfsup/internal/kmeans"
)

// Assignments and centres are those of the reference implementation.
func TestGoldenSpherical(t *testing.T) {
	f := golden.Load(t, "eval/spherical_kmeans")
	x := f.Inputs["embeddings"]
	d := x.Shape[1]
	rows := floats(x.Data)
	var start []float32
	for _, i := range f.Inputs["init_index"].Data {
		start = append(start, rows[int(i)*d:(int(i)+1)*d]...)
	}
	c, err := kmeans.Spherical(context.Background(), rows, start, d, golden.Param[int](t, f, "kmeans_iters"))
	if err != nil {
		t.Fatal(err)
	}
	of, centres := make([]float64, len(c.Of)), make([]float64, len(c.Centres))
	for i, k := range c.Of {
		of[i] = float64(k)
	}
	for i, v := range c.Centres {
		centres[i] = float64(v)
	}
	golden.Compare(t, "assignments", of, f.Outputs["assignments"], 0)
	golden.Compare(t, "centroids", centres, f.Outputs["centroids"], f.Tolerance(true, f.Check.Output))
	if c.Used() != 3 {
		t.Errorf("%d clusters are used, want 3", c.Used())
	}
}

func floats(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

// unit draws rows of unit length around k directions.
func unit(n, d, k int) []float32 {
	r := graph.Rand(5, "rows")
	x := make([]float32, n*d)
	for i := range n {
		var ss float64
		for j := range d {
			v := r.NormFloat64() / 4
			if j == i%k {
				v++
			}
			x[i*d+j], ss = float32(v), ss+v*v
		}
		for j := range d {
			x[i*d+j] /= float32(math.Sqrt(ss))
		}
	}
	return x
}

// More rows and centres than a block against plain loops, and the same bits on one, two and five threads.
func TestSphericalAgainstLoops(t *testing.T) {
	const n, d, k, iterations = 1100, 24, 70, 3
	x := unit(n, d, 8)
	start := kmeans.Draw(graph.Rand(6, "start"), x, d, k)
	want := loops(x, start, n, d, k, iterations)
	defer device.Host().SetThreads(2)
	var first *kmeans.Clusters
	for _, threads := range []int{1, 2, 5} {
		device.Host().SetThreads(threads)
		got, err := kmeans.Spherical(context.Background(), x, start, d, iterations)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
			differ := 0
			for i := range want {
				if got.Of[i] != want[i] {
					differ++
				}
			}
			if differ > n/200 { // rows between two centres, which rounding decides
				t.Errorf("%d of %d rows are in other clusters than by plain loops", differ, n)
			}
			continue
		}
		if !slices.Equal(got.Of, first.Of) || !slices.Equal(got.Centres, first.Centres) {
			t.Errorf("%d threads give other bits than one", threads)
		}
	}
}

// loops is the definition, in float64.
func loops(x, start []float32, n, d, k, iterations int) []int32 {
	centres := make([]float64, len(start))
	for i, v := range start {
		centres[i] = float64(v)
	}
	of := make([]int32, n)
	for it := 0; ; it++ {
		for i := range n {
			best := math.Inf(-1)
			for c := range k {
				var cos float64
				for j := range d {
					cos += float64(x[i*d+j]) * centres[c*d+j]
				}
				if cos > best {
					best, of[i] = cos, int32(c)
				}
			}
		}
		if it == iterations {
			return of
		}
		for c := range k {
			sum, norm := make([]float64, d), 0.0
			for i := range n {
				for j := range d {
					if of[i] == int32(c) {
						sum[j] += float64(x[i*d+j])
					}
				}
			}
			for _, v := range sum {
				norm += v * v
			}
			for j := range d {
				if norm > 0 {
					centres[c*d+j] = sum[j] / math.Sqrt(norm)
				}
			}
		}
	}
}

// A centre that no row is nearest to stays where it was; rows that are different are drawn.
func TestEmptyClusterStays(t *testing.T) {
	x := []float32{1, 0, 0.8, 0.6, 0.6, 0.8}
	c, err := kmeans.Spherical(context.Background(), x, []float32{1, 0, 0, -1}, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Of, []int32{0, 0, 0}) || !slices.Equal(c.Centres[2:], []float32{0, -1}) || c.Used() != 1 {
		t.Errorf("clusters %+v, want all rows in the first and the second at [0 -1]", c)
	}
	drawn := kmeans.Draw(graph.Rand(1, "draw"), []float32{1, 2, 3, 4}, 1, 4)
	if slices.Sort(drawn); !slices.Equal(drawn, []float32{1, 2, 3, 4}) {
		t.Errorf("drew %v of 1 to 4, want each once", drawn)
	}
}

// A context that has ended ends the clustering with its cause; sizes that do not fit are an error.
func TestSphericalRefuses(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cause := errors.New("enough")
	cancel(cause)
	if _, err := kmeans.Spherical(ctx, []float32{1, 0}, []float32{1, 0}, 2, 1); !errors.Is(err, cause) {
		t.Errorf("the error is %v, want %v", err, cause)
	}
	if _, err := kmeans.Spherical(context.Background(), []float32{1, 0, 1}, []float32{1, 0}, 2, 1); err == nil {
		t.Error("three numbers in rows of two: no error")
	}
	if _, err := kmeans.Spherical(context.Background(), []float32{1, 0}, nil, 2, 1); err == nil {
		t.Error("no centres: no error")
	}
}
