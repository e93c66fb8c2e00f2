package recipes

import (
	"errors"
	"math"

	"selfsup/graph"
	"selfsup/graph/optim"
	"selfsup/recipes/length"
	"selfsup/recipes/overlay"
)

// Optimizer is an update rule with the schedule of its learning rate.
type Optimizer interface {
	Schedule() Rate
	Rule() optim.Rule
}

// Rate is the learning rate over the training: linear warm-up, then half a cosine down to final.
type Rate struct {
	Rate        float64       `toml:"rate"`         // peak, for 256 images a step
	Scale       string        `toml:"scale"`        // with the global batch: linear (batch/256) | sqrt | none
	Warmup      length.Length `toml:"warmup"`       // from 0 to the peak
	Final       float64       `toml:"final"`        // at the end, as a fraction of the peak
	WeightDecay float64       `toml:"weight_decay"` // not of biases and norms
}

// Schedule implements Optimizer for the structs that embed a Rate.
func (r Rate) Schedule() Rate { return r }

// Peak is the highest learning rate for a global batch: rate*batch/256 (Goyal et al. 2017, arXiv:1706.02677) or rate*sqrt(batch/256)
// (Krizhevsky 2014, arXiv:1404.5997), or the rate itself.
func (r Rate) Peak(batch int) float64 {
	switch r.Scale {
	case "linear":
		return r.Rate * float64(batch) / 256
	case "sqrt":
		return r.Rate * math.Sqrt(float64(batch)/256)
	}
	return r.Rate
}

// At is the schedule for a global batch.
func (r Rate) At(batch int) graph.Schedule {
	peak := r.Peak(batch)
	return graph.WarmupCosine(peak, peak*r.Final, func(t graph.Time) int { return r.Warmup.Steps(t.PerEpoch, t.Steps) })
}

func (r Rate) validate() error {
	var bad []error
	if !(r.Rate > 0) {
		bad = append(bad, overlay.Bad("rate", "%v: want a number above 0", r.Rate))
	}
	if r.Scale != "linear" && r.Scale != "sqrt" && r.Scale != "none" {
		bad = append(bad, overlay.Bad("scale", "%q: want \"linear\", \"sqrt\" or \"none\"", r.Scale))
	}
	if !(r.Final >= 0 && r.Final <= 1) {
		bad = append(bad, overlay.Bad("final", "%v: want a fraction of the peak from 0 to 1", r.Final))
	}
	if !(r.WeightDecay >= 0) {
		bad = append(bad, overlay.Bad("weight_decay", "%v: want a number of 0 or more", r.WeightDecay))
	}
	return errors.Join(bad...)
}

// SGD is [optimizer.sgd].
type SGD struct {
	Rate
	optim.SGD
}

// Rule implements Optimizer.
func (o *SGD) Rule() optim.Rule { return &o.SGD }

// Validate checks the settings.
func (o *SGD) Validate() error { return errors.Join(o.validate(), o.Check()) }

// AdamW is [optimizer.adamw].
type AdamW struct {
	Rate
	optim.AdamW
}

// Rule implements Optimizer.
func (o *AdamW) Rule() optim.Rule { return &o.AdamW }

// Validate checks the settings.
func (o *AdamW) Validate() error { return errors.Join(o.validate(), o.Check()) }

// LARS is [optimizer.lars].
type LARS struct {
	Rate
	optim.LARS
}

// Rule implements Optimizer.
func (o *LARS) Rule() optim.Rule { return &o.LARS }

// Validate checks the settings.
func (o *LARS) Validate() error { return errors.Join(o.validate(), o.Check()) }
