package experiment

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
	"selfsup/experiment/report"
	"selfsup/recipes"
)

// Files of a run folder.
const (
	ResolvedFile    = "recipe.resolved.toml" // loads to the same experiment
	OriginsFile     = "recipe.origins.toml"  // the same, with the origin of every value
	statusFile      = "run.json"
	environmentFile = "environment.json"
	MetricsFile     = "metrics.jsonl"
	messagesFile    = "log.txt"
	heartbeatFile   = "heartbeat"    // its time of change tells that the run goes on
	skippedFile     = "left_out.txt" // images that did not decode, with the reason
	checkpointDir   = "checkpoints"
	exportFile      = "export/encoder.safetensors"
	torchExportFile = "export/encoder.torch.safetensors"
)

// Status of a run folder.
type Status struct {
	State   string `json:"state"`   // running, done, interrupted, diverged or failed
	Recipe  string `json:"recipe"`  // digest of the resolved recipe
	BaseDir string `json:"basedir"` // that the recipe's relative paths start from
	Step    int    `json:"step"`    // at the newest checkpoint
	Steps   int    `json:"steps"`
	Ranks   int    `json:"ranks,omitempty"`    // processes that share it; none: one
	LeftOut int    `json:"left_out,omitempty"` // images that did not decode
	Error   string `json:"error,omitempty"`
	Totals  totals `json:"totals"`
	Init    *Begun `json:"init,omitempty"` // where the first weights are from; nil: all were random

	Lineage  []Extension `json:"lineage,omitempty"`  // what was changed since the run began, in turn
	Warnings []Warning   `json:"warnings,omitempty"` // of collapses
}

// ReadStatus reads the status of a run folder; a folder that is none is a DataError.
func ReadStatus(dir string) (s Status, err error) {
	text, err := os.ReadFile(filepath.Join(dir, statusFile))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return s, &DataError{fmt.Errorf("%s is no run folder: %w", dir, err)}
	}
	return s, nil
}

// open prepares what the loop writes to and reads from.
func (r *run) open(from int) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.progress.Log, err = report.OpenMessages(r.Folder.File(messagesFile)); err != nil {
		return err
	}
	if err := r.removeStale(); err != nil {
		return err
	}
	r.heart = &folder.Heartbeat{Path: r.Folder.File(heartbeatFile)}
	r.alive = func() error {
		r.evaluating()
		return r.heart.Beat(time.Now())
	}
	if r.encoderMeta, err = r.describeEncoder(); err != nil {
		return err
	}
	score, step, warning := checkpoint.BestScore(r.Folder.File(checkpointDir))
	if r.best, r.bestStep = score, step; warning != "" {
		r.progress.Say("warning: %s", warning)
	}
	if r.log, err = report.OpenLog(r.Folder.File(MetricsFile), from, from == r.Steps); err != nil {
		return err
	}
	if r.events, err = report.OpenEvents(r.Folder.Path, from, time.Now); err != nil {
		return err
	}
	r.clock.lastLoss = r.log.Loss
	return r.recordProcess(from)
}

// removeStale removes the temporary files of processes that were killed while they wrote.
func (r *run) removeStale() error {
	return errors.Join(
		folder.RemoveStaleOf(r.Folder.Path, ResolvedFile, OriginsFile, statusFile, environmentFile, MetricsFile,
			skippedFile, summaryFile, ReportFile),
		folder.RemoveStaleOf(filepath.Dir(r.Folder.File(exportFile)), filepath.Base(exportFile)),
		r.removeStaleCheckpoints(),
	)
}

// removeStaleCheckpoints leaves alone what another rank may be writing.
func (r *run) removeStaleCheckpoints() error {
	if !r.Options.Ranks.Lead() {
		return nil
	}
	return checkpoint.RemoveStale(r.Folder.File(checkpointDir))
}

// close closes what open opened.
func (r *run) close() (err error) {
	if r.log != nil {
		err = errors.Join(err, r.log.Close())
	}
	if r.events != nil {
		err = errors.Join(err, r.events.Close())
	}
	if r.progress.Log != nil {
		err = errors.Join(err, r.progress.Log.Close())
	}
	return err
}

// metrics writes a line of numbers.
func (r *run) metrics(line []report.Field) error {
	if err := r.log.Write(line); err != nil {
		return err
	}
	return r.events.Write(line)
}

// status rewrites run.json.
func (r *run) status(state string, cause error) error {
	s := Status{State: state, Recipe: r.Recipe.ID(), BaseDir: r.Recipe.Dir(), Step: max(r.saved, 0), Steps: r.Steps,
		Ranks: r.spread().Size, LeftOut: len(r.Data.Skipped), Totals: r.totals(), Init: r.begun, Lineage: r.lineage,
		Warnings: r.alarms.said}
	if cause != nil {
		s.Error = cause.Error()
	}
	return s.write(r.Folder)
}

// write rewrites run.json.
func (s Status) write(f *folder.Folder) error {
	return folder.WriteJSON(f.File(statusFile), s)
}

// reportSkipped names the images that were left out, in the run folder and in a message.
func (r *run) reportSkipped() error {
	for _, note := range r.Data.Notes {
		r.progress.Say("note: %s", note)
	}
	if len(r.Data.Skipped) == 0 {
		return nil
	}
	var text strings.Builder
	for _, s := range r.Data.Skipped {
		fmt.Fprintf(&text, "%s: %v\n", s.Name, s.Err)
	}
	r.progress.Say("%d %s left out, see %s", len(r.Data.Skipped), r.Noun(), r.Folder.File(skippedFile))
	return folder.WriteAtomic(r.Folder.File(skippedFile), []byte(text.String()))
}

// writeRecipe puts the recipe into the run folder: the user's files as they are, the resolved recipe, and where every
// value came from.
func writeRecipe(f *folder.Folder, rec *recipes.Loaded) error {
	for i, src := range rec.Result.Files {
		name := "recipe.toml"
		if i < len(rec.Result.Files)-1 {
			name = fmt.Sprintf("recipe.base%d.%s", i, filepath.Base(src.Name))
		}
		if err := folder.WriteAtomic(f.File(name), src.Data); err != nil {
			return fmt.Errorf("run folder: %w", err)
		}
	}
	if err := folder.WriteAtomic(f.File(ResolvedFile), []byte(rec.Resolved)); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	err := folder.Replace(f.File(OriginsFile), rec.WriteOrigins)
	if err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	return nil
}
