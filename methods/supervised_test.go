package methods_test

import (
	"math"
	"testing"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// The supervised loss, its gradient and the accuracy are those of the labelled images of a batch, against plain loops;
// images without a label change nothing, and a batch of them alone gives zeros, and an accuracy that is no number.
func TestSupervisedPartlyLabelled(t *testing.T) {
	const size, classes, dim = 6, 3, 4
	enc := methods.Encoder{Dim: dim, New: func(*graph.Scope) layer.Func {
		return func(x *graph.Node) *graph.Node { return op.Reshape(x, size, dim) }
	}}
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		batch := methods.NewBatch(s, size, methodtest.Images(2, 2, 1))
		obj := (&methods.Supervised{}).Build(s, enc, batch)
		s.Output("loss", obj.Loss())
		s.Output("accuracy", obj.Metrics[0].Value)
		s.Output("gradient", s.Gradients(obj.Loss(), []*graph.Node{batch.View(0)})[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(1)
	p, err := g.Compile(cpu.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	x, r := p.Inputs()[feed.View(0)].F32, graph.Rand(3, "x")
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	w, b := st.Get("classifier/weight").F32, st.Get("classifier/bias").F32
	for _, labels := range [][]int32{{0, 1, 2, 2, 1, 0}, {0, -1, 2, -1, -1, 1}, {-1, -1, -1, -1, 2, -1},
		{-1, -1, -1, -1, -1, -1}} {
		copy(p.Inputs()[feed.Labels].I32, labels)
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		var loss, hits, n float64
		probabilities := make([][]float64, size)
		for i, l := range labels {
			z, sum, best := make([]float64, classes), 0.0, 0
			for k := range z {
				z[k] = float64(b[k])
				for j := range dim {
					z[k] += float64(x[i*dim+j]) * float64(w[j*classes+k])
				}
				sum += math.Exp(z[k])
				if z[k] > z[best] {
					best = k
				}
			}
			for k := range z {
				z[k] = math.Exp(z[k]) / sum
			}
			if probabilities[i] = z; l < 0 {
				continue
			}
			n++
			loss -= math.Log(z[l])
			if best == int(l) {
				hits++
			}
		}
		output := func(name string) []float32 {
			out, err := p.Output(name)
			if err != nil {
				t.Fatal(err)
			}
			return out.F32
		}
		if got, want := float64(output("loss")[0]), loss/max(n, 1); !(math.Abs(got-want) <= 1e-5) {
			t.Errorf("labels %v: loss %v, want %v", labels, got, want)
		}
		if got, want := float64(output("accuracy")[0]), hits/n; !(math.Abs(got-want) <= 1e-6 || n == 0 &&
			math.IsNaN(got)) {
			t.Errorf("labels %v: accuracy %v, want %v", labels, got, want)
		}
		for i, l := range labels {
			for j := range dim {
				want := 0.0
				for k := range classes {
					if l >= 0 {
						d := probabilities[i][k]
						if k == int(l) {
							d--
						}
						want += d * float64(w[j*classes+k]) / n
					}
				}
				if got := float64(output("gradient")[i*dim+j]); !(math.Abs(got-want) <= 1e-5) {
					t.Errorf("labels %v: gradient with respect to image %d, %d is %v, want %v", labels, i, j, got, want)
				}
			}
		}
	}
}
