package contrastive

import (
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods"
)

type node = *graph.Node

func param(c *ongraph.Case, key string) float64 { return golden.Param[float64](c.T, c.F, key) }

// compared are the comparisons of two views of a file.
func compared(c *ongraph.Case, x, y string) losses.Comparisons {
	return losses.Compare(c.Scope, c.In(x, golden.Same), c.In(y, golden.Same))
}

// phiPsi is a member of the family by the name of the file's parameters, as table 1 of arXiv:2201.12680 has it. The
// file gives importances alpha of the pairs too: the gradient with respect to the triplets.
func phiPsi(c *ongraph.Case) {
	value := func(key string) float64 { return golden.ParamOr(c.T, c.F, key, 1.0) }
	m, ok := map[string]*PhiPsi{
		"infonce":             {Phi: "log", Psi: "exp", Temperature: value("tau"), Offset: value("eps")},
		"mine":                {Phi: "log", Psi: "exp", Temperature: 1},
		"triplet":             {Phi: "linear", Psi: "hinge", Temperature: 1, Margin: value("eps")},
		"soft_triplet":        {Phi: "log", Psi: "exp", Temperature: value("tau"), Offset: 1, Margin: value("eps")},
		"n_plus_1_tuplet":     {Phi: "log", Psi: "exp", Temperature: 1, Offset: 1},
		"lifted":              {Phi: "squared_log", Psi: "exp", Temperature: 1, Margin: value("eps")},
		"modified_triplet":    {Phi: "linear", Psi: "sigmoid", Temperature: 1 / value("c")},
		"triplet_contrastive": {Phi: "linear", Psi: "linear", Temperature: 1},
	}[golden.Param[string](c.T, c.F, "family")]
	if !ok {
		c.T.Skip("a family that is not in the paper's table")
	}
	m.Projector = []int{4}
	if err := m.Validate(); err != nil {
		c.T.Fatal(err)
	}
	x := triplets(c.In("f1", golden.Same), c.In("f2", golden.Same)) // [B,B]
	loss := op.SumAll(m.phi(m.sums(x)))
	c.Out("loss", loss, golden.Same)
	b := op.ShapeOf(x)[0]
	var off []int32
	for i := range b * b {
		if i%(b+1) != 0 {
			off = append(off, int32(i))
		}
	}
	alpha := op.Gather(op.Reshape(c.Gradients(loss, []node{x})[0], b*b), c.Scope.Ints("off", off))
	c.Out("alpha", op.Reshape(alpha, b, b-1), golden.Same)
}

// alphaCL is the authors' loss by the names of their settings.
func alphaCL(c *ongraph.Case) {
	if !golden.Param[bool](c.T, c.F, "use_cosine_similarity") || golden.Param[bool](c.T, c.F, "exact_cov_unaug_sim") ||
		param(c, "alpha_eps") != 0 || param(c, "low_rank") != -1 {
		c.T.Skip("products in place of cosines, a floor of the sums or a low rank of the importances are not here")
	}
	m := DefaultAlphaCL()
	m.Weights, m.Temperature, m.Attraction = golden.Param[string](c.T, c.F, "alpha_type"), param(c, "temperature"),
		param(c, "beta")
	m.Exponent = param(c, "alpha_exponent")
	switch how := golden.Param[string](c.T, c.F, "loss_type"); how {
	case "default":
		m.Weights, m.Normalize, m.WithSelf = "infonce", "none", golden.Param[bool](c.T, c.F, "add_one_in_neg")
	case "quadratic":
		m.Weights, m.Normalize = "uniform", "none"
	case "dual":
		m.Normalize = "none"
	case "dual2":
		m.Normalize = "anchor"
	case "dual_per_sample":
		m.Normalize = "batch"
	default:
		c.T.Skipf("loss_type %q is not here", how)
	}
	if m.Weights == "inverse" {
		m.Power = param(c, "inverse_exponent")
	}
	if err := m.Validate(); err != nil {
		c.T.Fatal(err)
	}
	contrast, attract := m.terms(compared(c, "zjs", "zis"))
	if m.Weights != "uniform" { // there the peer's parts are the other way about: negatives, positives
		c.Out("loss_inter", contrast, golden.Same)
		c.Out("loss_intra", attract, golden.Same)
	}
	c.Out("loss", op.Add(contrast, attract), golden.Same)
}

