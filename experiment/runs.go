package experiment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
	"selfsup/experiment/report"
	"selfsup/graph"
	"selfsup/graph/cpu/kern"
	"selfsup/graph/ir"
	"selfsup/recipes"
)

// Options are what the machine and the user's hands decide, not the recipe.
type Options struct {
	Root     string         // folder in which Run makes the run's folder
	Messages io.Writer      // progress and messages
	Stop     <-chan Request // a request ends the run after the step it is in
}

// SetThreads says how many cores everything uses: kernels, views, evaluation. It changes no result.
func SetThreads(n int) {
	runtime.GOMAXPROCS(n)
	kern.SetThreads(n)
}

// run is a Setup being run.
type run struct {
	*Setup
	Options
	Folder   *folder.Folder
	log      *report.Log
	progress *report.Progress
	clock    clock
	first    int // step that this process began with
	saved    int // steps done at the newest checkpoint
	loss     ir.Array
	norms    ir.Array
	watched  []watched
	note     string // the newest evaluation, for the progress line
	before   totals // of earlier processes of this run
}

// totals add up over the processes of a run.
type totals struct {
	Seconds float64 `json:"seconds"`
	Waiting float64 `json:"waiting"`
	Steps   int     `json:"steps"`
}

// Files of a run folder.
const (
	ResolvedFile    = "recipe.resolved.toml" // loads to the same experiment
	originsFile     = "recipe.origins.toml"  // the same, with the origin of every value
	statusFile      = "run.json"
	environmentFile = "environment.json"
	metricsFile     = "metrics.jsonl"
	skippedFile     = "left_out.txt" // images that did not decode, with the reason
	checkpointDir   = "checkpoints"
)

