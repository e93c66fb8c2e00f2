package experiment

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"selfsup/recipes/overlay"
)

// Which finished runs are one experiment with several seeds: those that share all settings but seeds, and what changes
// no result.

// withoutEffect are the settings that change no result.
var withoutEffect = []string{"name", "memory_limit", "train.workers", "train.log", "train.checkpoint"}

// IsShared reports whether runs of one experiment have one value of a setting: not of seeds and of what changes no
// result.
func IsShared(key string) bool { return !IsSeed(key) && !slices.Contains(withoutEffect, key) }

// IsSeed reports whether a setting is a seed, such as seed or labelled.few_shot.seed.
func IsSeed(key string) bool { return key == "seed" || strings.HasSuffix(key, ".seed") }

// Shared is the settings that a run shares with the other runs of its experiment.
type Shared struct {
	Settings []overlay.Written // in the order of the recipe
	Values   map[string]string // of the settings, by key
	Written  map[string]bool   // settings that somebody wrote: the others are defaults
}

// Seeds are the seeds of a run.
type Seeds struct {
	Seed   int64             // of the recipe
	Others map[string]string // such as labelled.few_shot.seed
}

// Split divides the settings of a run into those that are shared and its seeds.
func Split(settings []overlay.Written) (shared Shared, seeds Seeds) {
	shared = Shared{Values: map[string]string{}, Written: map[string]bool{}}
	seeds = Seeds{Others: map[string]string{}}
	for _, s := range settings {
		switch {
		case s.Key == "seed":
			seeds.Seed, _ = strconv.ParseInt(s.Value, 10, 64)
		case IsSeed(s.Key):
			seeds.Others[s.Key] = s.Value
		case IsShared(s.Key):
			shared.Settings = append(shared.Settings, s)
			shared.Values[s.Key] = s.Value
			shared.Written[s.Key] = s.Origin != "default" && s.Origin != "paper default"
		}
	}
	return shared, seeds
}

// Same reports whether runs of the settings are one experiment. A default that one of them lacks is one that its
// version of the program did not have yet.
func (s Shared) Same(other Shared) bool { return s.has(other) && other.has(s) }

// has reports whether the settings have those of another run.
func (s Shared) has(other Shared) bool {
	for key, value := range other.Values {
		if own, has := s.Values[key]; has && own != value || !has && other.Written[key] {
			return false
		}
	}
	return true
}

// Pair reports whether two runs have the same seeds, as far as both have them.
func (s Seeds) Pair(other Seeds) bool {
	for key, value := range s.Others {
		if theirs, has := other.Others[key]; has && theirs != value {
			return false
		}
	}
	return s.Seed == other.Seed
}

// String is the seeds as a person reads them: seed 2, or seed 2 with labelled.few_shot.seed = 1.
func (s Seeds) String() string {
	text, with := fmt.Sprintf("seed %d", s.Seed), " with "
	keys := make([]string, 0, len(s.Others))
	for key := range s.Others {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		text += with + key + " = " + s.Others[key]
		with = " and "
	}
	return text
}
