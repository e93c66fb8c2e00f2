package dense

import (
	"testing"

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
