package assign_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"selfsup/internal/assign"
	"selfsup/internal/golden"
)

// costs are random, some of them equal.
func costs(r *rand.Rand, n, k int) []float64 {
	c := make([]float64, n*k)
	for i := range c {
		if c[i] = r.NormFloat64(); r.IntN(3) == 0 {
			c[i] = float64(r.IntN(3))
		}
	}
	return c
}

// least is the smallest sum of costs [N,K] over all ways to give rows places that take at most so many.
func least(cost []float64, k, most int) float64 {
	n, counts := len(cost)/k, make([]int, k)
	var from func(row int) float64
	from = func(row int) float64 {
		if row == n {
			return 0
		}
		best := math.Inf(1)
		for c := range k {
			if counts[c] < most {
				counts[c]++
				best = min(best, cost[row*k+c]+from(row+1))
				counts[c]--
			}
		}
		return best
	}
	return from(0)
}

// One to one and within bounds, the sum of the costs is the least of all possible ones.
func TestAgainstAllWays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := 1 + r.IntN(7)
		cost := costs(r, n, n)
		of, sum, used := assign.OneToOne(cost, n), 0.0, make([]bool, n)
		for i, j := range of {
			if used[j] {
				t.Fatalf("costs %v: two rows have column %d: %v", cost, j, of)
			}
			used[j], sum = true, sum+cost[i*n+j]
		}
		if want := least(cost, n, 1); math.Abs(sum-want) > 1e-9 {
			t.Fatalf("costs %v: %v costs %v, the least is %v", cost, of, sum, want)
		}

		k := 1 + r.IntN(4)
		cost = costs(r, n, k)
		most := (n+k-1)/k + r.IntN(2)
		places, counts := assign.Bounded(cost, k, most), make([]int, k)
		sum = 0
		for i, c := range places {
			counts[c]++
			sum += cost[i*k+int(c)]
		}
		if want := least(cost, k, most); slices.Max(counts) > most || math.Abs(sum-want) > 1e-9 {
			t.Fatalf("costs %v: %v with places of %d costs %v, the least is %v", cost, places, most, sum, want)
		}
	}
}

// Without need nobody moves; of many rows that all want one place, that place keeps those who lose most by leaving it.
func TestBoundedKeepsThoseWhoLoseMost(t *testing.T) {
	const n, k = 1000, 10
	cost := make([]float64, n*k)
	for i := range n {
		for c := 1; c < k; c++ {
			cost[i*k+c] = float64(i) // row i loses i by leaving place 0
		}
	}
	counts := make([]int, k)
	for i, c := range assign.Bounded(cost, k, n/k) {
		counts[c]++
		if c == 0 && i < n-n/k {
			t.Errorf("row %d stays in place 0, want the last %d rows", i, n/k)
		}
	}
	for c, got := range counts {
		if got != n/k {
			t.Errorf("place %d has %d rows, want %d", c, got, n/k)
		}
	}
	for i, c := range assign.Bounded(cost, k, n) {
		if c != 0 {
			t.Fatalf("row %d is in place %d, want 0: there is room", i, c)
		}
	}
}

// Scaled weights are the codes of the reference, which scales so often, and become even where they are scaled long.
func TestGoldenEven(t *testing.T) {
	f := golden.Load(t, "losses/sinkhorn_knopp")
	x, epsilon := f.Inputs["scores"], golden.Param[float64](t, f, "epsilon")
	n, k := x.Shape[0], x.Shape[1]
	largest := slices.Max(x.Data)
	p := make([]float32, n*k)
	for i, v := range x.Data {
		p[i] = float32(math.Exp((v - largest) / epsilon))
	}
	scaled := func(iterations int, tolerance float64) []float64 {
		a, b := assign.Even(p, k, iterations, tolerance)
		q := make([]float64, n*k)
		for i, v := range p {
			q[i] = a[i/k] * float64(v) * b[i%k]
		}
		return q
	}
	golden.Compare(t, "codes", scaled(golden.Param[int](t, f, "iterations"), 0), f.Outputs["codes"],
		f.Tolerance(true, f.Check.Output))
	for j := range k {
		var sum float64
		for i := range n {
			sum += scaled(10000, 1e-6)[i*k+j]
		}
		if want := float64(n) / float64(k); math.Abs(sum-want) > 1e-3 {
			t.Errorf("column %d sums to %v, want %v", j, sum, want)
		}
	}
}
