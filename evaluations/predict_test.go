package evaluations

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// blobs are features of three classes that overlap.
func blobs(seed uint64, train, test int) Features {
	r := rand.New(rand.NewPCG(seed, 3))
	f := Features{Dim: 5, Classes: 3}
	draw := func(n int) (x []float32, y []int32) {
		for i := range n {
			y = append(y, int32(i%3))
			for j := range f.Dim {
				v := r.NormFloat64()
				if j == i%3 {
					v++
				}
				x = append(x, float32(v))
			}
		}
		return x, y
	}
	f.TrainX, f.TrainY = draw(train)
	f.TestX, f.TestY = draw(test)
	return f
}

// What is predicted is right as often as what is evaluated, and the confusion's diagonal says so too.
func TestPredict(t *testing.T) {
	f := blobs(1, 90, 40)
	linear := DefaultLinear()
	linear.L2 = []float64{0.1}
	for name, p := range map[string]interface {
		Evaluate(context.Context, Features) ([]Result, error)
		Predict(context.Context, Features) ([]int32, error)
	}{"knn": DefaultKNN(), "linear": linear} {
		rs, err := p.Evaluate(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		given, err := p.Predict(context.Background(), f)
		if err != nil {
			t.Fatal(err)
		}
		counts, err := Confusion(f.TestY, given, f.Classes)
		if err != nil {
			t.Fatal(err)
		}
		diagonal, all := 0, 0
		for a, row := range counts {
			diagonal += row[a]
			for _, n := range row {
				all += n
			}
		}
		if got := float64(diagonal) / 40; all != 40 || got != rs[0].Value || got == 1 {
			t.Errorf("%s: %v of the diagonal of %d, want %v of 40", name, got, all, rs[0].Value)
		}
	}
	if _, err := Confusion([]int32{0, 3}, []int32{0, 0}, 3); err == nil {
		t.Error("a class that is not there: no error")
	}
}

// The neighbours are those of plain loops.
func TestNearest(t *testing.T) {
	f := blobs(2, 50, 20)
	near, err := f.Nearest(context.Background(), 7)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range near {
		type one struct {
			at  int32
			cos float64
		}
		var all []one
		for j := range 50 {
			var ab, aa, bb float64
			for k := range f.Dim {
				a, b := float64(f.TestX[i*f.Dim+k]), float64(f.TrainX[j*f.Dim+k])
				ab, aa, bb = ab+a*b, aa+a*a, bb+b*b
			}
			all = append(all, one{int32(j), ab / math.Sqrt(aa*bb)})
		}
		slices.SortFunc(all, func(a, b one) int { return int(math.Copysign(1, b.cos-a.cos)) })
		for k, n := range got {
			if n.Index != all[k].at || math.Abs(float64(n.Cosine)-all[k].cos) > 1e-6 {
				t.Fatalf("row %d: neighbour %d is %+v, want %+v", i, k, n, all[k])
			}
		}
	}
	if _, err := (Features{TrainX: f.TrainX, Dim: 5}).Nearest(context.Background(), 1); err == nil {
		t.Error("no test rows: no error")
	}
}
