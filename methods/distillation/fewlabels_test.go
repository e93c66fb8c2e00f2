package distillation

import (
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/device"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
	"selfsup/internal/golden"
	"selfsup/internal/golden/ongraph"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/methods/methodtest"
	"selfsup/setting"
)

// The divergence, the perturbation and the gradients of the weights are the reference's, whose network is linear, tanh,
// linear.
func TestGoldenVAT(t *testing.T) {
	f := golden.Load(t, "origins/vat")
	m := &VAT{Epsilon: golden.Param[float64](t, f, "eps"), Xi: golden.Param[float64](t, f, "xi"),
		Iterations: golden.Param[int](t, f, "ip")}
	ongraph.Check(t, f, true, func(c *ongraph.Case) {
		x := c.In("x", golden.Same)
		w1, b1 := c.In("0.weight", golden.Linear), c.In("0.bias", golden.Same)
		w2, b2 := c.In("2.weight", golden.Linear), c.In("2.bias", golden.Same)
		net := func(x *graph.Node) *graph.Node {
			h := op.Tanh(op.Add(op.MatMul(x, w1, false, false), b1))
			return op.Add(op.MatMul(h, w2, false, false), b2)
		}
		logits := net(x)
		r := m.Perturbation(c.Scope, x, logits, op.Shift(c.In("u", golden.Same), -0.5), net)
		c.Out("r_adv", r, golden.Same)
		c.Out("loss", Divergence(logits, net(op.Add(x, r))), golden.Same)
	})
}

// Guess, mixture, losses and the gradient of the logits are the reference's, which has one share for all rows.
func TestGoldenMixMatch(t *testing.T) {
	f := golden.Load(t, "origins/mixmatch")
	m := &MixMatch{Temperature: golden.Param[float64](t, f, "T")}
	weight := golden.Param[float64](t, f, "lambda_u") * golden.Param[float64](t, f, "rampup")
	share := golden.Param[float64](t, f, "beta_draw")
	ongraph.Check(t, f, true, func(c *ongraph.Case) {
		guess := m.Guess(c.In("logits_u1", golden.Same), c.In("logits_u2", golden.Same))
		order := c.Ints("permutation")
		n := op.ShapeOf(order)[0]
		shares := c.Scope.Floats("shares", slices.Repeat([]float64{share}, n), n)
		labels := c.Ints("targets")
		y := op.Concat(0, losses.OneHot(c.Scope, labels, 3), guess, guess)
		x := op.Concat(0, c.In("x", golden.Same), c.In("u1", golden.Same), c.In("u2", golden.Same))
		target := Mixed(y, order, shares)
		supervised, other := m.Losses(c.In("logits_mixed", golden.Same), target, op.ShapeOf(labels)[0])
		c.Out("guessed", guess, golden.Same)
		c.Out("mixed_input", Mixed(x, order, shares), golden.Same)
		c.Out("mixed_target", target, golden.Same)
		c.Out("supervised", supervised, golden.Same)
		c.Out("unsupervised", other, golden.Same)
		c.Out("loss", op.Add(supervised, op.Scale(other, weight)), golden.Same)
	})
}

// valueOf is a number that a graph computes.
func valueOf(t *testing.T, build func(s *graph.Scope) *graph.Node) float64 {
	t.Helper()
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) { s.Output("value", build(s)) })
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(cpu.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	out, err := p.Output("value")
	if err != nil {
		t.Fatal(err)
	}
	return out.At(0)
}

