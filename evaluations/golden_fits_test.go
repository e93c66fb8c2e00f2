package evaluations

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"selfsup/internal/golden"
)

// The fixtures of closed forms: principal directions, ridge regression, silhouettes and CKA.

func goldenPCA(t *testing.T, g *golden.Fixture) {
	x := g.Inputs["x"]
	k := golden.Param[int](t, g, "components")
	p, err := NewPCA(floats32(x.Data), x.Shape[1], k)
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "mean", p.Mean, g.Outputs["mean"], 1e-6)
	golden.Compare(t, "variance", p.Variance, g.Outputs["explained_variance"], 1e-6)
	golden.Compare(t, "share", p.Share, g.Outputs["explained_variance_ratio"], 1e-6)
	var sizes []float64
	for _, v := range p.Directions {
		sizes = append(sizes, math.Abs(v))
	}
	golden.Compare(t, "directions", sizes, g.Outputs["abs_components"], 1e-6)
}

// The directions are orthogonal, of unit length and signed by their largest entry, from more rows than features and
// from fewer; the variance of the places along them is what Variance says.
func TestPCA(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, shape := range [][2]int{{40, 7}, {6, 50}} {
		n, dim, k := shape[0], shape[1], 4
		x := make([]float32, n*dim)
		for i := range x {
			x[i] = float32(r.NormFloat64() * float64(1+i%dim))
		}
		p, err := NewPCA(x, dim, k)
		if err != nil {
			t.Fatal(err)
		}
		at := p.Apply(x)
		for j := range k {
			a := p.Directions[j*dim : (j+1)*dim]
			most := 0
			for i := range a {
				if math.Abs(a[i]) > math.Abs(a[most]) {
					most = i
				}
			}
			if a[most] < 0 {
				t.Errorf("%v: direction %d has its largest entry below 0", shape, j)
			}
			for l := range k {
				want := 0.0
				if l == j {
					want = 1
				}
				if got := dot(a, p.Directions[l*dim:(l+1)*dim]); math.Abs(got-want) > 1e-9 {
					t.Errorf("%v: product of directions %d and %d is %v", shape, j, l, got)
				}
			}
			var square float64
			for i := range n {
				square += at[i*k+j] * at[i*k+j] / float64(n-1)
			}
			if math.Abs(square/p.Variance[j]-1) > 1e-9 {
				t.Errorf("%v: variance along direction %d is %v, said %v", shape, j, square, p.Variance[j])
			}
		}
	}
	if _, err := NewPCA(make([]float32, 12), 4, 3); err == nil {
		t.Error("three directions of three rows are not refused")
	}
}

func goldenRidge(t *testing.T, g *golden.Fixture) {
	x, y, test := g.Inputs["x"], ints(g.Inputs["y"].Data), floats32(g.Inputs["x_test"].Data)
	classes := g.Outputs["bias"].Shape[0]
	f := Features{TrainX: floats32(x.Data), TrainY: y, TestX: test, TestY: make([]int32, len(test)/x.Shape[1]),
		Dim: x.Shape[1], Classes: classes}
	alpha := golden.Param[float64](t, g, "alpha")
	p := &Ridge{Alpha: []float64{alpha}}
	r := p.prepare(f, rowsBut(f, nil))
	scores, w, err := r.scores(alpha, test)
	if err != nil {
		t.Fatal(err)
	}
	var weight, bias, all []float64
	for c := range classes {
		b := r.means[c]
		for j := range f.Dim {
			weight = append(weight, w.At(j, c))
			b -= w.At(j, c) * r.scale.mean[j]
		}
		bias = append(bias, b)
	}
	for i := range f.TestY {
		all = append(all, scores.RawRowView(i)...)
	}
	golden.Compare(t, "weight", weight, g.Outputs["weight"], 1e-6)
	golden.Compare(t, "bias", bias, g.Outputs["bias"], 1e-6)
	golden.Compare(t, "test scores", all, g.Outputs["test_scores"], 1e-6)
	for i := range f.TestY { // the protocol is right about the class of the largest score
		row := all[i*classes : (i+1)*classes]
		for c, v := range row {
			if v > row[f.TestY[i]] {
				f.TestY[i] = int32(c)
			}
		}
	}
	rs, err := p.Evaluate(context.Background(), f)
	if err != nil || rs[0].Value != 1 {
		t.Errorf("ridge top1 is %v (%v), want 1", rs, err)
	}
}

func goldenSilhouette(t *testing.T, g *golden.Fixture) {
	x, of := g.Inputs["points"], ints(g.Inputs["labels"].Data)
	got := silhouette(floats32(x.Data), x.Shape[1], of, 4)
	golden.Compare(t, "silhouette", []float64{got}, g.Outputs["silhouette_cosine"], 1e-6)
	// Groups that are empty change nothing.
	if more := silhouette(floats32(x.Data), x.Shape[1], of, 9); more != got {
		t.Errorf("with empty groups the silhouette is %v, want %v", more, got)
	}
}

func goldenCKA(t *testing.T, g *golden.Fixture) {
	a, b := g.Inputs["a"], g.Inputs["b"]
	x, y := floats32(a.Data), floats32(b.Data)
	got, err := LinearCKA(x, a.Shape[1], y, b.Shape[1])
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "cka", []float64{got}, g.Outputs["cka"], 1e-6)
	swapped, err := LinearCKA(y, b.Shape[1], x, a.Shape[1])
	if err != nil || math.Abs(swapped-got) > 1e-12 {
		t.Errorf("swapped CKA is %v (%v), want %v", swapped, err, got)
	}
}
