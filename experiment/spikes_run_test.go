package experiment_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/methods/contrastive"
	"selfsup/recipes"
)

// jumping is SimCLR whose loss weighs a thousand times as much in one step.
type jumping struct{ contrastive.SimCLR }

func (m *jumping) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	o := m.SimCLR.Build(s, enc, b)
	weight := s.Scheduled("weight", func(t graph.Time) float64 {
		if t.Step == 30 {
			return 1000
		}
		return 1
	})
	o.Terms[0].Value = op.Mul(o.Terms[0].Value, weight)
	return o
}

// A spike of the first layer's gradient is told once, with its step, and is a number of the metrics; the same where the
// run is stopped before it. A steady run has none, nor one of a network that is no transformer.
func TestGradientSpike(t *testing.T) {
	c := recipes.Builtin()
	c.Methods["jumping"] = func() methods.Method { return &jumping{*contrastive.DefaultSimCLR()} }
	vit := []string{"backbone.vit.dim=24", "backbone.vit.depth=1", "backbone.vit.heads=2", "backbone.vit.patch=7"}
	run := func(method string, stop chan experiment.Request, backbone ...string) *experiment.Summary {
		t.Helper()
		// LARS: the length of a gradient does not move the weights
		sets := append(backbone, "method=\""+method+"\"", `train.length="40 steps"`, `train.log="10 steps"`,
			"evaluate.knn=false", "evaluate.linear=false")
		r, err := recipes.Load(writeRecipe(t, small), sets, c)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard, Stop: stop})
		var stopped *experiment.Stopped
		if errors.As(err, &stopped) {
			sum, err = experiment.Resume(stopped.Folder, c, experiment.Options{Messages: io.Discard})
		}
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	warnings := func(sum *experiment.Summary) (steps []int, text string) {
		for _, w := range sum.Warnings {
			if w.About == "first_gradient" {
				steps, text = append(steps, w.Step), w.Text
			}
		}
		return steps, text
	}
	if steps, text := warnings(run("simclr", nil, vit...)); len(steps) != 0 {
		t.Errorf("a steady run warns: %s", text)
	}
	if steps, text := warnings(run("jumping", nil)); len(steps) != 0 {
		t.Errorf("a convolutional network warns: %s", text)
	}
	var largest [2][]float64
	for i, stop := range []chan experiment.Request{nil, make(chan experiment.Request, 1)} {
		if stop != nil {
			stop <- experiment.Interrupt // after the first step
		}
		sum := run("jumping", stop, vit...)
		steps, text := warnings(sum)
		if len(steps) != 1 || steps[0] != 31 || !strings.Contains(text, "backbone/patch/weight") ||
			!strings.Contains(text, "of the 30 steps before") {
			t.Errorf("warnings after steps %v, the last %q; want one after step 31, by 30 steps", steps, text)
		}
		lines, err := os.ReadFile(filepath.Join(sum.Run, "metrics.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range bytes.Split(bytes.TrimSpace(lines), []byte("\n")) {
			var m map[string]any
			if err := json.Unmarshal(line, &m); err != nil {
				t.Fatal(err)
			}
			if v, ok := m["first_gradient"].(float64); ok {
				largest[i] = append(largest[i], v)
			}
		}
	}
	whole := largest[0]
	if len(whole) != 4 || whole[3] < 100*whole[2] {
		t.Fatalf("first_gradient of four lines is %v, want a jump in the last", whole)
	}
	for i, v := range largest[1] {
		if v != whole[i] {
			t.Errorf("line %d: %v where the run was stopped, else %v", i, v, whole[i])
		}
	}
}
