package claims

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"selfsup/experiment"
)

// Sides of an expectation that are no arms as they end: those that a criterion chooses, and those at one moment of the
// training.

// chosen are the measures of the arm that a criterion chooses among all arms, by seed; of equals the first.
func (c *Claim) chosen(measure, by string, runs map[string][]*experiment.Summary) (values []float64, err error) {
	for k := range runs[c.Arms[0]] {
		best, goodness := "", math.Inf(-1)
		for _, arm := range c.Arms {
			v, ok := good(runs[arm][k], by)
			if !ok {
				return nil, fmt.Errorf("better_by or worse_by = %q, and the run %s has no such number", by,
					runs[arm][k].Run)
			}
			if v > goodness {
				best, goodness = arm, v
			}
		}
		one, err := measures(measure, "", runs[best][k:k+1])
		if err != nil {
			return nil, err
		}
		values = append(values, one[0])
	}
	return values, nil
}

// good rises as the trained encoder gets better by a number.
func good(sum *experiment.Summary, name string) (float64, bool) {
	for _, e := range sum.Evaluations {
		if e.Representation != trained || e.Protocol+" "+e.Metric != name {
			continue
		}
		switch {
		case e.Ideal != nil:
			return -math.Abs(e.Value - *e.Ideal), true
		case e.Lower:
			return -e.Value, true
		}
		return e.Value, true
	}
	return 0, false
}

// equals are the measures of two arms where both are equally good by another one, by seed.
func equals(e Expect, better, worse []*experiment.Summary) (a, b []float64, err error) {
	for k := range better {
		x, err := readCourse(better[k].Run, e.At, e.Measure)
		if err != nil {
			return nil, nil, err
		}
		y, err := readCourse(worse[k].Run, e.At, e.Measure)
		if err != nil {
			return nil, nil, err
		}
		u, v, ok := AtEqual(x, y)
		if !ok {
			return nil, nil, fmt.Errorf("%s and %s are nowhere equally good by %s", better[k].Run, worse[k].Run, e.At)
		}
		a, b = append(a, u), append(b, v)
	}
	return a, b, nil
}

// Moment is an evaluation during a training: the measure that two trainings are to be equal by, and the one that is
// compared.
type Moment struct{ Equal, Measure float64 }

// AtEqual compares two trainings, whose moments are in the order of their steps, where they are equally good: at the
// largest value of Equal that both reach, each when it first reaches it, between two moments in a straight line. false
// where a training begins above all that the other reaches.
func AtEqual(a, b []Moment) (u, v float64, ok bool) {
	most := func(all []Moment) float64 {
		top := math.Inf(-1)
		for _, m := range all {
			top = max(top, m.Equal)
		}
		return top
	}
	level := min(most(a), most(b))
	u, first := reach(a, level)
	v, second := reach(b, level)
	return u, v, first && second
}

// reach is the measure where a training first reaches a level.
func reach(all []Moment, level float64) (float64, bool) {
	for i, m := range all {
		switch {
		case m.Equal < level:
			continue
		case m.Equal == level:
			return m.Measure, true
		case i == 0:
			return 0, false
		}
		from := all[i-1]
		share := (level - from.Equal) / (m.Equal - from.Equal)
		return from.Measure + share*(m.Measure-from.Measure), true
	}
	return 0, false
}

// readCourse reads two measures on the validation split from the lines of a run's metrics that have both.
func readCourse(dir, equal, measure string) (all []Moment, err error) {
	path := filepath.Join(dir, experiment.MetricsFile)
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var line map[string]any
		if json.Unmarshal(in.Bytes(), &line) != nil {
			continue // it is being written
		}
		x, has := line["validation "+equal].(float64)
		y, both := line["validation "+measure].(float64)
		if has && both {
			all = append(all, Moment{x, y})
		}
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no line with validation %s and %s; want `every` of their protocol", path, equal,
			measure)
	}
	return all, nil
}
