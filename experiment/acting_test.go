package experiment_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

// acting is an agent's recipe at a size for tests.
var acting = []string{"backbone.nature_cnn.widths=[4,4,4]", "backbone.nature_cnn.features=8", "method.dqn.hidden=[8]",
	"dataset.envs.replay=30", "dataset.envs.warmup=20", "dataset.envs.episodes=5", "dataset.envs.held=3",
	"train.batch=4", `train.length="23 steps"`, `train.checkpoint="100 steps"`, `train.log="10 steps"`,
	"evaluate.returns.episodes=3"}

// A run that is interrupted in the middle of an episode, and again, ends with the same bits as one that is not:
// weights, memory, and what is recorded of acting.
func TestAgentResumesExactly(t *testing.T) {
	for name, sets := range map[string][]string{
		"dqn": acting,
		"c51 that is curious": append([]string{"method.dqn.atoms=5", "method.dqn.bonus=0.5",
			"method.dqn.base.rnd.embedding=4", "method.dqn.base.rnd.hidden=4"}, acting...),
	} {
		t.Run(name, func(t *testing.T) {
			agent := func(stop chan experiment.Request, at string) (*experiment.Summary, error) {
				r, err := recipes.Load("dqn.toml", sets, recipes.Builtin())
				if err != nil {
					t.Fatal(err)
				}
				if at != "" {
					return experiment.Resume(at, recipes.Builtin(), experiment.Options{Messages: io.Discard,
						Stop: stop})
				}
				return experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard, Stop: stop})
			}
			whole, err := agent(nil, "")
			if err != nil {
				t.Fatal(err)
			}
			stop, at := make(chan experiment.Request, 1), ""
			var stopped *experiment.Stopped
			for range 3 {
				stop <- experiment.Interrupt
				if _, err = agent(stop, at); !errors.As(err, &stopped) {
					t.Fatalf("interrupted: %v, want a stop", err)
				}
				at = stopped.Folder
			}
			sum, err := agent(nil, at)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := final(t, sum.Run), final(t, whole.Run); got != want {
				t.Errorf("resumed run ends with %s, uninterrupted run with %s", got, want)
			}
			if a, b := values(whole), values(sum); a != b {
				t.Errorf("evaluations differ: uninterrupted %s, resumed %s", a, b)
			}
			if !strings.Contains(values(sum), "return") {
				t.Errorf("no returns among %s", values(sum))
			}
		})
	}
}

// What cannot act is told so, and what an agent needs.
func TestAgentsAreRefused(t *testing.T) {
	for _, c := range []struct {
		recipe, want string
		sets         []string
	}{
		{"curl.toml", "plays episodes", []string{"evaluate.returns.episodes=3"}},
		{"quickstart.toml", "have no field", []string{"method=\"dqn\""}},
		{"dqn.toml", "knows no novelty", []string{"method.dqn.bonus=1.0"}},
		{"dqn.toml", "is a learner itself", []string{"method.dqn.base.sac.entropy=0.1"}},
		{"dqn.toml", "want no sampler", []string{"sampler=\"balanced\""}},
	} {
		r, err := recipes.Load(c.recipe, c.sets, recipes.Builtin())
		if err == nil {
			_, err = experiment.Prepare(r)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: got %v, want %q", c.recipe, c.sets, err, c.want)
		}
	}
}
