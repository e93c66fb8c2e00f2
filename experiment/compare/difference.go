package compare

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat"

	"selfsup/evaluations"
	"selfsup/experiment"
	"selfsup/experiment/report"
)

// Difference says what a group's measure is more than another's.
type Difference struct {
	Mean  float64 `json:"mean"`
	Seeds int     `json:"seeds"` // that both have; 0: the difference is not paired
	// of 95 %; nil: one seed, and no accuracy on the same test images
	Interval *[2]float64 `json:"interval"`
	// what the interval is over: seeds, or test images where there is one seed
	Of      string `json:"of,omitempty"`
	Verdict string `json:"verdict"`
}

// Verdicts of a difference.
const (
	Better      = "better"
	Worse       = "worse"
	Higher      = "higher"
	Lower       = "lower"
	WithinNoise = "within noise"
	Unknown     = "unknown" // there is no interval
)

// Kinds of intervals.
const (
	overSeeds  = "seeds"
	overImages = "test images"
)

// value is a run's result by its name, as in a condition.
func (r Run) value(measure string) *experiment.Evaluation { return result(r.Evaluations, measure) }

// pairsOf lists the runs of two groups that have the same seeds and a measure, each once.
func pairsOf(a, b *Group, measure string) (pairs [][2]*Run) {
	used := map[int]bool{}
	for i := range a.Runs {
		for k := range b.Runs {
			x, y := &a.Runs[i], &b.Runs[k]
			if !used[k] && x.Pair(y.Seeds) && x.value(measure) != nil && y.value(measure) != nil {
				used[k] = true
				pairs = append(pairs, [2]*Run{x, y})
				break
			}
		}
	}
	return pairs
}

// less subtracts another group's measure: seed by seed, with Student's interval of the mean of the differences or, of
// groups without a seed in common, mean from mean, with Welch's. Of one run each the interval is that of the test
// images: it says nothing about other seeds. Nil: one of them does not have the measure.
func (g *Group) less(base *Group, measure string) (*Difference, error) {
	pairs := pairsOf(g, base, measure)
	x, y := g.all(measure), base.all(measure)
	d := &Difference{Seeds: len(pairs), Verdict: Unknown}
	var low, high float64
	switch {
	case len(x) == 0 || len(y) == 0:
		return nil, nil
	case len(pairs) == 1:
		return oneSeed(pairs[0][0], pairs[0][1], measure)
	case len(pairs) > 1:
		var differences []float64
		for _, p := range pairs {
			differences = append(differences, p[0].value(measure).Value-p[1].value(measure).Value)
		}
		d.Mean, low, high = evaluations.MeanInterval(differences)
	case len(g.Runs) == 1 && len(base.Runs) == 1:
		d, err := oneSeed(&g.Runs[0], &base.Runs[0], measure)
		d.Seeds = 0
		return d, err
	case len(x) > 1 && len(y) > 1:
		d.Mean, low, high = evaluations.ApartInterval(x, y)
	default:
		d.Mean = stat.Mean(x, nil) - stat.Mean(y, nil)
		return d, nil
	}
	d.Interval, d.Of = &[2]float64{low, high}, overSeeds
	d.judge(g.any(measure))
	return d, nil
}

// all are the values of a measure, by seed.
func (g *Group) all(measure string) (values []float64) {
	for _, r := range g.Runs {
		if e := r.value(measure); e != nil {
			values = append(values, e.Value)
		}
	}
	return values
}

// any is the first result of a measure.
func (g *Group) any(measure string) *experiment.Evaluation {
	for _, r := range g.Runs {
		if e := r.value(measure); e != nil {
			return e
		}
	}
	return nil
}

