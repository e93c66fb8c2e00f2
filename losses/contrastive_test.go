package losses_test

import (
	"math"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/losses"
)

// Without negatives of its own InfoNCE picks each row's partner among all rows of k: against plain loops.
func TestInfoNCEOfTheBatch(t *testing.T) {
	const b, d, tau = 4, 3, 0.3
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		s.Output("loss", losses.InfoNCE(s, s.Input("q", b, d), s.Input("k", b, d), nil, tau))
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	r, rows := graph.Rand(3, "rows"), map[string][]float32{}
	for _, name := range []string{"q", "k"} {
		in, err := p.Input(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range in.F32 {
			in.F32[i] = float32(r.NormFloat64())
		}
		rows[name] = in.F32
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	out, err := p.Output("loss")
	if err != nil {
		t.Fatal(err)
	}
	cosine := func(a, b []float32) float64 {
		var ab, aa, bb float64
		for i := range a {
			x, y := float64(a[i]), float64(b[i])
			ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
		}
		return ab / math.Sqrt(aa*bb)
	}
	want := 0.0
	for i := range b {
		sum, own := 0.0, 0.0
		for j := range b {
			s := cosine(rows["q"][i*d:(i+1)*d], rows["k"][j*d:(j+1)*d]) / tau
			sum += math.Exp(s)
			if i == j {
				own = s
			}
		}
		want += (math.Log(sum) - own) / b
	}
	if got := out.At(0); math.Abs(got-want) > 1e-5*want {
		t.Errorf("got %v, want %v", got, want)
	}
}
