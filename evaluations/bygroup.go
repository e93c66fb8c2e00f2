package evaluations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"selfsup/setting"
)

// Groups is how often the linear probe is right about the test images of every class, or of groups of classes, and
// about the worst of them:
//
//	worst      top1 of the group of which it is least
//	gap        top1 of all images, less that
//	NAME       top1 of a group, by its classes
//
// Groups without test images count nowhere. Sagawa et al. 2020, arXiv:1911.08731 (worst-group accuracy), whose groups
// are of a second label; here they are of the classes. The probe is that of [evaluate.linear].
type Groups struct {
	Linear
	Of []string `toml:"of"` // names of classes, joined by commas, of each group; []: every class is one
}

// DefaultGroups has every class.
func DefaultGroups() *Groups { return &Groups{Linear: *DefaultLinear()} }

// Evaluate returns worst, gap, and the accuracy of every group.
func (p *Groups) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	groups, names, err := p.groups(f)
	if err != nil {
		return nil, err
	}
	whole, best, err := p.solve(ctx, f, "groups")
	if err != nil {
		return nil, err
	}
	ranks := whole.ranks(best.x, f.TestX, f.TestY)
	right, all := make([]int, len(names)), make([]int, len(names))
	for i, y := range f.TestY {
		for _, g := range groups[y] {
			all[g]++
			if ranks[i] == 0 {
				right[g]++
			}
		}
	}
	settings := p.settings(best)
	result := func(metric string, value float64, images int) Result {
		return Result{Protocol: "groups", Metric: metric, Value: value, Settings: settings, Notes: p.notes(best),
			Accuracy: images > 0, Images: images}
	}
	worst := -1
	var each []Result
	share := func(g int) float64 { return float64(right[g]) / float64(all[g]) }
	for g, name := range names {
		if all[g] == 0 {
			continue
		}
		each = append(each, result(strings.Join(strings.Fields(name), "_"), share(g), all[g]))
		if worst < 0 || share(g) < share(worst) {
			worst = g
		}
	}
	if worst < 0 {
		return nil, fmt.Errorf("evaluate: groups: no test image is of any of %q", p.Of)
	}
	settings["worst"] = names[worst]
	gap := result("gap", topK(ranks, 1)-share(worst), 0)
	gap.Lower = true
	return append([]Result{result("worst", share(worst), all[worst]), gap}, each...), nil
}

// groups are the groups of every class, by number, and their names.
func (p *Groups) groups(f Features) (of [][]int, names []string, err error) {
	classes := f.Names
	if len(classes) != f.Classes {
		classes = nil
		for c := range f.Classes {
			classes = append(classes, fmt.Sprint(c))
		}
	}
	of = make([][]int, f.Classes)
	if len(p.Of) == 0 {
		for c := range classes {
			of[c] = []int{c}
		}
		return of, classes, nil
	}
	for g, list := range p.Of {
		for _, name := range strings.Split(list, ",") {
			c := slices.Index(classes, strings.TrimSpace(name))
			if c < 0 {
				return nil, nil, setting.Bad("of", "%q is no class; want some of %s", strings.TrimSpace(name),
					strings.Join(classes, ", "))
			}
			of[c] = append(of[c], g)
		}
	}
	return of, p.Of, nil
}

// CheckClasses implements Classed.
func (p *Groups) CheckClasses(names []string) error {
	_, _, err := p.groups(Features{Names: names, Classes: len(names)})
	return err
}

// Validate checks the settings.
func (p *Groups) Validate() error {
	bad := []error{p.Linear.Validate()}
	for i, list := range p.Of {
		if strings.TrimSpace(list) == "" || slices.Contains(p.Of[:i], list) {
			bad = append(bad, setting.Bad("of", "%q: want names of classes, each group once", p.Of))
			break
		}
	}
	return errors.Join(bad...)
}
