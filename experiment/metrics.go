package experiment

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"selfsup/evaluations"
	"selfsup/experiment/checkpoint"
	"selfsup/experiment/report"
	"selfsup/graph/ir"
)

// watched is an output of the training program and its sum since the last line of metrics.
type watched struct {
	name  string
	turn  int // of the step, whose program gives it
	value ir.Array
	sum   float64
	steps int // that gave a number: an accuracy is none where no image of the batch has a label
}

// observe adds what a turn's program has just given to the running means.
func (r *run) observe(turn int) {
	for i := range r.watched {
		w := &r.watched[i]
		if v := w.value.At(0); w.turn == turn && !math.IsNaN(v) { // a loss that is NaN stops the run
			w.sum += v
			w.steps++
		}
	}
}

// record writes a line of metrics where one is due. done counts from 1.
func (r *run) record(done int) error {
	r.clock.since++
	if due(done, r.logEvery()) || done == r.Steps {
		if err := r.writeMetrics(done); err != nil {
			return err
		}
	}
	rate := r.rate()
	here := done - r.first
	speed := float64(here*r.Recipe.Train.Batch) / max(r.clock.training, 1e-9)
	r.progress.Show(report.Status{
		Epoch: float64(done) / float64(r.PerEpoch), Epochs: float64(r.Steps) / float64(r.PerEpoch), Step: done,
		Steps: r.Steps,
		Loss:  r.meanLoss(), Rate: rate, ImagesPerSecond: speed, Samples: r.Noun(), DataWait: r.clock.waiting /
			max(r.clock.training, 1e-9),
		Left: time.Duration(float64(r.Steps-done) * r.clock.training / float64(here) * float64(time.Second)),
		Note: r.note,
	})
	return nil
}

// rate is the learning rate of the recipe's optimizer in the last step; 0 where every player has an optimiser of its
// own.
func (r *run) rate() float64 {
	for _, t := range r.now.turns {
		if rate, ok := t.Scheduled(rateInput); ok {
			return rate
		}
	}
	return 0
}

// logEvery is the number of steps between lines of metrics.
func (r *run) logEvery() int { return max(1, r.Recipe.Train.Log.Steps(r.PerEpoch, r.Steps)) }

// writeMetrics writes the means since the last line.
func (r *run) writeMetrics(done int) error {
	rate := r.rate()
	line := []report.Field{{Key: "step", Value: done}, {Key: "epoch", Value: float64(done) / float64(r.PerEpoch)}}
	means := map[string]float64{} // of one name in several turns, the loss, the sum
	var names []string
	for i := range r.watched {
		w := &r.watched[i]
		if w.steps == 0 {
			continue
		}
		if _, again := means[w.name]; !again {
			names = append(names, w.name)
		}
		means[w.name] += w.sum / float64(w.steps)
		w.sum, w.steps = 0, 0
	}
	for _, name := range names {
		line = append(line, report.Field{Key: name, Value: means[name]})
	}
	if loss, ok := means[LossOutput]; ok {
		r.clock.lastLoss = loss
	}
	r.clock.since = 0
	if len(r.gradients.recent) > 0 {
		line = append(line, report.Field{Key: gradientField, Value: r.gradients.largest})
		r.gradients.largest = 0
	}
	line = append(line, report.Field{Key: "rate", Value: rate},
		report.Field{Key: "seconds", Value: r.totals().Seconds}, report.Field{Key: "data_wait",
			Value: r.clock.waitShare()})
	if err := r.metrics(line); err != nil {
		return err
	}
	return r.alarm(done, means)
}

// evaluateDue runs the protocols whose time has come, except at the end, where all run.
func (r *run) evaluateDue(ctx context.Context, done int) error {
	var now []evaluations.Protocol
	for _, p := range r.protocols() {
		if due(done, r.during(p)) && done < r.Steps {
			now = append(now, p)
		}
	}
	if len(now) == 0 {
		return nil
	}
	if err := r.now.sync(); err != nil {
		return err
	}
	all, err := r.validate(ctx, done, now)
	if err != nil {
		return err
	}
	for _, e := range all {
		r.note = fmt.Sprintf("epoch %.1f: %s %.4f", float64(done)/float64(r.PerEpoch), e.Label(), e.Value)
		r.progress.Say("%s", r.note)
		break
	}
	if err := r.recordEvaluations(done, all); err != nil {
		return err
	}
	return r.keepBest(done, all)
}

// recordEvaluations writes what the trained encoder's evaluations after done steps came to as a line of metrics, beside
// the epoch and the seconds of training until then, those of earlier processes included and those of evaluations left
// out: the curves by step and by wall time of figures 13 and 15 of the Cookbook.
func (r *run) recordEvaluations(done int, all []Evaluation) error {
	line := []report.Field{{Key: "step", Value: done}, {Key: "epoch", Value: float64(done) / float64(r.PerEpoch)},
		{Key: "seconds", Value: r.totals().Seconds}}
	own := len(line)
	for _, e := range all {
		if e.Representation == "trained" {
			line = append(line, report.Field{Key: e.Label(), Value: e.Value})
		}
	}
	if len(line) == own {
		return nil
	}
	if err := r.log.Write(line); err != nil {
		return err
	}
	return r.events.Write(slices.Delete(line, 1, own)) // which have epoch and seconds once a step
}

// meanLoss is the mean of the loss since the last line of metrics; where one was just written, the mean that it holds.
func (r *run) meanLoss() float64 {
	for _, w := range r.watched {
		if w.name == LossOutput && w.steps > 0 {
			return w.sum / float64(w.steps)
		}
	}
	return r.clock.lastLoss
}

// window is what the next line of metrics has gathered so far; nil: nothing.
func (r *run) window() *checkpoint.Window {
	if r.clock.since == 0 {
		return nil
	}
	w := &checkpoint.Window{Steps: r.clock.since}
	for _, one := range r.watched {
		w.Sums = append(w.Sums, checkpoint.Sum{Name: one.name, Value: checkpoint.Real(one.sum), Steps: one.steps})
	}
	return w
}

// reopenWindow goes on with the line of metrics that a checkpoint has begun.
func (r *run) reopenWindow(w *checkpoint.Window) {
	if w == nil {
		return
	}
	r.clock.since = w.Steps
	for _, s := range w.Sums {
		r.watched = append(r.watched, watched{name: s.Name, sum: float64(s.Value), steps: s.Steps})
	}
}
