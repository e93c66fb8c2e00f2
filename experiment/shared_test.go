package experiment

import (
	"testing"

	"selfsup/recipes/overlay"
)

// Runs are one experiment where their settings are, but for seeds, what changes no result, and defaults that an earlier
// version lacks; a setting that somebody wrote is none of these.
func TestShared(t *testing.T) {
	run := func(more ...overlay.Written) []overlay.Written {
		return append([]overlay.Written{{Key: "name", Value: `"a"`, Origin: "r.toml:1"}, {Key: "seed", Value: "3",
			Origin: "--set"}, {Key: "method", Value: "simclr", Origin: "r.toml:2"}, {Key: "labelled.few_shot.seed",
			Value: "1", Origin: "--set"}}, more...)
	}
	first, seeds := Split(run())
	if got := seeds.String(); got != "seed 3 with labelled.few_shot.seed = 1" {
		t.Errorf("the seeds are %q", got)
	}
	for name, c := range map[string]struct {
		other      []overlay.Written
		same, pair bool
	}{
		"itself":              {run(), true, true},
		"another name":        {run(overlay.Written{Key: "train.log", Value: "1", Origin: "--set"}), true, true},
		"a default more":      {run(overlay.Written{Key: "train.koleo", Value: "0.0", Origin: "default"}), true, true},
		"a setting more":      {run(overlay.Written{Key: "train.koleo", Value: "0.1", Origin: "--set"}), false, true},
		"another seed":        {run(overlay.Written{Key: "seed", Value: "4", Origin: "--set"}), true, false},
		"other labels":        {run(overlay.Written{Key: "labelled.few_shot.seed", Value: "2"}), true, false},
		"labels for one only": {run()[:3], true, true},
		"another method":      {run(overlay.Written{Key: "method", Value: "byol", Origin: "r.toml:2"}), false, true},
	} {
		other, theirs := Split(c.other)
		if first.Same(other) != c.same || other.Same(first) != c.same {
			t.Errorf("%s: one experiment %v and %v, want %v", name, first.Same(other), other.Same(first), c.same)
		}
		if seeds.Pair(theirs) != c.pair || theirs.Pair(seeds) != c.pair {
			t.Errorf("%s: the same seeds %v, want %v", name, seeds.Pair(theirs), c.pair)
		}
	}
}
