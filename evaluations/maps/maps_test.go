package maps

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"selfsup/graph/device"
)

// blobs is n rows of 16 numbers around so many centres, row i around centre i modulo them.
func blobs(n, centres int, noise float64) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	const dim = 16
	at := make([]float64, centres*dim)
	for i := range at {
		at[i] = r.NormFloat64()
	}
	x := make([]float32, n*dim)
	for i := range x {
		x[i] = float32(at[i/dim%centres*dim+i%dim] + noise*r.NormFloat64())
	}
	return x
}

// A map keeps groups together: the nearest row in the plane is of the same group. Any number of threads gives the same
// bits.
func TestMapsKeepGroups(t *testing.T) {
	const n, centres = 300, 6
	x := blobs(n, centres, 0.3)
	host := device.Host().About().Threads
	defer device.Host().SetThreads(host)
	for _, kind := range Kinds {
		t.Run(kind, func(t *testing.T) {
			var first Plane
			for _, threads := range []int{1, 3} {
				device.Host().SetThreads(threads)
				p, err := Make(context.Background(), kind, x, 16, 7, nil)
				if err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = p
				} else if !slices.Equal(p, first) {
					t.Error("another map with three threads than with one")
				}
			}
			right := 0
			for i, a := range first {
				best, least := -1, math.Inf(1)
				for j, b := range first {
					if d := math.Hypot(a[0]-b[0], a[1]-b[1]); j != i && d < least {
						best, least = j, d
					}
				}
				if best%centres == i%centres {
					right++
				}
			}
			want := 0.97
			if kind == "pca" {
				want = 0.6 // six groups need more than two directions
			}
			if got := float64(right) / n; got < want {
				t.Errorf("the nearest row is of the same group for %.2f, want %.2f", got, want)
			}
		})
	}
}

