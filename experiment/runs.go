package experiment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"selfsup/experiment/checkpoint"
	"selfsup/experiment/folder"
	"selfsup/experiment/report"
	"selfsup/experiment/sheet"
	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/ir"
	"selfsup/internal/called"
	"selfsup/internal/callsite"
	"selfsup/recipes"
	"selfsup/recipes/overlay"
)

// Options are what the command line and the machine decide, not the recipe.
type Options struct {
	Root     string         // folder in which Run makes the run's folder
	Messages io.Writer      // progress and messages
	Ranks    *Ranks         // processes that share the run; nil: this one is alone
	Stop     <-chan Request // a request ends the run after the step it is in
	// a request before the first step ends the run at once, with nothing trained and nothing saved
	Leave <-chan Request
	Sets  []string // settings that Resume changes, key=value: where the data are
	// of Evaluate, by the names that recipes have for them; none: those of the run's recipe
	Protocols []string
	// that Evaluate measures, as average.weights of a recipe; empty: those of the run's recipe
	Weights string
}

// messages is where messages go, also where nobody wants them.
func (o Options) messages() io.Writer {
	if o.Messages == nil {
		return io.Discard
	}
	return o.Messages
}

// SetThreads says how many cores everything uses: kernels, views, evaluation. It changes no result.
func SetThreads(n int) {
	runtime.GOMAXPROCS(n)
	device.Host().SetThreads(n)
}

// run is a Setup being run.
type run struct {
	*Setup
	Options
	Folder   *folder.Folder
	log      *report.Log
	events   *report.Events
	progress *report.Progress
	actor    *actor // of the agent, once it acts
	heart    *folder.Heartbeat
	clock    clock
	first    int        // step that this process began with
	saved    int        // steps done at the newest checkpoint
	now      *Setup     // of the stage that runs
	timing   bool       // operations that run by their reference, whose time is not told yet
	losses   []ir.Array // of each turn
	norms    []ir.Array
	watched  []watched
	note     string            // the newest evaluation, for the progress line
	best     *checkpoint.Score // nil: none yet
	bestStep int               // of that
	before   totals            // of earlier processes of this run
	lineage  []Extension       // what was changed since the run began
	left     []string          // jobs due after the newest checkpoint's step that were not done
	asked    Request           // that came while a job ran; 0: none
	talked   talked
	agreed   Request // that ranks stop for behind the step; 0: they go on
	alarms   alarms  // of collapses

	gradients gradients // of the first layer
	weights   string    // that were evaluated at the end, in words; empty: the last

	encoderMeta *checkpoint.Encoder
}

// totals add up over the processes of a run.
type totals struct {
	Seconds float64 `json:"seconds"`
	Waiting float64 `json:"waiting"`
	Steps   int     `json:"steps"`
}

// Run trains and evaluates a recipe in a new folder below o.Root.
func Run(rec *recipes.Loaded, o Options) (*Summary, error) {
	return runInto(rec, o, "", func() (*folder.Folder, error) { return folder.Create(o.Root, rec.Name, time.Now()) })
}

// runInto prepares a recipe, opens a folder for it, and runs it there. heartbeat is a file that beats meanwhile; empty:
// the folder is not there.
func runInto(rec *recipes.Loaded, o Options, heartbeat string, open func() (*folder.Folder, error)) (*Summary, error) {
	s, err := newSetup(rec, o.Ranks.line())
	if err := o.Ranks.agree(err); err != nil {
		return nil, err
	}
	s.watch(o, heartbeat)
	err = o.Ranks.agree(o.leavable("", func() error {
		first, err := s.readInit()
		if err != nil {
			return err
		}
		if err := s.prepare(); err != nil {
			return err
		}
		if err := s.initialise(first); err != nil {
			return err
		}
		if s.fingerprint, err = fingerprintOf(rec.Dataset.Name, s.Data, s.reads("listing the "+s.Noun())); err != nil {
			return &DataError{err}
		}
		return nil
	}))
	if err != nil {
		return nil, err
	}
	if err := s.meet(o); err != nil {
		return nil, err
	}
	f, closeFolder, err := o.Ranks.inFolder(open)
	if err != nil {
		return nil, err
	}
	defer closeFolder()
	if err := writeRecipe(f, rec); err != nil {
		return nil, err
	}
	if err := s.writeFingerprint(f); err != nil {
		return nil, err
	}
	return s.start(f, o, beginning{})
}

