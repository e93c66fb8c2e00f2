package experiment

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/evaluations"
	"selfsup/experiment/checkpoint"
	"selfsup/graph"
	"selfsup/graph/cpu/kern"
	"selfsup/recipes"
)

// smallDINO is DINO of seconds, whose prototypes are held for five steps.
func smallDINO(t *testing.T, sets ...string) *recipes.Loaded {
	t.Helper()
	r, err := recipes.Load("dino.toml", append([]string{
		"backbone.convnet.widths=[8,16]", "method.dino.hidden=16", "method.dino.bottleneck=8",
		"method.dino.prototypes=24",
		"method.dino.momentum=0.8", `method.dino.hold_last="5 steps"`, "train.batch=32", `train.length="12 steps"`,
		`train.checkpoint="1 step"`,
		"evaluate.linear=false", `evaluate.knn.every="0 steps"`,
	}, sets...), recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What is evaluated, embedded and exported of a DINO run is the teacher's encoder, not the student's.
func TestTeacherIsEvaluated(t *testing.T) {
	sum, err := Run(smallDINO(t), Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := OpenTrained("test", sum.Run, false, recipes.Builtin(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	st := s.Store
	// The plain encoder with the teacher's numbers, in the place of the student's.
	plain := graph.NewStore(1)
	moved := 0
	for _, name := range st.Names() {
		below, ok := strings.CutPrefix(name, "teacher/backbone/")
		if !ok {
			continue
		}
		e := *st.Get(name)
		if student := st.Get("backbone/" + below); slices.Equal(student.F32, e.F32) {
			t.Errorf("after 12 steps %s of teacher and student are the same: nothing tells them apart", below)
		}
		e.Name = "backbone/" + below
		plain.Put(&e)
		moved++
	}
	if moved != 8 {
		t.Fatalf("the teacher's encoder has %d entries, want the 8 of two layers", moved)
	}
	whole, err := Prepare(s.Recipe)
	if err != nil {
		t.Fatal(err)
	}
	whole.encodedAt = encoderPlace{}
	take, err := whole.embedder(plain)
	if err != nil {
		t.Fatal(err)
	}
	train, err := take(context.Background(), whole.Data.Train)
	if err != nil {
		t.Fatal(err)
	}
	test, err := take(context.Background(), whole.Data.Test)
	if err != nil {
		t.Fatal(err)
	}

	labels := func(set interface {
		Len() int
		Label(int) int
	}) (y []int32) {
		for i := range set.Len() {
			y = append(y, int32(set.Label(i)))
		}
		return y
	}
	knn := s.Recipe.Evaluate.On[0].Value.(*evaluations.KNN)
	want, err := knn.Evaluate(context.Background(), evaluations.Features{
		TrainX: train.x, TrainY: labels(whole.Data.Train), TestX: test.x, TestY: labels(whole.Data.Test), Dim: 16,
		Classes: 10, Seed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	said := slices.IndexFunc(sum.Evaluations, func(e Evaluation) bool {
		return e.Representation == "trained" && e.Metric == want[0].Metric
	})
	if said < 0 || sum.Evaluations[said].Value != want[0].Value {
		t.Errorf("the run evaluates %+v, the teacher's encoder has %s %v", sum.Evaluations, want[0].Metric,
			want[0].Value)
	}

	data, err := os.ReadFile(filepath.Join(sum.Run, exportFile))
	if err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(data)
	var header map[string]struct {
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(data[8:8+n], &header); err != nil {
		t.Fatal(err)
	}
	for _, name := range plain.Names() {
		h, ok := header["teacher/"+name]
		if !ok {
			t.Errorf("the exported file lacks teacher/%s", name)
			continue
		}
		bits, _ := binary.Append(nil, binary.LittleEndian, plain.Get(name).F32)
		if body := data[8+n:]; string(body[h.Offsets[0]:h.Offsets[1]]) != string(bits) {
			t.Errorf("the exported teacher/%s is not the teacher's", name)
		}
	}
}

// The prototypes and their moments stay as they are drawn while they are held, to the bit, and move in the first
// step after; everything else moves from the first step on. A run that is stopped on either side of that boundary,
// killed in between, and resumed on another number of threads ends with the bits of one that was not.
func TestHeldPrototypes(t *testing.T) {
	defer kern.SetThreads(kern.Threads())
	kern.SetThreads(1)
	whole, err := Run(smallDINO(t), Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	want := storeOf(t, whole.Run, 12).Hash("")

	s, err := Prepare(smallDINO(t))
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[string][]float32{}
	for _, name := range s.Store.Names() {
		drawn[name] = slices.Clone(s.Store.Get(name).F32)
	}
	stop := make(chan Request, 1)
	options := Options{Root: t.TempDir(), Messages: io.Discard, Stop: stop}
	dir := ""
	for done := 1; done <= 7; done++ {
		kern.SetThreads(1 + done%2)
		stop <- Interrupt
		var err error
		if dir == "" {
			_, err = Run(smallDINO(t), options)
		} else {
			_, err = Resume(dir, recipes.Builtin(), options)
		}
		var stopped *Stopped
		if !errors.As(err, &stopped) || stopped.Step != done {
			t.Fatalf("got %v, want a stop after step %d", err, done)
		}
		dir = stopped.Folder
		st := storeOf(t, dir, done)
		held := 0
		for _, name := range st.Names() {
			same := slices.Equal(st.Get(name).F32, drawn[name])
			switch {
			case strings.HasPrefix(name, "teacher/head/last/"): // follows the student
				if !same && done <= 5 && !near(st.Get(name).F32, drawn[name]) {
					t.Errorf("step %d: %s moves while the student's is held", done, name)
				}
			case strings.Contains(name, "head/last/"):
				held++
				if hold := done <= 5; same != hold {
					t.Errorf("step %d: %s is as drawn: %v, want %v", done, name, same, hold)
				}
			case same && done > 2 && strings.HasPrefix(name, "head/"):
				t.Errorf("step %d: %s has not moved", done, name)
			}
		}
		if held != 4 {
			t.Fatalf("%d entries of the last layer, want its weight, two moments and its count of steps: %q", held,
				st.Names())
		}
	}
	sum, err := Resume(dir, recipes.Builtin(), Options{Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if got := storeOf(t, sum.Run, 12).Hash(""); got != want {
		t.Errorf("the resumed run ends with %s, one in one piece with %s", got, want)
	}
}

// near allows the rounding of a moving average of equal numbers.
func near(a, b []float32) bool {
	for i := range a {
		if math.Abs(float64(a[i]-b[i])) > 1e-6 {
			return false
		}
	}
	return true
}

// storeOf is the newest checkpoint of a run, which must be of a step.
func storeOf(t *testing.T, dir string, step int) *graph.Store {
	t.Helper()
	st, m, warning, err := checkpoint.Latest(filepath.Join(dir, "checkpoints"))
	if err != nil || warning != "" || m.Step != step {
		t.Fatalf("%s holds step %d (%v, %q), want %d", dir, m.Step, err, warning, step)
	}
	return st
}
