package equivariant

import (
	"testing"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods"
)

type node = *graph.Node

// ours names the fixtures' words for differences.
var ours = map[string]string{"crop": "crop", "color": "color", "flip": "flip", "blur": "blur", "rot": "turn",
	"sol": "solarize"}

// augself is the weighted sum of the predictors' losses, here with linear predictors.
func augself(c *ongraph.Case) {
	z1, z2 := c.In("z1", golden.Same), c.In("z2", golden.Same)
	rows := op.Concat(0, op.Concat(1, z1, z2), op.Concat(1, z2, z1))
	var terms []methods.Term
	for theirs, name := range ours {
		for _, d := range differences {
			if d.name != name {
				continue
			}
			y := op.MatMul(rows, c.In("w_"+theirs, golden.Linear), false, false)
			var target node
			if name == "turn" {
				target = oneHot(c.Scope, op.Concat(0, c.Ints("d_rot1"), c.Ints("d_rot2")))
			} else {
				target = op.Concat(0, c.In("d_"+theirs+"1", golden.Same), c.In("d_"+theirs+"2", golden.Same))
			}
			loss := d.loss(y, op.StopGradient(target))
			c.Out(theirs, loss, golden.Same)
			terms = append(terms, methods.Term{Weight: golden.Param[float64](c.T, c.F, theirs), Value: loss})
		}
	}
	c.Out("loss", methods.Objective{Terms: terms}.Loss(), golden.Same)
}

// oneHot is quarter turns [N] int32 as [N,4].
func oneHot(s *graph.Scope, turns node) node {
	n := op.ShapeOf(turns)[0]
	return s.Equal(op.Reshape(s.Float(turns), n, 1), s.Floats("four", []float64{0, 1, 2, 3}, 4))
}

// targets are the differences of drawn parameters. The authors' code mirrors one crop by the flip of the other;
// crop_intended does not.
func targets(t *testing.T, f *golden.Fixture) {
	columns := []string{"crop_top", "crop_left", "crop_height", "crop_width", "flip", "vertical_flip", "brightness",
		"contrast", "saturation", "hue", "blur", "quarter_turns"}
	n := f.Inputs["crop1"].Shape[0]
	row := func(view string, i int) []float64 {
		in := func(name string, at int) float64 { return f.Inputs[name+view].Data[at] }
		v := []float64{in("crop", 4*i), in("crop", 4*i+1), in("crop", 4*i+2), in("crop", 4*i+3), in("flip", i), 0, 1, 1,
			1, 0, 0, in("rotation", i)}
		if in("jitter_applied", i) == 1 {
			for k := range 4 {
				v[6+k] = in("jitter", 4*i+k)
			}
		}
		if in("blur_applied", i) == 1 {
			v[10] = in("sigma", i)
		}
		return v
	}
	ranges := make([]float64, len(columns))
	for k, name := range columns {
		ranges[k] = 1
		if _, ok := f.Params[name]; ok {
			ends := golden.Param[[]float64](t, f, name)
			ranges[k] = ends[1] - ends[0]
		}
	}
	// the file has none, and nothing to differentiate
	f.Outputs["loss"] = golden.Tensor{Shape: []int{}, Data: []float64{0}}
	ongraph.Check(t, f, true, func(c *ongraph.Case) {
		view := func(view string) node {
			var all []float64
			for i := range n {
				all = append(all, row(view, i)...)
			}
			return c.Floats("params"+view, all, n, len(columns))
		}
		p := pair{s: c.Scope, of: feed.Field{Columns: columns}, ranges: ranges, first: view("1"), second: view("2")}
		for _, d := range differences {
			switch d.name {
			case "crop":
				c.Out("crop_intended", d.between(p), golden.Same)
			case "turn":
				four := c.Floats("four", []float64{0, 1, 2, 3}, 4)
				c.Out("rot", op.SumAxes(op.Mul(d.between(p), four), false, 1), golden.Same)
			case "solarize": // its target is left out there
			default:
				c.Out(d.name, d.between(p), golden.Same)
			}
		}
		c.Out("loss", c.Constant(0), golden.Same)
	})
}