// softmax of a row, for plain loops.
func softmax(x []float64) []float64 {
	p, sum := make([]float64, len(x)), 0.0
	for i, v := range x {
		p[i] = math.Exp(v)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// The terms against plain loops of the papers' equations: the labelled rows alone have a cross-entropy, the others
// alone a pseudo-label, all of them the agreement and the entropy.
func TestFewLabelTerms(t *testing.T) {
	student := [][]float64{{0.3, -1, 0.5}, {2, 0.1, -0.4}, {-0.2, 0.9, 1.5}, {0.7, 0.6, -2}}
	teacher := [][]float64{{0.1, 0.2, 0.3}, {1, -1, 0}, {0, 2, 0.5}, {-1, 0.4, 0.2}}
	labels := []int32{2, -1, -1, 0}
	var supervised, pseudoLabels, squares, entropy float64
	for i, row := range student {
		p, q := softmax(row), softmax(teacher[i])
		if y := labels[i]; y >= 0 {
			supervised -= math.Log(p[y]) / 2
		} else {
			pseudoLabels -= math.Log(slices.Max(p)) / 2
		}
		for k := range p {
			squares += (p[k] - q[k]) * (p[k] - q[k]) / 12
			entropy -= p[k] * math.Log(p[k]) / 4
		}
	}
	for name, c := range map[string]struct {
		want  float64
		build func(s *graph.Scope, x, y, labels *graph.Node) *graph.Node
	}{
		"cross-entropy": {supervised, func(_ *graph.Scope, x, _, labels *graph.Node) *graph.Node {
			return supervisedTerm(x, labels).Value
		}},
		"pseudo-labels": {pseudoLabels, func(s *graph.Scope, x, _, labels *graph.Node) *graph.Node {
			return pseudo(s, x, labels)
		}},
		"agreement": {squares, func(_ *graph.Scope, x, y, _ *graph.Node) *graph.Node { return agreement(x, y) }},
		"entropy":   {entropy, func(_ *graph.Scope, x, _, _ *graph.Node) *graph.Node { return entropyOf(x) }},
	} {
		got := valueOf(t, func(s *graph.Scope) *graph.Node {
			x, y := s.Floats("x", slices.Concat(student...), 4, 3), s.Floats("y", slices.Concat(teacher...), 4, 3)
			return c.build(s, x, y, s.Ints("labels", labels))
		})
		if math.Abs(got-c.want) > 1e-5 {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	all := valueOf(t, func(s *graph.Scope) *graph.Node {
		return pseudo(s, s.Floats("x", slices.Concat(student...), 4, 3), s.Ints("labels", []int32{1, 2, 0, 0}))
	})
	if all != 0 {
		t.Errorf("where all have labels the pseudo-labels' loss is %v, want 0", all)
	}
}

// Gradients through a small encoder, of a batch in which two of four samples have a label. The teacher gets none, and
// what a network says is no target with a gradient.
func TestFewLabelGradients(t *testing.T) {
	for name, loss := range map[string]func(s *graph.Scope, logits, other, labels *graph.Node) *graph.Node{
		"labels": func(_ *graph.Scope, logits, _, labels *graph.Node) *graph.Node {
			return supervisedTerm(logits, labels).Value
		},
		"mean teacher": func(_ *graph.Scope, logits, other, _ *graph.Node) *graph.Node {
			return agreement(logits, other)
		},
		"pseudo-labels": func(s *graph.Scope, logits, _, labels *graph.Node) *graph.Node {
			return pseudo(s, logits, labels)
		},
		"entropy": func(_ *graph.Scope, logits, _, _ *graph.Node) *graph.Node { return entropyOf(logits) },
		"divergence": func(_ *graph.Scope, logits, other, _ *graph.Node) *graph.Node {
			return Divergence(other, logits)
		},
	} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				b := methods.NewBatch(s, 4, methodtest.Images(6, 5, 2))
				enc := methods.EncoderOf(&backbones.ConvNet{Widths: []int{4, 5}}, b.Of("view0"))
				_, logits := classifier(s, enc, 3)(b.View(0))
				_, other := classifier(s.Twin("teacher", s.Constant(0.9)), enc, 3)(b.View(1))
				return op.Scale(loss(s, logits, other, s.Ints("few", []int32{-1, 2, -1, 0})), 10)
			}, func(st *graph.Store) {
				for _, name := range st.Names() {
					if e := st.Get(name); strings.HasPrefix(name, "teacher/") && e.Shape.Size() > 4 {
						optest.Fill(e.Array, name)
					}
				}
			}, 8, 2e-5)
		})
	}
}

