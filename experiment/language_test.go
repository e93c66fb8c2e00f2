package experiment_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/experiment"
	"selfsup/experiment/checkpoint"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/recipes"
)

// Tests of what a method can say about its training, by what a run then does: Tune, Encoder, and the settings of
// [train] and [optimizer.*] that meet them.

// straight is a backbone without norms: a linear layer on the pixels.
type straight struct{}

func (*straight) Check(backbones.Input) error { return nil }
func (*straight) Dim() int                    { return 6 }

func (b *straight) New(s *graph.Scope, in backbones.Input) layer.Func {
	n := in.Size()
	project := layer.Linear(s, n, b.Dim(), true)
	return func(x *graph.Node) *graph.Node { return project(op.Reshape(x, op.ShapeOf(x)[0], n)) }
}

// tutored predicts an image's mean from its features, and the features that a teacher has of the other view. Nothing in
// it depends on other rows of the batch: its loss is a mean over rows. What it says beside the loss is set by the test.
type tutored struct {
	Momentum  float64 `toml:"momentum"`  // of the teacher
	Encoder   string  `toml:"encoder"`   // Objective.Encoder
	Elsewhere bool    `toml:"elsewhere"` // the encoder is in the scope "inner"
	Tune      string  `toml:"tune"`      // rate, vectors, flat or hold: how the head is trained
	Metric    string  `toml:"metric"`    // name of a metric
}

func (*tutored) Validate() error { return nil }

func (m *tutored) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	x, at := b.Views(2), s
	if m.Elsewhere {
		at = s.In("inner")
	}
	h := enc.New(at)(x[0])
	teacher := enc.New(at.Twin("teacher", s.Constant(m.Momentum)))(x[1])
	guess := layer.Linear(s.In("head"), enc.Dim, 1, true)(h) // [B,1]
	mean := op.Mean(op.Reshape(x[0], b.Size(), -1), true, 1)
	o := methods.Objective{
		Features: h,
		Terms: []methods.Term{
			{Name: "mean", Weight: 1, Value: losses.MSE(guess, mean)},
			{Name: "teacher", Weight: 0.5, Value: losses.MSE(h, op.StopGradient(teacher))},
		},
		Encoder: m.Encoder,
	}
	if m.Metric != "" {
		o.Metrics = []methods.Metric{{Name: m.Metric, Value: losses.Spread(h)}}
	}
	switch m.Tune {
	case "rate":
		o.Tune = []methods.Tune{{Scope: "head", Rate: graph.Constantly(0.25)}}
	case "vectors":
		o.Tune = []methods.Tune{{Vectors: true, Rate: graph.Constantly(0.25)}}
	case "flat":
		o.Tune = []methods.Tune{{Scope: "head", Flat: true}}
	case "hold":
		o.Tune = []methods.Tune{{Scope: "head", Hold: func(t graph.Time) float64 {
			if t.Step < 3 {
				return 1
			}
			return 0
		}}}
	}
	return o
}

// tutoredRate is small enough for momentum, and moves every parameter far beyond its rounding.
const tutoredRate = 0.0005

// tutoredSets are plain descent without warm-up or decay.
var tutoredSets = []string{
	`method="tutored"`, `backbone="straight"`, "train.probe=false", "evaluate.knn=false", `train.checkpoint="1 step"`,
	`optimizer="sgd"`, fmt.Sprintf("optimizer.sgd.rate=%v", tutoredRate), "optimizer.sgd.momentum=0.0",
	`optimizer.sgd.scale="none"`, "optimizer.sgd.weight_decay=0.0",
	`optimizer.sgd.warmup="0 steps"`,
}

func tutoredCatalog() recipes.Catalog {
	c := recipes.Builtin()
	c.Methods["tutored"] = func() methods.Method { return &tutored{Momentum: 0.9} }
	c.Backbones["straight"] = func() backbones.Backbone { return &straight{} }
	return c
}

