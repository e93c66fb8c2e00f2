package masked

import (
	"math/rand/v2"
	"slices"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
	"selfsup/internal/golden/ongraph"
)

// Of a codebook whose codes but one point away from all vectors, the one that has vectors stays, the others become
// vectors, other ones in every step until enough have them, and soon all codes are used.
func TestCodesRestart(t *testing.T) {
	const k, n, d = 8, 64, 3
	away := func(a ir.Array, _ *rand.Rand) {
		for i := range k {
			a.Set(i*d, -1)
		}
		a.Set(0, 1)
	}
	towards := func(a ir.Array, r *rand.Rand) { // a half of the sphere
		graph.UnitNormal()(a, r)
		for i := range n {
			a.Set(i*d, max(a.At(i*d), -a.At(i*d)))
		}
	}
	g, err := graph.Build(graph.Options{Training: true, DType: ir.F64}, func(s *graph.Scope) {
		codebook, z := s.State("codebook", away, k, d), s.State("z", towards, n, d)
		codes := nearestCode(z, codebook)
		s.Update(codebook, restarted(s, nextDirections(s, codebook, z, codes, 0.5), z, codes, 0.5, 3))
		s.Output("codebook", op.Scale(codebook, 1))
		s.Output("z", z)
		s.Output("perplexity", perplexity(s, codes, k))
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(ref.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	var z []float64
	isVector := func(row []float64) bool {
		for i := range n {
			if slices.Equal(row, z[i*d:(i+1)*d]) {
				return true
			}
		}
		return false
	}
	var perplexities []float64
	for step := range 12 {
		p.Schedule(graph.Time{Step: step, Steps: 12})
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		z = ongraph.Read(t, p, "z")
		perplexities = append(perplexities, ongraph.Read(t, p, "perplexity")[0])
		if step != 1 {
			continue
		}
		codebook := ongraph.Read(t, p, "codebook")
		if isVector(codebook[:d]) {
			t.Error("the code that all vectors had was restarted")
		}
		for i := 1; i < k; i++ {
			if row := codebook[i*d : (i+1)*d]; !isVector(row) {
				t.Errorf("code %d, which no vector had, is %v, want one of the vectors", i, row)
			}
		}
	}
	if first, last := perplexities[0], perplexities[len(perplexities)-1]; first > 1.001 || last < 6 {
		t.Errorf("the codes' perplexities are %.3v, want 1 at first and nearly %d at last", perplexities, k)
	}
}
