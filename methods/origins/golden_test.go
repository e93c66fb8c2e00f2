package origins_test

import (
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/methods/origins"
)

// given samples by the uniform numbers of a fixture, one input a call: a unit is on where u < p.
func given(c *ongraph.Case, inputs ...string) func(p *graph.Node) *graph.Node {
	return func(p *graph.Node) *graph.Node {
		u := c.In(inputs[0], golden.Same)
		inputs = inputs[1:]
		return op.Less(u, p)
	}
}

// machine is the machine whose parameters are inputs of a fixture.
func machine(c *ongraph.Case, path, w, b, h string) origins.Machine {
	weight := c.As(path+"/weight", w, golden.Same)
	c.As(path+"/bias", h, golden.Same)
	shape := op.ShapeOf(weight)
	return origins.Machine{Units: backbones.NewUnits(c.Scope.In(path), shape[0], shape[1]),
		Visible: c.In(b, golden.Same)}
}

// step declares the parameters after a step of descent on the machine's divergence, which the file has as outputs.
func step(c *ongraph.Case, m origins.Machine, data, made *graph.Node, w, b, h string) {
	rate := golden.Param[float64](c.T, c.F, "lr")
	decay := golden.ParamOr(c.T, c.F, "weight_decay", 0.0)
	params := []*graph.Node{m.Weight, m.Visible, m.Bias}
	for i, g := range c.Gradients(m.Divergence(data, made), params) {
		if i == 0 {
			g = op.Add(g, op.Scale(m.Weight, decay))
		}
		c.Out([]string{w, b, h}[i], op.Sub(params[i], op.Scale(g, rate)), golden.Same)
	}
}

// TestGolden compares with the formulas of the papers, worked out by code of others: the losses of both players of
// BiGAN, one step of contrastive divergence, and one of the second machine of a stack, from samples that the files
// give.
func TestGolden(t *testing.T) {
	golden.Each(t, "origins", map[string]func(c *ongraph.Case){
		"bigan": func(c *ongraph.Case) {
			real, fake := c.In("d_real", golden.Same), c.In("d_fake", golden.Same)
			d, g := origins.Discriminate(real, fake), origins.Discriminate(fake, real)
			c.Out("discriminator", d, golden.Same)
			c.Out("generator_encoder", g, golden.Same)
			c.Out("loss", op.Add(d, op.Scale(g, 0.5)), golden.Same)
		},
		"rbm_cd1": func(c *ongraph.Case) {
			m := machine(c, "rbm", "W", "b_visible", "c_hidden")
			v := c.In("v0", golden.Same)
			made := m.Gibbs(v, 1, given(c, "u_h0", "u_v1"))
			h := m.Up(v)
			c.Out("hidden_prob", h, golden.Same)
			c.Out("visible_sample", made, golden.Same)
			c.Out("hidden_prob_after", m.Up(made), golden.Same)
			c.Out("free_energy", m.FreeEnergy(v), golden.Same)
			step(c, m, v, made, "W_after", "b_visible_after", "c_hidden_after")
		},
		"dbn_stack": func(c *ongraph.Case) {
			below := machine(c, "first", "W1", "b1", "c1")
			m := machine(c, "second", "W2", "b2", "c2")
			v := below.Up(c.In("x", golden.Same))
			made := m.Gibbs(v, 1, given(c, "u_h0", "u_v1"))
			c.Out("layer1_prob", v, golden.Same)
			c.Out("layer2_prob", m.Up(v), golden.Same)
			top := op.Less(c.In("u_h0", golden.Same), m.Up(v))
			c.Out("down_pass", below.Down(m.Down(top)), golden.Same)
			step(c, m, op.StopGradient(v), made, "W2_after", "b2_after", "c2_after")
		},
	}, func(t *testing.T, f *golden.Fixture, build func(*ongraph.Case)) { ongraph.Check(t, f, true, build) })
}
