package dense

import (
	"testing"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/methods"
)

// All terms, their sum and its gradients against the authors' code, and the sum against lightly's, which orders matches
// by distance.
func TestGoldenVICRegL(t *testing.T) {
	for name, order := range map[string]string{"losses/vicregl_official": byPlace,
		"losses/vicregl_lightly": byDistance} {
		f := golden.Load(t, name)
		ongraph.Check(t, f, true, func(c *ongraph.Case) {
			param := func(key string) float64 { return golden.Param[float64](t, f, key) }
			m := &VICRegL{Matches: golden.Pair(t, f, "num_matches"), Global: param("alpha"), Order: order,
				Invariance: param("inv_coeff"), Variance: param("var_coeff"), Covariance: param("cov_coeff")}
			of := func(v string) places {
				grid := c.In("grid"+v, golden.Same)
				return places{c.In("maps"+v, golden.Same), op.Reshape(grid, op.ShapeOf(grid)[0], -1, 2)}
			}
			terms := m.terms(c.Scope, []*graph.Node{c.In("emb0", golden.Same), c.In("emb1", golden.Same)},
				[]places{of("0"), of("1")}, 2)
			for i, output := range []string{"global_inv", "global_var", "global_cov", "local_inv", "local_var",
				"local_cov"} {
				if _, ok := f.Outputs[output]; ok {
					share := []float64{m.Global, 1 - m.Global}[i/3]
					c.Out(output, op.Scale(terms[i].Value, terms[i].Weight/share), golden.Same)
				}
			}
			c.Out("loss", methods.Objective{Terms: terms}.Loss(), golden.Same)
		})
	}
}
