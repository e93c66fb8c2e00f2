package kmeans_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/internal/kmeans"
)

// Whitened rows have unit length. Before that they are uncorrelated with variance 1, so of rows of one length in white
// space the covariance of the result is a multiple of the identity; directions without spread are left out.
func TestWhiten(t *testing.T) {
	const n, d = 1500, 6
	r, x := graph.Rand(4, "rows"), make([]float32, n*d)
	for i := range n { // two directions of three numbers each: one on a circle, stretched and turned
		a := r.Float64() * 2 * math.Pi
		p, q := 5*math.Cos(a), 0.3*math.Sin(a)
		for j, v := range []float64{p + q, p - q, 2 * p, q, 3, -p} {
			x[i*d+j] = float32(v + 7)
		}
	}
	defer device.Host().SetThreads(2)
	var first []float32
	for _, threads := range []int{1, 2} {
		device.Host().SetThreads(threads)
		y, width, err := kmeans.Whiten(context.Background(), x, d, 5)
		if err != nil || width != 2 {
			t.Fatalf("%d directions are left (%v), want 2", width, err)
		}
		if first != nil && !slices.Equal(first, y) {
			t.Error("two threads give other bits than one")
		}
		first = y
		var xx, yy, xy float64
		for i := range n {
			a, b := float64(y[2*i]), float64(y[2*i+1])
			if l := a*a + b*b; math.Abs(l-1) > 1e-4 {
				t.Fatalf("row %d has the squared length %v, want 1", i, l)
			}
			xx, yy, xy = xx+a*a/n, yy+b*b/n, xy+a*b/n
		}
		if math.Abs(xx-0.5) > 0.02 || math.Abs(yy-0.5) > 0.02 || math.Abs(xy) > 0.02 {
			t.Errorf("second moments %.3f, %.3f and %.3f, want 0.5, 0.5 and 0", xx, yy, xy)
		}
	}
	if _, width, _ := kmeans.Whiten(context.Background(), x, d, 1); width != 1 {
		t.Errorf("%d directions, want at most 1", width)
	}
}

func TestWhitenRefuses(t *testing.T) {
	for want, x := range map[string][]float32{
		"all features are alike": {1, 2, 1, 2, 1, 2}, "are not finite": {1, 2, 3, float32(math.Inf(1))},
	} {
		_, _, err := kmeans.Whiten(context.Background(), x, 2, 2)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", x, err, want)
		}
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	if _, _, err := kmeans.Whiten(ctx, []float32{1, 2}, 1, 1); !errors.Is(err, cause) {
		t.Errorf("got %v, want %v", err, cause)
	}
}

// A centre that nobody is nearest to is put beside another, so that every centre gets rows where there are enough
// directions.
func TestSplitLeavesNoCentreEmpty(t *testing.T) {
	const d, k = 8, 8
	x := unit(400, d, k)
	for i, v := range x {
		x[i] = max(v, -v)
	}
	start := slices.Repeat([]float32{-1}, k*d) // away from all rows
	copy(start, x[:d])
	alone, err := kmeans.Spherical(context.Background(), x, start, d, 10)
	if err != nil {
		t.Fatal(err)
	}
	split, err := kmeans.SphericalSplit(context.Background(), graph.Rand(2, "split"), x, start, d, 30)
	if err != nil {
		t.Fatal(err)
	}
	if alone.Used() != 1 || split.Used() != k {
		t.Errorf("%d clusters are used without splits, %d with them; want 1 and %d", alone.Used(), split.Used(), k)
	}
	for i, v := range split.Centres {
		if i%d == 0 {
			var squares float64
			for _, w := range split.Centres[i : i+d] {
				squares += float64(w) * float64(w)
			}
			if math.Abs(squares-1) > 1e-5 {
				t.Errorf("centre %d has the squared length %v, want 1 (%v)", i/d, squares, v)
			}
		}
	}
}
