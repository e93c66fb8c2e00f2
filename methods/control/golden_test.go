package control

import (
	"fmt"
	"testing"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
)

type node = *graph.Node

func number(c *ongraph.Case, key string) float64 { return golden.Param[float64](c.T, c.F, key) }

// flags is a boolean input as numbers [N].
func flags(c *ongraph.Case, name string) node {
	x := c.F.Inputs[name]
	return c.Floats(name, x.Data, x.Shape...)
}

// orders are the permutations of an input [...,B], in the order of the file.
func orders(c *ongraph.Case, name string) (all []node) {
	x := c.F.Inputs[name]
	n := x.Shape[len(x.Shape)-1]
	for i := 0; i < len(x.Data); i += n {
		ids := make([]int32, n)
		for k := range ids {
			ids[k] = int32(x.Data[i+k])
		}
		all = append(all, c.Scope.Ints(fmt.Sprintf("%s%d", name, i), ids))
	}
	return all
}

func column(x node) node { return op.Reshape(x, -1, 1) }

// linear puts the parameters of a layer of the file where heads.Plain has its layer i.
func linear(c *ongraph.Case, scope string, i int, weight, bias string) {
	c.As(fmt.Sprintf("%s/%d/weight", scope, i), weight, golden.Linear)
	c.As(fmt.Sprintf("%s/%d/bias", scope, i), bias, golden.Same)
}

// Every fixture of the group.
func TestGolden(t *testing.T) {
	golden.Each(t, "rl", map[string]func(c *ongraph.Case){
		"apt_particle_entropy":  aptGolden,
		"byol_explore":          byolExploreGolden,
		"c51_projection":        c51Golden,
		"contrastive_goal_rl":   contrastiveGoalGolden,
		"curl":                  curlGolden,
		"dbc_bisimulation":      dbcGolden,
		"dbc_transition_reward": dbcModelGolden,
		"dqn_target":            dqnGolden,
		"forward_backward":      forwardBackwardGolden,
		"icm":                   icmGolden,
		"laplacian":             laplacianGolden,
		"proto_rl":              protoGolden,
		"r3m_language":          wordsGolden,
		"r3m_time_contrastive":  timeGolden,
		"rnd":                   rndGolden,
		"sgi_spr_inverse":       sgiGolden,
		"spr_loss":              sprGolden,
		"vip":                   vipGolden,
	}, func(t *testing.T, f *golden.Fixture, build func(c *ongraph.Case)) { ongraph.Check(t, f, true, build) })
}

// The entropy of two batches in turn, with the running moments of both.
func aptGolden(c *ongraph.Case) {
	m := &APT{Neighbours: golden.Param[int](c.T, c.F, "knn_k"), Mean: golden.Param[bool](c.T, c.F, "knn_avg"),
		Cut: number(c, "knn_clip")}
	if number(c, "rms_epsilon") != runningBegin {
		c.T.Skip("another count to begin with")
	}
	r := newRunning(c.Scope.In("running"))
	c.Out("reward_first_call", column(m.entropy(r, c.In("rep", golden.Same))), golden.Same)
	c.Out("reward_second_call", column(m.entropy(r, c.In("rep_second", golden.Same))), golden.Same)
	c.Out("running_mean", op.Reshape(r.mean, 1), golden.Same)
	c.Out("running_var", op.Reshape(r.variance, 1), golden.Same)
}

func byolExploreGolden(c *ongraph.Case) {
	p, target := c.In("prediction", golden.Same), c.In("target", golden.Same)
	n, window, horizon := op.ShapeOf(p)[0], op.ShapeOf(p)[1], op.ShapeOf(p)[2]
	m := &BYOLExplore{Window: window, Horizon: golden.Param[int](c.T, c.F, "horizon")}
	if horizon != m.Horizon {
		c.T.Fatalf("predictions of %d steps, horizon %d", horizon, m.Horizon)
	}
	guesses := make([][]node, window)
	for s := range guesses {
		for k := 0; k < horizon && s+k < window; k++ {
			guesses[s] = append(guesses[s], op.Reshape(at(at(p, s), k), n, -1))
		}
	}
	wrong := m.errors(guesses, target)
	u := m.uncertainty(wrong)
	normalised, prioritised := m.rewards(u, c.Constant(number(c, "ema_mean")), c.Constant(number(c, "ema_std")))
	c.Out("uncertainty", u, golden.Same)
	c.Out("normalised_reward", normalised, golden.Same)
	c.Out("prioritised_reward", prioritised, golden.Same)
	c.Out("loss", m.loss(wrong, nil), golden.Same)
}

