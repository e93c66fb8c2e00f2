package experiment_test

import (
	"errors"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/experiment/checkpoint"
	"selfsup/graph/ir"
	"selfsup/recipes"
)

// evaluated is what `experiment eval` measures of a run.
func evaluated(t *testing.T, dir, weights string, best bool) *experiment.Summary {
	t.Helper()
	sum, err := experiment.Evaluate(dir, best, nil, recipes.Builtin(), experiment.Options{Messages: io.Discard,
		Weights: weights})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// exported is the encoder that a run wrote.
func exported(t *testing.T, dir string) map[string]ir.Array {
	t.Helper()
	tensors, _, err := checkpoint.Import(filepath.Join(dir, "export/encoder.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return tensors
}

// sameTensors compares tensors of a file with wanted numbers, and returns how many entries were compared.
func sameTensors(t *testing.T, got map[string]ir.Array, want func(name string, i int) (float64, bool)) (n int) {
	t.Helper()
	for name, a := range got {
		if _, ok := want(name, 0); !ok {
			continue
		}
		n++
		for i := range a.Shape.Size() {
			if w, _ := want(name, i); math.Abs(a.At(i)-w) > 1e-6*max(1, math.Abs(w)) {
				t.Fatalf("%s[%d] is %v, want %v", name, i, a.At(i), w)
			}
		}
	}
	return n
}

// A moving average changes nothing of the training, goes on over an interruption to the same bits, and is what is
// evaluated, exported and embedded.
func TestMovingAverage(t *testing.T) {
	sets := []string{`average.weights="ema"`, "average.decay=0.8", `evaluate.knn.every="10 steps"`}
	plain, err := train(t, load(t, small, sets[2]), nil)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := train(t, load(t, small, sets...), nil)
	if err != nil {
		t.Fatal(err)
	}
	latest := func(dir string) (hash string, at func(name string, i int) (float64, bool)) {
		st, _, _, err := checkpoint.Latest(filepath.Join(dir, "checkpoints"))
		if err != nil {
			t.Fatal(err)
		}
		return st.Hash("backbone/"), func(name string, i int) (float64, bool) {
			if e := st.Get("average/" + name); e != nil {
				return e.At(i), true
			}
			return 0, false
		}
	}
	was, _ := latest(plain.Run)
	hash, average := latest(sum.Run)
	if hash != was {
		t.Error("the average changes the training")
	}
	if n := sameTensors(t, exported(t, sum.Run), average); n < 5 {
		t.Errorf("%d tensors of the export are averages", n)
	}
	if sum.Weights != "a moving average" || !strings.Contains(sum.Table(), "weights: a moving average") {
		t.Errorf("weights %q in\n%s", sum.Weights, sum.Table())
	}
	if a, b := values(sum), values(evaluated(t, sum.Run, "", false)); a != b {
		t.Errorf("the run's evaluations are %s, evaluated again %s", a, b)
	}
	if a, b := values(plain), values(evaluated(t, sum.Run, "last", false)); a != b {
		t.Errorf("a run without average has %s, the last weights of one with it %s", a, b)
	}
	if values(sum) == values(plain) {
		t.Error("the average is evaluated as the last weights are")
	}
	if best := evaluated(t, sum.Run, "", true); best.Weights != sum.Weights {
		t.Errorf("the best checkpoint's weights are %q", best.Weights)
	}
	to := filepath.Join(t.TempDir(), "again.safetensors")
	if _, err := experiment.Export(sum.Run, experiment.ExportOptions{To: to}, recipes.Builtin(),
		experiment.Options{}); err != nil {
		t.Fatal(err)
	}
	again, _, err := checkpoint.Import(to)
	if err != nil {
		t.Fatal(err)
	}
	sameTensors(t, again, average)

	stop := make(chan experiment.Request, 1)
	stop <- experiment.Interrupt
	var stopped *experiment.Stopped
	if _, err = train(t, load(t, small, sets...), stop); !errors.As(err, &stopped) {
		t.Fatalf("interrupted run: %v", err)
	}
	resumed, err := experiment.Resume(stopped.Folder, recipes.Builtin(), experiment.Options{Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if final(t, resumed.Run) != final(t, sum.Run) || values(resumed) != values(sum) {
		t.Error("a run that was interrupted ends with another average")
	}
}

// The mean is over the newest checkpoints, of which the folder keeps as many, and is what is evaluated and exported.
func TestMeanOfCheckpoints(t *testing.T) {
	sum, err := train(t, load(t, small, `average.weights="mean of 3"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Weights != "the mean of 3 checkpoints, steps 15, 20 and 23" {
		t.Errorf("weights %q", sum.Weights)
	}
	dir := filepath.Join(sum.Run, "checkpoints")
	steps, err := checkpoint.WeightsSteps(dir)
	if err != nil || len(steps) != 3 || steps[0] != 15 {
		t.Fatalf("weights of steps %v are kept (%v), want the last 3", steps, err)
	}
	mean := map[string][]float64{}
	for _, file := range []string{"weights-15", "weights-20", "last"} {
		st, _, err := checkpoint.Load(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range st.Names() {
			e := st.Get(name)
			if mean[name] == nil {
				mean[name] = make([]float64, e.Shape.Size())
			}
			for i := range e.Shape.Size() {
				mean[name][i] += e.At(i) / 3
			}
		}
	}
	if n := sameTensors(t, exported(t, sum.Run), func(name string, i int) (float64, bool) {
		if mean[name] == nil {
			return 0, false
		}
		return mean[name][i], true
	}); n < 5 {
		t.Errorf("%d tensors of the export are means", n)
	}
	if a, b := values(sum), values(evaluated(t, sum.Run, "", false)); a != b {
		t.Errorf("the run's evaluations are %s, evaluated again %s", a, b)
	}
	if two := evaluated(t, sum.Run, "mean of 2", false); two.Weights != "the mean of 2 checkpoints, steps 20 and 23" {
		t.Errorf("weights %q", two.Weights)
	}
	plain, err := train(t, load(t, small), nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := values(plain), values(evaluated(t, sum.Run, "last", false)); a != b {
		t.Errorf("a run without means has %s, the last weights of one with them %s", a, b)
	}
	for weights, want := range map[string]string{
		"ema":       "was trained without a moving average",
		"mean of 1": "want \"last\", \"ema\" or \"mean of N\"",
	} {
		if _, err := experiment.Evaluate(plain.Run, false, nil, recipes.Builtin(), experiment.Options{
			Messages: io.Discard, Weights: weights}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("eval --weights %q: got %v, want %q", weights, err, want)
		}
	}
	if one := evaluated(t, plain.Run, "mean of 3", false); !strings.HasPrefix(one.Weights, "those of step 23 alone") {
		t.Errorf("a mean of a run that keeps none: weights %q", one.Weights)
	}
}

// What has no average is refused before the training.
func TestAverageRefuses(t *testing.T) {
	for _, c := range []struct {
		sets []string
		want string
	}{
		{[]string{`average.weights="best"`}, "want \"last\", \"ema\" or \"mean of N\" with N from 2 to 1000"},
		{[]string{"average.decay=0.9"}, "is of weights = \"ema\", and average.weights is \"last\""},
		{[]string{`average.weights="ema"`, "average.decay=1.0"}, "want a number above 0 and below 1"},
		{[]string{`average.weights="ema"`, "baselines.projector=[1]"}, "evaluates what is behind it"},
		{append([]string{`average.weights="ema"`}, resumable["dino"]...), "is a moving average of \"backbone\" " +
			"already"},
	} {
		r, err := recipes.Load(writeRecipe(t, small), c.sets, recipes.Builtin())
		if err == nil {
			_, err = experiment.Prepare(r)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "average.") {
			t.Errorf("%v: got %v, want %q", c.sets, err, c.want)
		}
	}
}
