package experiment

import (
	"fmt"
	"math"
	"slices"

	"selfsup/evaluations"
	"selfsup/methods"
)

// A collapse is noticed while the run trains: by the method's alarms at lines of metrics, and by the features' spectrum
// at evaluations. Each warning is said once a run, and kept in run.json and in the summary.

// When an alarm is believed: not in the first steps, in which an untrained network may look collapsed, and not for a
// dip between two lines.
const (
	alarmAfter = 0.1 // share of the training
	alarmLines = 3   // of metrics in a row
)

// What features that have not collapsed have at least, and how many samples are looked at. An effective rank of 1 is a
// line, on which classes cannot be told apart.
const (
	leastRank       = 2
	leastDeviation  = 0.01
	spectrumSamples = 512
)

// Warning is a run's remark on a collapse, said once.
type Warning struct {
	About string `json:"about"` // term or metric, or "features"
	Step  int    `json:"step"`  // done when it was said
	Text  string `json:"text"`
}

// alarms watches what a method says that it should be warned of.
type alarms struct {
	lines map[string]int // of metrics in a row in which a number is within an alarm's bounds, by the number's name
	said  []Warning
}

// heard says which alarms the means of a line of metrics after done of so many steps give. The first may be said.
func (a *alarms) heard(list []methods.Alarm, means map[string]float64, done, steps int) (warnings []Warning) {
	if a.lines == nil {
		a.lines = map[string]int{}
	}
	for _, alarm := range list {
		v, ok := means[alarm.Of]
		if !ok || v < alarm.Within[0] || v > alarm.Within[1] || float64(done) < alarmAfter*float64(steps) {
			a.lines[alarm.Of] = 0
			continue
		}
		if a.lines[alarm.Of]++; a.lines[alarm.Of] == alarmLines {
			warnings = append(warnings, Warning{alarm.Of, done, fmt.Sprintf("collapse: %s is %.4g: %s; %s", alarm.Of, v,
				alarm.Means, alarm.Remedy)})
		}
	}
	return warnings
}

// alarm says what the means of a line of metrics after done steps warn of.
func (r *run) alarm(done int, means map[string]float64) error {
	for _, w := range r.alarms.heard(methods.AlarmsOf(r.objective), means, done, r.Steps) {
		if err := r.warnOnce(w); err != nil {
			return err
		}
	}
	return nil
}

// warnOnce says a warning, unless this process or an earlier one of the run has said one about the same.
func (r *run) warnOnce(w Warning) error {
	if slices.ContainsFunc(r.alarms.said, func(before Warning) bool { return before.About == w.About }) {
		return nil
	}
	r.progress.Say("warning: step %d: %s", w.Step, w.Text)
	r.alarms.said = append(r.alarms.said, w)
	return r.status("running", nil)
}

// look warns of features of the trained encoder [N,dim] that have collapsed.
func (r *run) look(x []float32, dim int) error {
	if text := spectrumWarning(x, dim); text != "" {
		return r.warnOnce(Warning{"features", r.first + r.clock.steps, text})
	}
	return nil
}

// spectrumWarning says what is wrong with features [N,dim], looking at spectrumSamples of them at most; empty: nothing.
func spectrumWarning(x []float32, dim int) string {
	n := len(x) / dim
	if n < 8 || dim < 8 {
		return "" // too few for a rank to mean anything
	}
	rank, deviation := spectrum(x[:min(n, spectrumSamples)*dim], dim)
	const remedy = "lower the learning rate, raise the weight of what keeps embeddings apart, or give the method a " +
		"projector (sections 2.6 and 3.2)"
	switch {
	case deviation < leastDeviation:
		return fmt.Sprintf("collapse: the features' deviation is %.2g of their length: all samples have nearly the "+
			"same features; %s", deviation, remedy)
	case rank < leastRank:
		return fmt.Sprintf("collapse: the features' effective rank is %.2f of %d: they lie near a line; %s", rank,
			min(n-1, dim), remedy)
	}
	return ""
}

// spectrum is the effective rank of features [N,dim] without their mean (Roy and Vetterli 2007), by the eigenvalues of
// their covariance, and their root mean square distance from the mean as a share of their root mean square length.
func spectrum(x []float32, dim int) (rank, deviation float64) {
	n := len(x) / dim
	mean, squares, spread := make([]float64, dim), 0.0, 0.0
	for i, v := range x {
		mean[i%dim] += float64(v) / float64(n)
		squares += float64(v) * float64(v)
	}
	for i, v := range x {
		d := float64(v) - mean[i%dim]
		spread += d * d
	}
	if squares == 0 || spread == 0 {
		return 1, 0
	}
	deviation = math.Sqrt(spread / squares)
	values, err := evaluations.CovarianceSpectrum(x, dim)
	if err != nil {
		return math.Inf(1), deviation
	}
	return evaluations.EffectiveRank(values, 0), deviation
}