// oneSeed compares two runs by the test images that one of them gets right and the other does not.
func oneSeed(a, b *Run, measure string) (*Difference, error) {
	x, y := a.value(measure), b.value(measure)
	d := &Difference{Mean: x.Value - y.Value, Seeds: 1, Verdict: Unknown}
	right, err := hits(a, x)
	if err != nil {
		return d, err
	}
	other, err := hits(b, y)
	if err != nil || right == nil || other == nil || right.test != other.test {
		return d, err
	}
	differences := make([]float64, len(right.bits))
	for i := range differences {
		if right.bits[i] != other.bits[i] {
			differences[i] = -1
			if right.bits[i] {
				differences[i] = 1
			}
		}
	}
	_, low, high := evaluations.MeanInterval(differences)
	d.Interval, d.Of = &[2]float64{low, high}, overImages
	d.judge(x)
	return d, nil
}

// hit is which images of a test set a result has right.
type hit struct {
	test string
	bits experiment.Bits
}

func hits(r *Run, e *experiment.Evaluation) (*hit, error) {
	h, err := experiment.ReadHits(r.Run)
	if err != nil {
		return nil, &experiment.DataError{Err: err}
	}
	if h == nil {
		return nil, nil
	}
	for _, o := range h.Of {
		if o.Evaluation == e.Label() && o.Representation == e.Representation {
			return &hit{h.Test, o.Right}, nil
		}
	}
	return nil, nil
}

// judge says whether the interval leaves the difference's sign open. Of results that are neither accuracies nor better
// when they are less, such as ranks, it does not say which is better.
func (d *Difference) judge(of *experiment.Evaluation) {
	above, below := Higher, Lower
	switch {
	case of.Lower:
		above, below = Worse, Better
	case of.Accuracy:
		above, below = Better, Worse
	}
	switch low, high := d.Interval[0], d.Interval[1]; {
	case low <= 0 && high >= 0:
		d.Verdict = WithinNoise
	case low > 0:
		d.Verdict = above
	default:
		d.Verdict = below
	}
}

// Row is a group in a table.
type Row struct {
	Run        string            `json:"run"`
	Settings   map[string]string `json:"settings"` // those in which the groups differ; one that it lacks is absent
	Seeds      []int64           `json:"seeds"`    // of its runs that have the measure
	Values     []float64         `json:"values"`   // by seed
	Mean       float64           `json:"mean"`
	Deviation  *float64          `json:"deviation"` // over the seeds; nil: there is one
	Difference *Difference       `json:"difference,omitempty"`
}

// Table is one measure of several groups.
type Table struct {
	Measure string   `json:"measure"`
	Lower   bool     `json:"lower,omitempty"` // less is better
	Keys    []string `json:"keys"`            // in which the groups differ
	Base    string   `json:"base"`            // group that the others are compared with
	Rows    []Row    `json:"rows"`
}