func loadTutored(t *testing.T, sets ...string) *recipes.Loaded {
	t.Helper()
	r, err := recipes.Load(writeRecipe(t, small), append(slices.Clone(tutoredSets), sets...), tutoredCatalog())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// trained runs a recipe and returns the numbers that it starts and ends with, by name, and its folder.
func trained(t *testing.T, r *recipes.Loaded) (start, end map[string][]float32, dir string) {
	t.Helper()
	s, err := experiment.Prepare(r)
	if err != nil {
		t.Fatal(err)
	}
	start, end = map[string][]float32{}, map[string][]float32{}
	for _, name := range s.Store.Names() {
		start[name] = slices.Clone(s.Store.Get(name).F32)
	}
	sum, err := train(t, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	st, _, _, err := checkpoint.Latest(filepath.Join(sum.Run, "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range st.Names() {
		end[name] = st.Get(name).F32
	}
	return start, end, sum.Run
}

// moved is how far every parameter of names went.
func moved(start, end map[string][]float32, names ...string) (by []float64) {
	for _, name := range names {
		for i, x := range start[name] {
			by = append(by, float64(end[name][i])-float64(x))
		}
	}
	return by
}

func length(v []float64) float64 {
	var ss float64
	for _, x := range v {
		ss += x * x
	}
	return math.Sqrt(ss)
}

// expectMultiple holds that one way is a multiple of another.
func expectMultiple(t *testing.T, what string, got, of []float64, factor float64) {
	t.Helper()
	if length(of) == 0 || len(got) != len(of) {
		t.Fatalf("%s: nothing moved, or %d numbers against %d", what, len(got), len(of))
	}
	for i := range of {
		if d := math.Abs(got[i] - factor*of[i]); !(d <= 1e-3*factor*length(of)+1e-7) {
			t.Fatalf("%s: element %d moved by %v, want %v times %v", what, i, got[i], factor, of[i])
		}
	}
}

const (
	encoderWeight, encoderBias = "backbone/weight", "backbone/bias"
	headWeight, headBias       = "head/weight", "head/bias"
)

// A method whose loss is a mean over rows is trained alike on a batch and on its parts: parameters, teacher, moments
// and what the log says, with and without clipping, by descent and by Adam.
func TestAccumulateIsTheWholeBatch(t *testing.T) {
	for name, sets := range map[string][]string{
		"sgd":   {"optimizer.sgd.momentum=0.9", "optimizer.sgd.weight_decay=0.01"},
		"clip":  {"optimizer.sgd.momentum=0.9", "train.clip=0.05"},
		"adamw": {`optimizer="adamw"`, "optimizer.adamw.rate=0.003", "optimizer.adamw.eps=1e-4"},
	} {
		t.Run(name, func(t *testing.T) {
			start, whole, dir := trained(t, loadTutored(t, sets...))
			_, parts, of := trained(t, loadTutored(t, append(sets, "train.accumulate=4")...))
			if len(moved(start, whole, encoderWeight)) == 0 {
				t.Fatal("no encoder")
			}
			for entry, want := range whole {
				largest := 1e-3
				for _, x := range want {
					largest = max(largest, math.Abs(float64(x)))
				}
				for i, x := range want {
					if d := math.Abs(float64(x) - float64(parts[entry][i])); !(d <= 1e-4*largest) {
						t.Fatalf("%s[%d]: in parts %v, whole %v", entry, i, parts[entry][i], x)
					}
				}
			}
			a, b := metricLines(t, dir), metricLines(t, of)
			for i := range a {
				for _, key := range []string{"loss", "mean", "teacher", "rate"} {
					if !near(b[i][key], a[i][key], 1e-4) {
						t.Errorf("step %d: %s is %v in parts, %v whole", i+1, key, b[i][key], a[i][key])
					}
				}
			}
		})
	}
}

// metricLines are the numbers of metrics.jsonl.
func metricLines(t *testing.T, dir string) (lines []map[string]float64) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var v map[string]float64
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, v)
	}
	return lines
}

// train.clip bounds the length of a step's gradient, all parameters together, and keeps its direction; a bound above it
// changes no bit.
func TestClip(t *testing.T) {
	one := `train.length="1 step"`
	all := []string{encoderWeight, encoderBias, headWeight, headBias}
	start, free, _ := trained(t, loadTutored(t, one))
	way := moved(start, free, all...)
	norm := length(way) / tutoredRate // of the gradient
	_, clipped, _ := trained(t, loadTutored(t, one, fmt.Sprintf("train.clip=%v", norm/8)))
	expectMultiple(t, "clipped to an eighth", moved(start, clipped, all...), way, 1.0/8)
	_, loose, _ := trained(t, loadTutored(t, one, fmt.Sprintf("train.clip=%v", norm*2)))
	for _, name := range all {
		if !slices.Equal(loose[name], free[name]) {
			t.Errorf("%s: a bound above the gradient's length changes it", name)
		}
	}
}