// Resume goes on from the newest checkpoint of a run folder, as if nothing had happened, with o.Sets changed, of which
// see mayChange. A run that is done is an error, unless they make it longer or change its evaluations.
func Resume(dir string, c recipes.Catalog, o Options) (*Summary, error) {
	if _, err := ReadStatus(dir); err != nil {
		return nil, err
	}
	f, closeFolder, err := o.Ranks.inFolder(func() (*folder.Folder, error) { return folder.Open(dir) })
	if err != nil {
		return nil, err
	}
	defer closeFolder()
	for _, set := range o.Sets {
		if err := mayChange(set); err != nil {
			return nil, err
		}
	}
	var h held
	err = o.Ranks.agree(o.leavable(f.Path, func() (err error) {
		h, err = reopen(f, false, "resume", o, c)
		return err
	}))
	if err != nil {
		return nil, err
	}
	if err := h.meet(o); err != nil {
		return nil, err
	}
	changed, err := h.changes(f, c)
	if err != nil {
		return nil, err
	}
	if h.status.State == "done" && len(changed) == 0 {
		return nil, fmt.Errorf("resume: %s is done (%d steps); to go further: %s", dir, h.status.Steps,
			called.Line("resume", dir, "--set", "train.length="+longer(h.Recipe.Train.Length)))
	}
	if h.store == nil && h.status.Step > 0 {
		return nil, &DataError{fmt.Errorf("resume: %s holds no checkpoint, but its %s says that step %d was saved",
			f.File(checkpointDir), statusFile, h.status.Step)}
	}
	if err := h.extend(f, changed, o.Sets, c); err != nil {
		return nil, err
	}
	if err := h.keepMoved(f); err != nil {
		return nil, err
	}
	if h.fingerprint != nil { // the folder is of an earlier version: from now on it knows its data
		if err := h.writeFingerprint(f); err != nil {
			return nil, err
		}
	}
	h.begun = h.status.Init
	if h.store == nil { // interrupted before its first checkpoint
		first, err := h.readInit()
		if err == nil {
			err = h.initialise(first)
		}
		if err != nil {
			return nil, err
		}
		return h.start(f, o, beginning{warning: h.warning, lineage: h.status.Lineage,
			alarms: alarms{said: h.status.Warnings}})
	}
	for _, name := range h.store.Names() {
		h.Store.Get(name).Copy(h.store.Get(name).Array)
	}
	return h.start(f, o, beginning{step: h.meta.Step, window: h.meta.Window, left: h.meta.Jobs, before: h.status.Totals,
		warning: h.warning, lineage: h.status.Lineage, alarms: alarms{h.meta.Alarms, h.status.Warnings},
		gradients: gradientsOf(h.meta.Gradients)})
}

// Evaluate runs the protocols of a run's recipe, with sets applied, on its newest or its best checkpoint. It changes
// nothing in the folder, which may be in use: checkpoints are replaced as a whole.
func Evaluate(dir string, best bool, sets []string, c recipes.Catalog, o Options) (*Summary, error) {
	h, st, sum, err := openEvaluated(dir, best, sets, c, o)
	if err != nil {
		return nil, err
	}
	defer h.shown.Clear()
	if sum.Evaluations, err = h.evaluateAll(context.Background(), st); err != nil {
		return nil, err
	}
	sum.PeakRSSMB = report.PeakRSSMB()
	h.describeSets(sum)
	if best {
		sum.ChosenBy = h.meta.Score
	}
	return sum, nil
}

// openEvaluated is a run with the weights to evaluate of its newest or its best checkpoint, and the beginning of a
// summary that says which they are.
func openEvaluated(dir string, best bool, sets []string, c recipes.Catalog, o Options) (h held, st *graph.Store,
	sum *Summary, err error) {
	f := &folder.Folder{Path: filepath.Clean(dir)}
	for _, set := range sets {
		if !ofEvaluation(set) && !ofData(set) {
			return h, nil, nil, &RecipeError{"eval", fmt.Errorf("--set %s: only settings below evaluate change what "+
				"is measured, such as evaluate.knn.k=[1,20]; the encoder was trained with the others", set)}
		}
	}
	o.Sets = sets
	h, err = reopen(f, best, "eval", o, c)
	if err != nil {
		return h, nil, nil, err
	}
	if h.store == nil {
		return h, nil, nil, noCheckpoint("eval", dir, best)
	}
	if d := h.unlike(f); d != "" {
		h.warn("this is " + d + ": numbers may differ from the run's in the last bits")
	}
	if h.warning != "" {
		fmt.Fprintln(o.Messages, "warning:", h.warning)
	}
	h.Store = h.store
	h.alive = func() error {
		h.evaluating()
		return nil
	}
	weights := cmp.Or(o.Weights, h.Recipe.Average.Weights)
	if n, _ := recipes.Checkpoints(weights); best && n > 0 {
		return h, nil, nil, &RecipeError{"eval", fmt.Errorf("weights = %q is of the newest checkpoints, and the best "+
			"is one state; want --weights last with --best", weights)}
	}
	st, said, err := averaged(weights, f.Path, h.Store, h.meta.Step)
	if err != nil {
		return h, nil, nil, err
	}
	return h, st, &Summary{Run: f.Path, Steps: h.meta.Step, Weights: said}, nil
}

