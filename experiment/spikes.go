package experiment

import (
	"fmt"
	"slices"
	"strings"

	"selfsup/backbones"
	"selfsup/experiment/checkpoint"
	"selfsup/methods"
)

// A transformer's training that is unsteady shows it as sudden dips of its accuracy, and some dozens of steps before as
// spikes of the gradient of its first layer (Chen, Xie, He 2021, MoCo v3, arXiv:2104.02057, section 4.2; Cookbook,
// section 3.5.4). The length of that gradient is watched in every step.

// gradientField is the largest length of the first layer's gradient since the last line of metrics.
const gradientField = "first_gradient"

// When a gradient is a spike: several times the median of the steps before, of which there must be some.
const (
	spikeTimes  = 10
	spikeWindow = 50 // steps at most
	spikeLeast  = 20 // steps at least
)

// firstLayer is the place among trained parameters of the encoder's first matrix of weights; -1: there is none.
func firstLayer(params []string, axes func(name string) int) int {
	return slices.IndexFunc(params, func(name string) bool {
		below, ok := strings.CutPrefix(name, methods.Backbone+"/")
		return ok && below != "" && axes(name) > 1
	})
}

// gradients are the lengths of the first layer's gradient so far.
type gradients struct {
	recent  []float64 // of the last steps, the oldest first
	largest float64   // since the last line of metrics
}

// times tells how many times the usual length a step's is if it is a spike, else 0.
func (g *gradients) times(length float64) float64 {
	if len(g.recent) < spikeLeast {
		return 0
	}
	sorted := slices.Sorted(slices.Values(g.recent))
	if usual := sorted[len(sorted)/2]; usual > 0 && length > spikeTimes*usual {
		return length / usual
	}
	return 0
}

// add adds the length of a step.
func (g *gradients) add(length float64) {
	if len(g.recent) == spikeWindow {
		g.recent = append(g.recent[:0], g.recent[1:]...)
	}
	g.recent = append(g.recent, length)
	g.largest = max(g.largest, length)
}

// kept is what a checkpoint keeps of the gradients.
func (g *gradients) kept() *checkpoint.Gradients {
	if len(g.recent) == 0 {
		return nil
	}
	k := &checkpoint.Gradients{Largest: checkpoint.Real(g.largest)}
	for _, v := range g.recent {
		k.Recent = append(k.Recent, checkpoint.Real(v))
	}
	return k
}

// gradientsOf goes on with what a checkpoint kept.
func gradientsOf(k *checkpoint.Gradients) (g gradients) {
	if k == nil {
		return g
	}
	g.largest = float64(k.Largest)
	for _, v := range k.Recent {
		g.recent = append(g.recent, float64(v))
	}
	return g
}

// watchFirst looks at the first layer's gradient of a step that was finite, and warns of a spike in a network of
// tokens. That of a convolution before a batch norm varies as much in trainings that are steady.
func (r *run) watchFirst(step, turn int) error {
	now := r.now.turns[turn]
	if turn != 0 && now.pass != backPass || now.first < 0 {
		return nil
	}
	length, before := r.norms[turn].At(now.first), len(r.gradients.recent)
	times := 0.0
	if _, tokens := r.Recipe.Backbone.Value.(backbones.Tokens); tokens {
		times = r.gradients.times(length)
	}
	r.gradients.add(length)
	if times == 0 {
		return nil
	}
	return r.warnOnce(Warning{gradientField, step + 1, fmt.Sprintf("gradient spike: that of the first layer (%s) is "+
		"%.3g long, %.0f times the median of the %d steps before; an unsteady training shows it first there: freeze "+
		"the patch projection (frozen_patch = true), clip gradients (train.clip), warm up for longer or lower the "+
		"rate (section 3.5.4)", now.params[now.first], length, times, before)})
}
