package experiment_test

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/experiment/checkpoint"
	"selfsup/recipes"
)

// acting is an agent's recipe at a size for tests.
var acting = []string{"backbone.nature_cnn.widths=[4,4,4]", "backbone.nature_cnn.features=8", "method.dqn.hidden=[8]",
	"dataset.envs.replay=30", "dataset.envs.warmup=20", "dataset.envs.episodes=5", "dataset.envs.held=3",
	"train.batch=4", `train.length="23 steps"`, `train.checkpoint="100 steps"`, `train.log="10 steps"`,
	"evaluate.returns.episodes=3", "evaluate.coverage=true"}

// A run that is interrupted in the middle of an episode, and again, ends with the same bits as one that is not:
// weights, memory, and what is recorded of acting.
func TestAgentResumesExactly(t *testing.T) {
	for name, sets := range map[string][]string{
		"dqn": acting,
		"c51 that is curious": append([]string{"method.dqn.atoms=5", "method.dqn.bonus=0.5",
			"method.dqn.base.rnd.embedding=4", "method.dqn.base.rnd.hidden=4"}, acting...),
		// running means, a queue of projections and recurrent cells beside the agent's
		"apt": append([]string{"method.dqn.bonus=0.5", "method.dqn.base.apt.hidden=4",
			"method.dqn.base.apt.neighbours=2"}, acting...),
		"proto_rl": append([]string{"method.dqn.bonus=0.5", "method.dqn.base.proto_rl.prototypes=4",
			"method.dqn.base.proto_rl.projection=4", "method.dqn.base.proto_rl.hidden=4",
			"method.dqn.base.proto_rl.queue=16"}, acting...),
		"byol_explore": append([]string{"method.dqn.bonus=0.5", "method.dqn.base.byol_explore.window=2",
			"method.dqn.base.byol_explore.horizon=2", "method.dqn.base.byol_explore.hidden=4"}, acting...),
	} {
		t.Run(name, func(t *testing.T) {
			sum := resumes(t, "dqn.toml", sets)
			if !strings.Contains(values(sum), "return") {
				t.Errorf("no returns among %s", values(sum))
			}
			for _, e := range sum.Evaluations { // 20 steps of the beginning and 23 of the agent, of which 30 are kept
				if e.Protocol == "coverage" && fmt.Sprint(e.Settings["steps"]) != "30" {
					t.Errorf("%s of %v steps, want 30", e.Metric, e.Settings["steps"])
				}
			}
			if !strings.Contains(values(sum), "entropy at random") {
				t.Errorf("no coverage among %s", values(sum))
			}
		})
	}
}

// Methods that learn from the steps of others resume as exactly: slow encoders, orders of the batch, running means,
// queues and tasks.
func TestMethodsOfStepsResumeExactly(t *testing.T) {
	for method, sets := range map[string][]string{
		"apt":              {"hidden=4", "neighbours=2"},
		"byol_explore":     {"window=2", "horizon=2", "hidden=4"},
		"dbc":              {"hidden=4"},
		"forward_backward": {"hidden=4", "embedding=4"},
		"laplacian":        {"embedding=4"},
		"proto_rl":         {"prototypes=4", "projection=4", "hidden=4", "queue=16"},
		"r3m":              {"hidden=4", "layers=1", "words=2"},
		"rnd":              {"hidden=4", "embedding=4"},
		"sgi":              {"jumps=2", "projection=4", "hidden=4"},
		"vip":              nil,
	} {
		t.Run(method, func(t *testing.T) {
			all := []string{fmt.Sprintf("method=%q", method), "backbone.nature_cnn.widths=[4,4,4]",
				"backbone.nature_cnn.features=8", "dataset.envs.episodes=5", "dataset.envs.held=3", "train.batch=4",
				`train.length="23 steps"`, `train.checkpoint="100 steps"`, `train.log="10 steps"`,
				"evaluate.linear=false", "baselines.untrained=false"}
			for _, set := range sets {
				all = append(all, "method."+method+"."+set)
			}
			resumes(t, "curl.toml", all)
		})
	}
}

