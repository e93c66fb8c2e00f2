package experiment

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"selfsup/datasets/feed"
	"selfsup/experiment/checkpoint"
	"selfsup/graph/ir"
	"selfsup/internal/called"
)

// train runs the training from a step on, stage by stage.
func (r *run) train(ctx context.Context, from int) error {
	for i, s := range r.Stages {
		if from < s.Until || i == len(r.Stages)-1 && len(r.left) > 0 {
			if err := r.trainStage(ctx, s, from); err != nil {
				return err
			}
			from = s.Until
		}
		r.leave(i)
	}
	if r.Steps == 0 { // the weights that [init] names are evaluated as they are
		if err := r.enter(r.Setup); err != nil {
			return err
		}
		return r.save(0)
	}
	return nil
}

// trainStage runs the training loop from a step to the stage's end: it is the program of a run, read aloud.
func (r *run) trainStage(ctx context.Context, s Stage, from int) error {
	loader, err := s.Loader(from)
	if err != nil {
		return err
	}
	defer loader.Close()
	if err := r.enter(s.Setup); err != nil {
		return err
	}
	if r.timing = len(s.Train.References()) > 0; r.timing {
		s.Train.Profile()
	}
	waited := r.clock.waiting // in the stages before
	fill, err := s.filler()
	if err != nil {
		return err
	}
	if err := r.goOnWithJobs(ctx, from); err != nil {
		return err
	}
	in := &supply{run: r, loader: loader, fill: fill, until: s.Until}
	for step := from; step < s.Until; step++ {
		r.clock.start()
		if err := r.begin(ctx, step, in); err != nil {
			return err
		}
		if err := r.step(ctx, step, in); err != nil {
			return r.explain(ctx, err)
		}
		done := step + 1
		r.clock.stop(waited + loader.WaitSeconds())
		r.listen()
		if err := r.record(done); err != nil {
			return err
		}
		r.referencesDue(s.Setup, done)
		if err := r.alive(); err != nil {
			return err
		}
		if err := r.runJobs(ctx, r.jobsDue(done), done); err != nil {
			return err
		}
		// Before the checkpoint: going on from that does not evaluate its step again.
		if err := r.evaluateDue(ctx, done); err != nil {
			return err
		}
		if due(done, r.Recipe.Train.Checkpoint.Steps(r.PerEpoch, r.Steps)) || done == r.Steps {
			if err := r.save(done); err != nil {
				return err
			}
		} else if due(done, compareEvery) {
			if err := r.compare(done); err != nil {
				return err
			}
		}
		if done == r.Steps { // a request waits for the evaluation
			break
		}
		if stop := r.stopRequested(); stop != nil {
			if err := r.save(done); err != nil {
				return err
			}
			return stop
		}
	}
	return s.sync() // for the next stage, the export and the evaluation
}

// next is the loader's next batch, that of a step. A request that comes before the first one is there ends the run at
// once.
func (r *run) next(ctx context.Context, step int, loader *feed.Loader) (*feed.Batch, error) {
	if step > r.first {
		return loader.Next(ctx)
	}
	early, begun := r.firstStep(ctx)
	batch, err := loader.Next(early)
	if left := begun(); left != nil {
		return nil, left
	}
	return batch, err
}

// due reports whether something that happens every so many steps happens after this one.
func due(done, every int) bool { return every > 0 && done%every == 0 }

// step runs the turns of a training step, each on every part of the batch, and adds up what is watched.
func (r *run) step(ctx context.Context, step int, in *supply) error {
	for n, t := range r.now.turns {
		for part := range t.parts {
			here := place{step, n, part}
			if err := in.feed(ctx, here); err != nil {
				return r.interrupted(step, err)
			}
			at := r.now.Time(step)
			at.Part, at.Parts = part, t.parts
			t.Schedule(at)
			if err := t.Start(); err != nil {
				return fmt.Errorf("train: step %d: %w", step, err)
			}
			if t.Ahead() { // a device computes: time to make its next inputs
				in.ahead(ctx, in.after(here))
			}
			if err := t.Wait(); err != nil {
				return fmt.Errorf("train: step %d: %w", step, err)
			}
			r.now.give(n, part)
			r.observe(n)
		}
		if err := r.watch(step, n); err != nil {
			return err
		}
		if err := r.watchFirst(step, n); err != nil {
			return err
		}
	}
	return nil
}

// filler returns the function that puts a part of a batch into the inputs of a turn's program.
func (s *Setup) filler() (func(b *feed.Batch, turn, part int), error) {
	type input struct {
		field int // among wants
		to    ir.Array
	}
	inputs := make([][]input, len(s.turns))
	for n, t := range s.turns {
		for k, name := range s.Wants {
			if to, ok := t.Inputs()[name]; ok { // a turn need not read every field
				inputs[n] = append(inputs[n], input{k, to})
			}
		}
	}
	labels := feed.Index(s.Wants, feed.Labels)
	return func(b *feed.Batch, turn, part int) {
		if labels >= 0 && turn == 0 && part == 0 {
			s.hide(b.Fields[labels].I32, b.Rows)
		}
		for _, in := range inputs[turn] {
			from, n := b.Fields[in.field], in.to.Shape.Size()
			if in.to.DType == ir.I32 {
				copy(in.to.I32, from.I32[part*n:])
			} else {
				copy(in.to.F32, from.F32[part*n:])
			}
		}
	}, nil
}

// DivergedError is a loss that is no number any more.
type DivergedError struct {
	Step  int // that gave it
	Loss  float64
	Param string  // with the largest gradient
	Norm  float64 // of that gradient
	First string  // the first value of the step that was not finite, or why it was not found
	Last  string  // the checkpoint before, "" if there is none
}

