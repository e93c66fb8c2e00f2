package dense

import (
	"math"
	"testing"

	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
)

// The loss of what is predicted and its gradient against lightly's, assignments included.
func TestGoldenCAPI(t *testing.T) {
	f := golden.Load(t, "losses/capi")
	param := func(key string) float64 { return golden.Param[float64](t, f, key) }
	ongraph.Check(t, f, true, func(c *ongraph.Case) {
		m := &CAPI{Temperature: param("student_temperature")}
		q := losses.SinkhornByPlace(op.StopGradient(c.In("teacher_logits", golden.Same)), param("teacher_temperature"),
			golden.Param[int](t, f, "sinkhorn_iterations"))
		c.Out("loss", m.crossEntropy(c.In("student_logits", golden.Same), q), golden.Same)
	})
}

// A cluster that is far from all samples of a place has its share all the same, in float32: scores are not bounded.
func TestSharesOfFarClusters(t *testing.T) {
	scores := make([]float32, 4*1*2) // [B,T,K]: of the second cluster all are 30 less
	for i := range 4 {
		scores[2*i], scores[2*i+1] = float32(i)/4, -30-float32(i)/4
	}
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		s.Output("q", losses.SinkhornByPlace(s.Input("scores", 4, 1, 2), 0.06, 20))
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(device.Host(), graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	in, err := p.Input("scores")
	if err != nil {
		t.Fatal(err)
	}
	copy(in.F32, scores)
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	q := ongraph.Read(t, p, "q")
	for cluster := range 2 {
		sum := 0.0
		for i := range 4 {
			sum += q[2*i+cluster]
		}
		if !(math.Abs(sum-2) < 1e-3) {
			t.Errorf("cluster %d has %v of four samples, want 2: %v", cluster, sum, q)
		}
	}
}
