package experiment

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"selfsup/graph"
	"selfsup/graph/ir"
)

// replayMost is how long a run that has diverged goes on to find out why.
const replayMost = 2 * time.Minute

// explain adds to the error of a run that diverged which operation gave the first number that is not finite. Other
// errors stay as they are.
//
// By the time a loss is seen to be NaN, the step has replaced the state that it began with, and keeping a copy of that
// would cost every step. But a step depends on the seed, its number and the Store alone. So the newest checkpoint, or
// the Store of a fresh run, is brought into a Store of its own, the steps since then are run again to the same bits,
// and the last one with a look at every result. Normal steps pay nothing for it. Where the way is longer than
// replayMost, the error says so instead.
func (r *run) explain(ctx context.Context, err error) error {
	var nan *DivergedError
	if !errors.As(err, &nan) {
		return err
	}
	if r.Options.Ranks != nil {
		nan.First = "not looked for on several ranks, one process finds it by resuming from the checkpoint"
		return err
	}
	from := max(r.saved, 0)
	steps := nan.Step - from + 1
	if r.clock.steps > 0 {
		took := r.clock.training / float64(r.clock.steps) * float64(steps)
		if took > replayMost.Seconds() {
			nan.First = fmt.Sprintf("not looked for, %d steps since the checkpoint take %.0f s; a shorter "+
				"train.checkpoint lets it be found", steps, took)
			return err
		}
	}
	r.progress.Say("step %d gave a loss or gradient that is not finite: running the %d steps since the "+
		"checkpoint again to find the operation", nan.Step, steps)
	first, failed := r.replay(ctx, from, nan.Step)
	switch {
	case failed != nil:
		nan.First = fmt.Sprintf("not found: %v", failed)
	case first == nil:
		nan.First = "not found, no single result is the first"
	default:
		nan.First = first.String()
	}
	return err
}

// replay runs the steps from a checkpoint's on again, in a Store of their own, and returns the first value of step last
// that is not finite.
func (r *run) replay(ctx context.Context, from, last int) (*graph.NonFinite, error) {
	again := *r.Setup
	again.turns, again.Stages, again.Train, again.Store = nil, nil, nil, again.newStore()
	if from > 0 {
		st, m, _, err := readCheckpoint(r.Folder, false)
		if err != nil {
			return nil, err
		}
		if st == nil || m.Step != from {
			return nil, fmt.Errorf("the newest checkpoint is not that of step %d", from)
		}
		again.Store = st
	}
	r.release()
	if err := again.plan(int64(r.Recipe.MemoryLimit)); err != nil {
		return nil, err
	}
	if err := again.addStages(); err != nil {
		return nil, err
	}
	if err := again.compile(); err != nil {
		return nil, err
	}
	if err := again.compileStages(); err != nil {
		return nil, err
	}
	shadow := &run{Setup: &again, Options: r.Options, Folder: r.Folder, progress: r.progress, heart: r.heart}
	for _, s := range again.Stages {
		if from >= s.Until {
			continue
		}
		if first, err := shadow.replayStage(ctx, s, from, last); first != nil || err != nil || last < s.Until {
			return first, err
		}
		from = s.Until
	}
	return nil, nil
}

// replayStage is replay within one stage.
func (r *run) replayStage(ctx context.Context, s Stage, from, last int) (*graph.NonFinite, error) {
	r.now = s.Setup
	loader, err := s.Loader(from)
	if err != nil {
		return nil, err
	}
	defer loader.Close()
	fill, err := s.filler()
	if err != nil {
		return nil, err
	}
	if from == 0 {
		if err := r.runJobs(ctx, r.jobsDue(0), 0); err != nil {
			return nil, err
		}
	}
	for step := from; step < s.Until && step <= last; step++ {
		batch, err := loader.Next(ctx)
		if err != nil {
			return nil, err
		}
		for n, t := range s.turns {
			for part := range t.parts {
				fill(batch, n, part)
				s.take(n, part)
				at := s.Time(step)
				at.Part, at.Parts = part, t.parts
				t.Schedule(at)
				if step < last {
					err = t.Run()
				} else if first, failed := t.FirstNonFinite(); first != nil {
					return first, nil
				} else {
					err = failed
				}
				if err != nil {
					return nil, err
				}
				s.give(n, part)
			}
		}
		batch.Release()
		if err := r.heart.Beat(time.Now()); err != nil {
			return nil, err
		}
		if stop := r.stopRequested(); stop != nil {
			return nil, errors.New("a request stopped the search")
		}
		if step < last {
			if err := r.runJobs(ctx, r.jobsDue(step+1), step+1); err != nil {
				return nil, err
			}
		}
	}
	return nil, s.sync()
}

// release lets go of the training step's memory, which is not run any more.
func (r *run) release() {
	r.now.turns, r.now.Train = nil, nil
	for _, s := range r.Stages {
		if s.Setup != nil { // not left behind
			s.turns, s.Train = nil, nil
		}
	}
	r.losses, r.norms = nil, nil
	for k := range r.watched {
		r.watched[k].value = ir.Array{}
	}
	debug.FreeOSMemory()
}