func noCheckpoint(verb, dir string, best bool) error {
	if best {
		return &DataError{fmt.Errorf("%s: %s has no best checkpoint; one needs an evaluation with every", verb, dir)}
	}
	return &DataError{fmt.Errorf("%s: %s has no checkpoint yet", verb, dir)}
}

// held is what a run folder holds: its recipe made ready, its status, and a checkpoint.
type held struct {
	*Setup
	status  Status
	store   *graph.Store // nil: there is no checkpoint
	meta    checkpoint.Meta
	warning string // which checkpoints are damaged, and what else is not as it was
	moved   []string
}

// reopen reads a run folder, for a verb, and changes settings of its recipe. Its data must be those that the run began
// with.
func reopen(f *folder.Folder, best bool, verb string, o Options, c recipes.Catalog) (h held, err error) {
	sets := o.Sets
	if h.status, err = ReadStatus(f.Path); err != nil {
		return h, err
	}
	rec, err := reload(f, verb, sets, c)
	if err == nil {
		rec, err = onlyProtocols(rec, f, o, c)
	}
	if err != nil {
		return h, err
	}
	rec.BaseDir = h.status.BaseDir
	if h.store, h.meta, h.warning, err = readCheckpoint(f, best); err != nil {
		return h, err
	}
	s, err := newSetup(rec, o.Ranks.line())
	if err != nil {
		return h, err
	}
	heartbeat := ""
	if verb == "resume" {
		heartbeat = f.File(heartbeatFile)
	}
	s.watch(o, heartbeat)
	s.known = h.meta.Encoder
	s.opened = func(s *Setup) error {
		remark, err := s.recognise(f)
		h.warn(remark)
		return err
	}
	if s.known == nil {
		if was, err := readFingerprint(f); err == nil && was != nil {
			s.known = &checkpoint.Encoder{Mean: was.Mean, Std: was.Std}
		}
	}
	if err := s.prepare(); err != nil {
		return h, whereMoved(err, f, verb, rec)
	}
	h.Setup = s
	if h.moved = movedKeys(sets); h.store == nil {
		return h, nil
	}
	if err := checkpoint.Fit(f.File(checkpointDir), h.store, h.Leaves); err != nil {
		return h, &DataError{err}
	}
	return h, nil
}

// onlyProtocols is a recipe that evaluates by the protocols that are asked for, which it switches on where they are
// not, and by no others.
func onlyProtocols(rec *recipes.Loaded, f *folder.Folder, o Options, c recipes.Catalog) (*recipes.Loaded, error) {
	if len(o.Protocols) == 0 {
		return rec, nil
	}
	sets := slices.Clone(o.Sets)
	for _, name := range o.Protocols {
		if !slices.ContainsFunc(rec.Evaluate.On, func(p overlay.Choice[recipes.Evaluation]) bool {
			return p.Name == name
		}) {
			sets = append(sets, "evaluate."+name+"=true")
		}
	}
	rec, err := reload(f, "eval", sets, c)
	if err == nil {
		rec.Evaluate.On = slices.DeleteFunc(rec.Evaluate.On, func(p overlay.Choice[recipes.Evaluation]) bool {
			return !slices.Contains(o.Protocols, p.Name)
		})
	}
	return rec, err
}

// readCheckpoint reads the newest whole checkpoint of a run folder, or the best one; nil if there is none.
func readCheckpoint(f *folder.Folder, best bool) (st *graph.Store, m checkpoint.Meta, warning string, err error) {
	if best {
		st, m, err = checkpoint.Best(f.File(checkpointDir))
	} else {
		st, m, warning, err = checkpoint.Latest(f.File(checkpointDir))
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, m, "", nil
	case err != nil:
		return nil, m, "", &DataError{err}
	}
	return st, m, warning, nil
}

// beginning is where a process takes a run up.
type beginning struct {
	step    int                // of the checkpoint; 0: none
	window  *checkpoint.Window // line of metrics that the checkpoint has begun
	left    []string           // jobs due after that step that were not done
	before  totals             // of the processes before
	warning string             // which checkpoints are damaged
	lineage []Extension        // what was changed since the run began
	alarms  alarms             // of collapses, as the processes before left them

	gradients gradients // of the first layer, likewise
}

