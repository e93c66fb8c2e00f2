package methods

import (
	"fmt"
	"math"
)

// Alarm is a number of a training that tells of a collapse while it stays within bounds: every sample then gets nearly
// the same answer. The run says so once, with what helps.
type Alarm struct {
	Of     string     // name of the term or metric
	Within [2]float64 // bounds of the number while the method has collapsed
	Means  string     // what has happened
	Remedy string     // what helps, with the section of the Cookbook (arXiv:2304.12210)
}

// SpreadMetric is the name of the metric losses.Spread, which has an Alarm in every method that gives it.
const SpreadMetric = "spread"

// collapsedSpread is the spread below which all embeddings of a batch are as good as one. Of the shipped recipes masked
// language modelling has the least with 0.035, image methods have 0.07 and more; what has collapsed falls to 0.
const collapsedSpread = 0.015

// Collapsed is the Alarm of the metric "spread" with what helps this method.
func Collapsed(remedy string) Alarm {
	return Alarm{
		Of: SpreadMetric, Within: [2]float64{0, collapsedSpread},
		Means: "the samples of a step have nearly the same embedding", Remedy: remedy,
	}
}

// atChance is how far below ln K a loss is as good as ln K, as a share of it.
const atChance = 0.002

// Guessing is the Alarm of a cross-entropy over k answers that stays at ln k, where all answers are equally likely.
func Guessing(term string, k int, remedy string) Alarm {
	chance := math.Log(float64(k))
	return Alarm{
		Of: term, Within: [2]float64{chance * (1 - atChance), chance * (1 + atChance)},
		Means: fmt.Sprintf("every sample has all of %d answers at the same probability, whose cross-entropy is %.4f", k,
			chance),
		Remedy: remedy,
	}
}

// AlarmsOf are an objective's alarms, and that of the spread where it has the metric and no alarm of its own for it.
func AlarmsOf(o Objective) []Alarm {
	own := o.Alarms
	for _, a := range own {
		if a.Of == SpreadMetric {
			return own
		}
	}
	for _, m := range o.Metrics {
		if m.Name == SpreadMetric {
			return append(own[:len(own):len(own)], Collapsed("lower the learning rate, or raise the weight of what "+
				"keeps embeddings apart (sections 2.6 and 3.5)"))
		}
	}
	return own
}
