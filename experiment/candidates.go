package experiment

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"selfsup/evaluations"
)

// What finished runs, and the moments of one run, bring to a Selection.

// chosenRun is a run that is done.
type chosenRun struct {
	dir       string
	head      head
	shared    Shared // settings
	seeds     Seeds
	results   map[string]Evaluation // of the trained encoder
	images    int                   // of the test set
	hits      map[string]Bits       // of the trained encoder, by evaluation
	candidate int                   // that it is a seed of
}

// finished reads runs that are done.
func finished(dirs []string) (*selecting, error) {
	s := &selecting{accuracies: map[string][]float64{}, intervals: map[string][]*[2]float64{}}
	var names []string // of results, in the order of the first run
	for i, dir := range dirs {
		if slices.Contains(dirs[:i], dir) {
			return nil, fmt.Errorf("%s is there twice", dir)
		}
		sum, h, err := readFinished(dir)
		if err != nil {
			return nil, err
		}
		r := chosenRun{dir: filepath.Clean(dir), head: h, results: map[string]Evaluation{}, images: sum.TestImages}
		for _, e := range sum.Evaluations {
			if _, twice := r.results[e.Label()]; e.Representation == "trained" && !twice {
				r.results[e.Label()] = e
				if i == 0 {
					names = append(names, e.Label())
				}
			}
		}
		if err := s.add(r); err != nil {
			return nil, err
		}
	}
	if err := s.comparable(); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := s.take(name); err != nil {
			return nil, err
		}
	}
	return s, s.takeHits()
}

// add makes a run a candidate, or a seed of one.
func (s *selecting) add(r chosenRun) error {
	was, err := past(r.dir, time.Now())
	if err != nil {
		return err
	}
	r.candidate = -1
	if r.shared, r.seeds = Split(was.Settings); len(was.Settings) == 0 { // an old folder: it is known to be like none
		r.seeds.Seed = r.head.Seed
	}
	for _, other := range s.runs {
		if len(was.Settings) == 0 || len(other.shared.Settings) == 0 || !other.shared.Same(r.shared) {
			continue
		}
		if other.seeds.Pair(r.seeds) {
			return fmt.Errorf("%s and %s have the same settings and %v; want one of them", other.dir, r.dir, r.seeds)
		}
		r.candidate = other.candidate
	}
	if r.candidate >= 0 {
		c := &s.Candidates[r.candidate]
		c.Seeds = append(c.Seeds, r.seeds.Seed)
		s.runs = append(s.runs, r)
		return nil
	}
	r.candidate = len(s.Candidates)
	sets := slices.DeleteFunc(was.Sets, func(set string) bool {
		key, _, _ := strings.Cut(set, "=")
		return !IsShared(key)
	})
	s.Candidates = append(s.Candidates, Candidate{Name: r.dir, Seeds: []int64{r.seeds.Seed}, Sets: sets,
		Values: map[string]float64{}, right: map[string]Bits{}})
	s.runs = append(s.runs, r)
	return nil
}

// take takes up a result that all runs have: of candidates with several seeds the mean.
func (s *selecting) take(name string) error {
	first := s.runs[0].results[name]
	values := make([]float64, len(s.Candidates))
	intervals := make([]*[2]float64, len(s.Candidates))
	for _, r := range s.runs {
		e, ok := r.results[name]
		if !ok {
			return nil
		}
		if key := unlikeSetting(first.Settings, e.Settings); key != "" && first.Set == onTraining {
			return fmt.Errorf("%s has %s = %v in %s and %v in %s; such numbers do not compare", name, key,
				first.Settings[key], s.runs[0].dir, e.Settings[key], r.dir)
		}
		values[r.candidate] += e.Value / float64(len(s.Candidates[r.candidate].Seeds))
		intervals[r.candidate] = e.Interval
	}
	for _, r := range s.runs {
		if n := cmp.Or(first.Images, r.images); n > 0 && len(s.Candidates[r.candidate].Seeds) > 1 && first.Accuracy {
			low, high := evaluations.Wilson(min(values[r.candidate], 1), n)
			intervals[r.candidate] = &[2]float64{low, high}
		}
	}
	switch {
	case slices.Contains([]string{"cka", "colour", "copy_detection"}, first.Protocol): // say nothing of good or bad
	case first.Set == onTraining:
		s.criteria = append(s.criteria, criterion{name, first.Lower, first.Ideal, values})
	case first.Accuracy && first.Set == onTest:
		s.accuracies[name], s.intervals[name] = values, intervals
		s.order = append(s.order, name)
	}
	return nil
}

// unlikeSetting names a setting in which two results differ so that they do not compare; empty: none. What a fit found
// is no such setting.
func unlikeSetting(a, b map[string]any) string {
	for _, key := range []string{"images", "measured", "views", "clusters", "share", "weighted", "epsilon", "delta",
		"alpha", "t", "directions", "ridge"} {
		if !reflect.DeepEqual(a[key], b[key]) {
			return key
		}
	}
	return ""
}

// head is what of a run's recipe says whether it compares with others.
type head struct {
	Seed    int64
	Method  map[string]any
	Dataset map[string]any
}

// only is the name of the table's one entry.
func only(table map[string]any) string {
	for name := range table {
		return name
	}
	return ""
}