// The perturbation has the length epsilon, moves the network's answers further than a random one of that length does,
// and gives no gradient to the weights.
func TestVATPerturbation(t *testing.T) {
	m := DefaultVAT()
	m.Epsilon, m.Xi = 0.5, 0.01
	g, err := graph.Build(graph.Options{DType: ir.F64, Training: true}, func(s *graph.Scope) {
		b := methods.NewBatch(s, 8, methodtest.Images(6, 6, 1))
		net := classifier(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{6}}, b.Of("view0")), 3)
		logitsOf := func(x *graph.Node) *graph.Node { _, y := net(x); return y }
		x, random := b.View(0), s.Random("direction").Normal(8, 6, 6, 1)
		r := m.Perturbation(s, x, logitsOf(x), random, logitsOf)
		other := op.Scale(op.Reshape(op.Normalize(op.Reshape(random, 8, 36), 1e-12), 8, 6, 6, 1), m.Epsilon)
		s.Output("found", Divergence(logitsOf(x), logitsOf(op.Add(x, r))))
		s.Output("random", Divergence(logitsOf(x), logitsOf(op.Add(x, other))))
		s.Output("square", op.Scale(op.SumSquares(r), 1./8))
		for i, d := range s.Gradients(op.SumAll(r), s.Params()) {
			if d != nil {
				t.Errorf("a gradient reaches %s through the perturbation", s.Name(s.Params()[i]))
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	got := outputsOf(t, g)
	if math.Abs(got["square"]-0.25) > 1e-6 || !(got["found"] > 2*got["random"]) {
		t.Errorf("square of the length %v, want 0.25; the divergence is %v, of a random direction %v: want far more",
			got["square"], got["found"], got["random"])
	}
}

// In float32 too every image has a perturbation of length epsilon by the settings that are not given, also where the
// network is nearly certain, so that the divergence hardly changes.
func TestVATMovesEveryImage(t *testing.T) {
	m, n := DefaultVAT(), 64
	for name, scale := range map[string]float64{"as drawn": 1, "nearly certain": 2000} {
		g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, n, methodtest.Images(6, 6, 1))
			net := classifier(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{6}}, b.Of("view0")), 3)
			logitsOf := func(x *graph.Node) *graph.Node { _, y := net(x); return op.Scale(y, scale) }
			x := b.View(0)
			r := m.Perturbation(s, x, logitsOf(x), s.Random("direction").Normal(n, 6, 6, 1), logitsOf)
			s.Output("lengths", op.SumAxes(op.Square(r), false, 1, 2, 3))
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Compile(device.Host(), graph.NewStore(1))
		if err != nil {
			t.Fatal(err)
		}
		for name, a := range p.Inputs() {
			optest.Fill(a, name)
		}
		p.Schedule(graph.Time{Steps: 10, PerEpoch: 5})
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		got, err := p.Output("lengths")
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if length := math.Sqrt(got.At(i)); !(math.Abs(length-m.Epsilon) < 1e-3*m.Epsilon) {
				t.Errorf("%s: image %d is moved by %v, want %v", name, i, length, m.Epsilon)
			}
		}
	}
}

// Running statistics see the images once in a step, and not what is looked at beside them: guesses, perturbations and
// mixtures dealt to other batches: the means of images of one colour are those in the supervised method.
func TestFewLabelStatistics(t *testing.T) {
	running := func(m methods.Method) []float64 {
		t.Helper()
		g, err := graph.Build(graph.Options{Training: true, DType: ir.F64}, func(s *graph.Scope) {
			data := methodtest.Images(5, 5, 1)
			data.Leading = 3
			b := methods.NewBatch(s, 6, data)
			o := m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
			s.Output("loss", o.Loss())
		})
		if err != nil {
			t.Fatal(err)
		}
		store := graph.NewStore(1)
		p, err := g.Compile(ref.Backend{}, store)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range p.Inputs() {
			for i := range a.Shape.Size() {
				if a.DType == ir.I32 {
					a.I32[i] = 1
				} else {
					a.Set(i, 0.7)
				}
			}
		}
		p.Schedule(graph.Time{Step: 5, Steps: 10, PerEpoch: 5})
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		for _, name := range store.Names() {
			if strings.HasPrefix(name, "backbone/") && strings.HasSuffix(name, "/running") {
				e, values := store.Get(name), []float64{}
				for i := range e.Shape.Size() / 2 { // variances are unbiased, by the size of the batch
					values = append(values, e.At(i))
				}
				return values
			}
		}
		t.Fatal("no running statistics in ", store.Names())
		return nil
	}
	want := running(methods.DefaultSupervised())
	for _, m := range []methods.Method{DefaultMixMatch(), DefaultVAT(), DefaultPseudoLabel()} {
		for i, got := range running(m) {
			if math.Abs(got-want[i]) > 1e-9 {
				t.Errorf("%T: running mean %d is %v, after one look at the images it is %v", m, i, got, want[i])
			}
		}
	}
}