// resumes trains a recipe of 23 steps, and again with interruptions, holds their ends against each other, and gives the
// summary of the latter.
func resumes(t *testing.T, recipe string, sets []string) *experiment.Summary {
	t.Helper()
	run := func(stop chan experiment.Request, at string) (*experiment.Summary, error) {
		r, err := recipes.Load(recipe, sets, recipes.Builtin())
		if err != nil {
			t.Fatal(err)
		}
		if at != "" {
			return experiment.Resume(at, recipes.Builtin(), experiment.Options{Messages: io.Discard, Stop: stop})
		}
		return experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard, Stop: stop})
	}
	whole, err := run(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	stop, at := make(chan experiment.Request, 1), ""
	var stopped *experiment.Stopped
	for range 3 {
		stop <- experiment.Interrupt
		if _, err = run(stop, at); !errors.As(err, &stopped) {
			t.Fatalf("interrupted: %v, want a stop", err)
		}
		at = stopped.Folder
	}
	sum, err := run(nil, at)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := final(t, sum.Run), final(t, whole.Run); got != want {
		t.Errorf("resumed run ends with %s, uninterrupted run with %s", got, want)
	}
	if a, b := values(whole), values(sum); a != b {
		t.Errorf("evaluations differ: uninterrupted %s, resumed %s", a, b)
	}
	return sum
}

// What cannot act is told so, and what an agent needs.
func TestAgentsAreRefused(t *testing.T) {
	for _, c := range []struct {
		recipe, want string
		sets         []string
	}{
		{"curl.toml", "plays episodes", []string{"evaluate.returns.episodes=3"}},
		{"quickstart.toml", "have no field", []string{"method=\"dqn\""}},
		{"curl.toml", "keeps nothing of that", []string{"evaluate.coverage=true"}},
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

// What methods of images learn from frames serves an agent, which leaves it as it is and learns what is behind it; the
// same agent without the run that is borrowed learns its encoder too.
func TestFrozenEncoders(t *testing.T) {
	vit := []string{"backbone.vit.dim=8", "backbone.vit.depth=1", "backbone.vit.heads=2", "backbone.vit.patch=8"}
	cnn := []string{"backbone.nature_cnn.widths=[4,4,4]", "backbone.nature_cnn.features=8"}
	decoder := []string{"method.mae.decoder_dim=8", "method.mae.decoder_heads=2"}
	few := []string{"train.batch=8", `train.length="3 steps"`, `train.checkpoint="3 steps"`,
		"baselines.untrained=false", "evaluate.linear=false", "evaluate.state=false"}
	agent := slices.DeleteFunc(slices.Clone(acting), func(s string) bool { return strings.HasPrefix(s, "backbone.") })
	for name, c := range map[string]struct{ data, frames, backbone []string }{
		"pvr": {[]string{"dataset.envs.episodes=5", "dataset.envs.held=2"}, []string{"method.moco.queue=16"}, cnn},
		"mvp": {[]string{"dataset.envs.episodes=5", "dataset.envs.held=2"}, decoder, vit},
		"vc1": {[]string{"dataset.frames.episodes=2", "dataset.frames.held=1"}, decoder, vit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := func(recipe string, sets ...[]string) string {
				t.Helper()
				r, err := recipes.Load(filepath.Join("..", "recipes", "control", recipe), slices.Concat(sets...),
					recipes.Builtin())
				if err != nil {
					t.Fatal(err)
				}
				sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
				if err != nil {
					t.Fatal(err)
				}
				return sum.Run
			}
			frames := run(name+"-frames.toml", few, c.data, c.frames, c.backbone)
			from := []string{fmt.Sprintf("init.from=%q", frames), "baselines.untrained=false", "evaluate.state=false"}
			policy := run(name+".toml", agent, c.backbone, from)
			same(t, frames, policy, map[string]string{"backbone/": "backbone/"})
			begun := run(name+".toml", agent, c.backbone, from, []string{`train.length="0 steps"`})
			same(t, frames, begun, map[string]string{"backbone/": "backbone/"})
			if a, b := weight(t, begun, "value/0/weight"), weight(t, policy, "value/0/weight"); slices.Equal(a, b) {
				t.Error("nothing was learned behind the encoder")
			}
		})
	}
}

// weight is an entry of a run's newest checkpoint.
func weight(t *testing.T, dir, name string) []float32 {
	t.Helper()
	st, _, _, err := checkpoint.Latest(filepath.Join(dir, "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	e := st.Get(name)
	if e == nil {
		t.Fatalf("no %s among %q", name, st.Names())
	}
	return e.F32
}
