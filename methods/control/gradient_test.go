package control_test

import (
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/optest"
	"selfsup/methods"
	"selfsup/methods/control"
	"selfsup/methods/methodtest"
	"selfsup/recipes/overlay"
)

// stepsOf has the fields of steps of 8x8 pixels with 3 actions.
func stepsOf() methods.Data {
	pixels := []int{8, 8, 1}
	fields := []feed.Field{{Name: "view", Shape: pixels}, {Name: "after", Shape: pixels},
		{Name: "goal", Shape: pixels}, {Name: "trail", Shape: append([]int{5}, pixels...)},
		{Name: "way", Shape: append([]int{4}, pixels...)}, {Name: "reached"}, {Name: "terminal"},
		{Name: "instruction", Shape: []int{3}, Int: true, Of: []int{5}}}
	for _, n := range []int{1, 2, 3} {
		end := string(rune('0' + n))
		fields = append(fields, feed.Field{Name: "ahead" + end, Shape: append([]int{n}, pixels...)},
			feed.Field{Name: "actions" + end, Shape: []int{n}, Int: true, Of: []int{3}},
			feed.Field{Name: "rewards" + end, Shape: []int{n}}, feed.Field{Name: "alive" + end, Shape: []int{n}})
	}
	return methodtest.Data(fields...)
}

// small are the methods at sizes for differences.
func small() map[string]methods.Method {
	agent := control.Agent{Weight: 1, Hidden: []int{5}, Discount: 0.9, Steps: 2, Momentum: 0.9, Acts: 1}
	icm := control.ICM{Hidden: 5, Form: "norms", Forward: 1, Inverse: 1}
	with := agent
	with.Base, with.Bonus = overlay.Choice[methods.Method]{Name: "icm", Value: &icm}, 0.5
	spr := control.SPR{Jumps: 2, Projection: 4, Hidden: 5, Now: 1, Momentum: 0.9}
	sgi := control.DefaultSGI()
	sgi.SPR = spr
	dqn := control.DefaultDQN()
	dqn.Agent = agent
	c51 := control.DefaultDQN()
	c51.Agent, c51.Atoms = with, 5
	return map[string]methods.Method{
		"apt":              &control.APT{ICM: icm, Neighbours: 2, Mean: true},
		"atc":              &control.ATC{Later: 2, Code: 4, Hidden: 5, Momentum: 0.9},
		"barlow_balance":   &control.BarlowBalance{Jumps: 2, Hidden: 5, Projector: []int{4}},
		"byol_explore":     &control.BYOLExplore{Window: 3, Horizon: 2, Hidden: 4, Momentum: 0.9},
		"c51 and icm":      c51,
		"contrastive_goal": &control.ContrastiveGoal{Form: "nce", Hidden: 5, Embedding: 3},
		"goal by cpc":      &control.ContrastiveGoal{Form: "cpc", Hidden: 5, Embedding: 3, LogSumExp: 0.1},
		"curl":             &control.CURL{Momentum: 0.9},
		"dbc":              &control.DBC{Discount: 0.9, Hidden: 5, Model: 1, Least: 0.1, Most: 2},
		"dqn":              dqn,
		"efficient_zero":   &control.EfficientZero{Jumps: 2, Hidden: 5, Projector: []int{4}, Reward: 1},
		"forward_backward": &control.ForwardBackward{Embedding: 3, Hidden: 5, Discount: 0.9, Ortho: 1, Momentum: 0.9},
		"icm":              &control.ICM{Hidden: 5, Form: "squares", Forward: 1, Inverse: 1},
		"laplacian":        &control.Laplacian{Form: "drawing", Embedding: 3, Beta: 2},
		"laplacian batch":  &control.Laplacian{Form: "batch", Embedding: 3, Beta: 2},
		"proto_rl": &control.ProtoRL{Prototypes: 3, Projection: 4, Hidden: 5, Temperature: 0.5, Iterations: 2, Queue: 6,
			Neighbour: 2, Momentum: 0.9},
		"r3m": &control.R3M{Time: 1, Language: 1, L1: 0.1, L2: 0.1, Negatives: 1, Hidden: 5, Layers: 2, Words: 3},
		"rnd": &control.RND{Hidden: 5, Embedding: 4, Clip: 5},
		"sac": &control.SAC{Agent: agent, Entropy: 0.5},
		"sgi": sgi,
		"spr": &spr,
		"vip": &control.VIP{Discount: 0.9, Negatives: 1, L1: 0.1, L2: 0.1},
	}
}

// stopped are the parts of methods that pass no gradient where differences see one: there the parameters are checked
// that nothing stopped depends on. What is stopped, the authors' numbers check.
var stopped = map[string][]string{
	"c51 and icm":      {"value", "inverse"},
	"dbc":              {"reward"},
	"efficient_zero":   {"model", "predictor", "reward"},
	"forward_backward": {"forward"},
	"proto_rl":         {"predictor", "projection", "backbone"},
	"sgi":              {"inverse", "model", "predictor"},
}

// The loss of every method through the whole encoder against central differences in float64.
func TestGradients(t *testing.T) {
	for name, m := range small() {
		t.Run(name, func(t *testing.T) {
			if err := m.Validate(); err != nil {
				t.Fatal(err)
			}
			if name == "sac" {
				term(t, m, "judges", "judge")
				term(t, m, "policy", "policy")
				term(t, m, "steering", "log_temperature")
				return
			}
			term(t, m, "", stopped[name]...)
		})
	}
}

// term checks one term of a method, or with no name their sum, by the parameters below scopes.
func term(t *testing.T, m methods.Method, name string, scopes ...string) {
	t.Helper()
	net := &backbones.NatureCNN{Widths: []int{3}, Features: 4}
	optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
		b := methods.NewBatch(s, 4, stepsOf())
		o := m.Build(s, methods.EncoderOf(net, b.Of("view0")), b)
		for _, term := range o.Terms {
			if term.Name == name {
				return term.Value
			}
		}
		return o.Loss()
	}, nil, 4, 2e-5, scopes...)
}