// outputsOf runs a graph once on inputs that are filled.
func outputsOf(t *testing.T, g *graph.Graph) map[string]float64 {
	t.Helper()
	p, err := g.Compile(ref.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range p.Inputs() {
		optest.Fill(a, name)
	}
	p.Schedule(graph.Time{Steps: 10, PerEpoch: 5})
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, name := range []string{"found", "random", "square"} {
		out, err := p.Output(name)
		if err != nil {
			t.Fatal(err)
		}
		got[name] = out.At(0)
	}
	return got
}

// Weights and the teacher's momentum rise as the papers say.
func TestFewLabelSchedules(t *testing.T) {
	at := func(step int) graph.Time { return graph.Time{Step: step, Steps: 100, PerEpoch: 10} }
	teacher := &MeanTeacher{RampUp: setting.Epochs(4), Momentum: [2]float64{0.9, 0.99}}
	for name, c := range map[string]struct {
		f     graph.Schedule
		step  int
		value float64
	}{
		"ramp, first step":     {rampUp(setting.Steps(10)), 0, math.Exp(-5)},
		"ramp, half way":       {rampUp(setting.Steps(10)), 5, math.Exp(-1.25)},
		"ramp, end":            {rampUp(setting.Steps(10)), 10, 1},
		"no ramp":              {rampUp(setting.Length{}), 0, 1},
		"rise, before":         {rise(setting.Epochs(2), setting.Epochs(6)), 20, 0},
		"rise, half way":       {rise(setting.Epochs(2), setting.Epochs(6)), 40, 0.5},
		"rise, after":          {rise(setting.Epochs(2), setting.Epochs(6)), 90, 1},
		"teacher, first step":  {teacher.momentum, 0, 0},
		"teacher, fourth step": {teacher.momentum, 3, 0.75},
		"teacher, in the ramp": {teacher.momentum, 39, 0.9},
		"teacher, after it":    {teacher.momentum, 40, 1 - 1./41},
		"teacher, at the end":  {teacher.momentum, 99, 0.99},
	} {
		if got := c.f(at(c.step)); math.Abs(got-c.value) > 1e-12 {
			t.Errorf("%s: got %v, want %v", name, got, c.value)
		}
	}
}

// What cannot be is refused: settings, data without labels, and for MixMatch a batch that does not begin with labelled
// images.
func TestFewLabelsRefuse(t *testing.T) {
	for want, m := range map[string]methods.Method{
		"consistency: 0":                 &MeanTeacher{},
		"momentum: 2":                    &MeanTeacher{Consistency: 1, Momentum: [2]float64{0.9, 2}},
		"weight: -1":                     &PseudoLabel{Weight: -1},
		"full: 1 epoch: want at least b": &PseudoLabel{Weight: 1, Begin: setting.Epochs(2), Full: setting.Epochs(1)},
		"xi: 0":                          &VAT{Weight: 1, Epsilon: 1, Iterations: 1},
		"iterations: 0":                  &VAT{Weight: 1, Epsilon: 1, Xi: 1},
		"alpha: 2":                       &MixMatch{Views: 1, Temperature: 1, Alpha: 2, Weight: 1},
		"views: 0":                       &MixMatch{Temperature: 1, Alpha: 1, Weight: 1},
	} {
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	unlabelled := methodtest.Images(6, 6, 1)
	unlabelled.Classes = 0
	for _, c := range []struct {
		m    methods.Method
		data methods.Data
		want string
	}{
		{DefaultMeanTeacher(), unlabelled, "labels of at least 2 classes, this one has 0"},
		{DefaultPseudoLabel(), unlabelled, "labels of at least 2 classes, this one has 0"},
		{DefaultVAT(), unlabelled, "labels of at least 2 classes, this one has 0"},
		{DefaultMixMatch(), methodtest.Images(6, 6, 1), "want [sampler.two_streams] with labelled = 2"},
	} {
		if err := c.m.Validate(); err != nil {
			t.Error(err)
		}
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 4, c.data)
			c.m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0")), b)
		})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T: got %v, want %q", c.m, err, c.want)
		}
	}
}
