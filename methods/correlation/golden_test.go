package correlation

import (
	"fmt"
	"slices"
	"testing"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods"
)

// barlowTwins is the weighted sum of both terms; files may scale it.
func barlowTwins(c *ongraph.Case) {
	m := &BarlowTwins{OffDiagonal: golden.Param[float64](c.T, c.F, "lambd"),
		Scale: golden.ParamOr(c.T, c.F, "scale_loss", 1.0)}
	if eps := golden.Param[float64](c.T, c.F, "bn_eps"); eps != 1e-5 {
		c.T.Skipf("epsilon %v of the batch norm; 1e-5 is fixed here", eps)
	}
	z := []*graph.Node{c.In("z1", golden.Same), c.In("z2", golden.Same)}
	c.Out("loss", methods.Objective{Terms: m.Terms(z, 2)}.Loss(), golden.Same)
}

// views are the inputs name0, name1 ... of a file.
func views(c *ongraph.Case, name string) (z []*graph.Node) {
	for {
		v := fmt.Sprint(name, len(z))
		if _, ok := c.F.Inputs[v]; !ok {
			return z
		}
		z = append(z, c.In(v, golden.Same))
	}
}

// rows are the parts of x [V,B,D] along its first axis.
func rows(x *graph.Node) (parts []*graph.Node) {
	for v := range op.ShapeOf(x)[0] {
		parts = append(parts, op.Row(x, v))
	}
	return parts
}

// stack are the views of an input [V,B,D].
func stack(c *ongraph.Case, name string) []*graph.Node { return rows(c.In(name, golden.Same)) }

// TestGolden compares values and gradients of losses with the reference implementations'.
func TestGolden(t *testing.T) {
	param := func(c *ongraph.Case, key string) float64 { return golden.Param[float64](c.T, c.F, key) }
	golden.Each(t, "losses", map[string]func(c *ongraph.Case){
		"barlow_twins":        barlowTwins,
		"barlow_twins_scaled": barlowTwins,
		"emp_ssl": func(c *ongraph.Case) {
			m := &EMPSSL{Similarity: param(c, "patch_sim"), Distortion: param(c, "eps")}
			terms := m.Terms(c.Scope, stack(c, "z"))
			terms[1].Weight = param(c, "tcr")
			c.Out("sim", terms[0].Value, golden.Same)
			c.Out("tcr", terms[1].Value, golden.Same)
			c.Out("loss", methods.Objective{Terms: terms}.Loss(), golden.Same)
		},
		"frossl": func(c *ongraph.Case) {
			m := &FroSSL{Invariance: param(c, "invariance_weight")}
			c.Out("loss", methods.Objective{Terms: m.Terms(views(c, "z"))}.Loss(), golden.Same)
		},
		"koleo": func(c *ongraph.Case) {
			if eps := param(c, "eps"); eps != 1e-8 {
				c.T.Skipf("epsilon %v; 1e-8 is fixed here", eps)
			}
			c.Out("loss", losses.KoLeo(c.Scope, c.In("x", golden.Same)), golden.Same)
		},
		"lejepa": func(c *ongraph.Case) {
			m := &LeJEPA{Normality: param(c, "lambda_param"), Knots: golden.Param[int](c.T, c.F, "knots"),
				Span: param(c, "t_max")}
			large := stack(c, "global")
			terms := m.Terms(slices.Concat(large, stack(c, "local")), large, c.In("directions", golden.Same))
			for _, t := range terms {
				c.Out(t.Name, t.Value, golden.Same)
			}
			c.Out("loss", methods.Objective{Terms: terms}.Loss(), golden.Same)
		},
		"mmcr": func(c *ongraph.Case) {
			m := &MMCR{Local: param(c, "lmda")}
			views := func(x golden.Tensor) golden.Tensor { return golden.Permute(x, 1, 0, 2) } // [V,B,D]
			z := slices.Concat(rows(c.In("online", views)), rows(c.In("momentum", views)))
			c.Out("loss", methods.Objective{Terms: m.Terms(z)}.Loss(), golden.Same)
		},
		"sinkhorn_knopp": func(c *ongraph.Case) {
			c.Out("codes", losses.Sinkhorn(c.In("scores", golden.Same), param(c, "epsilon"),
				golden.Param[int](c.T, c.F, "iterations")), golden.Same)
		},
		"swav": func(c *ongraph.Case) {
			m := &SwAV{Temperature: param(c, "temperature"), Epsilon: param(c, "epsilon"),
				Iterations: golden.Param[int](c.T, c.F, "sinkhorn_iterations")}
			if n := golden.Param[int](c.T, c.F, "queue"); n != 0 {
				c.T.Skipf("a queue of %d scores: the file does not hold them under a name known here", n)
			}
			large := golden.Param[int](c.T, c.F, "num_high_res")
			loss, codes := m.Loss(c.Scope, views(c, "out"), nil, large)
			for i, q := range codes {
				c.Out(fmt.Sprint("codes", i), q, golden.Same)
			}
			c.Out("loss", loss, golden.Same)
		},
		"tico": func(c *ongraph.Case) {
			m := &TiCo{Covariance: param(c, "rho"), Memory: param(c, "beta")}
			step := func(a, b string) *graph.Node {
				z, y := c.In(a, golden.Same), c.In(b, golden.Same)
				return op.Add(op.Shift(losses.NegativeCosine(z, y), 1), op.Scale(m.repulsion(c.Scope, z), m.Covariance))
			}
			d := op.ShapeOf(c.In("a1", golden.Same))[1]
			moments := func() *graph.Node { return c.Updated(c.State("second_moments", graph.Fill(0), d, d)) }
			c.Out("loss_step1", step("a1", "b1"), golden.Same)
			c.Out("C_step1", moments(), golden.Same)
			c.Out("loss", step("a2", "b2"), golden.Same)
			c.Out("C_step2", moments(), golden.Same)
		},
		"vibcreg": func(c *ongraph.Case) {
			m := &VIbCReg{Invariance: param(c, "sim_loss_weight"), Variance: param(c, "var_loss_weight"),
				Covariance: param(c, "cov_loss_weight")}
			if eps := param(c, "eps"); eps != 1e-4 {
				c.T.Skipf("epsilon %v below the root; 1e-4 is fixed here", eps)
			}
			z := []*graph.Node{c.In("x", golden.Same), c.In("y", golden.Same)}
			c.Out("loss", methods.Objective{Terms: m.Terms(z, 2)}.Loss(), golden.Same)
		},
		"wmse": func(c *ongraph.Case) {
			m := &WMSE{SubBatch: golden.Param[int](c.T, c.F, "w_size"), Epsilon: param(c, "eps")}
			h, n := c.In("h", golden.Same), golden.Param[int](c.T, c.F, "num_samples")
			z, _ := methods.SplitViews([]*graph.Node{h}, op.ShapeOf(h)[0]/n)
			orders := c.F.Inputs["perms"] // [iterations,B]
			var terms []*graph.Node
			for i := range orders.Shape[0] {
				order := op.Slice(c.Ints("perms"), 0, i*orders.Shape[1], (i+1)*orders.Shape[1])
				white := m.whiten(c.Scope, z, order)
				if i == 0 {
					back := op.Gather(white[0], op.Argsort(order)) // in the order of h
					c.Out("whitened_first_view", back, golden.Same)
				}
				terms = append(terms, methods.OverPairs(white, n, distance))
			}
			c.Out("loss", losses.Mean(terms), golden.Same)
		},
	}, func(t *testing.T, f *golden.Fixture, build func(*ongraph.Case)) { ongraph.Check(t, f, true, build) })
}