// Status of a run folder.
type Status struct {
	State   string `json:"state"`   // running, done, interrupted, diverged or failed
	Recipe  string `json:"recipe"`  // digest of the resolved recipe
	BaseDir string `json:"basedir"` // that the recipe's relative paths start from
	Step    int    `json:"step"`    // at the newest checkpoint
	Steps   int    `json:"steps"`
	Error   string `json:"error,omitempty"`
	Totals  totals `json:"totals"`
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

// Run trains and evaluates a recipe in a new folder below o.Root.
func Run(rec *recipes.Loaded, o Options) (*Summary, error) {
	s, err := Prepare(rec)
	if err != nil {
		return nil, err
	}
	f, err := folder.Create(o.Root, rec.Name, time.Now())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := writeRecipe(f, rec); err != nil {
		return nil, err
	}
	return s.start(f, o, 0, totals{})
}

// Resume goes on from the newest checkpoint of a run folder, as if nothing had happened. A run that is done is an error.
func Resume(dir string, c recipes.Catalog, o Options) (*Summary, error) {
	if _, err := ReadStatus(dir); err != nil {
		return nil, err
	}
	f, err := folder.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, old, st, m, err := reopen(f, nil, c, o)
	if err != nil {
		return nil, err
	}
	if old.State == "done" {
		return nil, fmt.Errorf("resume: %s is done (%d steps); to go further, run its recipe with a longer train.length", dir, old.Steps)
	}
	if st == nil { // interrupted before its first checkpoint
		return s.start(f, o, 0, totals{})
	}
	for _, name := range st.Names() {
		s.Store.Get(name).Copy(st.Get(name).Array)
	}
	return s.start(f, o, m.Step, old.Totals)
}

// Evaluate runs the protocols of a run's recipe, with sets applied, on its newest checkpoint. It changes nothing in the folder, which
// may be in use: checkpoints are replaced as a whole.
func Evaluate(dir string, sets []string, c recipes.Catalog, o Options) (*Summary, error) {
	f := &folder.Folder{Path: filepath.Clean(dir)}
	s, _, st, m, err := reopen(f, sets, c, o)
	if err != nil {
		return nil, err
	}
	if st == nil {
		return nil, &DataError{fmt.Errorf("eval: %s has no checkpoint yet", dir)}
	}
	s.Store = st
	ctx := context.Background()
	all, err := s.evaluateAll(ctx)
	if err != nil {
		return nil, err
	}
	return &Summary{Run: f.Path, Steps: m.Step, Evaluations: all, PeakRSSMB: report.PeakRSSMB()}, nil
}

// reopen reads what a run folder holds: its recipe made ready, its status, and the newest whole checkpoint (nil if there is none).
func reopen(f *folder.Folder, sets []string, c recipes.Catalog, o Options) (*Setup, Status, *graph.Store, checkpoint.Meta, error) {
	var m checkpoint.Meta
	old, err := ReadStatus(f.Path)
	if err != nil {
		return nil, old, nil, m, err
	}
	rec, err := recipes.Load(f.File(ResolvedFile), sets, c)
	if err != nil {
		return nil, old, nil, m, err
	}
	rec.BaseDir = old.BaseDir
	s, err := Prepare(rec)
	if err != nil {
		return nil, old, nil, m, err
	}
	st, m, warning, err := checkpoint.Latest(f.File(checkpointDir))
	if errors.Is(err, os.ErrNotExist) {
		return s, old, nil, m, nil
	}
	if err != nil {
		return nil, old, nil, m, &DataError{err}
	}
	if warning != "" {
		fmt.Fprintln(o.Messages, "warning:", warning)
	}
	if err := checkpoint.Fit(f.File(checkpointDir), st, s.Leaves); err != nil {
		return nil, old, nil, m, &DataError{err}
	}
	return s, old, st, m, nil
}

// start runs the training from a step on, then the evaluation, and keeps the folder's status true on every way out.
func (s *Setup) start(f *folder.Folder, o Options, from int, before totals) (_ *Summary, err error) {
	r := &run{Setup: s, Options: o, Folder: f, progress: report.NewProgress(o.Messages), first: from, saved: from, before: before}
	if from == 0 {
		r.saved = -1
	}
	if err := r.open(from); err != nil {
		return nil, err
	}
	ctx := context.Background()
	if err := r.status("running", nil); err != nil {
		return nil, err
	}
	defer func() {
		r.progress.Clear()
		err = errors.Join(err, r.log.Close())
		state := stateOf(err)
		err = errors.Join(err, r.status(state, err))
	}()
	r.progress.Say("%s: %d images, %d steps of %d, run folder %s", s.Recipe.Name, s.Data.Train.Len(), s.Steps, s.Recipe.Train.Batch, f.Path)
	if err := r.reportSkipped(); err != nil {
		return nil, err
	}
	if err := r.train(ctx, from); err != nil {
		return nil, err
	}
	all, err := r.evaluateAll(ctx)
	if err != nil {
		return nil, err
	}
	sum := r.summary(all)
	return sum, sum.write(f)
}

// reportSkipped names the images that were left out, in the run folder and in a message.
func (r *run) reportSkipped() error {
	if len(r.Data.Skipped) == 0 {
		return nil
	}
	var text strings.Builder
	for _, s := range r.Data.Skipped {
		fmt.Fprintf(&text, "%s: %v\n", s.Name, s.Err)
	}
	r.progress.Say("%d images left out, see %s", len(r.Data.Skipped), r.Folder.File(skippedFile))
	return folder.WriteAtomic(r.Folder.File(skippedFile), []byte(text.String()))
}

// stateOf names the end of a run.
func stateOf(err error) string {
	var stop *Stopped
	var nan *DivergedError
	switch {
	case err == nil:
		return "done"
	case errors.As(err, &stop):
		return "interrupted"
	case errors.As(err, &nan):
		return "diverged"
	}
	return "failed"
}

// open prepares what the loop writes to and reads from.
func (r *run) open(from int) (err error) {
	if r.log, err = report.OpenLog(r.Folder.File(metricsFile), from); err != nil {
		return err
	}
	if r.loss, err = r.Train.Output(lossOutput); err != nil {
		return err
	}
	if r.norms, err = r.Train.Output(normsOutput); err != nil {
		return err
	}
	for _, name := range r.Train.Outputs() {
		if name == normsOutput {
			continue
		}
		out, err := r.Train.Output(name)
		if err != nil {
			return err
		}
		r.watched = append(r.watched, watched{name: name, value: out})
	}
	text, err := json.MarshalIndent(report.ReadEnvironment(kern.Level(), kern.Threads()), "", "  ")
	if err != nil {
		return err
	}
	return folder.WriteAtomic(r.Folder.File(environmentFile), append(text, '\n'))
}

// totals of all processes of the run so far.
func (r *run) totals() totals {
	return totals{
		Seconds: r.before.Seconds + r.clock.training,
		Waiting: r.before.Waiting + r.clock.waiting,
		Steps:   r.before.Steps + r.clock.steps,
	}
}

// status rewrites run.json.
func (r *run) status(state string, cause error) error {
	s := Status{State: state, Recipe: r.Recipe.ID(), BaseDir: r.Recipe.Dir(), Step: max(r.saved, 0), Steps: r.Steps, Totals: r.totals()}
	if cause != nil {
		s.Error = cause.Error()
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return folder.WriteAtomic(r.Folder.File(statusFile), append(text, '\n'))
}

// summary is what the finished run comes to.
func (r *run) summary(all []Evaluation) *Summary {
	t := r.totals()
	s := &Summary{Run: r.Folder.Path, Steps: r.Steps, Seconds: t.Seconds, Loss: r.clock.lastLoss, Evaluations: all, PeakRSSMB: report.PeakRSSMB()}
	if t.Seconds > 0 {
		s.ImagesPerSecond = float64(t.Steps*r.Recipe.Train.Batch) / t.Seconds
		s.DataWait = t.Waiting / t.Seconds
	}
	return s
}

// writeRecipe puts the recipe into the run folder: the user's files as they are, the resolved recipe, and where every value came from.
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
	err := folder.Replace(f.File(originsFile), rec.WriteOrigins)
	if err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	return nil
}
