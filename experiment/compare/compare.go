// Package compare sets finished runs side by side: which of many fulfil a condition, in which settings they differ, and
// what the difference is worth over the seeds that they share.
package compare

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"selfsup/experiment"
	"selfsup/recipes/overlay"
)

// Run is a finished run.
type Run struct {
	experiment.Past
	Name  string
	Seed  int64
	seeds map[string]string // other settings that are seeds, such as labelled.few_shot.seed
}

// Group is the runs that share all settings but seeds, and what changes no result.
type Group struct {
	Label    string
	Runs     []Run             // by seed; one of each
	settings []overlay.Written // the others
	values   map[string]string // of settings
	written  map[string]bool   // settings that somebody wrote: the others are defaults
}

// withoutEffect are the settings that change no result.
var withoutEffect = []string{"name", "memory_limit", "train.workers", "train.log", "train.checkpoint"}

// Shared reports whether all runs of a group have one value of a setting: not of seeds and of what changes no result.
func Shared(key string) bool { return !isSeed(key) && !slices.Contains(withoutEffect, key) }

func isSeed(key string) bool { return key == "seed" || strings.HasSuffix(key, ".seed") }

// Read groups the finished runs among folders, each a run's or one of runs, in the order in which they are named: those
// that fulfil a condition, or all if it is nil. remarks say which runs are left out and why. Without any finished run
// it fails.
func Read(dirs []string, where *Where, now time.Time) (groups []*Group, remarks []string, err error) {
	var all []experiment.Past
	for _, dir := range dirs {
		runs, err := experiment.History(dir, now)
		if err != nil {
			return nil, nil, err
		}
		if len(runs) == 0 {
			return nil, nil, &experiment.DataError{Err: fmt.Errorf("%s is no run folder and holds none", dir)}
		}
		all = append(all, runs...)
	}
	if where != nil {
		if all, err = where.Of(all); err != nil {
			return nil, nil, err
		}
		if len(all) == 0 {
			return nil, nil, &experiment.DataError{Err: fmt.Errorf("none of the runs fulfils --where %s", where.text)}
		}
	}
	for _, p := range all {
		run, why := finished(p)
		if why == "" {
			groups, why = into(groups, run)
		}
		if why != "" {
			remarks = append(remarks, fmt.Sprintf("%s is left out: %s", p.Run, why))
		}
	}
	if groups == nil {
		return nil, nil, &experiment.DataError{Err: fmt.Errorf("none of the runs is done: %s",
			strings.Join(remarks, "; "))}
	}
	label(groups)
	return groups, remarks, nil
}

// finished reads a run that is done; otherwise it says why it cannot be compared.
func finished(p experiment.Past) (r Run, why string) {
	switch {
	case p.State == experiment.Unreadable:
		return r, p.Error
	case p.State != "done":
		return r, fmt.Sprintf("it is %s (step %d of %d)", p.State, p.Step, p.Steps)
	case len(p.Settings) == 0:
		return r, "it has no " + experiment.OriginsFile
	case len(p.Evaluations) == 0:
		return r, "it has no results"
	}
	r.Past, r.seeds = p, map[string]string{}
	for _, s := range p.Settings {
		switch {
		case s.Key == "name":
			r.Name = unquoted(s.Value)
		case s.Key == "seed":
			r.Seed, _ = strconv.ParseInt(s.Value, 10, 64)
		case isSeed(s.Key):
			r.seeds[s.Key] = s.Value
		}
	}
	return r, ""
}

// into puts a run into its group, or a new one. A second run of a seed is left out.
func into(groups []*Group, r Run) ([]*Group, string) {
	own := &Group{Runs: []Run{r}, values: map[string]string{}, written: map[string]bool{}}
	for _, s := range r.Settings {
		if Shared(s.Key) {
			own.settings = append(own.settings, s)
			own.values[s.Key] = s.Value
			own.written[s.Key] = s.Origin != "default" && s.Origin != "paper default"
		}
	}
	for _, g := range groups {
		if !g.has(own) || !own.has(g) {
			continue
		}
		for _, other := range g.Runs {
			switch {
			case filepath.Clean(other.Run) == filepath.Clean(r.Run):
				return groups, ""
			case r.pairs(other):
				return groups, fmt.Sprintf("%s is of the same recipe and seed %d", other.Run, r.Seed)
			}
		}
		at, _ := slices.BinarySearchFunc(g.Runs, r, func(a, b Run) int { return cmp.Compare(a.Seed, b.Seed) })
		g.Runs = slices.Insert(g.Runs, at, r)
		return groups, ""
	}
	return append(groups, own), ""
}