// Tune.Rate is a factor of the rate of its scope alone.
func TestTuneRate(t *testing.T) {
	one := `train.length="1 step"`
	start, plain, _ := trained(t, loadTutored(t, one))
	_, tuned, _ := trained(t, loadTutored(t, one, `method.tutored.tune="rate"`))
	expectMultiple(t, "the tuned head", moved(start, tuned, headWeight, headBias), moved(start, plain, headWeight,
		headBias), 0.25)
	expectMultiple(t, "the encoder", moved(start, tuned, encoderWeight, encoderBias), moved(start, plain, encoderWeight,
		encoderBias), 1)
}

// Tune.Vectors tunes biases alone, here those of all scopes.
func TestTuneVectors(t *testing.T) {
	one := `train.length="1 step"`
	start, plain, _ := trained(t, loadTutored(t, one))
	_, tuned, _ := trained(t, loadTutored(t, one, `method.tutored.tune="vectors"`))
	expectMultiple(t, "biases", moved(start, tuned, headBias, encoderBias), moved(start, plain, headBias, encoderBias),
		0.25)
	expectMultiple(t, "weights", moved(start, tuned, headWeight, encoderWeight), moved(start, plain, headWeight,
		encoderWeight), 1)
}

// train.koleo adds a term to any method, which spreads the features.
func TestKoLeo(t *testing.T) {
	distance := func(weight float64) (first, last float64) {
		s, err := experiment.Prepare(loadTutored(t, `train.length="40 steps"`, "optimizer.sgd.rate=0.05",
			fmt.Sprintf("train.koleo=%v", weight)))
		if err != nil {
			t.Fatal(err)
		}
		for name, a := range s.Train.Inputs() {
			optest.Fill(a, name)
		}
		for step := range s.Steps {
			s.Train.Schedule(graph.Time{Step: step, Steps: s.Steps, PerEpoch: s.PerEpoch})
			if err := s.Train.Run(); err != nil {
				t.Fatal(err)
			}
			out, err := s.Train.Output("koleo")
			if err != nil {
				t.Fatal(err)
			}
			if last = out.At(0); step == 0 {
				first = last
			}
		}
		return first, last
	}
	_, little := distance(1e-6)
	first, last := distance(1)
	if !(last < first-0.1 && last < little-0.1) {
		t.Errorf("after 40 steps the term is %v, at the first %v, without its gradient %v: want less", last, first,
			little)
	}
	r := loadTutored(t, "train.koleo=0.0")
	s, err := experiment.Prepare(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Train.Output("koleo"); err == nil {
		t.Error("without a weight there is the term")
	}
	if _, err := recipes.Load("bigan.toml", []string{"train.koleo=-1.0"}, recipes.Builtin()); err == nil ||
		!strings.Contains(err.Error(), "want a weight of 0 or more") {
		t.Errorf("a weight below 0: got %v", err)
	}
	r, err = recipes.Load("bigan.toml", []string{"train.koleo=0.1"}, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := experiment.Prepare(r); err == nil || !strings.Contains(err.Error(), "train.koleo = 0.1") {
		t.Errorf("a method of several players: got %v", err)
	}
}

// Tune.Flat trains its scope at the peak rate while the others warm up from 0.
func TestTuneFlat(t *testing.T) {
	one := []string{`train.length="1 step"`}
	start, plain, _ := trained(t, loadTutored(t, one...))
	warming := append(one, `optimizer.sgd.warmup="1 step"`)
	_, warm, _ := trained(t, loadTutored(t, warming...))
	_, flat, _ := trained(t, loadTutored(t, append(warming, `method.tutored.tune="flat"`)...))
	if l := length(moved(start, warm, headWeight, headBias)); l != 0 {
		t.Errorf("the head moves by %v in a step of rate 0", l)
	}
	if l := length(moved(start, flat, encoderWeight, encoderBias)); l != 0 {
		t.Errorf("the encoder moves by %v in a step of rate 0", l)
	}
	expectMultiple(t, "the flat head", moved(start, flat, headWeight, headBias), moved(start, plain, headWeight,
		headBias), 1)
}

// Tune.Hold leaves parameters and moments as they were, bit for bit, and lets go of them afterwards.
func TestTuneHold(t *testing.T) {
	sets := []string{`method.tutored.tune="hold"`, `optimizer="adamw"`, "optimizer.adamw.rate=0.01"}
	for steps, held := range map[int]bool{3: true, 4: false} {
		start, end, _ := trained(t, loadTutored(t, append(sets, fmt.Sprintf(`train.length="%d steps"`, steps))...))
		if length(moved(start, end, encoderWeight)) == 0 {
			t.Error("the encoder does not move")
		}
		moments := 0
		for name := range end {
			if name != headWeight && name != headBias && !strings.HasPrefix(name, "optimizer/head/") {
				continue
			}
			if strings.HasPrefix(name, "optimizer/") {
				moments++
			}
			if l := length(moved(start, end, name)); (l == 0) != held {
				t.Errorf("after %d steps %s has moved by %v, want it held: %v", steps, name, l, held)
			}
		}
		if moments < 4 {
			t.Errorf("%d moments of the head in %q", moments, slices.Sorted(maps.Keys(end)))
		}
	}
}

// Objective.Encoder names what is evaluated and exported: a teacher that never moves is as good as untrained, its
// student is not.
func TestEncoderOfTeacher(t *testing.T) {
	for encoder, still := range map[string]bool{"teacher/backbone": true, "": false} {
		r := loadTutored(t, fmt.Sprintf("method.tutored.encoder=%q", encoder), "method.tutored.momentum=1.0",
			"evaluate.spread=true")
		sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]map[string]float64{}
		for _, e := range sum.Evaluations {
			if got[e.Representation] == nil {
				got[e.Representation] = map[string]float64{}
			}
			got[e.Representation][e.Metric] = e.Value
		}
		if len(got["trained"]) == 0 || maps.Equal(got["trained"], got["untrained"]) != still {
			t.Errorf("encoder %q: evaluations %v, want those of trained and untrained equal: %v", encoder, got, still)
		}
		st, _, _, err := checkpoint.Latest(filepath.Join(sum.Run, "checkpoints"))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "encoder.safetensors")
		if _, err := experiment.Export(sum.Run, experiment.ExportOptions{To: path}, tutoredCatalog(),
			experiment.Options{}); err != nil {
			t.Fatal(err)
		}
		_, _, values := tensors(t, path)
		for name, v := range values {
			if !strings.HasSuffix(name, "weight") {
				continue
			}
			if isTeacher := slices.Equal(v, st.Get("teacher/backbone/weight").F32); isTeacher != still {
				t.Errorf("encoder %q: the exported %s is the teacher's: %v", encoder, name, isTeacher)
			}
			if isStudent := slices.Equal(v, st.Get(encoderWeight).F32); isStudent == still {
				t.Errorf("encoder %q: the exported %s is the student's: %v", encoder, name, isStudent)
			}
		}
		if len(values) == 0 {
			t.Errorf("encoder %q: nothing is exported", encoder)
		}
	}
}

