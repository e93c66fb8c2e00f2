package overlay_test

import (
	"strings"
	"testing"

	"selfsup/recipes/overlay"
)

// players is a method with an optimiser and an encoder of its own, whose keys are not the names of their catalogs.
type players struct {
	Latent int                                   `toml:"latent"`
	Critic overlay.Choice[optimizer]             `toml:"critic" overlay:"optional,of=optimizer"`
	Probes overlay.Choices[*evaluation]          `toml:"probes" overlay:"of=evaluate"`
	Tower  overlay.Choice[interface{ method() }] `toml:"tower" overlay:"of=method"`
}

func (*players) method() {}

func withPlayers() overlay.Options {
	o := options()
	o.Catalogs["method"] = overlay.Of("methods", map[string]func() method{
		"players": func() method { return &players{Latent: 50} },
		"simclr":  func() method { return &simclr{[]int{2048, 128}, 0.1} },
	})
	return o
}

// A choice among a method's settings takes its entries from the catalog that its tag names, with their defaults, checks
// and origins, and the resolved recipe loads to itself.
func TestChoiceOfAnotherCatalog(t *testing.T) {
	write(t, map[string]string{"r.toml": `
[dataset.shapes]
[method.players]
latent = 8
[method.players.critic.lars]
rate = 2.0
[method.players.tower.simclr]
[method.players.probes.linear]
k = [3]
`})
	r := defaults()
	res, err := overlay.Load("r.toml", []string{"method.players.critic.lars.rate=3.0"}, withPlayers(), r)
	if err != nil {
		t.Fatal(err)
	}
	m := r.Method.Value.(*players)
	if l, ok := m.Critic.Value.(*lars); !ok || l.Rate != 3 || l.Warmup.Count != 5 {
		t.Errorf("critic: got %+v, want lars at 3 with its own warm-up", m.Critic.Value)
	}
	if len(m.Probes.On) != 1 || m.Probes.On[0].Value.K[0] != 3 {
		t.Errorf("probes: got %+v, want linear with k = [3]", m.Probes.On)
	}
	if got := r.Optimizer.Name; got != "adamw" {
		t.Errorf("the recipe's own optimizer became %s", got)
	}
	if l, ok := res.Leaf("method.players.critic.lars.rate"); !ok || l.Origin.String() != "--set" {
		t.Errorf("origin of the critic's rate: got %v, want --set", l.Origin)
	}
	var text strings.Builder
	if err := overlay.Encode(&text, r, nil); err != nil {
		t.Fatal(err)
	}
	write(t, map[string]string{"again.toml": text.String()})
	again := defaults()
	if _, err := overlay.Load("again.toml", nil, withPlayers(), again); err != nil {
		t.Fatalf("the resolved recipe does not load: %v\n%s", err, text.String())
	}
	var second strings.Builder
	if err := overlay.Encode(&second, again, nil); err != nil || second.String() != text.String() {
		t.Errorf("the resolved recipe\n%sloads to\n%s(%v)", text.String(), second.String(), err)
	}
}

// Mistakes below such a choice are told in the words of its catalog.
func TestChoiceOfAnotherCatalogErrors(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no such entry": {"[method.players.critic.larz]\n[method.players.tower.simclr]\n",
			`r.toml:2:24: [method.players.critic.larz]: not one of the optimizers, did you mean lars? (see: ` +
				`experiment list optimizers)`},
		"bad setting": {"[method.players.critic.lars]\nrate = 11.0\n" +
			"[method.players.tower.simclr]\n", "r.toml:3:8: [method.players.critic.lars] rate: 11: want at most 10"},
		"left open": {"[method.players]\n", "no tower is chosen: add a table such as " +
			"[method.players.tower.players] (see: experiment list methods)"},
		"an entry of the catalog of its key": {"[method.players.critic.simclr]\n[method.players.tower.simclr]\n",
			"[method.players.critic.simclr]: not one of the optimizers"},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, map[string]string{"r.toml": "[dataset.shapes]\n" + c.text})
			_, err := overlay.Load("r.toml", nil, withPlayers(), defaults())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
