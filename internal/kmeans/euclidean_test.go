package kmeans

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// Clouds far from each other are found, each with a centre at its mean, and again the same.
func TestEuclidean(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	at := [][2]float64{{0, 0}, {10, 0}, {0, 10}, {-8, -8}}
	var x []float32
	means := make([][2]float64, 4)
	for i := range 400 {
		k := i % 4
		for j := range 2 {
			v := float32(at[k][j] + r.NormFloat64()*0.5)
			x, means[k][j] = append(x, v), means[k][j]+float64(v)/100
		}
	}
	find := func() []float32 {
		c, err := Euclidean(context.Background(), rand.New(rand.NewPCG(3, 4)), x, 4, 2, 10)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c, again := find(), find()
	for _, m := range means {
		best := math.Inf(1)
		for k := range 4 {
			best = min(best, math.Hypot(float64(c[2*k])-m[0], float64(c[2*k+1])-m[1]))
		}
		if best > 1e-4 {
			t.Errorf("no centre at %v: %v", m, c)
		}
	}
	for i := range c {
		if c[i] != again[i] {
			t.Fatalf("another time %v, first %v", again, c)
		}
	}
}

// Of rows that are all alike every centre is that row; too few rows are refused, and a request ends it.
func TestEuclideanEdges(t *testing.T) {
	c, err := Euclidean(context.Background(), rand.New(rand.NewPCG(1, 1)), []float32{1, 2, 1, 2, 1, 2}, 2, 2, 3)
	if err != nil || c[0] != 1 || c[1] != 2 || c[2] != 1 || c[3] != 2 {
		t.Errorf("%v (%v), want [1 2 1 2]", c, err)
	}
	if _, err := Euclidean(context.Background(), nil, []float32{1, 2}, 2, 2, 3); err == nil ||
		!strings.Contains(err.Error(), "2 numbers of rows for 2 centres of 2") {
		t.Errorf("got %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := Euclidean(ctx, rand.New(rand.NewPCG(1, 1)), []float32{1, 2}, 1, 2, 3); err == nil {
		t.Error("a request to stop is not heeded")
	}
}
