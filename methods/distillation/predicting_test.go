package distillation

import (
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// builtStep is what a method builds for a batch of four images of two views, with the loss of random inputs.
type builtStep struct {
	names []string // in the store
	loss  float64
	o     methods.Objective
	// length of the loss's gradient with respect to the projector's first weights and to the backbone's
	projector, backbone float64
}

func buildStep(t *testing.T, m methods.Method) (b builtStep) {
	t.Helper()
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		batch := methods.NewBatch(s, 4, methodtest.Images(8, 8, 1))
		b.o = m.Build(s, methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, batch.Of("view0")), batch)
		loss := b.o.Loss()
		s.Output("loss", loss)
		for i, d := range s.Gradients(loss, []*graph.Node{s.In("projector/0").Param("weight", nil, 4, 6),
			s.In("backbone/0/conv").Param("weight", nil, 3, 3, 1, 4)}) {
			s.Output([]string{"projector", "backbone"}[i], op.SumSquares(d))
		}
		s.UpdateTwins()
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range g.States() {
		b.names = append(b.names, l.Name)
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
	for name, to := range map[string]*float64{"loss": &b.loss, "projector": &b.projector, "backbone": &b.backbone} {
		v, err := p.Output(name)
		if err != nil {
			t.Fatal(err)
		}
		*to = v.At(0)
	}
	return b
}

func smallBYOL() *BYOL {
	return &BYOL{Projector: []int{6, 5}, Predictor: []int{4}, Momentum: 0.9, FinalMomentum: 1,
		Predicting: usualPredicting()}
}

func smallSimSiam() *SimSiam {
	return &SimSiam{Projector: []int{6, 5}, Predictor: []int{4}, Predicting: usualPredicting()}
}

// below lists the names of a scope.
func (b builtStep) below(scope string) (list []string) {
	for _, n := range b.names {
		if strings.HasPrefix(n, scope+"/") {
			list = append(list, n)
		}
	}
	return list
}

// Without a predictor BYOL compares embeddings: at the first step the teacher's are the student's, and the loss is the
// same in both directions. With hidden widths of none it is linear.
func TestNoPredictor(t *testing.T) {
	m := smallBYOL()
	m.NoPredictor = true
	without := buildStep(t, m)
	if got := without.below("predictor"); got != nil {
		t.Errorf("without a predictor there are %v", got)
	}
	m.OneSided = true
	if one := buildStep(t, m); math.Abs(one.loss-without.loss) > 1e-6*without.loss {
		t.Errorf("one-sided the loss is %v, with both directions %v: want the same before the first step", one.loss,
			without.loss)
	}
	m = smallBYOL()
	m.Predictor = nil
	if got := buildStep(t, m).below("predictor"); !slices.Equal(got, []string{"predictor/0/bias",
		"predictor/0/weight"}) {
		t.Errorf("a linear predictor has %v", got)
	}
}

// One-sided, the teacher sees the first view alone, and the loss is of another size than the mean of both directions.
func TestOneSided(t *testing.T) {
	both, m := buildStep(t, smallBYOL()), smallBYOL()
	m.OneSided = true
	if one := buildStep(t, m); math.Abs(one.loss-both.loss) < 1e-4 {
		t.Errorf("both losses are %v: with a predictor the directions differ", one.loss)
	}
	s, n := smallSimSiam(), smallSimSiam()
	n.OneSided = true
	if a, b := buildStep(t, s), buildStep(t, n); math.Abs(a.loss-b.loss) < 1e-5 {
		t.Errorf("SimSiam's losses are both %v", a.loss)
	}
}

// A teacher that shares the backbone has a projector of its own and nothing else, and the same loss before the first
// step, where it is the student; the gradient does not reach the backbone through its targets.
func TestSharedBackbone(t *testing.T) {
	own, m := buildStep(t, smallBYOL()), smallBYOL()
	m.SharedBackbone = true
	shared := buildStep(t, m)
	if got := shared.below("teacher/backbone"); got != nil {
		t.Errorf("the teacher has %v", got)
	}
	if a, b := shared.below("teacher/projector"), own.below("teacher/projector"); !slices.Equal(a, b) || len(a) == 0 {
		t.Errorf("the teacher's projector has %v, want %v", a, b)
	}
	if math.Abs(shared.loss-own.loss) > 1e-6*own.loss || math.Abs(shared.backbone-own.backbone) > 1e-4*own.backbone {
		t.Errorf("loss and gradient are %v and %v, of a teacher with a backbone of its own %v and %v; want the same",
			shared.loss, shared.backbone, own.loss, own.backbone)
	}
	m.Projector = nil
	if err := m.Validate(); err == nil || !strings.Contains(err.Error(), "shared_backbone") {
		t.Errorf("without a projector: %v, want that the teacher would be the student", err)
	}
}

// The stopped gradient changes no loss, and what does not stop changes the gradient.
func TestPassGradient(t *testing.T) {
	stopped, m := buildStep(t, smallSimSiam()), smallSimSiam()
	m.PassGradient = true
	passed := buildStep(t, m)
	if stopped.loss != passed.loss {
		t.Errorf("the loss is %v with the gradient stopped and %v without", stopped.loss, passed.loss)
	}
	if math.Abs(stopped.projector-passed.projector) < 1e-3*stopped.projector {
		t.Errorf("the projector's gradient has the square %v in both", stopped.projector)
	}
}

// In two of three steps all but the predictor is held.
func TestPredictorSteps(t *testing.T) {
	m := smallBYOL()
	m.PredictorSteps = 3
	held := map[string]bool{}
	for _, tune := range buildStep(t, m).o.Tune {
		held[tune.Scope] = true
		var got []float64
		for step := range 6 {
			got = append(got, tune.Hold(graph.Time{Step: step}))
		}
		if !slices.Equal(got, []float64{1, 1, 0, 1, 1, 0}) {
			t.Errorf("%s is held in %v", tune.Scope, got)
		}
	}
	if !held["backbone"] || !held["projector"] || held["predictor"] {
		t.Errorf("held are %v, want backbone and projector", held)
	}
	m = smallBYOL()
	m.PredictorRate = 10
	tunes := buildStep(t, m).o.Tune
	if len(tunes) != 1 || tunes[0].Scope != "predictor" || tunes[0].Flat || tunes[0].Rate(graph.Time{}) != 10 {
		t.Errorf("with ten times the predictor's rate there is %+v", tunes)
	}
	s := smallSimSiam()
	s.PredictorRate, s.ConstantRate = 2, true
	tunes = buildStep(t, s).o.Tune
	if len(tunes) != 1 || tunes[0].Scope != "predictor" || !tunes[0].Flat || tunes[0].Rate(graph.Time{}) != 2 {
		t.Errorf("with twice the predictor's constant rate there is %+v", tunes)
	}
	if got := buildStep(t, smallBYOL()).o.Tune; got != nil {
		t.Errorf("as the paper has it there is %+v", got)
	}
	for want, p := range map[string]Predicting{
		"predictor_rate: 0: want a number above 0":            {PredictorSteps: 1},
		"leaves nothing that has this rate":                   {NoPredictor: true, PredictorSteps: 1, PredictorRate: 2},
		"predictor_steps: 0: want at least 1":                 {},
		"no_predictor = true leaves nothing that learns in t": {NoPredictor: true, PredictorSteps: 2},
	} {
		if err := p.check(nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// The teacher's momentum goes from one value to the other; both 0 make a copy.
func TestTeacherMomentum(t *testing.T) {
	for _, c := range []struct{ from, to, middle float64 }{{0.9, 1, 0.95}, {0.99, 0.99, 0.99}, {0, 0, 0}} {
		m := smallBYOL()
		m.Momentum, m.FinalMomentum = c.from, c.to

		g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 4, methodtest.Images(8, 8, 1))
			enc := methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0"))
			s.Output("loss", m.Build(s, enc, b).Loss())
			s.UpdateTwins()
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Compile(device.Host(), graph.NewStore(1))
		if err != nil {
			t.Fatal(err)
		}
		p.Schedule(graph.Time{Step: 5, Steps: 10})
		got, ok := p.Scheduled("teacher_momentum")
		if !ok || math.Abs(got-c.middle) > 1e-6 {
			t.Errorf("from %v to %v the momentum is %v in the middle, want %v", c.from, c.to, got, c.middle)
		}
	}
}
