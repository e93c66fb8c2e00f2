package experiment_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

// timeless are the lines of a run's metrics without what the clock measured.
func timeless(t *testing.T, dir string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var numbers map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &numbers); err != nil {
			t.Fatal(err)
		}
		delete(numbers, "seconds")
		delete(numbers, "data_wait")
		one := ""
		for _, key := range slices.Sorted(maps.Keys(numbers)) {
			one += fmt.Sprintf("%s=%s ", key, numbers[key])
		}
		lines = append(lines, one)
	}
	return lines
}

// A run that stops in the middle of lines of metrics and goes on has the lines of one that does not, number by number,
// evaluations included.
func TestResumedMetrics(t *testing.T) {
	for name, more := range map[string][]string{
		"one size": nil,
		"stages":   {`train.resolution=[{until="2 steps",crop=16},{until="50%",crop=20}]`},
	} {
		sets := append([]string{"train.log=7 steps", "evaluate.knn.every=5 steps", "train.checkpoint=100%"}, more...)
		whole, err := train(t, load(t, small, sets...), nil)
		if err != nil {
			t.Fatal(err)
		}
		stop := make(chan experiment.Request, 1)
		stop <- experiment.Interrupt
		_, err = train(t, load(t, small, sets...), stop)
		for range 9 {
			var stopped *experiment.Stopped
			if !errors.As(err, &stopped) {
				t.Fatal(err)
			}
			stop <- experiment.Interrupt // after every step up to the tenth
			_, err = experiment.Resume(stopped.Folder, recipes.Builtin(), experiment.Options{Messages: io.Discard,
				Stop: stop})
		}
		var stopped *experiment.Stopped
		if !errors.As(err, &stopped) || stopped.Step != 10 {
			t.Fatalf("%v, want a stop after step 10", err)
		}
		sum, err := experiment.Resume(stopped.Folder, recipes.Builtin(), experiment.Options{Messages: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		got, want := timeless(t, sum.Run), timeless(t, whole.Run)
		if !slices.Equal(got, want) {
			t.Errorf("%s: interrupted nine times:\n%s\nuninterrupted:\n%s", name, strings.Join(got, "\n"),
				strings.Join(want, "\n"))
		}
		if len(want) != 4+5 { // steps 7, 14, 21, 23; evaluations after 5, 10, 15, 20, 23
			t.Errorf("%s: %d lines, want 9:\n%s", name, len(want), strings.Join(want, "\n"))
		}
	}
}

// The end's evaluations are numbers of the last step in the metrics and in the event files; the table is in log.txt;
// there is one final loss.
func TestLastEvaluation(t *testing.T) {
	var said strings.Builder
	r := load(t, small, "train.log=7 steps", "evaluate.knn.every=10 steps", "evaluate.linear=true",
		"evaluate.linear.iterations=3", "evaluate.linear.l2=[0.01]")
	sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: &said})
	if err != nil {
		t.Fatal(err)
	}
	lines := timeless(t, sum.Run)
	files, _ := filepath.Glob(filepath.Join(sum.Run, "events.out.tfevents.*"))
	events := readEvents(t, files)
	for _, e := range sum.Evaluations {
		if e.Representation != "trained" {
			continue
		}
		if want := fmt.Sprintf("%s=%v ", e.Label(), e.Value); !strings.Contains(lines[len(lines)-1], want) ||
			!strings.Contains(lines[len(lines)-1], "step=23 ") {
			t.Errorf("the metrics end with %s, want %q at step 23", lines[len(lines)-1], want)
		}
		if got, ok := events[scalar{23, e.Label()}]; !ok || got != float32(e.Value) {
			t.Errorf("the event files have %v (%v) for %s at step 23, want %v", got, ok, e.Label(), e.Value)
		}
	}
	text, err := os.ReadFile(filepath.Join(sum.Run, "log.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(sum.Table()), "\n") {
		if !strings.Contains(string(text), " "+line+"\n") {
			t.Errorf("log.txt has no line %q of the table:\n%s", line, text)
		}
	}
	last := lines[len(lines)-2]
	if want := fmt.Sprintf("loss=%v ", sum.Loss); !strings.Contains(last, want) {
		t.Errorf("the metrics' last loss is in %q, the summary's is %v", last, sum.Loss)
	}
	if want := fmt.Sprintf("step 23/23  loss %.4f  ", sum.Loss); !strings.Contains(said.String(), want) {
		t.Errorf("want the final loss as %q in the last progress line of\n%s", want, said.String())
	}
	if !strings.Contains(said.String(), "  epoch 0.4: validation knn k=20 top1 ") { // of step 20: 46 steps are an epoch
		t.Errorf("the evaluation in the progress line does not say when it was:\n%s", said.String())
	}
}

// What a process left that was killed while it wrote is gone when the run goes on; other hidden files stay.
func TestTemporariesAreRemoved(t *testing.T) {
	stop := make(chan experiment.Request, 1)
	stop <- experiment.Interrupt
	_, err := train(t, load(t, small), stop)
	var stopped *experiment.Stopped
	if !errors.As(err, &stopped) {
		t.Fatal(err)
	}
	stale := []string{"checkpoints/.next.123", "checkpoints/.best.77", ".run.json.5", ".metrics.jsonl.12",
		".summary.json.1", "export/.encoder.safetensors.9", ".recipe.resolved.toml.3"}
	others := []string{"checkpoints/.mine", ".notes.12a", "checkpoints/.last.swp"}
	for _, name := range append(stale, others...) {
		path := filepath.Join(stopped.Folder, name)
		os.MkdirAll(filepath.Dir(path), 0o777)
		if err := os.WriteFile(path, []byte("half"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := experiment.Resume(stopped.Folder, recipes.Builtin(),
		experiment.Options{Messages: io.Discard}); err != nil {
		t.Fatal(err)
	}
	for _, name := range stale {
		if _, err := os.Stat(filepath.Join(stopped.Folder, name)); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	for _, name := range others {
		if _, err := os.Stat(filepath.Join(stopped.Folder, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
