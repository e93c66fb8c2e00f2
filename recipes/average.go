package recipes

import (
	"fmt"
	"strconv"
	"strings"

	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// Average is which weights are evaluated, exported and embedded, `[average]`: the last ones, or an average over the
// training. The training itself sees none of it.
type Average struct {
	overlay.Optional
	// last | ema: an exponential moving average of the encoder's weights and running statistics | mean of N: of the
	// last N checkpoints (Izmailov et al. 2018, arXiv:1803.05407, who measure the statistics of batch norm anew; here
	// they are averaged too)
	Weights string `toml:"weights"`
	// of ema: what a step leaves of the average, (1+t)/(10+t) in the first steps t where that is less
	Decay float64 `toml:"decay"`
}

// Values of average.weights, beside "mean of N".
const (
	LastWeights = "last"
	EMAWeights  = "ema"

	meanOf = "mean of "
)

// DefaultAverage is the last weights.
func DefaultAverage() Average { return Average{Weights: LastWeights, Decay: 0.999} }

// Validate checks the settings.
func (a *Average) Validate() error {
	if _, err := Checkpoints(a.Weights); err != nil {
		return setting.Bad("weights", "%v", err)
	}
	if !(a.Decay > 0 && a.Decay < 1) {
		return setting.Bad("decay", "%v: want a number above 0 and below 1, such as 0.999", a.Decay)
	}
	return nil
}

// Checkpoints is how many checkpoints weights are the mean of; 0 for what is no mean of checkpoints.
func Checkpoints(weights string) (int, error) {
	if weights == LastWeights || weights == EMAWeights {
		return 0, nil
	}
	digits, ok := strings.CutPrefix(weights, meanOf)
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 2 || n > 1000 {
		return 0, fmt.Errorf("%q: want \"last\", \"ema\" or \"mean of N\" with N from 2 to 1000, such as \"mean of 5\"",
			weights)
	}
	return n, nil
}
