package claims

import (
	"cmp"
	"fmt"
	"path/filepath"

	"selfsup/experiment"
	"selfsup/recipes"
)

// Outcome is a claim with what its runs have come to.
type Outcome struct {
	*Claim
	Judged  []*Judged
	Verdict Verdict
	Done    map[string]int // runs by arm
}

// Run trains every arm with seeds 1 to the claim's in folders below root, as Train does, and judges. dir is the claim's
// folder.
func Run(dir, root string, c recipes.Catalog, o experiment.Options) (*Outcome, error) {
	claim, err := Load(dir, c)
	if err != nil {
		return nil, err
	}
	var arms []Arm
	for _, name := range claim.Arms {
		arms = append(arms, Arm{name, func(seed int) (*recipes.Loaded, error) {
			return claim.recipe(dir, name, seed, c)
		}})
	}
	runs, err := Train(filepath.Join(root, claim.Name), arms, claim.Seeds, c, o)
	if err != nil {
		return nil, err
	}
	return claim.judge(runs)
}

// Read judges a claim by the runs below root that are done, as far as every arm of an expectation has the same seeds.
// A claim with fewer than two such seeds has no verdict.
func Read(dir, root string, c recipes.Catalog) (*Outcome, error) {
	claim, err := Load(dir, c)
	if err != nil {
		return nil, err
	}
	runs := map[string][]*experiment.Summary{}
	for seed := 1; seed <= claim.Seeds; seed++ {
		var pair []*experiment.Summary
		for _, arm := range claim.Arms {
			sum, err := experiment.ReadSummary(runFolder(filepath.Join(root, claim.Name), arm, seed))
			if err != nil {
				return nil, err
			}
			if sum != nil {
				pair = append(pair, sum)
			}
		}
		if len(pair) == len(claim.Arms) {
			for i, arm := range claim.Arms {
				runs[arm] = append(runs[arm], pair[i])
			}
		}
	}
	return claim.judge(runs)
}

// judge compares the arms; runs has the same seeds of each.
func (c *Claim) judge(runs map[string][]*experiment.Summary) (*Outcome, error) {
	out := &Outcome{Claim: c, Done: map[string]int{}}
	for arm, sums := range runs {
		out.Done[arm] = len(sums)
	}
	if out.Done[c.Arms[0]] < 2 {
		return out, nil
	}
	for _, e := range c.Expect {
		a, b, err := c.sides(e, runs)
		if err != nil {
			return nil, err
		}
		j, err := Judge(e, a, b)
		if err != nil {
			return nil, err
		}
		out.Judged = append(out.Judged, j)
	}
	out.Verdict = Together(out.Judged)
	return out, nil
}

// sides are the measures of both sides of an expectation, by seed.
func (c *Claim) sides(e Expect, runs map[string][]*experiment.Summary) (a, b []float64, err error) {
	switch {
	case e.BetterBy != "":
		if a, err = c.chosen(e.Measure, e.BetterBy, runs); err == nil {
			b, err = c.chosen(e.Measure, e.WorseBy, runs)
		}
	case e.At != "":
		a, b, err = equals(e, runs[e.Better], runs[e.Worse])
	default:
		if a, err = measures(e.Measure, e.BetterOf, runs[e.Better]); err != nil {
			return nil, nil, fmt.Errorf("claims: %s: %s: %w", c.Name, e.Better, err)
		}
		b, err = measures(cmp.Or(e.Than, e.Measure), e.WorseOf, runs[e.Worse])
		if err != nil {
			return nil, nil, fmt.Errorf("claims: %s: %s: %w", c.Name, e.Worse, err)
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("claims: %s: %w", c.Name, err)
	}
	return a, b, nil
}

// measures are the values of a representation, by run.
func measures(measure, of string, runs []*experiment.Summary) (values []float64, err error) {
	of = cmp.Or(of, trained)
	for _, sum := range runs {
		value, ok := sum.Measure(of, measure)
		if !ok {
			var has []string
			for _, e := range sum.Evaluations {
				has = append(has, fmt.Sprintf("%s %s of %s", e.Protocol, e.Metric, e.Representation))
			}
			return nil, fmt.Errorf("measure = %q of %s, and the run %s has %q", measure, of, sum.Run, has)
		}
		values = append(values, value)
	}
	return values, nil
}
