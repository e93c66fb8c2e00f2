package experiment_test

import (
	"fmt"
	"testing"
)

// A hundred and fifty steps on episodes of others make a small encoder tell more of the true state than it told
// untrained, and a thousand actions make an agent better than one that does anything at random.
func TestControlLearns(t *testing.T) {
	small := []string{"backbone.nature_cnn.widths=[8,16,16]", "backbone.nature_cnn.features=32", "train.batch=32",
		"dataset.envs.held=30"}
	others := []string{"dataset.envs.episodes=120", `train.length="150 steps"`, `train.checkpoint="150 steps"`,
		"evaluate.linear=false"}
	for recipe, c := range map[string]struct {
		measure string
		gain    float64
		sets    []string
	}{
		"curl":           {"r2", 0.1, others},
		"atc":            {"r2", 0.1, others},
		"barlow_balance": {"r2", 0.1, others},
		"efficient_zero": {"r2", 0.1, others},
		"dqn": {"return", 0.3, []string{`train.length="1000 steps"`,
			"evaluate.returns.episodes=50", "evaluate.state=false"}},
	} {
		t.Run(recipe, func(t *testing.T) {
			t.Parallel()
			sets := append(append([]string{}, small...), c.sets...)
			sum, err := train(t, load(t, fmt.Sprintf("base = %q\n", recipe+".toml"), sets...), nil)
			if err != nil {
				t.Fatal(err)
			}
			value := map[string]float64{}
			for _, e := range sum.Evaluations {
				if e.Metric == c.measure {
					value[e.Representation] = e.Value
				}
			}
			t.Logf("%s: trained %.3f, untrained %.3f", c.measure, value["trained"], value["untrained"])
			if gain := value["trained"] - value["untrained"]; !(gain > c.gain) {
				t.Errorf("%s: trained %.3f, untrained %.3f; want a gain of more than %v", c.measure, value["trained"],
					value["untrained"], c.gain)
			}
		})
	}
}