// start runs the training from a step on, then the evaluation, and keeps the folder's status true on every way out.
func (s *Setup) start(f *folder.Folder, o Options, at beginning) (_ *Summary, err error) {
	from := at.step
	if s.shown == nil {
		s.watch(o, "")
	}
	r := &run{Setup: s, Options: o, Folder: f, progress: s.shown, first: from, saved: from, left: at.left,
		before: at.before, lineage: at.lineage, alarms: at.alarms, gradients: at.gradients}
	s.look = r.look
	s.leave = func(name string, sh *sheet.Sheet) error { return sh.Write(f.File(name)) }
	r.reopenWindow(at.window)
	if from == 0 {
		r.saved = -1
	}
	if err := r.open(from); err != nil {
		return nil, err
	}
	if err := r.status("running", nil); err != nil {
		return nil, errors.Join(err, r.close())
	}
	defer func() {
		if p := recover(); p != nil { // of a protocol or a set of somebody else
			err = callsite.Panic(p)
		}
		r.progress.Clear()
		if err != nil {
			r.progress.Log.Say("%v", err) // the command prints it
		}
		err = errors.Join(err, r.close())
		err = errors.Join(err, r.status(stateOf(err), err))
		if !o.Ranks.Lead() {
			return
		}
		if failed := writeReport(f); failed != nil { // the run is what it is
			fmt.Fprintf(o.messages(), "warning: %s: %v\n", f.File(ReportFile), failed)
		}
		if err != nil {
			err = &RunError{Folder: f.Path, State: stateOf(err), Step: max(r.saved, 0), Steps: r.Steps, Err: err}
		}
	}()
	if at.warning != "" {
		r.progress.Say("warning: %s", at.warning)
	}
	r.progress.Say("%s: %d %s, %d steps of %d, run folder %s", s.Recipe.Name, s.Seen.Len(), s.Noun(), s.Steps,
		s.Recipe.Train.Batch, f.Path)
	if b := s.begun; from == 0 && b != nil && b.Tensors > 0 {
		r.progress.Say("begins with %s: %s", b.From, b.Matched)
	}
	for _, remark := range s.Recipe.LengthRemarks(s.PerEpoch) {
		r.progress.Say("%s", remark)
	}
	if note := s.Faint(); note != "" {
		r.progress.Say("%s", note)
	}
	if err := r.reportSkipped(); err != nil {
		return nil, err
	}
	if n := o.Ranks; n != nil {
		r.progress.Say("%d ranks of %d samples each over %s", n.Size(), s.Recipe.Train.Batch/n.Size(), n.About())
	}
	if err := r.train(context.Background(), from); err != nil {
		return nil, err
	}
	r.talk()
	if err := r.export(); err != nil {
		return nil, err
	}
	chosen, all, err := r.evaluateEnd()
	if err != nil {
		return nil, err
	}
	if err := r.recordEvaluations(r.Steps, slices.Concat(chosen, all)); err != nil {
		return nil, err
	}
	sum := r.summary(all)
	r.progress.Log.Say("%s", sum.Table()) // the command prints it
	if err := writeHits(f, s, all); err != nil {
		return nil, err
	}
	return sum, sum.write(f)
}

// RunError is why a run did not come to its end, with the folder that holds it.
type RunError struct {
	Folder      string
	State       string // as in run.json
	Step, Steps int    // at the newest checkpoint, and of the whole training
	Err         error
}

func (e *RunError) Error() string { return e.Err.Error() }
func (e *RunError) Unwrap() error { return e.Err }

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

// totals of all processes of the run so far.
func (r *run) totals() totals {
	return totals{
		Seconds: r.before.Seconds + r.clock.training,
		Waiting: r.before.Waiting + r.clock.waiting,
		Steps:   r.before.Steps + r.clock.steps,
	}
}

// summary is what the finished run comes to.
func (r *run) summary(all []Evaluation) *Summary {
	t := r.totals()
	s := &Summary{Run: r.Folder.Path, Steps: r.Steps, Course: &Course{Seconds: t.Seconds, Loss: r.clock.lastLoss},
		Evaluations: all, Weights: r.weights, Warnings: r.alarms.said, PeakRSSMB: report.PeakRSSMB()}
	r.describeSets(s)
	if r.best != nil {
		s.Best = &Best{Step: r.bestStep, Score: *r.best}
	}
	if t.Seconds > 0 {
		s.ImagesPerSecond = float64(t.Steps*r.Recipe.Train.Batch) / t.Seconds
		s.DataWait = t.Waiting / t.Seconds
	}
	return s
}