// pairs reports whether two runs have the same seeds, as far as both have them.
func (r Run) pairs(other Run) bool {
	for key, value := range r.seeds {
		if theirs, has := other.seeds[key]; has && theirs != value {
			return false
		}
	}
	return r.Seed == other.Seed
}

// has reports whether a group has the settings of another. A default that it lacks is one that its version of the
// program did not have yet.
func (g *Group) has(other *Group) bool {
	for key, value := range other.values {
		if own, has := g.values[key]; has && own != value || !has && other.written[key] {
			return false
		}
	}
	return true
}

// label names every group by its recipe or, where another group is called that too, by the folder of its first run.
func label(groups []*Group) {
	names := map[string]int{}
	for _, g := range groups {
		names[g.Runs[0].Name]++
	}
	for _, g := range groups {
		if g.Label = g.Runs[0].Name; names[g.Label] > 1 {
			g.Label = filepath.Base(filepath.Clean(g.Runs[0].Run))
		}
	}
}

// Find is the group that is called so or holds the run folder; nil: none.
func Find(groups []*Group, name string) *Group {
	for _, g := range groups {
		if g.Label == name || slices.ContainsFunc(g.Runs, func(r Run) bool {
			return r.Name == name || filepath.Clean(r.Run) == filepath.Clean(name)
		}) {
			return g
		}
	}
	return nil
}

// Labels lists what groups are called.
func Labels(groups []*Group) string {
	var all []string
	for _, g := range groups {
		all = append(all, g.Label)
	}
	return strings.Join(all, ", ")
}

// Seeds are those of the group's runs.
func (g *Group) Seeds() (seeds []int64) {
	for _, r := range g.Runs {
		seeds = append(seeds, r.Seed)
	}
	return seeds
}

// Differing lists the settings in which groups differ, in the order of their recipes. A setting that not all groups
// have is listed if those that have it differ in it, or if somebody wrote it and it is not below a choice that the
// others do not make: method.simclr.temperature follows from method, and says nothing beside it.
func Differing(groups []*Group) (keys []string) {
	seen := map[string]bool{}
	for _, g := range groups {
		for _, s := range g.settings {
			if seen[s.Key] {
				continue
			}
			seen[s.Key] = true
			value, varies, missing := "", false, false
			for _, other := range groups {
				have, has := other.values[s.Key]
				switch {
				case !has:
					missing = true
				case value == "":
					value = have
				case value != have:
					varies = true
				}
			}
			written := slices.ContainsFunc(groups, func(g *Group) bool { return g.written[s.Key] })
			if varies || missing && written && !follows(s.Key, groups) {
				keys = append(keys, s.Key)
			}
		}
	}
	return keys
}

// follows reports whether every group that lacks a setting chose something else above it.
func follows(key string, groups []*Group) bool {
	for _, g := range groups {
		if _, has := g.values[key]; has {
			continue
		}
		if !slices.ContainsFunc(groups, func(other *Group) bool {
			_, has := other.values[key]
			return has && other.choiceAbove(key, g)
		}) {
			return false
		}
	}
	return true
}

// choiceAbove reports whether the group chose something above a key that the other did not.
func (g *Group) choiceAbove(key string, other *Group) bool {
	parts := strings.Split(key, ".")
	for n := 1; n < len(parts); n++ {
		above := strings.Join(parts[:n], ".")
		chosen, has := g.values[above]
		if has && (chosen == parts[n] || chosen == "true") && other.values[above] != chosen {
			return true
		}
	}
	return false
}

// Headings are the shortest ends of keys that tell them apart.
func Headings(keys []string) []string {
	heads := make([]string, len(keys))
	for i, key := range keys {
		parts := strings.Split(key, ".")
		for n := len(parts) - 1; n >= 0; n-- {
			heads[i] = strings.Join(parts[n:], ".")
			if !slices.ContainsFunc(keys, func(other string) bool {
				return other != key && strings.HasSuffix("."+other, "."+heads[i])
			}) {
				break
			}
		}
	}
	return heads
}
