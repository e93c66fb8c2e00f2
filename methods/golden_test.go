package methods_test

import (
	"testing"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/correlation"
	"selfsup/methods/masked"
)

type node = *graph.Node

// vicreg is the weighted sum of the three terms. Files give weights of 0 for single terms, and may give the unweighted
// terms as outputs.
func vicreg(c *ongraph.Case) {
	if eps := golden.Param[float64](c.T, c.F, "eps"); eps != 1e-4 {
		c.T.Skipf("eps %v below the root; the paper's 1e-4 is fixed here", eps)
	}
	m := &correlation.VICReg{
		Invariance: golden.Param[float64](c.T, c.F, "sim_coeff"),
		Variance:   golden.Param[float64](c.T, c.F, "std_coeff"),
		Covariance: golden.Param[float64](c.T, c.F, "cov_coeff"),
	}
	terms := m.Terms([]node{c.In("x", golden.Same), c.In("y", golden.Same)}, 2)
	for _, t := range terms {
		if _, ok := c.F.Outputs[t.Name]; ok {
			c.Out(t.Name, t.Value, golden.Same)
		}
	}
	c.Out("loss", methods.Objective{Terms: terms}.Loss(), golden.Same)
}

// symmetric is the sum of a regression loss over both directions, or its mean.
func symmetric(f func(p, z node) node, how string) func(*ongraph.Case) {
	return func(c *ongraph.Case) {
		scale := 1.0
		switch s := golden.ParamOr(c.T, c.F, "symmetric", how); s {
		case "sum":
		case "mean":
			scale = 0.5
		default:
			c.T.Skipf("symmetric = %q: neither sum nor mean", s)
		}
		both := op.Add(f(c.In("p1", golden.Same), c.In("z2", golden.Same)),
			f(c.In("p2", golden.Same), c.In("z1", golden.Same)))
		c.Out("loss", op.Scale(both, scale), golden.Same)
	}
}

// reconstruction is MAE's loss for painted patches and a mask of hidden ones.
func reconstruction(c *ongraph.Case) {
	x, p := c.In("imgs", golden.Image), golden.Param[int](c.T, c.F, "patch_size")
	target := masked.PatchTarget(x, p, golden.Param[bool](c.T, c.F, "norm_pix_loss"))
	c.Out("patches", layer.Patchify(x, p), golden.Same)
	c.Out("loss", losses.PatchMSE(c.In("pred", golden.Same), target, c.In("mask", golden.Same)), golden.Same)
}

var lossCases = map[string]func(c *ongraph.Case){
	"ntxent": func(c *ongraph.Case) {
		z := op.Concat(0, c.In("out0", golden.Same), c.In("out1", golden.Same))
		c.Out("loss", losses.NTXent(c.Scope, z, golden.Param[float64](c.T, c.F, "temperature")), golden.Same)
	},
	"vicreg": vicreg, "vicreg_invariance": vicreg, "vicreg_variance": vicreg, "vicreg_covariance": vicreg,
	"mae_norm_pix": reconstruction, "mae_pixels": reconstruction,
	"byol": symmetric(losses.Regression, "sum"),
	"negative_cosine": func(c *ongraph.Case) {
		c.Out("loss", losses.NegativeCosine(c.In("x0", golden.Same), c.In("x1", golden.Same)), golden.Same)
	},
	"simsiam": symmetric(func(p, z node) node { return losses.NegativeCosine(p, op.StopGradient(z)) }, "mean"),
}

// TestGoldenLosses compares values and gradients of losses with the reference implementations'.
func TestGoldenLosses(t *testing.T) {
	golden.Each(t, "losses", lossCases, func(t *testing.T, f *golden.Fixture, build func(*ongraph.Case)) {
		ongraph.Check(t, f, true, build)
	})
}
