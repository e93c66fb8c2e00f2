package experiment_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/experiment/inspect"
	"selfsup/graph"
	"selfsup/methods"
	"selfsup/methods/contrastive"
	"selfsup/recipes"
)

// BYOL whose teacher is a copy collapses without its predictor, and not with it (Cookbook, section 3.4): the run says
// so once, with what helps, also where it is stopped and goes on. Its features are looked at by the evaluation.
func TestCollapseIsTold(t *testing.T) {
	copied := []string{`method="byol"`, "method.byol.projector=[64,32]", "method.byol.predictor=[64]",
		"method.byol.momentum=0.0", "method.byol.final_momentum=0.0", "optimizer.lars.rate=1.2",
		`train.length="100 steps"`, `train.log="5 steps"`}
	warnings := func(sets ...string) (in string, sum *experiment.Summary) {
		t.Helper()
		stop := make(chan experiment.Request, 1)
		stop <- experiment.Interrupt
		_, err := train(t, load(t, small, append(copied, sets...)...), stop)
		var stopped *experiment.Stopped
		if !errors.As(err, &stopped) {
			t.Fatal(err)
		}
		sum, err = experiment.Resume(stopped.Folder, recipes.Builtin(), experiment.Options{Messages: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(sum.Run, "log.txt"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text), sum
	}
	log, sum := warnings()
	if len(sum.Warnings) != 0 || strings.Contains(log, "collapse") {
		t.Errorf("with a predictor the run warns: %+v", sum.Warnings)
	}
	log, sum = warnings("method.byol.no_predictor=true")
	if len(sum.Warnings) != 2 || sum.Warnings[0].About != "spread" || sum.Warnings[1].About != "features" {
		t.Fatalf("without a predictor the run warns of %+v, want the spread and the features", sum.Warnings)
	}
	if w := sum.Warnings[0]; w.Step < 20 || w.Step > 60 || !strings.Contains(w.Text, "no_predictor = false") {
		t.Errorf("the warning is %+v, want one of a step from 20 to 60 that names the predictor", w)
	}
	said := strings.Count(log, ": collapse: spread")
	if want := strings.Count(sum.Table(), ": collapse: spread"); want != 1 || said != 2 { // as it comes, and at the end
		t.Errorf("the log has the warning of the spread %d times, the summary %d times; want 2 and 1:\n%s", said, want,
			log)
	}
	status, err := experiment.ReadStatus(sum.Run)
	if err != nil || len(status.Warnings) != 2 {
		t.Errorf("run.json has the warnings %+v (%v), want both", status.Warnings, err)
	}
}

// A warning that was said before a stop is not said again, and show tells it meanwhile.
func TestCollapseIsToldOnce(t *testing.T) {
	sets := []string{`method="byol"`, "method.byol.projector=[64,32]", "method.byol.momentum=0.0",
		"method.byol.final_momentum=0.0", "optimizer.lars.rate=1.2", "method.byol.no_predictor=true",
		`train.length="100 steps"`, `train.log="5 steps"`}
	stop := make(chan experiment.Request, 1)
	_, err := experiment.Run(load(t, small, sets...), experiment.Options{Root: t.TempDir(),
		Messages: stopAtWarning{stop}, Stop: stop})
	var stopped *experiment.Stopped
	if !errors.As(err, &stopped) {
		t.Fatal(err)
	}
	var shown strings.Builder
	if err := inspect.ShowRun(&shown, stopped.Folder, false, recipes.Builtin()); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(shown.String(), "warning     step "); n != 1 {
		t.Errorf("show has %d warnings of the run that was stopped, want one:\n%s", n, &shown)
	}
	sum, err := experiment.Resume(stopped.Folder, recipes.Builtin(), experiment.Options{Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(sum.Run, "log.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), ": collapse: spread"); n != 2 {
		t.Errorf("the log has the warning %d times, want it once, and once more in the table of the end:\n%s", n, text)
	}
}

// alarmed is SimCLR with an alarm that is heard at every line of metrics.
type alarmed struct{ contrastive.SimCLR }

func (m *alarmed) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	o := m.SimCLR.Build(s, enc, b)
	o.Alarms = []methods.Alarm{{Of: "spread", Within: [2]float64{-10, 10}, Means: "it is a number", Remedy: "none"}}
	return o
}

// A run that is stopped between the lines that a warning takes warns when an uninterrupted run does, and once.
func TestAlarmOutlivesStops(t *testing.T) {
	c := recipes.Builtin()
	c.Methods["alarmed"] = func() methods.Method { return &alarmed{*contrastive.DefaultSimCLR()} }
	start := func(stop <-chan experiment.Request) (*experiment.Summary, error) {
		r, err := recipes.Load(writeRecipe(t, small), []string{`method="alarmed"`, `train.log="1 step"`}, c)
		if err != nil {
			t.Fatal(err)
		}
		return experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard, Stop: stop})
	}
	whole, err := start(nil)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan experiment.Request, 1)
	stop <- experiment.Interrupt
	sum, err := start(stop)
	var stopped *experiment.Stopped
	for n := 1; errors.As(err, &stopped); n++ {
		if n < 7 { // after every step up to the seventh; then to the end
			stop <- experiment.Interrupt
		}
		sum, err = experiment.Resume(stopped.Folder, c, experiment.Options{Messages: io.Discard, Stop: stop})
	}
	if err != nil {
		t.Fatal(err)
	}
	of := func(s *experiment.Summary) (steps []int) {
		for _, w := range s.Warnings {
			if w.About == "spread" {
				steps = append(steps, w.Step)
			}
		}
		return steps
	}
	got, want := of(sum), of(whole)
	if len(want) != 1 || want[0] > 6 || !slices.Equal(got, want) {
		t.Errorf("stopped after each of seven steps the run warned at steps %v, uninterrupted at %v; want the same one",
			got, want)
	}
}

// stopAtWarning asks a run to stop when it warns.
type stopAtWarning struct{ stop chan experiment.Request }

func (w stopAtWarning) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "collapse") {
		select {
		case w.stop <- experiment.Interrupt:
		default:
		}
	}
	return len(p), nil
}

// The quickstart, made small, warns of nothing.
func TestHealthyRunWarnsOfNothing(t *testing.T) {
	sum, err := train(t, load(t, small, `train.length="100 steps"`, `train.log="5 steps"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(sum.Warnings) != 0 {
		t.Errorf("the run warns of %+v", sum.Warnings)
	}
}

// alarming is SimCLR with an alarm of a number that it does not have.
type alarming struct{ contrastive.SimCLR }

func (m *alarming) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	o := m.SimCLR.Build(s, enc, b)
	o.Alarms = []methods.Alarm{{Of: "sperad"}}
	return o
}

// An alarm that could never be heard is a fault of the method.
func TestAlarmOfNothing(t *testing.T) {
	c := recipes.Builtin()
	c.Methods["alarming"] = func() methods.Method { return &alarming{*contrastive.DefaultSimCLR()} }
	r, err := recipes.Load(writeRecipe(t, small), []string{`method="alarming"`}, c)
	if err != nil {
		t.Fatal(err)
	}
	_, err = experiment.Prepare(r)
	if want := `an alarm of "sperad", which is no term or metric; want one of ntxent, spread`; err == nil ||
		!strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