// Tables compares groups with one of them: a table for every measure, which is named as in a condition; without any,
// for the first metric of every protocol on the trained encoder.
func Tables(groups []*Group, base *Group, measures []string) ([]*Table, error) {
	if len(measures) == 0 {
		measures = usual(groups)
	}
	keys := Differing(groups)
	var tables []*Table
	for _, measure := range measures {
		t := &Table{Measure: measure, Keys: keys, Base: base.Label}
		for _, g := range groups {
			row := Row{Run: g.Label, Settings: map[string]string{}}
			for _, key := range keys {
				if value, has := g.shared.Values[key]; has {
					row.Settings[key] = value
				}
			}
			for _, r := range g.Runs {
				if e := r.value(measure); e != nil {
					row.Seeds, row.Values = append(row.Seeds, r.Seed), append(row.Values, e.Value)
					t.Lower = e.Lower
				}
			}
			if len(row.Values) == 0 {
				continue
			}
			row.Mean = stat.Mean(row.Values, nil)
			if len(row.Values) > 1 {
				deviation := stat.StdDev(row.Values, nil)
				row.Deviation = &deviation
			}
			if g != base {
				var err error
				if row.Difference, err = g.less(base, measure); err != nil {
					return nil, err
				}
			}
			t.Rows = append(t.Rows, row)
		}
		if len(t.Rows) == 0 {
			return nil, &experiment.DataError{Err: fmt.Errorf("none of the runs has the result %s; they have %s",
				measure, strings.Join(labels(groups), ", "))}
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// labels lists all results of the trained encoders.
func labels(groups []*Group) (all []string) {
	for _, g := range groups {
		for _, r := range g.Runs {
			for _, e := range r.Evaluations {
				if e.Representation == trained && !slices.Contains(all, e.Label()) {
					all = append(all, e.Label())
				}
			}
		}
	}
	return all
}

// usual are the first metrics of every protocol, apart for every k.
func usual(groups []*Group) (measures []string) {
	seen := map[string]string{} // label by protocol and k
	for _, g := range groups {
		for _, r := range g.Runs {
			for _, e := range r.Evaluations {
				protocol := fmt.Sprint(e.Protocol, e.K)
				if e.Representation != trained || e.Set == "validation" || seen[protocol] != "" {
					continue
				}
				seen[protocol] = e.Label()
				measures = append(measures, e.Label())
			}
		}
	}
	return measures
}

// Text lays tables out for people, in at most width columns if that can be; 0: in as many as they need. Where there is
// no room the settings have a table of their own.
func Text(tables []*Table, width int) string {
	var b strings.Builder
	keys := tables[0].Keys
	wide := false
	for _, t := range tables {
		for _, line := range strings.Split(t.text(keys).String(), "\n") {
			wide = wide || width > 0 && len([]rune(line)) > width
		}
	}
	if wide {
		for _, row := range tables[0].Rows {
			b.WriteString(row.Run + "\n")
			for _, key := range keys {
				if value := row.Settings[key]; value != "" {
					fmt.Fprintf(&b, "  %s = %s\n", key, value)
				}
			}
		}
		b.WriteByte('\n')
		keys = nil
	}
	var all []*Difference
	for _, t := range tables {
		fmt.Fprintf(&b, "%s%s\n%s\n", t.Measure, map[bool]string{true: ", less is better"}[t.Lower], t.text(keys))
		for _, row := range t.Rows {
			if row.Difference != nil {
				all = append(all, row.Difference)
			}
		}
	}
	return b.String() + notes(all)
}

// notes explains what differences are marked with.
func notes(all []*Difference) string {
	var b strings.Builder
	for _, note := range []struct {
		text string
		is   func(*Difference) bool
	}{
		{"95 %: Student's interval of the mean of the differences, seed by seed.",
			func(d *Difference) bool { return d.Of == overSeeds && d.Seeds > 0 }},
		{"within noise: the interval has 0 in it.", func(d *Difference) bool { return d.Verdict == WithinNoise }},
		{"* of one pair of runs: the interval is that of the test images alone; other seeds may differ by more.",
			func(d *Difference) bool { return d.Of == overImages }},
		{"† no seed in common: the difference of the means, with Welch's interval.",
			func(d *Difference) bool { return d.Seeds == 0 && d.Of != overImages }},
		{"unknown: one side has a single run, and there is nothing to make an interval of.",
			func(d *Difference) bool { return d.Verdict == Unknown }},
	} {
		if slices.ContainsFunc(all, note.is) {
			b.WriteString(note.text + "\n")
		}
	}
	return b.String()
}

// text lays a table out, with columns for some settings.
func (t *Table) text(keys []string) *report.Table {
	head := append([]string{"run"}, Headings(keys)...)
	out := &report.Table{Header: append(head, "seeds", "mean", "±", "less "+t.Base, "95 %", "")}
	for _, row := range t.Rows {
		cells := []string{row.Run}
		for _, key := range keys {
			value := unquoted(row.Settings[key])
			if row.Settings[key] == "" {
				value = "-"
			}
			cells = append(cells, value)
		}
		deviation := ""
		if row.Deviation != nil {
			deviation = fmt.Sprintf("%.4f", *row.Deviation)
		}
		cells = append(cells, fmt.Sprint(len(row.Seeds)), fmt.Sprintf("%.4f", row.Mean), deviation)
		out.Rows = append(out.Rows, append(cells, row.Difference.cells()...))
	}
	return out
}

// cells are the difference, its interval, and what that says.
func (d *Difference) cells() []string {
	if d == nil {
		return []string{"", "", ""}
	}
	interval, mark := "", ""
	if d.Interval != nil {
		interval = fmt.Sprintf("%+.4f to %+.4f", d.Interval[0], d.Interval[1])
	}
	switch {
	case d.Of == overImages:
		mark = " *"
	case d.Seeds == 0:
		mark = " †"
	}
	return []string{fmt.Sprintf("%+.4f", d.Mean), interval, d.Verdict + mark}
}

// Outcome is a result of the trained encoder that two groups share. A and B are means: over the seeds that both have,
// or over all if they have none in common.
type Outcome struct {
	Evaluation string  `json:"evaluation"`
	A          float64 `json:"a"`
	B          float64 `json:"b"`
	Difference         // b less a
}

// Outcomes pairs the results of two groups; none if one of them is nil.
func Outcomes(a, b *Group) (list []Outcome, err error) {
	if a == nil || b == nil {
		return nil, nil
	}
	for _, e := range a.Runs[0].Evaluations {
		measure := e.Label()
		if e.Representation != trained {
			continue
		}
		d, err := b.less(a, measure)
		if err != nil {
			return nil, err
		}
		if d == nil {
			continue
		}
		x, y := a.all(measure), b.all(measure)
		if pairs := pairsOf(a, b, measure); len(pairs) > 0 {
			x, y = nil, nil
			for _, p := range pairs {
				x, y = append(x, p[0].value(measure).Value), append(y, p[1].value(measure).Value)
			}
		}
		list = append(list, Outcome{measure, stat.Mean(x, nil), stat.Mean(y, nil), *d})
	}
	return list, nil
}

// SidesText says which runs two groups are, where there are several.
func SidesText(a, b *Group) string {
	var text strings.Builder
	for i, g := range []*Group{a, b} {
		if len(g.Runs) < 2 {
			continue
		}
		var names []string
		for _, r := range g.Runs {
			names = append(names, fmt.Sprintf("%s (seed %d)", filepath.Base(r.Run), r.Seed))
		}
		fmt.Fprintf(&text, "%c: %s\n", 'a'+i, strings.Join(names, ", "))
	}
	return text.String()
}

// OutcomeTable prints outcomes with their differences.
func OutcomeTable(list []Outcome) string {
	t := report.Table{Header: []string{"evaluation", "a", "b", "b-a", "95 %", ""}}
	var all []*Difference
	for _, o := range list {
		t.Rows = append(t.Rows, append([]string{o.Evaluation, fmt.Sprintf("%.4f", o.A), fmt.Sprintf("%.4f", o.B)},
			o.cells()...))
		all = append(all, &o.Difference)
	}
	return t.String() + notes(all)
}

// Siblings is the group of a run folder among the runs beside it: those that share all settings but the seed, or the
// run alone. Of a run that has no results it is nil, and why says so.
func Siblings(dir string, alone bool, now time.Time) (g *Group, why string, err error) {
	own, err := experiment.History(dir, now)
	if err != nil {
		return nil, "", err
	}
	if len(own) != 1 || filepath.Clean(own[0].Run) != filepath.Clean(dir) {
		return nil, "", &experiment.DataError{Err: fmt.Errorf("%s is no run folder", dir)}
	}
	run, why := finished(own[0])
	if why != "" {
		return nil, why, nil
	}
	groups, _ := into(nil, run)
	if !alone {
		beside, err := experiment.History(filepath.Dir(filepath.Clean(dir)), now)
		if err != nil {
			return nil, "", err
		}
		for _, p := range beside {
			r, why := finished(p)
			if more, _ := into(groups, r); why == "" && len(more) == 1 {
				groups = more
			}
		}
	}
	label(groups)
	return groups[0], "", nil
}
