package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"selfsup/experiment"
)

// answer is standard output, and whether anything was written to it.
type answer struct {
	io.Writer
	given bool
}

func (w *answer) Write(b []byte) (int, error) {
	w.given = true
	return w.Writer.Write(b)
}

// ending is how a command with --json ends: the object of a run that is done has it too, and every other end is this
// alone.
type ending struct {
	State  string `json:"state"`  // done, interrupted, diverged, failed, or refused: wrong use, recipe or data
	Status int    `json:"status"` // of the process
	Error  string `json:"error,omitempty"`
	Run    string `json:"run,omitempty"`  // folder
	Step   int    `json:"step,omitempty"` // at the newest checkpoint
	Steps  int    `json:"steps,omitempty"`
}

// endingOf describes an error.
func endingOf(err error) ending {
	e := ending{State: "failed", Status: status(err), Error: err.Error()}
	var run *experiment.RunError
	switch found := errors.As(err, &run); {
	case found:
		e.State, e.Run, e.Step, e.Steps = run.State, run.Folder, run.Step, run.Steps
	case e.Status == wrongUse, e.Status == badData:
		e.State = "refused"
	case e.Status == diverged:
		e.State = "diverged"
	case e.Status == interrupted, e.Status == terminated, e.Status == requeued, e.Status == hungUp:
		e.State = "interrupted"
	}
	return e
}

// answerError gives a command that was asked for JSON its object, where it ended before it had one.
func (a *app) answerError(args []string, err error) {
	if err != nil && !a.out.given && (slices.Contains(args, "--json") || slices.Contains(args, "--json=true")) {
		_ = json.NewEncoder(a.out).Encode(endingOf(err)) // the status says it too
	}
}

// conclude prints a finished run, and passes an error on.
func (a *app) conclude(asJSON bool) func(*experiment.Summary, error) error {
	return func(s *experiment.Summary, err error) error {
		if err != nil {
			return err
		}
		if !a.ranks.Lead() { // rank 0 says it
			return nil
		}
		if asJSON {
			err = json.NewEncoder(a.out).Encode(struct {
				*experiment.Summary
				State  string `json:"state"`
				Status int    `json:"status"`
			}{s, "done", done})
		} else {
			_, err = io.WriteString(a.out, s.Table())
		}
		if err != nil { // nobody reads it
			return fmt.Errorf("standard output: %w; what it would have said is in %s", err, s.Run)
		}
		return nil
	}
}
