package optim

import (
	"errors"
	"math"
	"slices"

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

// Rate is the learning rate over the training, linear warm-up and then what schedule says, and the weight decay.
type Rate struct {
	Rate     float64        `toml:"rate"`     // peak, for 256 images a step
	Scale    string         `toml:"scale"`    // with the global batch: linear (batch/256) | sqrt | none
	Warmup   setting.Length `toml:"warmup"`   // from 0 to the peak
	Schedule string         `toml:"schedule"` // after the warm-up: cosine | linear | constant | steps
	Hold     setting.Length `toml:"hold"`     // at the peak after the warm-up, before it falls along cosine or linear
	Final    float64        `toml:"final"`    // at the end of cosine or linear, as a fraction of the peak
	// of steps: after how much of the training the rate drops, as ["120 epochs", "160 epochs"], and its factor then
	Drops       []setting.Length `toml:"drops"`
	Drop        float64          `toml:"drop"`
	WeightDecay float64          `toml:"weight_decay"` // not of biases and norms
	// weight decay at the end, as a multiple of weight_decay; along half a cosine (DINO, MSN)
	FinalDecay float64 `toml:"final_decay"`
	// factor of the rate from one layer of a transformer to the one below it; 1: all alike
	LayerDecay float64 `toml:"layer_decay"`
}

const defaultDrop = 0.1 // of the rate, at each of its drops

// DefaultRate has a linear warm-up of 5 %, half a cosine, and the settings that few change.
func DefaultRate(peak, decay float64) Rate {
	return Rate{Rate: peak, Scale: "linear", Warmup: setting.Percent(5), Schedule: "cosine", Drop: defaultDrop,
		WeightDecay: decay, FinalDecay: 1, LayerDecay: 1}
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
	warmup := func(t graph.Time) int { return r.Warmup.Steps(t.PerEpoch, t.Steps) }
	fall := func(t graph.Time) int { return warmup(t) + r.Hold.Steps(t.PerEpoch, t.Steps) }
	then := graph.Constantly(peak)
	switch r.Schedule {
	case "cosine":
		then = graph.CosineFall(peak, peak*r.Final, fall)
	case "linear":
		then = graph.LinearFall(peak, peak*r.Final, fall)
	case "steps":
		then = graph.Drops(peak, r.Drop, func(t graph.Time) []int {
			at := make([]int, len(r.Drops))
			for i, d := range r.Drops {
				at[i] = d.Steps(t.PerEpoch, t.Steps)
			}
			return at
		})
	}
	return graph.Warmup(peak, warmup, then)
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
	check(slices.Contains([]string{"cosine", "linear", "constant", "steps"}, r.Schedule), "schedule",
		"%q: want \"cosine\", \"linear\", \"constant\" or \"steps\"", r.Schedule)
	check(r.Final >= 0 && r.Final <= 1, "final", "%v: want a fraction of the peak from 0 to 1", r.Final)
	falls, drops := r.Schedule == "cosine" || r.Schedule == "linear", r.Schedule == "steps"
	check(falls || r.Final == 0, "final", "%v: a rate along %q has no end to fall to; want \"cosine\" or \"linear\"",
		r.Final, r.Schedule)
	check(falls || r.Hold.IsZero(), "hold", "%q: a rate along %q does not fall; want \"cosine\" or \"linear\"", r.Hold,
		r.Schedule)
	check(!drops || len(r.Drops) > 0, "drops", "want when the rate drops, such as [\"60%%\", \"80%%\"]")
	check(drops || len(r.Drops) == 0, "drops", "%q: want schedule = \"steps\", not %q", r.Drops, r.Schedule)
	share := r.Drop > 0 && r.Drop < 1
	check(share, "drop", "%v: want a factor above 0 and below 1", r.Drop)
	check(!share || drops || r.Drop == defaultDrop, "drop", "%v: want schedule = \"steps\", not %q", r.Drop, r.Schedule)
	check(r.WeightDecay >= 0, "weight_decay", "%v: want a number of 0 or more", r.WeightDecay)
	check(r.FinalDecay >= 0, "final_decay", "%v: want a multiple of weight_decay of 0 or more", r.FinalDecay)
	check(r.LayerDecay > 0 && r.LayerDecay <= 1, "layer_decay", "%v: want a factor above 0 and at most 1", r.LayerDecay)
	return errors.Join(bad...)
}
