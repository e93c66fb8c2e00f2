// Package compare sets finished runs side by side: which of many fulfil a condition, in which settings they differ, and
// what the difference is worth over the seeds that they share.
package compare

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"selfsup/experiment"
)

// Run is a finished run.
type Run struct {
	experiment.Past
	experiment.Seeds
	Name string
}

// Group is the runs that share all settings but seeds, and what changes no result.
type Group struct {
	Label  string
	Runs   []Run // by seed; one of each
	shared experiment.Shared
}

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
	r.Past = p
	_, r.Seeds = experiment.Split(p.Settings)
	for _, s := range p.Settings {
		if s.Key == "name" {
			r.Name = unquoted(s.Value)
		}
	}
	return r, ""
}

// into puts a run into its group, or a new one. A second run of a seed is left out.
func into(groups []*Group, r Run) ([]*Group, string) {
	own := &Group{Runs: []Run{r}}
	own.shared, _ = experiment.Split(r.Settings)
	for _, g := range groups {
		if !g.shared.Same(own.shared) {
			continue
		}
		for _, other := range g.Runs {
			switch {
			case filepath.Clean(other.Run) == filepath.Clean(r.Run):
				return groups, ""
			case r.Pair(other.Seeds):
				return groups, fmt.Sprintf("%s is of the same recipe and seed %d", other.Run, r.Seed)
			}
		}
		at, _ := slices.BinarySearchFunc(g.Runs, r, func(a, b Run) int { return cmp.Compare(a.Seed, b.Seed) })
		g.Runs = slices.Insert(g.Runs, at, r)
		return groups, ""
	}
	return append(groups, own), ""
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
		for _, s := range g.shared.Settings {
			if seen[s.Key] {
				continue
			}
			seen[s.Key] = true
			value, varies, missing := "", false, false
			for _, other := range groups {
				have, has := other.shared.Values[s.Key]
				switch {
				case !has:
					missing = true
				case value == "":
					value = have
				case value != have:
					varies = true
				}
			}
			written := slices.ContainsFunc(groups, func(g *Group) bool { return g.shared.Written[s.Key] })
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
		if _, has := g.shared.Values[key]; has {
			continue
		}
		if !slices.ContainsFunc(groups, func(other *Group) bool {
			_, has := other.shared.Values[key]
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
		chosen, has := g.shared.Values[above]
		if has && (chosen == parts[n] || chosen == "true") && other.shared.Values[above] != chosen {
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