// The gradient through the tree is that of plain loops: exactly with cells of one point, nearly with larger ones; and
// that is the gradient of KL(P|Q) by central differences.
func TestTSNEGradient(t *testing.T) {
	const n = 60
	r, err := newRows(blobs(n, 3, 0.5), 16, context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	near, err := r.neighbours(context.Background(), n-1)
	if err != nil {
		t.Fatal(err)
	}
	p := affinities(near, 10)
	rng := rand.New(rand.NewPCG(3, 4))
	y := make(Plane, n)
	for i := range y {
		y[i] = [2]float64{rng.NormFloat64(), rng.NormFloat64()}
	}
	y[5] = y[4] // two that lie on each other
	kl := func() float64 {
		var z float64
		for i := range y {
			for j := range y {
				if i != j {
					z += 1 / (1 + sq(y[i], y[j]))
				}
			}
		}
		var sum float64
		for i := range y {
			for e := p.from[i]; e < p.from[i+1]; e++ {
				sum += p.p[e] * math.Log(p.p[e]*z*(1+sq(y[i], y[p.to[e]])))
			}
		}
		return sum
	}
	exact, near2 := make(Plane, n), make(Plane, n)
	(&TSNE{Theta: 0}).gradient(exact, y, p, 1)
	(&TSNE{Theta: 0.5}).gradient(near2, y, p, 1)
	var off, size float64
	for i := range y {
		for a := range 2 {
			const h = 1e-5
			was := y[i][a]
			y[i][a] = was + h
			up := kl()
			y[i][a] = was - h
			want := (up - kl()) / (2 * h)
			y[i][a] = was
			if math.Abs(exact[i][a]-want) > 1e-7 {
				t.Errorf("gradient [%d,%d] is %v, by differences %v", i, a, exact[i][a], want)
			}
			off += (near2[i][a] - exact[i][a]) * (near2[i][a] - exact[i][a])
			size += exact[i][a] * exact[i][a]
		}
	}
	if got := math.Sqrt(off / size); got > 0.05 {
		t.Errorf("through large cells the gradient is off by %.3f of its size, want at most 0.05", got)
	}
}

func sq(a, b [2]float64) float64 { return (a[0]-b[0])*(a[0]-b[0]) + (a[1]-b[1])*(a[1]-b[1]) }

// p_j|i has the perplexity that was asked for, P is symmetric and sums to 1.
func TestAffinities(t *testing.T) {
	r, _ := newRows(blobs(80, 4, 0.4), 16, context.Background(), nil)
	near, _ := r.neighbours(context.Background(), 30)
	for i, row := range near {
		var entropy float64
		for _, v := range conditional(row, 10) {
			entropy -= v * math.Log(v)
		}
		if got := math.Exp(entropy); math.Abs(got-10) > 1e-3 {
			t.Fatalf("row %d has the perplexity %v, want 10", i, got)
		}
	}
	p := affinities(near, 10)
	sum, at := 0.0, map[[2]int32]float64{}
	for i := range near {
		for e := p.from[i]; e < p.from[i+1]; e++ {
			at[[2]int32{int32(i), p.to[e]}] = p.p[e]
			sum += p.p[e]
		}
	}
	for k, v := range at {
		if other := at[[2]int32{k[1], k[0]}]; other != v {
			t.Fatalf("p of %v is %v, and the other way %v", k, v, other)
		}
	}
	if math.Abs(sum-1) > 1e-12 {
		t.Errorf("P sums to %v, want 1", sum)
	}
}

// The authors' code prints a and b for its default distance: 1.577 and 0.895 (umap-learn, find_ab_params(1, 0.1)).
func TestCurve(t *testing.T) {
	if a, b := curve(0.1); math.Abs(a-1.577) > 1e-3 || math.Abs(b-0.895) > 1e-3 {
		t.Errorf("a %v, b %v, want 1.577 and 0.895", a, b)
	}
}

// The memberships of a row sum to log2 k, and its nearest neighbour is a member fully.
func TestMemberships(t *testing.T) {
	r, _ := newRows(blobs(80, 4, 0.4), 16, context.Background(), nil)
	near, _ := r.neighbours(context.Background(), 14)
	for i, row := range near {
		var sum float64
		w := memberships(row, 15)
		for _, v := range w {
			sum += v
		}
		if math.Abs(sum-math.Log2(15)) > 1e-4 || w[0] != 1 {
			t.Fatalf("row %d: memberships %v sum to %v, want %v", i, w, sum, math.Log2(15))
		}
	}
}

// Steps along an edge are those of the gradient of the plane's membership, by central differences.
func TestSteps(t *testing.T) {
	const a, b, h = 1.577, 0.895, 1e-6
	phi := func(p, q [2]float64) float64 { return 1 / (1 + a*math.Pow(sq(p, q), b)) }
	p, q := [2]float64{0.7, -0.2}, [2]float64{-0.4, 0.9}
	moved, other := p, q
	attract(&moved, &other, a, b, 1)
	away := p
	repel(&away, &q, a, b, 1)
	for k := range 2 {
		up, down := p, p
		up[k], down[k] = p[k]+h, p[k]-h
		if want := (math.Log(phi(up, q)) - math.Log(phi(down, q))) / (2 * h); math.Abs(moved[k]-p[k]-want) > 1e-6 ||
			math.Abs(moved[k]-p[k]+other[k]-q[k]) > 1e-12 {
			t.Errorf("attracted by %v, want %v, and the other as far", moved[k]-p[k], want)
		}
		want := (math.Log(1-phi(up, q)) - math.Log(1-phi(down, q))) / (2 * h)
		if got := away[k] - p[k]; math.Abs(got-want) > 0.002*math.Abs(want) { // the code's 0.001 in the denominator
			t.Errorf("repelled by %v, want %v", got, want)
		}
	}
}

// Rows that are alike, few of them, and rows that are no numbers.
func TestMapsOfOddRows(t *testing.T) {
	same := make([]float32, 20*4)
	for i := range same {
		same[i] = float32(i % 4)
	}
	for _, kind := range Kinds {
		p, err := Make(context.Background(), kind, same, 4, 1, nil)
		if err != nil || len(p) != 20 {
			t.Errorf("%s of rows that are alike: %d rows, %v", kind, len(p), err)
		}
		for _, v := range p {
			if math.IsNaN(v[0]) || math.IsInf(v[1], 0) {
				t.Fatalf("%s puts a row at %v", kind, v)
			}
		}
		if _, err := Make(context.Background(), kind, same[:16], 4, 1, nil); err == nil {
			t.Errorf("%s of four rows: no error", kind)
		}
		bad := slices.Clone(same)
		bad[9] = float32(math.NaN())
		if _, err := Make(context.Background(), kind, bad, 4, 1, nil); err == nil {
			t.Errorf("%s of NaN: no error", kind)
		}
	}
}

// Ten thousand rows take less than a minute.
func BenchmarkMaps10000(b *testing.B) {
	x := blobs(10000, 10, 1)
	for _, kind := range Kinds {
		b.Run(kind, func(b *testing.B) {
			for b.Loop() {
				began := time.Now()
				if _, err := Make(context.Background(), kind, x, 16, 1, nil); err != nil {
					b.Fatal(err)
				}
				fmt.Println(kind, time.Since(began))
			}
		})
	}
}
