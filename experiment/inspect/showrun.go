package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"selfsup/experiment"
	"selfsup/internal/called"
	"selfsup/recipes"
)

// ShowRun prints what a run folder holds: what is trained, the state, and the results. With origins it prints the
// recipe with the origin of every value instead.
func ShowRun(w io.Writer, dir string, origins bool, c recipes.Catalog) error {
	status, err := experiment.ReadStatus(dir)
	if err != nil {
		return err
	}
	if origins {
		text, err := os.ReadFile(filepath.Join(dir, experiment.OriginsFile))
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	}
	rec, err := recipes.Load(filepath.Join(dir, experiment.ResolvedFile), nil, c)
	if err != nil {
		return err
	}
	sum, err := experiment.ReadSummary(dir)
	if err != nil {
		return err
	}
	line := func(what, format string, args ...any) {
		fmt.Fprintf(w, "%-12s"+format+"\n", append([]any{what}, args...)...)
	}
	line("recipe", "%s: dataset.%s, backbone.%s, method.%s, optimizer.%s, seed %d, %s", rec.Name, rec.Dataset.Name,
		rec.Backbone.Name, rec.Method.Name, rec.Optimizer.Name, rec.Seed, rec.Precision)
	line("training", "%q, batch %d, step %d of %d", rec.Train.Length, rec.Train.Batch, status.Step, status.Steps)
	for _, e := range status.Lineage {
		line("", "%s", e)
	}
	state := status.State
	if status.Error != "" {
		state += ": " + status.Error
	}
	line("state", "%s", state)
	loss, evaluated := newest(filepath.Join(dir, experiment.MetricsFile))
	switch {
	case sum != nil && status.State == "done":
		sum.Run = filepath.Clean(dir)
		_, err = fmt.Fprintf(w, "\n%s", sum.Table())
		return err
	case loss != nil:
		line("loss", "%s at step %d", loss.Loss, loss.Step)
	}
	for _, w := range status.Warnings {
		line("warning", "step %d: %s", w.Step, w.Text)
	}
	if evaluated != "" {
		line("evaluation", "%s", evaluated)
	}
	if status.State != "running" && status.Error == "" {
		line("go on with", "%s", called.Line("resume", dir))
	}
	return nil
}

// lossAt is a line of metrics.
type lossAt struct {
	Step int             `json:"step"`
	Loss json.RawMessage `json:"loss"`
}

// newest is the newest line of metrics that has a loss, and the newest that has evaluations; nil and empty where there
// is none.
func newest(path string) (loss *lossAt, evaluated string) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ""
	}
	for line := range bytes.Lines(text) {
		var at lossAt
		switch err := json.Unmarshal(line, &at); {
		case err != nil:
		case at.Loss != nil:
			loss = &at
		default:
			evaluated = string(bytes.TrimSpace(line))
		}
	}
	return loss, evaluated
}
