package optim

import (
	"errors"
	"math"

	"selfsup/graph"
	"selfsup/setting"
)

// Optimizer is an update rule with the schedule of its rates: a table of a recipe. The optimisers of this package embed
// a Rate and are their own Rule.
type Optimizer interface {
	Rates() Schedules
	Rule
}

// Schedules are the rates of a training over its time. A Rate is the usual ones; an optimiser of one's own may have
// others.
type Schedules interface {
	At(batch int) graph.Schedule // learning rate for a global batch
	Peak(batch int) float64      // the highest learning rate
	Decay() graph.Schedule       // weight decay
	// factor of the learning rate from one layer of a transformer to the one below it; 1: all alike
	PerLayer() float64
}

// Rate is the learning rate over the training, linear warm-up and then half a cosine down to final, and the weight
// decay.
type Rate struct {
	Rate        float64        `toml:"rate"`         // peak, for 256 images a step
	Scale       string         `toml:"scale"`        // with the global batch: linear (batch/256) | sqrt | none
	Warmup      setting.Length `toml:"warmup"`       // from 0 to the peak
	Final       float64        `toml:"final"`        // at the end, as a fraction of the peak
	WeightDecay float64        `toml:"weight_decay"` // not of biases and norms
	// weight decay at the end, as a multiple of weight_decay; along half a cosine (DINO, MSN)
	FinalDecay float64 `toml:"final_decay"`
	// factor of the rate from one layer of a transformer to the one below it; 1: all alike
	LayerDecay float64 `toml:"layer_decay"`
}

// rates are a Rate without the settings that few change.
func rates(peak, decay float64) Rate {
	return Rate{Rate: peak, Scale: "linear", Warmup: setting.Percent(5), WeightDecay: decay, FinalDecay: 1,
		LayerDecay: 1}
}

// Rates implements Optimizer for the structs that embed a Rate.
func (r Rate) Rates() Schedules { return r }

// PerLayer implements Schedules.
func (r Rate) PerLayer() float64 { return r.LayerDecay }

// Peak is the highest learning rate for a global batch: rate*batch/256 (Goyal et al. 2017, arXiv:1706.02677) or
// rate*sqrt(batch/256) (Krizhevsky 2014, arXiv:1404.5997), or the rate itself.
func (r Rate) Peak(batch int) float64 {
	switch r.Scale {
	case "linear":
		return r.Rate * float64(batch) / 256
	case "sqrt":
		return r.Rate * math.Sqrt(float64(batch)/256)
	}
	return r.Rate
}

// At is the schedule of the learning rate for a global batch.
func (r Rate) At(batch int) graph.Schedule {
	peak := r.Peak(batch)
	return graph.WarmupCosine(peak, peak*r.Final, func(t graph.Time) int { return r.Warmup.Steps(t.PerEpoch, t.Steps) })
}

// Decay is the schedule of the weight decay.
func (r Rate) Decay() graph.Schedule {
	return graph.CosineRamp(r.WeightDecay, r.WeightDecay*r.FinalDecay)
}

// Check says what is wrong with the settings.
func (r Rate) Check() error {
	var bad []error
	check := func(ok bool, key, format string, args ...any) {
		if !ok {
			bad = append(bad, setting.Bad(key, format, args...))
		}
	}
	check(r.Rate > 0, "rate", "%v: want a number above 0", r.Rate)
	check(r.Scale == "linear" || r.Scale == "sqrt" || r.Scale == "none", "scale",
		"%q: want \"linear\", \"sqrt\" or \"none\"", r.Scale)
	check(r.Final >= 0 && r.Final <= 1, "final", "%v: want a fraction of the peak from 0 to 1", r.Final)
	check(r.WeightDecay >= 0, "weight_decay", "%v: want a number of 0 or more", r.WeightDecay)
	check(r.FinalDecay >= 0, "final_decay", "%v: want a multiple of weight_decay of 0 or more", r.FinalDecay)
	check(r.LayerDecay > 0 && r.LayerDecay <= 1, "layer_decay", "%v: want a factor above 0 and at most 1", r.LayerDecay)
	return errors.Join(bad...)
}