// readFinished reads the results of a run, and what they are of.
func readFinished(dir string) (*Summary, head, error) {
	var h head
	status, err := ReadStatus(dir)
	if err != nil {
		return nil, h, err
	}
	sum, err := ReadSummary(dir)
	if err == nil && sum == nil {
		err = fmt.Errorf("%s has no %s: the run is %s at step %d of %d; want runs that are done", dir, summaryFile,
			status.State, status.Step, status.Steps)
	}
	if err != nil {
		return nil, h, err
	}
	path := filepath.Join(dir, ResolvedFile)
	if _, err := toml.DecodeFile(path, &h); err != nil {
		return nil, h, fmt.Errorf("%s: %w", path, err)
	}
	return sum, h, nil
}

// comparable refuses runs whose numbers do not compare, and notes where criteria say less than they seem to.
func (s *selecting) comparable() error {
	var methods []string
	first := s.runs[0]
	for _, r := range s.runs {
		if a, b := only(first.head.Dataset), only(r.head.Dataset); a != b {
			return fmt.Errorf("%s is of dataset.%s and %s of dataset.%s; want runs on the same data", first.dir, a,
				r.dir, b)
		}
		if m := only(r.head.Method); !slices.Contains(methods, m) {
			methods = append(methods, m)
		}
	}
	if len(methods) > 1 {
		s.Notes = append(s.Notes, fmt.Sprintf("the runs are of %d methods (%s), and criteria without labels rank "+
			"settings of one method, not methods: RankMe of random features is the highest of all", len(methods),
			strings.Join(methods, ", ")))
	}
	return nil
}

// takeHits reads which test images the runs have right.
func (s *selecting) takeHits() error {
	test := ""
	for i := range s.runs {
		r := &s.runs[i]
		h, err := ReadHits(r.dir)
		if err != nil {
			return err
		}
		if h == nil {
			continue
		}
		if test == "" {
			test = h.Test
		} else if test != h.Test {
			return fmt.Errorf("the test set of %s is another than that of %s; want runs on the same data", r.dir,
				s.runs[0].dir)
		}
		r.hits = map[string]Bits{}
		for _, o := range h.Of {
			if o.Representation == "trained" {
				r.hits[o.Evaluation] = o.Right
			}
		}
	}
	return nil
}

// momentsOf reads the evaluations during the training of a run.
func momentsOf(dir string) (*selecting, error) {
	sum, _, err := readFinished(dir) // which knows what is better of what
	if err != nil {
		return nil, err
	}
	steps, lines, err := evaluatedSteps(filepath.Join(dir, MetricsFile))
	if err != nil {
		return nil, err
	}
	s := &selecting{accuracies: map[string][]float64{}}
	ways := map[string]criterion{} // by name
	for _, e := range sum.Evaluations {
		if e.Representation == "trained" && e.Set == onTraining {
			ways[e.Label()] = criterion{name: e.Label(), lower: e.Lower, ideal: e.Ideal}
		}
	}
	var names []string // of criteria that were measured more than once
	times := map[string]int{}
	for _, step := range steps {
		for name := range lines[step] {
			if _, known := ways[name]; known {
				if times[name]++; times[name] == 2 {
					names = append(names, name)
				}
			}
		}
	}
	slices.Sort(names)
	steps = slices.DeleteFunc(steps, func(step int) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			_, ok := lines[step][name]
			return !ok
		})
	})
	if len(names) == 0 || len(steps) < 2 {
		return nil, fmt.Errorf("%s has fewer than two moments at which everything without labels was measured; want "+
			"several runs, or one with the same every in tables such as [evaluate.rankme]", dir)
	}
	column := func(name string) (values []float64) {
		for _, step := range steps {
			v, ok := lines[step][name]
			if !ok {
				return nil
			}
			values = append(values, v)
		}
		return values
	}
	for _, name := range names {
		c := ways[name]
		c.values = column(name)
		s.criteria = append(s.criteria, c)
	}
	for name := range lines[steps[0]] {
		if strings.HasPrefix(name, onValidation+" ") && strings.HasSuffix(name, " top1") {
			if values := column(name); values != nil {
				s.accuracies[name] = values
				s.order = append(s.order, name)
			}
		}
	}
	slices.Sort(s.order)
	for _, step := range steps {
		s.Candidates = append(s.Candidates, Candidate{Name: "step " + strconv.Itoa(step),
			Values: map[string]float64{}})
	}
	kept := fmt.Sprintf("of these moments %s keeps the checkpoint of step %d, the last", dir, sum.Steps)
	if sum.Best != nil {
		kept += fmt.Sprintf(", and of step %d, the best by %s", sum.Best.Step, sum.Best.Evaluation)
	}
	s.Notes = append(s.Notes, kept+"; the first table below [evaluate] that has every chooses the best")
	return s, nil
}

// evaluatedSteps reads the numbers of the lines of metrics by step, rising.
func evaluatedSteps(path string) (steps []int, lines map[int]map[string]float64, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	lines = map[int]map[string]float64{}
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			return nil, nil, fmt.Errorf("%s: line %d: %w", path, i+1, err)
		}
		at, ok := fields["step"].(float64)
		if !ok {
			continue
		}
		step := int(at)
		if lines[step] == nil {
			lines[step] = map[string]float64{}
			steps = append(steps, step)
		}
		for name, v := range fields {
			if v, ok := v.(float64); ok {
				lines[step][name] = v
			}
		}
	}
	slices.Sort(steps)
	return steps, lines, nil
}