// A method whose encoder is not where it says is refused before a step; where it says so it is trained.
func TestEncoderElsewhere(t *testing.T) {
	for _, c := range []struct{ encoder, want string }{
		{"", `[method.tutored] the encoder to be evaluated, "backbone", is not what the method trains`},
		{"teacher/backbone",
			`[method.tutored] the encoder to be evaluated, "teacher/backbone", is not what the method trains`},
		{"inner", `Objective.Encoder is "inner"; want a scope that ends in /backbone`},
		{"inner/backbone", ""},
		{"inner/teacher/backbone", ""},
	} {
		_, err := experiment.Prepare(loadTutored(t, "method.tutored.elsewhere=true",
			fmt.Sprintf("method.tutored.encoder=%q", c.encoder)))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("encoder %q: %v", c.encoder, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("encoder %q: got %v, want %s", c.encoder, err, c.want)
		}
	}
}

// Every name that the log has of its own is refused as the name of a metric.
func TestNamesOfTheLog(t *testing.T) {
	_, _, dir := trained(t, loadTutored(t, "train.probe=true", `train.length="2 steps"`))
	names := map[string]bool{"gradient_norms": true, "weight_decay": true}
	for _, line := range metricLines(t, dir) {
		for name := range line {
			names[name] = true
		}
	}
	for _, own := range []string{"loss", "rate", "probe/loss", "probe/accuracy"} {
		if !names[own] {
			t.Errorf("the log has no %s", own)
		}
	}
	delete(names, "mean")
	delete(names, "teacher")
	for name := range names {
		_, err := experiment.Prepare(loadTutored(t, fmt.Sprintf("method.tutored.metric=%q", name)))
		if err == nil || !strings.Contains(err.Error(), "log uses itself") {
			t.Errorf("a metric named %s: got %v, want it refused", name, err)
		}
	}
	if _, err := experiment.Prepare(loadTutored(t, `method.tutored.metric="mean"`)); err == nil ||
		!strings.Contains(err.Error(), "two values with the name") {
		t.Errorf("a metric with a term's name: got %v", err)
	}
}