func (e *DivergedError) Error() string {
	last := "there is no checkpoint before it"
	if e.Last != "" {
		last = "the last good checkpoint is " + e.Last
	}
	first := ""
	if e.First != "" {
		first = "; first value that is not finite: " + e.First
	}
	return fmt.Sprintf("train: step %d: loss is %v; last finite step %d; largest gradient %s %.2g%s; %s",
		e.Step, e.Loss, e.Step-1, e.Param, e.Norm, first, last)
}

// watch stops a run whose loss or gradients are not finite, before anything of that step can be saved.
func (r *run) watch(step, turn int) error {
	loss, params, norms := 0.0, r.now.turns[turn].params, r.norms[turn]
	if len(r.losses[turn].F32) > 0 {
		loss = r.losses[turn].At(0)
	}
	worst, norm := -1, 0.0
	for i := range params {
		if n := norms.At(i); worst < 0 || n > norm || math.IsNaN(n) && !math.IsNaN(norm) {
			worst, norm = i, n
		}
	}
	if !math.IsNaN(loss) && !math.IsInf(loss, 0) && !math.IsNaN(norm) && !math.IsInf(norm, 0) {
		return nil
	}
	e := &DivergedError{Step: step, Loss: loss, Norm: norm}
	if worst >= 0 {
		e.Param = params[worst]
	}
	if r.saved > 0 {
		e.Last = fmt.Sprintf("%s (step %d)", r.Folder.File(checkpointDir), r.saved)
	}
	return e
}

// save writes a checkpoint of the state after done steps, and its step into run.json.
func (r *run) save(done int) error {
	if done == r.saved {
		return nil
	}
	if err := r.log.Flush(); err != nil {
		return err
	}
	if err := r.now.sync(); err != nil {
		return err
	}
	if err := r.compare(done); err != nil {
		return err
	}
	if err := r.drawPictures(done); err != nil {
		return err
	}
	if !r.Options.Ranks.Lead() {
		r.saved = done
		return r.status("running", nil)
	}
	m := r.meta(done)
	m.Window, m.Jobs, m.Alarms, m.Gradients = r.window(), r.left, r.alarms.lines, r.gradients.kept()
	if err := r.keepWeights(m); err != nil {
		return err
	}
	if err := checkpoint.Save(r.Folder.File(checkpointDir), r.Store, m); err != nil {
		return err
	}
	r.saved = done
	return r.status("running", nil)
}

// meta describes the state after done steps.
func (r *run) meta(done int) checkpoint.Meta {
	return checkpoint.Meta{Step: done, Recipe: r.Recipe.ID(), Encoder: r.encoderMeta}
}

// Stopped is a run that ended early on request, with everything saved.
type Stopped struct {
	Reason Request
	Step   int    // done
	Folder string // empty: none was made
	Early  bool   // before the first step of this process: there was nothing to save
}

func (e *Stopped) Error() string {
	did, then := fmt.Sprintf("after step %d, saved", e.Step), ""
	if e.Early {
		did = "before its first step, at once"
	}
	if e.Folder != "" {
		then = "; resume with: " + called.Line("resume", e.Folder)
	}
	return fmt.Sprintf("stopped by %s %s%s", e.Reason, did, then)
}

// Request is why a run should stop after the step it is in.
type Request int

// The requests.
const (
	Interrupt Request = iota + 1 // Ctrl-C
	Requeue                      // SIGUSR1: a scheduler wants the machine back
	Terminate                    // SIGTERM
	Hangup                       // SIGHUP: the terminal was closed
)

func (q Request) String() string {
	return [...]string{"", "an interrupt", "SIGUSR1", "SIGTERM", "SIGHUP"}[q]
}

// stopRequested returns the error to stop with if somebody asked for it.
func (r *run) stopRequested() error {
	if r.agreed != 0 {
		return &Stopped{Reason: r.agreed, Step: r.clock.steps + r.first, Folder: r.Folder.Path}
	}
	if r.asked != 0 { // while a job ran
		return r.stopped(r.clock.steps + r.first)
	}
	select {
	case q := <-r.requests():
		return &Stopped{Reason: q, Step: r.clock.steps + r.first, Folder: r.Folder.Path}
	default:
		return nil
	}
}

// interrupted turns a loader's error at a step into what the run reports.
func (r *run) interrupted(step int, err error) error {
	var stop *Stopped
	if errors.Is(err, context.Canceled) || errors.As(err, &stop) {
		return err
	}
	return &DataError{fmt.Errorf("train: step %d: %w", step, err)}
}

// clock measures the loop.
type clock struct {
	began    time.Time // of the step
	steps    int
	training float64                             // seconds, without evaluations and checkpoints
	waiting  float64                             // seconds of it that the loop waited for views
	since    int                                 // steps since the last line of metrics
	lastLoss float64                             // mean in the last line
	line     struct{ training, waiting float64 } // at the last line
}

// start begins a step.
func (c *clock) start() { c.began = time.Now() }

// stop ends a step; waited is the loader's total.
func (c *clock) stop(waited float64) {
	c.steps++
	c.training += time.Since(c.began).Seconds()
	c.waiting = waited
}

// waitShare is the share of the time since the last line of metrics that the loop waited for views.
func (c *clock) waitShare() float64 {
	share := (c.waiting - c.line.waiting) / max(c.training-c.line.training, 1e-9)
	c.line.training, c.line.waiting = c.training, c.waiting
	return share
}
