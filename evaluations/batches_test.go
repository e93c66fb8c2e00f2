package evaluations

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optim"
)

// Gradient descent with momentum and a rate that falls along half a cosine, of two classifiers beside each other,
// against plain loops in float64: three steps of all rows.
func TestBatchesAgainstLoops(t *testing.T) {
	const n, dim, classes, epochs = 24, 5, 3, 3
	f := clouds(n, 7, dim, classes, 1, 2)
	var list []classifier
	rates := []float64{0.5, 2}
	for _, rate := range rates {
		list = append(list, classifier{
			build: func(s *graph.Scope, x *graph.Node) *graph.Node {
				w := s.Param("weight", graph.Fill(0), dim, classes)
				return op.Add(layer.Product(s, x, w), s.Param("bias", graph.Fill(0), classes))
			},
			rates: &optim.SGD{Rate: cosine(rate, 0.1), Momentum: 0.9},
		})
	}
	b, err := newBatches(f, rowsBut(f, nil), false, 999, epochs, list)
	if err != nil {
		t.Fatal(err)
	}
	for range epochs {
		if err := b.epoch(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	ranks, err := b.ranks(context.Background(), f.TestX, f.TestY)
	if err != nil {
		t.Fatal(err)
	}
	for i, rate := range rates {
		var w, m [dim + 1][classes]float64 // the last row is the bias
		scores := func(x []float32) (z [classes]float64) {
			for c := range z {
				z[c] = w[dim][c]
				for j, v := range x {
					z[c] += float64(v) * w[j][c]
				}
			}
			return z
		}
		for step := range epochs {
			var g [dim + 1][classes]float64
			for k, y := range f.TrainY {
				x := f.TrainX[k*dim : (k+1)*dim]
				z := scores(x)
				var sum float64
				for _, v := range z {
					sum += math.Exp(v)
				}
				for c, v := range z {
					d := math.Exp(v) / sum
					if c == int(y) {
						d--
					}
					for j, v := range x {
						g[j][c] += d * float64(v) / n
					}
					g[dim][c] += d / n
				}
			}
			now := rate * n / 256 * (1 + math.Cos(math.Pi*float64(step)/epochs)) / 2
			for j := range g {
				for c := range g[j] {
					if j < dim {
						g[j][c] += 0.1 * w[j][c]
					}
					m[j][c] = 0.9*m[j][c] + g[j][c]
					w[j][c] -= now * m[j][c]
				}
			}
		}
		for k, y := range f.TestY {
			z := scores(f.TestX[k*dim : (k+1)*dim])
			for c, want := range z {
				if got := float64(b.logits[i].F32[k*classes+c]); math.Abs(got-want) > 1e-5 {
					t.Fatalf("rate %v: logit %d of row %d is %v, by loops %v", rate, c, k, got, want)
				}
			}
			if want := rank(z[:], y); ranks[i][k] != want {
				t.Errorf("rate %v: row %d has rank %d, by loops %d", rate, k, ranks[i][k], want)
			}
		}
	}
}

// The rate is chosen on the validation split, and one at the end of the grid is marked. A classifier of one rate is
// what the grid's choice is.
func TestLinearSGD(t *testing.T) {
	f := clouds(500, 300, 20, 7, 2, 3)
	p := DefaultLinearSGD()
	p.Rates = []float64{1e-9, 0.1}
	rs := results(t, p, f)
	if rs[0].Settings["rate"] != 0.1 || len(rs[0].Notes) != 1 || !strings.Contains(rs[0].Notes[0],
		"largest of the grid") {
		t.Errorf("%+v, want the rate 0.1, marked as the largest", rs[0])
	}
	one := *p
	one.Rates = []float64{0.1}
	if got := results(t, &one, f)[0]; got.Value != rs[0].Value || got.Notes != nil {
		t.Errorf("alone the rate 0.1 has %v with notes %q, chosen %v", got.Value, got.Notes, rs[0].Value)
	}
	if optimum := results(t, DefaultLinear(), f)[0].Value; rs[0].Value < optimum-0.1 {
		t.Errorf("top1 %v, the optimum has %v", rs[0].Value, optimum)
	}
	f.Held = nil
	if _, err := p.Evaluate(context.Background(), f); err == nil || !strings.Contains(err.Error(),
		"no validation split") {
		t.Errorf("no split: %v", err)
	}
	one.Rates = []float64{3e38}
	if _, err := one.Evaluate(context.Background(), f); err == nil || !strings.Contains(err.Error(),
		"want smaller rates") {
		t.Errorf("a huge rate: %v", err)
	}
}

// A hidden layer tells classes apart that no linear classifier does; labels of noise end the training early; what was
// not ended is marked.
func TestMLP(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 3))
	f := Features{Dim: 6, Classes: 2, Seed: 1}
	draw := func(n int) (x []float32, y []int32) { // the class is the sign of a product
		for range n {
			at := len(x)
			for range f.Dim {
				x = append(x, float32(r.NormFloat64()))
			}
			class := int32(0)
			if x[at]*x[at+1] > 0 {
				class = 1
			}
			y = append(y, class)
		}
		return x, y
	}
	f.TrainX, f.TrainY = draw(2000)
	f.TestX, f.TestY = draw(500)
	for i := 4; i < 2000; i += 5 {
		f.Held = append(f.Held, int32(i))
	}
	p := DefaultMLP()
	p.Rate = 1e-2
	deep, flat := results(t, p, f)[0], results(t, DefaultLinear(), f)[0]
	if deep.Value < 0.85 || flat.Value > 0.6 {
		t.Errorf("with a hidden layer %v, linear %v; want it learnt by the first alone", deep.Value, flat.Value)
	}
	noise := f
	noise.TrainY = make([]int32, 2000)
	for i := range noise.TrainY {
		noise.TrainY[i] = int32(r.IntN(2))
	}
	p.Epochs, p.Patience = 200, 3
	if rs := results(t, p, noise); rs[0].Settings["epochs"].(int) > 100 || rs[0].Notes != nil ||
		rs[0].Settings["epochs"].(int) != rs[0].Settings["epoch"].(int)+3 {
		t.Errorf("labels of noise: %+v, want an early end three epochs after the best", rs[0].Settings)
	}
	p.Epochs, p.Patience = 2, 10
	if rs := results(t, p, f); len(rs[0].Notes) != 1 || !strings.Contains(rs[0].Notes[0],
		"of 2: early stopping has not") {
		t.Errorf("two epochs: notes %q", rs[0].Notes)
	}
	f.Held = nil
	if _, err := p.Evaluate(context.Background(), f); err == nil || !strings.Contains(err.Error(), "validation split") {
		t.Errorf("no split: %v", err)
	}
}

// BenchmarkLinearSGD is ten rates over 50,000 rows of 512, and BenchmarkMLP one epoch of them.
func BenchmarkLinearSGD(b *testing.B) { benchmark(b, DefaultLinearSGD(), true) }

func BenchmarkMLP(b *testing.B) {
	p := DefaultMLP()
	p.Epochs = 1
	benchmark(b, p, true)
}
