//go:build learns

package experiment_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"selfsup/recipes"
)

// An agent that is curious by BYOL-Explore visits more of a maze than the same agent without the bonus; before a
// television whose noise it cannot predict it is told where it has been, and nothing is wanted:
//
//	go test -tags learns ./experiment -run CuriosityVisitsMore -v -timeout 1h
func TestCuriosityVisitsMore(t *testing.T) {
	entropy := map[string]float64{}
	for _, arm := range []string{"curious", "without", "television", "remote"} {
		sets := []string{fmt.Sprintf("dataset.envs.distractor=%q", arm)}
		switch arm {
		case "curious":
			sets = nil
		case "without":
			sets = []string{"method.dqn.bonus=0.0"}
		}
		r, err := recipes.Load(filepath.Join("..", "recipes", "control", "explore.toml"), sets, recipes.Builtin())
		if err != nil {
			t.Fatal(err)
		}
		sum, err := train(t, r, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, e := range sum.Evaluations {
			if e.Representation == "trained" {
				got[e.Protocol+" "+e.Metric] = e.Value
			}
		}
		entropy[arm] = got["coverage entropy"]
		t.Logf("%s: states %.0f (at random %.0f), entropy %.3f (at random %.3f), return %.3f", arm,
			got["coverage states"], got["coverage states at random"], entropy[arm], got["coverage entropy at random"],
			got["returns return"])
	}
	if !(entropy["curious"] > entropy["without"]) {
		t.Errorf("entropy %.3f, without the bonus %.3f: want more", entropy["curious"], entropy["without"])
	}
}