// steady is the discount [B] of what comes after n steps.
func steady(c *ongraph.Case) node {
	discount := 1.0
	for range golden.Param[int](c.T, c.F, "n_step") {
		discount *= number(c, "gamma")
	}
	return op.Affine(flags(c, "done"), -discount, discount)
}

func c51Golden(c *ongraph.Case) {
	m := &DQN{Atoms: golden.Param[int](c.T, c.F, "atoms"), Range: [2]float64{number(c, "v_min"), number(c, "v_max")}}
	now, later := c.In("logits", golden.Same), op.StopGradient(c.In("next_logits", golden.Same))
	b, a := op.ShapeOf(now)[0], op.ShapeOf(now)[1]
	now, later = op.Reshape(now, b, a*m.Atoms), op.Reshape(later, b, a*m.Atoms)
	best := losses.OneHot(c.Scope, op.Argmax(m.means(c.Scope, later, a)), a)
	chosen := losses.OneHot(c.Scope, c.Ints("action"), a)
	loss, shared := m.distributions(c.Scope, atomsOf(now, chosen), atomsOf(later, best),
		op.StopGradient(c.In("reward", golden.Same)), steady(c))
	c.Out("projected", shared, golden.Same)
	c.Out("loss", loss, golden.Same)
}

func dqnGolden(c *ongraph.Case) {
	q, online, target := c.In("q", golden.Same), c.In("q_next_online", golden.Same), c.In("q_next_target", golden.Same)
	judge := target
	if golden.Param[bool](c.T, c.F, "double") {
		judge = online
	}
	a := op.ShapeOf(q)[1]
	best := losses.OneHot(c.Scope, op.Argmax(judge), a)
	goal := op.Add(c.In("reward", golden.Same), op.Mul(steady(c), taken(target, best)))
	c.Out("target", goal, golden.Same)
	c.Out("loss", tdLoss(taken(q, losses.OneHot(c.Scope, c.Ints("action"), a)), goal, number(c, "huber_delta")),
		golden.Same)
}

func contrastiveGoalGolden(c *ongraph.Case) {
	m := &ContrastiveGoal{LogSumExp: number(c, "logsumexp_weight")}
	f, g := c.In("sa_repr", golden.Same), c.In("goal_repr", golden.Same)
	var from, to []node
	for critic := range op.ShapeOf(f)[2] {
		take := func(x node) node {
			return op.Reshape(op.Slice(x, 2, critic, critic+1), op.ShapeOf(x)[0], op.ShapeOf(x)[1])
		}
		from, to = append(from, take(f)), append(to, take(g))
	}
	logits := scores(c.Scope, from, to)
	nce, cpc := m.nce(c.Scope, logits), m.cpc(c.Scope, logits)
	b := op.ShapeOf(f)[0]
	c.Out("logits", op.Concat(2, op.Reshape(logits[0], b, b, 1), op.Reshape(logits[1], b, b, 1)), golden.Same)
	c.Out("nce", nce, golden.Same)
	c.Out("cpc", cpc, golden.Same)
	c.Out("loss", op.Add(nce, cpc), golden.Same)
}

func curlGolden(c *ongraph.Case) {
	logits := bilinear(c.Scope, c.In("z_anchor", golden.Same), c.In("W", golden.Same),
		op.StopGradient(c.In("z_positive", golden.Same)))
	loss, _ := diagonal(c.Scope, logits)
	c.Out("logits", logits, golden.Same)
	c.Out("loss", loss, golden.Same)
}

func dbcGolden(c *ongraph.Case) {
	if golden.Param[string](c.T, c.F, "transition_model_type") != "probabilistic" {
		c.T.Skip("a model without deviations is not here")
	}
	m := &DBC{Discount: number(c, "discount")}
	c.Out("loss", m.bisimulation(c.In("h", golden.Same), c.In("reward", golden.Same), c.In("mu", golden.Same),
		c.In("sigma", golden.Same), c.Ints("permutation")), golden.Same)
}

func dbcModelGolden(c *ongraph.Case) {
	model := modelLoss(c.In("mu", golden.Same), c.In("sigma", golden.Same), c.In("next_h", golden.Same))
	reward := losses.MSE(c.In("predicted_reward", golden.Same), c.In("reward", golden.Same))
	c.Out("loss", op.Add(model, reward), golden.Same)
}

