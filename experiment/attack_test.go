package experiment

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"selfsup/datasets/feed"
	"selfsup/evaluations"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/ref"
)

// attackSetup is a small convnet on the data in the binary.
func attackSetup(t *testing.T, sets ...string) *Setup {
	t.Helper()
	return preparedRecipe(t, `base = "quickstart.toml"
name = "attacked"
subset.few_shot.per_class = 16
labelled.few_shot.per_class = 16
[backbone.convnet]
widths = [6, 8]
[method.simclr]
projector = [8, 8]
[train]
batch = 16
length = "4 steps"
[evaluate]
linear = false
knn = false
`, sets...)
}

// The gradient with respect to the pixels is that of differences, in float64, through the whole encoder.
func TestAttackGradient(t *testing.T) {
	s := attackSetup(t)
	const n = 2
	g, err := s.attackGraph(graph.Options{DType: ir.F64}, n)
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(ref.Backend{}, graph.NewStore(3))
	if err != nil {
		t.Fatal(err)
	}
	input := func(name string) ir.Array {
		a, err := p.Input(name)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	output := func(name string) ir.Array {
		a, err := p.Output(name)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	x, w, b, y := input(s.Input.Name), input(weightInput), input(biasInput), input(feed.Labels)
	h, slope := output(FeaturesOutput), output(gradientOutput)
	r := rand.New(rand.NewPCG(1, 2))
	for _, a := range []ir.Array{x, w, b} {
		for i := range a.F64 {
			a.F64[i] = r.NormFloat64()
		}
	}
	y.I32[0], y.I32[1] = 3, 7
	classes, dim := w.Shape[0], w.Shape[1]
	loss := func() (sum float64) {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		for k := range n {
			var all, own float64
			for c := range classes {
				z := b.F64[c]
				for j := range dim {
					z += w.F64[c*dim+j] * h.F64[k*dim+j]
				}
				all += math.Exp(z)
				if c == int(y.I32[k]) {
					own = z
				}
			}
			sum += math.Log(all) - own
		}
		return sum
	}
	loss()
	got := append([]float64(nil), slope.F64...)
	worst, largest := 0.0, 0.0
	for i := 0; i < len(x.F64); i += 13 {
		const step = 1e-6
		at := x.F64[i]
		x.F64[i] = at + step
		high := loss()
		x.F64[i] = at - step
		low := loss()
		x.F64[i] = at
		worst, largest = max(worst, math.Abs((high-low)/(2*step)-got[i])), max(largest, math.Abs(got[i]))
	}
	if largest == 0 || worst > 1e-6*largest+1e-8 {
		t.Errorf("the gradient is off by %v, of at most %v", worst, largest)
	}
}

// Attacks stay in their ball and in the range of pixels, leave the encoder as it is, and are the same each time; a
// larger ball leaves fewer images right than a smaller one, and none more than were right.
func TestPGD(t *testing.T) {
	s := attackSetup(t, "evaluate.pgd=true", "evaluate.pgd.images=70", "evaluate.pgd.l2=[0.01]", "evaluate.pgd.steps=5",
		"evaluate.pgd.linf=[1, 16]", "evaluate.pgd.l2_radius=[0.1, 3.0]", "baselines.pixels=true")
	before := s.Store.Hash("")
	all, err := s.evaluateAll(context.Background(), s.Store)
	if err != nil {
		t.Fatal(err)
	}
	if s.Store.Hash("") != before {
		t.Error("the attack changed the Store")
	}
	got := map[string]float64{}
	for _, e := range all {
		got[e.Representation+" "+e.Metric] = e.Value
		if e.Representation == "pixels" || !e.Accuracy || e.Images != 70 {
			t.Errorf("%s of %s: %+v", e.Label(), e.Representation, e)
		}
	}
	for _, pair := range [][2]string{{"clean", "linf_1"}, {"linf_1", "linf_16"}, {"clean", "l2_0.1"},
		{"l2_0.1", "l2_3"}} {
		if a, b := got["trained "+pair[0]], got["trained "+pair[1]]; b > a || pair[1] == "linf_16" && b > a/2 {
			t.Errorf("%s is %v, %s is %v", pair[0], a, pair[1], b)
		}
	}
	again, err := s.evaluateAll(context.Background(), s.Store)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range again {
		if e.Value != all[i].Value {
			t.Errorf("%s is %v, and again %v", e.Label(), all[i].Value, e.Value)
		}
	}
	a := &attacker{Setup: s}
	r := rand.New(rand.NewPCG(1, 2))
	still, slope := make([]float32, s.Views.Size()), make([]float32, s.Views.Size())
	for i := range still {
		still[i], slope[i] = r.Float32(), float32(r.NormFloat64())
	}
	for _, how := range []evaluations.Ball{{Max: true, Radius: 0.1, Step: 0.07}, {Radius: 0.5, Step: 0.4}} {
		moved := make([]float32, len(still))
		a.begin(moved, still, how, 1)
		for range 4 {
			a.move(moved, still, slope, how)
		}
		var most, square float64
		for i, v := range moved {
			if v < 0 || v > 1 {
				t.Fatalf("a pixel of %v", v)
			}
			d := float64(v) - float64(still[i])
			most, square = max(most, math.Abs(d)), square+d*d
		}
		far := most
		if !how.Max {
			far = math.Sqrt(square)
		}
		if far > how.Radius*1.0001 || far < how.Radius/2 {
			t.Errorf("%+v moves by %v", how, far)
		}
	}
}

// Wrong labels are those of the training alone: as many as asked for, none the right one, the same for every process.
func TestTrainingOnWrongLabels(t *testing.T) {
	s := attackSetup(t, "train.label_noise=0.25")
	labels, rows := make([]int32, s.Seen.Len()), make([]int32, s.Seen.Len())
	for i := range rows {
		rows[i], labels[i] = int32(i), int32(s.Seen.Label(i))
	}
	s.hide(labels, rows)
	wrong := 0
	for i, y := range labels {
		if y != int32(s.Seen.Label(i)) {
			wrong++
		}
		if y < 0 || int(y) >= len(s.Data.Train.Classes()) {
			t.Fatalf("label %d is %d", i, y)
		}
	}
	if wrong != 40 {
		t.Errorf("%d of 160 labels are wrong, want 40", wrong)
	}
	if s.Labelled.Label(0) != s.Data.Train.Label(0) && s.Labelled.Len() == s.Data.Train.Len() {
		t.Error("evaluations learn from wrong labels")
	}
}