// optimizer.*.final_decay moves the weight decay along half a cosine to a multiple of itself.
func TestFinalDecay(t *testing.T) {
	s, err := experiment.Prepare(loadTutored(t, "optimizer.sgd.weight_decay=0.02", "optimizer.sgd.final_decay=5.0",
		`train.length="20 steps"`))
	if err != nil {
		t.Fatal(err)
	}
	for step, want := range map[int]float64{0: 0.02, 10: 0.06, 20: 0.1} {
		s.Train.Schedule(graph.Time{Step: step, Steps: s.Steps, PerEpoch: s.PerEpoch})
		if got, ok := s.Train.Scheduled("weight_decay"); !ok || math.Abs(got-want) > 1e-7 {
			t.Errorf("step %d: weight decay %v, want %v", step, got, want)
		}
	}
	// The weights shrink by the rate times what is scheduled.
	one := []string{`train.length="1 step"`, "optimizer.sgd.rate=0.5"}
	start, free, _ := trained(t, loadTutored(t, one...))
	_, decayed, _ := trained(t, loadTutored(t, append(one, "optimizer.sgd.weight_decay=0.02")...))
	var shrunk, weight []float64
	for i, x := range start[encoderWeight] {
		shrunk, weight = append(shrunk, float64(free[encoderWeight][i])-float64(decayed[encoderWeight][i])),
			append(weight, float64(x))
	}
	expectMultiple(t, "decay", shrunk, weight, 0.5*0.02)
}

// optimizer.*.layer_decay gives each layer of a transformer a power of itself as factor of the rate: the heads and the
// last norm 1, the highest block once the decay, the patches the most.
func TestLayerDecay(t *testing.T) {
	sets := []string{`method="tutored"`, `backbone="vit"`, "backbone.vit.dim=8", "backbone.vit.depth=2",
		"backbone.vit.heads=2", "backbone.vit.patch=7", `train.length="1 step"`}
	start, plain, _ := trained(t, loadTutored(t, sets...))
	_, decayed, _ := trained(t, loadTutored(t, append(sets, "optimizer.sgd.layer_decay=0.5")...))
	seen := map[string]bool{}
	for name := range start {
		factor, layer := 1.0, "above"
		switch {
		case strings.HasPrefix(name, "backbone/blocks/1/"):
			factor, layer = 0.5, "block 1"
		case strings.HasPrefix(name, "backbone/blocks/0/"):
			factor, layer = 0.25, "block 0"
		case strings.HasPrefix(name, "backbone/patch/") || name == "backbone/class" || name == "backbone/position":
			factor, layer = 0.125, "patches"
		case !strings.HasPrefix(name, "backbone/") && !strings.HasPrefix(name, "head/"):
			continue
		}
		way := moved(start, plain, name)
		if length(way) < 1e-6 {
			continue // the bias of the keys has no gradient
		}
		seen[layer] = true
		expectMultiple(t, name, moved(start, decayed, name), way, factor)
	}
	if len(seen) != 4 {
		t.Errorf("parameters of %v moved, want those of all four layers", seen)
	}
}