func forwardBackwardGolden(c *ongraph.Case) {
	in := func(name string) node { return c.In(name, golden.Same) }
	ortho := number(c, "ortho_coef")
	t := (&ForwardBackward{}).terms(c.Scope, forwardBackward{f: [2]node{in("F1"), in("F2")}, b: in("B"),
		targetF: [2]node{in("target_F1"), in("target_F2")}, targetB: in("target_B"), discount: in("discount")})
	c.Out("target_M", t.targets, golden.Same)
	c.Out("off_diagonal", t.off, golden.Same)
	c.Out("orthonormality", t.orthonormal, golden.Same)
	c.Out("loss", op.Sum(t.off, op.Neg(t.own), op.Scale(t.orthonormal, ortho)), golden.Same)
	c.Out("diagonal", op.Neg(t.own), golden.Same)
}

func icmGolden(c *ongraph.Case) {
	for i, from := range []string{"0", "2"} {
		linear(c, "forward", i, "forward_net."+from+".weight", "forward_net."+from+".bias")
		linear(c, "inverse", i, "backward_net."+from+".weight", "backward_net."+from+".bias")
	}
	h, next, a := c.In("obs", golden.Same), c.In("next_obs", golden.Same), c.In("action", golden.Same)
	hidden, f, k := golden.Param[int](c.T, c.F, "hidden"), op.ShapeOf(h)[1], op.ShapeOf(a)[1]
	told := heads.Plain(c.Scope.In("inverse"), 2*f, hidden, k)
	ahead, back := icmErrors(heads.Plain(c.Scope.In("forward"), f+k, hidden, f),
		func(x node) node { return op.Tanh(told(x)) }, h, next, a)
	c.Out("forward_error", column(ahead), golden.Same)
	c.Out("backward_error", column(back), golden.Same)
	c.Out("intrinsic_reward", column(log1p(ahead)), golden.Same)
	c.Out("loss", op.Add(op.MeanAll(ahead), op.MeanAll(back)), golden.Same)
}

func laplacianGolden(c *ongraph.Case) {
	phi, next := c.In("phi", golden.Same), c.In("next_phi", golden.Same)
	attractive, repulsive := drawing(phi, next, c.In("phi_u", golden.Same), c.In("phi_v", golden.Same))
	drawn := op.Add(attractive, op.Scale(repulsive, number(c, "beta")))
	batch := batchDrawing(c.Scope, phi, next)
	c.Out("attractive", attractive, golden.Same)
	c.Out("repulsive", repulsive, golden.Same)
	c.Out("graph_drawing", drawn, golden.Same)
	c.Out("batch_version", batch, golden.Same)
	c.Out("loss", op.Add(drawn, batch), golden.Same)
}

// The candidates are those that the file drew.
func protoGolden(c *ongraph.Case) {
	m := &ProtoRL{Temperature: number(c, "tau"), Iterations: golden.Param[int](c.T, c.F, "sinkhorn_iterations"),
		Neighbour: golden.Param[int](c.T, c.F, "topk")}
	unitRows := func(name string) node { return op.Normalize(c.In(name, golden.Same), losses.Eps) }
	protos, z := c.In("protos", golden.Same), unitRows("z")
	loss, target := m.assign(c.Scope, unitRows("s"), op.StopGradient(unitRows("t")), protos)
	c.Out("q_target", target, golden.Same)
	c.Out("candidate_probs", op.Softmax(memberships(protos, z)), golden.Same)
	at, queue := golden.Param[int](c.T, c.F, "queue_ptr"), c.In("queue", golden.Same)
	candidates := op.Gather(z, c.Ints("candidates"))
	after := op.PutAt(queue, c.Constant(float64(at)), candidates)
	next := (at + op.ShapeOf(candidates)[0]) % op.ShapeOf(queue)[0]
	if want := int(c.F.Outputs["queue_ptr_after"].Data[0]); next != want {
		c.T.Errorf("the queue goes on at %d, want %d", next, want)
	}
	c.Out("queue_after", after, golden.Same)
	c.Out("reward", column(m.novelty(z, after)), golden.Same)
	c.Out("loss", loss, golden.Same)
}

func wordsGolden(c *ongraph.Case) {
	linear(c, "reward", 0, "w1", "b1")
	c.As("reward/1/weight", "w2", golden.Linear)
	c.As("reward/1/bias", "b2", golden.Same)
	e, words := c.In("embeddings", golden.Same), c.In("language", golden.Same)
	in, hidden := 2*op.ShapeOf(e)[2]+op.ShapeOf(words)[1], c.F.Inputs["w1"].Shape[0]
	all := orders(c, "permutations")
	var triples [][3]node
	for i := 0; i < len(all); i += 3 {
		triples = append(triples, [3]node(all[i:i+3]))
	}
	told, right := contrastWords(heads.Plain(c.Scope.In("reward"), in, hidden, 1), e, words, triples)
	has := flags(c, "has_language")
	c.Out("accuracy", op.Mean(right, false, 0), golden.Same)
	c.Out("loss", wordLoss(told, has), golden.Same)
}