// sie is the whole loss, with the hypernetwork's weights as the reference stores them: a row for each entry of the map,
// out by in, and then of its offset.
func sie(c *ongraph.Case) {
	d, e := golden.Param[int](c.T, c.F, "inv_size"), golden.Param[int](c.T, c.F, "equi_size")
	if !golden.ParamOr(c.T, c.F, "bias_pred", true) {
		c.T.Skip("a predictor without offset; ours has one, as the paper's")
	}
	m := &SIE{Invariance: golden.Param[float64](c.T, c.F, "sim_coeff"), Variance: golden.Param[float64](c.T, c.F,
		"std_coeff"), Covariance: golden.Param[float64](c.T, c.F, "cov_coeff")}
	m.Equivariance = m.Invariance * golden.Param[float64](c.T, c.F, "equi_factor")
	hw, hb := c.In("hyper_weight", golden.Same), c.In("hyper_bias", golden.Same)
	t := c.In("transformation", golden.Same)
	k := op.ShapeOf(t)[1]
	all := op.Concat(1, hw, op.Reshape(hb, e*e+e, 1)) // [E*E+E,K+1]
	w := op.Reshape(op.Transpose(op.Reshape(op.Slice(all, 0, 0, e*e), e, e, k+1), 1, 2, 0), e, (k+1)*e)
	offsets := op.Transpose(op.Slice(all, 0, e*e, e*e+e), 1, 0)
	predict := func(x node) node {
		y := follows(c.Scope, x, t, w, offsets)
		c.Out("prediction", y, golden.Same)
		return y
	}
	terms := m.terms(c.Scope, c.In("x_emb", golden.Same), c.In("y_emb", golden.Same), d, predict)
	for i, name := range []string{"invariance", "equivariance", "std", "pred_std", "cov"} {
		c.Out(name, terms[i].Value, golden.Same)
	}
	c.Out("loss", methods.Objective{Terms: terms}.Loss(), golden.Same)
}

// essl is both terms: the contrast of the views with InfoNCE, as in the authors' CIFAR-10 code, and the turns.
func essl(c *ongraph.Case) {
	tau := golden.Param[float64](c.T, c.F, "temperature")
	z1, z2 := c.In("z1", golden.Same), c.In("z2", golden.Same)
	contrast := op.Scale(op.Add(losses.InfoNCE(c.Scope, z1, z2, nil, tau), losses.InfoNCE(c.Scope, z2, z1, nil, tau)),
		0.5)
	turned, labels := turnedCopies(c.Scope, c.In("images", golden.Image))
	m := &ESSL{Rotation: golden.Param[float64](c.T, c.F, "lmbd")}
	term := m.term(c.In("rotation_logits", golden.Same), labels)
	c.Out("simclr", contrast, golden.Same)
	c.Out("rotation", term.Value, golden.Same)
	c.Out("rotated_images", turned, golden.Image)
	c.Out("rotation_labels", c.Float(labels), golden.Same)
	c.Out("loss", op.Add(contrast, methods.Objective{Terms: []methods.Term{term}}.Loss()), golden.Same)
}

// worldModel is the loss with a linear transition of state and action, and the drawn permutation as the others.
func worldModel(c *ongraph.Case) {
	m := &SEN{Sigma: golden.Param[float64](c.T, c.F, "sigma"), Hinge: golden.Param[float64](c.T, c.F, "hinge")}
	state, next := c.In("state", golden.Same), c.In("next_state", golden.Same)
	at := op.ShapeOf(state)
	if at[1] != 1 {
		c.T.Skip("energies of several objects of an image; ours is one object")
	}
	flat := op.Reshape(state, at[0], at[2])
	move := op.MatMul(op.Concat(1, flat, c.In("action", golden.Same)), c.In("w", golden.Linear), false, false)
	other := op.Reshape(op.Gather(flat, c.Ints("permutation")), at...)
	terms := m.terms(op.Reshape(op.Add(flat, move), at...), next, state, other)
	c.Out("negative_energy", m.energy(state, other), golden.Same)
	c.Out("positive", terms[0].Value, golden.Same)
	c.Out("negative", terms[1].Value, golden.Same)
	c.Out("loss", methods.Objective{Terms: terms}.Loss(), golden.Same)
}

// TestGolden compares losses, their gradients and what is predicted with the reference implementations'.
func TestGolden(t *testing.T) {
	on := func(build func(*ongraph.Case)) func(*testing.T, *golden.Fixture) {
		return func(t *testing.T, f *golden.Fixture) { ongraph.Check(t, f, true, build) }
	}
	cases := map[string]func(*testing.T, *golden.Fixture){
		"augself": on(augself), "augself_targets": targets, "sie_hypernetwork": on(sie),
		"essl_rotation": on(essl), "sen_world_model": on(worldModel)}
	golden.Each(t, "equivariant", cases, func(t *testing.T, f *golden.Fixture,
		check func(*testing.T, *golden.Fixture)) {
		check(t, f)
	})
}
