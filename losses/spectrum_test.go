package losses_test

import (
	"math"
	"testing"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
)

// Singular values and determinants of matrices whose values are known: rotations of diagonal ones.
func TestSpectrum(t *testing.T) {
	c, s := math.Cos(0.7), math.Sin(0.7)
	turn := func(a, b float64) []float64 { return []float64{c * a, -s * b, s * a, c * b} }
	_, out := compute(t, func(g *graph.Scope) {
		g.Output("nuclear", losses.NuclearNorm(g.Floats("x", turn(3, 0.5), 2, 2)))
		g.Output("both", losses.NuclearNorm(g.Floats("xs", append(turn(3, 0.5), turn(2, 0)...), 2, 2, 2)))
		x := g.Floats("x", turn(3, 0.5), 2, 2)
		g.Output("logdet", losses.LogDet(g, op.Gram(x)))
	}, nil)
	expect(t, "nuclear norm", out("nuclear"), []float64{3.5})
	expect(t, "of two matrices, one of rank 1", out("both"), []float64{5.5})
	expect(t, "log det", out("logdet"), []float64{2 * math.Log(1.5)})
}

// KoLeo of corners of a square is minus the logarithm of its side, and falls where rows spread.
func TestKoLeo(t *testing.T) {
	_, out := compute(t, func(g *graph.Scope) {
		g.Output("square", losses.KoLeo(g, g.Floats("square", []float64{2, 0, 0, 3, -1, 0, 0, -0.5}, 4, 2)))
		g.Output("pair", losses.KoLeo(g, g.Floats("pair", []float64{1, 0, 1, 0.01, -1, 0, -1, 0.01}, 4, 2)))
	}, nil)
	expect(t, "of a square's corners", out("square"), []float64{-math.Log(math.Sqrt2)})
	if near := out("pair")[0]; !(near > 4 && near < 5) {
		t.Errorf("of rows that are 0.01 apart: %v, want about %v", near, -math.Log(0.01))
	}
}

// Sinkhorn's assignments give every sample 1, and every prototype the same where there are enough iterations; scores
// that are far from 0 stay finite.
func TestSinkhorn(t *testing.T) {
	scores := []float64{1, 0, 0, 1, 0.2, 0.1, 1, 0.3, 0.3, 0, 1, 0.5}
	far := make([]float64, len(scores))
	for i := range far {
		far[i] = scores[i] + 40
	}
	_, out := compute(t, func(g *graph.Scope) {
		g.Output("q", losses.Sinkhorn(g.Floats("scores", scores, 4, 3), 0.2, 50))
		g.Output("far", losses.Sinkhorn(g.Floats("far", far, 4, 3), 0.2, 50))
	}, nil)
	q := out("q")
	rows, columns := make([]float64, 4), make([]float64, 3)
	for i, v := range q {
		rows[i/3] += v
		columns[i%3] += v
	}
	expect(t, "rows", rows, []float64{1, 1, 1, 1})
	for j, v := range columns {
		if math.Abs(v-4.0/3) > 1e-3 {
			t.Errorf("prototype %d has %v samples, want %v", j, v, 4.0/3)
		}
	}
	for i, v := range out("far") {
		if math.Abs(v-q[i]) > 1e-3 {
			t.Errorf("scores moved by 40: assignment %d is %v, want %v", i, v, q[i])
		}
	}
}