// supcon takes views of the file's features, [B,V,D].
func supcon(c *ongraph.Case) {
	m := &SupCon{Temperature: param(c, "temperature"), Anchors: "all"}
	if golden.ParamOr(c.T, c.F, "contrast_mode", "all") == "one" {
		m.Anchors = "first"
	}
	x := c.In("features", golden.Same)
	b, v, d := op.ShapeOf(x)[0], op.ShapeOf(x)[1], op.ShapeOf(x)[2]
	var z []node
	for i := range v {
		z = append(z, op.Reshape(op.Slice(x, 1, i, i+1), b, d))
	}
	none := make([]int32, b)
	for i := range none {
		none[i] = -1
	}
	labels := c.Scope.Ints("none", none)
	if _, ok := c.F.Inputs["labels"]; ok {
		labels = c.Ints("labels")
	}
	// the authors' scale
	c.Out("loss", op.Scale(m.loss(c.Scope, op.Concat(0, z...), labels, v), m.Temperature/param(c, "base_temperature")),
		golden.Same)
}

// oneBatch are the losses of this family on one batch, by file. Inputs of the files are rows of unit length where a
// method scales its rows.
var oneBatch = map[string]func(c *ongraph.Case){
	"dcl": func(c *ongraph.Case) {
		c.Out("loss", op.MeanAll(decoupled(compared(c, "out0", "out1"), param(c, "temperature"), nil)), golden.Same)
	},
	"dclw": func(c *ongraph.Case) {
		o := compared(c, "out0", "out1")
		w := op.StopGradient(unlikeness(o.Positive, param(c, "sigma")))
		c.Out("loss", op.MeanAll(decoupled(o, param(c, "temperature"), w)), golden.Same)
	},
	"dclw_oneway": func(c *ongraph.Case) { // the weight has a gradient; rows are as they are
		o := losses.CompareRows(c.Scope, c.In("z1", golden.Same), c.In("z2", golden.Same))
		rows := decoupled(o, param(c, "temperature"), unlikeness(o.Positive, param(c, "sigma")))
		c.Out("loss", op.MeanAll(op.Slice(rows, 0, 0, op.ShapeOf(rows)[0]/2)), golden.Same)
	},
	"phipsi_infonce": phiPsi, "phipsi_lifted": phiPsi, "phipsi_mine": phiPsi, "phipsi_modified_triplet": phiPsi,
	"phipsi_n_plus_1_tuplet": phiPsi, "phipsi_soft_triplet": phiPsi, "phipsi_triplet": phiPsi,
	"phipsi_triplet_contrastive": phiPsi,
	"alphacl_default":            alphaCL, "alphacl_default_add_one": alphaCL, "alphacl_dual2_exp": alphaCL,
	"alphacl_dual_exp": alphaCL, "alphacl_dual_inverse": alphaCL, "alphacl_dual_per_sample": alphaCL,
	"alphacl_dual_quadratic": alphaCL, "alphacl_quadratic": alphaCL,
	"supcon_all": supcon, "supcon_one": supcon, "supcon_unsupervised": supcon,
	"simclr_multiview": func(c *ongraph.Case) {
		same := losses.SameInts(c.Scope, c.Ints("indexes"))
		u := op.Normalize(c.In("z", golden.Same), losses.Eps)
		c.Out("loss", losses.Recognise(u, same, param(c, "temperature"), true, op.ShapeOf(u)[0]), golden.Same)
	},
	"align_uniform": func(c *ongraph.Case) {
		x, y := c.In("x", golden.Same), c.In("y", golden.Same)
		align := alignment(x, y, param(c, "alpha"))
		uniform := op.Scale(op.Add(uniformity(x, param(c, "t")), uniformity(y, param(c, "t"))), 0.5)
		c.Out("align", align, golden.Same)
		c.Out("uniform", uniform, golden.Same)
		c.Out("loss", methods.Objective{Terms: []methods.Term{{Weight: param(c, "align_w"), Value: align},
			{Weight: param(c, "unif_w"), Value: uniform}}}.Loss(), golden.Same)
	},
	"hypersphere": func(c *ongraph.Case) { // the same with t of 1
		unit := func(name string) *graph.Node { return op.Normalize(c.In(name, golden.Same), losses.Eps) }
		x, y, t := unit("z_a"), unit("z_b"), param(c, "t")
		uniform := op.Scale(op.Add(uniformity(x, t), uniformity(y, t)), 0.5)
		c.Out("loss", op.Add(alignment(x, y, param(c, "alpha")), op.Scale(uniform, param(c, "lam"))), golden.Same)
	},
	"contrastive_margin": func(c *ongraph.Case) {
		if eps := param(c, "eps_inside_sqrt"); eps != closest || param(c, "factor") != 0.5 {
			c.T.Skipf("eps %v below the root, factor %v; here they are %v and 0.5", eps, param(c, "factor"), closest)
		}
		m := &Margin{Margin: param(c, "margin")}
		squares := op.SumAxes(op.Square(op.Sub(c.In("a", golden.Same), c.In("b", golden.Same))), false, 1)
		same := c.Scope.Float(c.Ints("target"))
		rows := op.Add(op.Mul(same, together(squares)), op.Mul(op.Affine(same, -1, 1), m.apart(squares)))
		c.Out("loss", op.MeanAll(rows), golden.Same)
	},
	"triplet_margin": triplet, "triplet_squared": triplet,
	"macl": func(c *ongraph.Case) {
		m := &MACL{Temperature: param(c, "temperature"), Scaling: param(c, "alpha"), Alignment: param(c, "A_0")}
		c.Out("loss", m.loss(compared(c, "z0", "z1")), golden.Same)
	},
	"directclr": func(c *ongraph.Case) {
		m := &DirectCLR{Dimensions: golden.Param[int](c.T, c.F, "dim"), Temperature: param(c, "temperature")}
		c.Out("loss", m.loss(c.Scope)(c.In("r1", golden.Same), c.In("r2", golden.Same)), golden.Same)
	},
	"relic": func(c *ongraph.Case) {
		m := &ReLIC{Temperature: param(c, "temperature")}
		in := func(name string) node { return c.In(name, golden.Same) }
		contrast, ab, ba := m.terms(c.Scope, [2]node{in("q1"), in("q2")},
			[2]node{op.StopGradient(in("t1")), op.StopGradient(in("t2"))})
		c.Out("contrastive", contrast, golden.Same)
		c.Out("kl_12", ab, golden.Same)
		c.Out("kl_21", ba, golden.Same)
		c.Out("loss", op.Add(contrast, op.Scale(op.Add(ab, ba), param(c, "alpha")/2)), golden.Same)
	},
	"mugs_instance_infonce": func(c *ongraph.Case) {
		m := &MugsInstance{Temperature: param(c, "temperature")}
		student, teacher := c.In("student", golden.Same), op.StopGradient(c.In("teacher", golden.Same))
		queue := op.StopGradient(c.In("queue", golden.Linear))
		b := op.ShapeOf(teacher)[0] / 2
		guesses, _ := methods.SplitViews([]node{student}, b)
		keys, _ := methods.SplitViews([]node{teacher}, b)
		c.Out("queue_after", op.PutAt(queue, c.Constant(param(c, "ptr_before")), teacher), golden.Linear)
		c.Out("loss", m.loss(c.Scope, guesses, keys, queue), golden.Same)
	},
}

// triplet is the loss of given rows.
func triplet(c *ongraph.Case) {
	m := &Triplet{Margin: param(c, "margin"), Squared: strings.HasSuffix(c.F.Name, "squared")}
	if eps := golden.ParamOr(c.T, c.F, "eps", nudge); eps != nudge || golden.ParamOr(c.T, c.F, "p", 2.0) != 2 {
		c.T.Skipf("eps %v, norm %v; here they are %v and 2", eps, param(c, "p"), nudge)
	}
	a := c.In("anchor", golden.Same)
	c.Out("loss", op.MeanAll(m.hinge(m.distance(a, c.In("positive", golden.Same)),
		m.distance(a, c.In("negative", golden.Same)))), golden.Same)
}

// TestGoldenOneBatch compares values and gradients of the losses on one batch with the reference implementations'.
func TestGoldenOneBatch(t *testing.T) {
	golden.Each(t, "losses", oneBatch, func(t *testing.T, f *golden.Fixture, build func(*ongraph.Case)) {
		ongraph.Check(t, f, true, build)
	})
}
