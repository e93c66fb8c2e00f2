package experiment_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

// The online probe, the linear probe and an MLP are measured on the validation split every few steps; their lines of
// metrics have the epoch and the seconds of training, which rise over an interruption too. At the end the online probe
// is measured on the test set, and is better than chance after these few steps.
func TestProbesByEpoch(t *testing.T) {
	sets := []string{"train.log=4 steps", "evaluate.online=true", `evaluate.online.every="5 steps"`,
		"evaluate.linear=true", "evaluate.linear.l2=[0.1]", `evaluate.linear.every="5 steps"`, "evaluate.mlp=true",
		`evaluate.mlp.every="10 steps"`, "evaluate.mlp.hidden=[16]", "evaluate.mlp.epochs=2",
		"train.probe_rate=0.01", "evaluate.knn=false"}
	stop := make(chan experiment.Request, 1)
	stop <- experiment.Interrupt
	_, err := train(t, load(t, small, sets...), stop)
	for stops := 0; ; stops++ {
		var stopped *experiment.Stopped
		if !errors.As(err, &stopped) || stops == 7 {
			t.Fatal(err)
		}
		if stops < 6 {
			stop <- experiment.Interrupt
		}
		var sum *experiment.Summary
		if sum, err = experiment.Resume(stopped.Folder, recipes.Builtin(), experiment.Options{Messages: discard{},
			Stop: stop}); err != nil {
			continue
		}
		lines(t, sum)
		if v, ok := sum.Measure("trained", "online top1"); !ok || v < 0.25 {
			t.Errorf("the online probe has %v (%v) on the test set", v, ok)
		}
		if _, ok := sum.Measure("untrained", "online top1"); ok {
			t.Error("the untrained encoder has an online probe")
		}
		return
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func lines(t *testing.T, sum *experiment.Summary) {
	t.Helper()
	f, err := os.Open(filepath.Join(sum.Run, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	counts, seconds := map[string]int{}, 0.0
	for in := bufio.NewScanner(f); in.Scan(); {
		var line map[string]float64
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line["seconds"] < seconds || line["seconds"] <= 0 || line["epoch"] <= 0 {
			t.Errorf("after %v seconds comes the line %s", seconds, in.Text())
		}
		seconds = line["seconds"]
		for name := range line {
			if strings.HasPrefix(name, "validation ") {
				counts[name]++
			}
		}
	}
	for name, want := range map[string]int{"validation online top1": 5, "validation linear top1": 5,
		"validation mlp top1": 3} { // of 23 steps; the last counts
		if counts[name] != want {
			t.Errorf("%s is there %d times, want %d: %v", name, counts[name], want, counts)
		}
	}
}

// Without a probe in the training there is nothing to measure.
func TestOnlineNeedsAProbe(t *testing.T) {
	_, err := train(t, load(t, small, "evaluate.online=true", "train.probe=false"), nil)
	if err == nil || !strings.Contains(err.Error(), "want train.probe = true") {
		t.Errorf("got %v", err)
	}
}