func timeGolden(c *ongraph.Case) {
	if !golden.Param[bool](c.T, c.F, "l2dist") {
		c.T.Skip("cosines in place of distances are not here")
	}
	e, all := c.In("embeddings", golden.Same), orders(c, "permutations")
	var pairs [][2]node
	for i := 0; i < len(all); i += 2 {
		pairs = append(pairs, [2]node{all[i], all[i+1]})
	}
	tcn := contrastTime(e, pairs)
	l1, l2 := sizes(e)
	c.Out("tcn", tcn, golden.Same)
	c.Out("l1", l1, golden.Same)
	c.Out("l2", l2, golden.Same)
	c.Out("loss", op.Sum(op.Scale(tcn, number(c, "tcnweight")), op.Scale(l1, number(c, "l1weight")),
		op.Scale(l2, number(c, "l2weight"))), golden.Same)
}

func rndGolden(c *ongraph.Case) {
	for i, from := range []string{"1", "3", "5"} {
		for _, net := range []string{"predictor", "target"} {
			linear(c, net, i, net+"."+from+".weight", net+"."+from+".bias")
		}
	}
	x := op.StopGradient(c.In("obs", golden.Same))
	hidden, out := golden.Param[int](c.T, c.F, "hidden"), c.F.Inputs["target.5.bias"].Shape[0]
	net := func(name string) node {
		seen := normalised(c.Scope, x, number(c, "clip"))
		return heads.Plain(c.Scope.In(name), op.ShapeOf(x)[1], hidden, hidden, out)(seen)
	}
	wrong := rowMeans(op.Square(op.Sub(net("predictor"), op.StopGradient(net("target")))))
	c.Out("prediction_error", column(wrong), golden.Same)
	c.Out("reward", column(overDeviation(wrong, c.Constant(number(c, "running_var_of_reward")))), golden.Same)
	c.Out("loss", op.MeanAll(wrong), golden.Same)
}

func sgiGolden(c *ongraph.Case) {
	c.As("tell/0/weight", "w", golden.Linear)
	c.As("tell/0/bias", "b", golden.Same)
	h, next := c.In("z_t", golden.Same), c.In("z_next", golden.Same)
	tell := heads.Plain(c.Scope.In("tell"), 2*op.ShapeOf(h)[1], c.F.Inputs["b"].Shape[0])
	told, _ := inverse(tell, h, next, c.Ints("action"))
	p, z := c.In("spr_prediction", golden.Same), c.In("spr_target", golden.Same)
	n, d := op.ShapeOf(p)[0], op.ShapeOf(p)[1]
	ones := make([]float64, n)
	for i := range ones {
		ones[i] = 1
	}
	spr := op.MeanAll(sprDistances(op.Reshape(p, n, 1, d), op.Reshape(z, n, 1, d), c.Floats("ones", ones, n, 1)))
	c.Out("spr", spr, golden.Same)
	c.Out("inverse", told, golden.Same)
	c.Out("loss", op.Add(op.Scale(spr, number(c, "spr_weight")), op.Scale(told, number(c, "inverse_weight"))),
		golden.Same)
}

func sprGolden(c *ongraph.Case) {
	there := op.Transpose(c.In("nonterminal", golden.Same), 1, 0)
	apart := sprDistances(c.In("predictions", golden.Same), c.In("targets", golden.Same), there)
	now, model := weighedSPR(apart, c.In("weights", golden.Same))
	c.Out("per_step", op.Transpose(apart, 1, 0), golden.Same)
	c.Out("t0", now, golden.Same)
	c.Out("model", model, golden.Same)
	c.Out("loss", op.Add(op.Scale(now, number(c, "t0_spr_loss_weight")), op.Scale(model,
		number(c, "model_spr_weight"))), golden.Same)
}

func vipGolden(c *ongraph.Case) {
	m := &VIP{Discount: number(c, "gamma")}
	e := c.In("embeddings", golden.Same)
	loss := m.value(e, c.In("reward", golden.Same), orders(c, "permutations"))
	l1, l2 := sizes(e)
	c.Out("vip", loss, golden.Same)
	c.Out("l1", l1, golden.Same)
	c.Out("l2", l2, golden.Same)
	c.Out("loss", op.Sum(loss, op.Scale(l1, number(c, "l1weight")), op.Scale(l2, number(c, "l2weight"))), golden.Same)
}
