package experiment

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"selfsup/evaluations"
	"selfsup/experiment/report"
)

// Selection is candidates, finished runs or moments of one run, and which of them every criterion without labels
// chooses. Where there are labels, the oracle is the candidate that they find best, in hindsight, and the regret of a
// choice is what it is worse by: table 3 of Balestriero et al. 2023, arXiv:2304.12210.
type Selection struct {
	Candidates []Candidate `json:"candidates"`
	Oracle     string      `json:"oracle,omitempty"` // accuracy that says how good candidates are; empty: there is none
	Best       string      `json:"best,omitempty"`   // candidate by that accuracy
	Choices    []Choice    `json:"choices"`
	Notes      []string    `json:"notes,omitempty"`
}

// Candidate is what is chosen among.
type Candidate struct {
	Name string `json:"name"` // a run folder, of several seeds the first, or "step 400"
	// of runs that differ in nothing else, over which numbers are means
	Seeds    []int64            `json:"seeds,omitempty"`
	Sets     []string           `json:"sets,omitempty"` // of a run: what --set changed
	Values   map[string]float64 `json:"values"`         // by criterion
	Accuracy *float64           `json:"accuracy,omitempty"`
	Interval *[2]float64        `json:"interval,omitempty"` // of the accuracy

	right map[string]Bits // of the accuracy, by seeds and test image
}

// Choice is what a criterion chooses.
type Choice struct {
	By      string   `json:"by"`
	Chosen  string   `json:"chosen"`
	Value   float64  `json:"value"`
	Regret  *float64 `json:"regret,omitempty"`  // the oracle's accuracy less that of the chosen
	P       *float64 `json:"p,omitempty"`       // of that difference, image by image, see evaluations.PairedExact
	Kendall *float64 `json:"kendall,omitempty"` // tau-b of the criterion's order and the accuracy's: 1 is the same
}

// criterion is a number to choose by, and which way it is better.
type criterion struct {
	name   string
	lower  bool
	ideal  *float64
	values []float64 // by candidate
}

// goodness rises as a candidate gets better by the criterion.
func (c criterion) goodness(i int) float64 {
	switch {
	case c.ideal != nil:
		return -math.Abs(c.values[i] - *c.ideal)
	case c.lower:
		return -c.values[i]
	}
	return c.values[i]
}

// clidName is the criterion that two results make together.
const clidName = "clid"

// Select reads finished runs, or one run with evaluations during its training, and chooses among them by what needs no
// labels: by one criterion, or if by is empty by all that the candidates have. oracle names the accuracy that says how
// good they are; empty: the first one.
func Select(dirs []string, by, oracle string) (*Selection, error) {
	var s *selecting
	dirs, err := runsOf(dirs)
	switch {
	case err != nil:
	case len(dirs) == 1:
		s, err = momentsOf(dirs[0])
	default:
		s, err = finished(dirs)
	}
	if err == nil {
		err = s.choose(by, oracle)
	}
	if err != nil {
		return nil, &DataError{fmt.Errorf("select: %w", err)}
	}
	return &s.Selection, nil
}

// runsOf puts the runs in a folder of runs in its place.
func runsOf(dirs []string) (runs []string, err error) {
	for _, dir := range dirs {
		in, err := History(dir, time.Now())
		if err != nil {
			return nil, err
		}
		if len(in) == 0 {
			return nil, fmt.Errorf("%s is no run folder, and holds none", dir)
		}
		for _, p := range in {
			runs = append(runs, p.Run)
		}
	}
	return runs, nil
}

// selecting is a Selection under way.
type selecting struct {
	Selection
	runs       []chosenRun
	criteria   []criterion          // that all candidates have
	accuracies map[string][]float64 // by evaluation, of all candidates
	order      []string             // of the accuracies
	intervals  map[string][]*[2]float64
}

// choose fills in what each criterion chooses, and what the labels say of it.
func (s *selecting) choose(by, oracle string) error {
	s.addCLID()
	var names []string
	for _, c := range s.criteria {
		names = append(names, c.name)
	}
	if len(names) == 0 {
		return fmt.Errorf("the runs have no result without labels in common; want the same tables such as " +
			"[evaluate.rankme] in all of them")
	}
	if by != "" {
		asked := by
		if by = match(names, asked); by == "" {
			return fmt.Errorf("--by %s: the candidates have no such number in common; they have %s", asked,
				strings.Join(names, ", "))
		}
		s.criteria = slices.DeleteFunc(s.criteria, func(c criterion) bool { return c.name != by })
	}
	switch {
	case oracle != "":
		if s.Oracle = match(s.order, oracle); s.Oracle == "" {
			return fmt.Errorf("--oracle %s: the candidates have no such accuracy in common; they have %s", oracle,
				cmp.Or(strings.Join(s.order, ", "), "none"))
		}
	case len(s.order) > 0:
		s.Oracle = s.order[0]
	}
	for _, r := range s.runs {
		if right := r.hits[s.Oracle]; right != nil {
			s.Candidates[r.candidate].right[r.seeds.String()] = right
		}
	}
	best := -1
	for i := range s.Candidates {
		c := &s.Candidates[i]
		for _, by := range s.criteria {
			c.Values[by.name] = by.values[i]
		}
		if s.Oracle == "" {
			continue
		}
		c.Accuracy = &s.accuracies[s.Oracle][i]
		if list := s.intervals[s.Oracle]; list != nil {
			c.Interval = list[i]
		}
		if best < 0 || *c.Accuracy > *s.Candidates[best].Accuracy {
			best = i
		}
	}
	if best >= 0 {
		s.Best = s.Candidates[best].Name
	}
	for _, by := range s.criteria {
		s.Choices = append(s.Choices, s.choice(by, best))
	}
	if len(s.criteria) == 1 {
		s.rank(s.criteria[0])
	}
	return nil
}

// match is the name of a list that is asked for, or the first that begins with it, or for "knn.top5" begins and ends
// so; empty: there is none.
func match(names []string, asked string) string {
	if slices.Contains(names, asked) {
		return asked
	}
	protocol, metric, _ := strings.Cut(asked, ".")
	for _, name := range names {
		if strings.HasPrefix(name, protocol+" ") && (metric == "" || strings.HasSuffix(name, " "+metric)) {
			return name
		}
	}
	return ""
}

// addCLID adds the sum of learnability and dimension, each scaled to mean 0 and deviation 1 over the candidates.
func (s *selecting) addCLID() {
	total := make([]float64, len(s.Candidates))
	parts := 0
	for _, c := range s.criteria {
		if c.name != clidName+" learnability" && c.name != clidName+" dimension" {
			continue
		}
		parts++
		var mean, square float64
		for _, v := range c.values {
			mean += v / float64(len(c.values))
		}
		for _, v := range c.values {
			square += (v - mean) * (v - mean) / float64(len(c.values))
		}
		for i, v := range c.values {
			if square > 0 {
				total[i] += (v - mean) / math.Sqrt(square)
			}
		}
	}
	if parts == 2 {
		s.criteria = append(s.criteria, criterion{name: clidName, values: total})
	}
}

// choice is what a criterion chooses: of equals the first. best is the oracle's; -1: there is none.
func (s *selecting) choice(by criterion, best int) Choice {
	at := 0
	for i := range s.Candidates {
		if by.goodness(i) > by.goodness(at) {
			at = i
		}
	}
	c := Choice{By: by.name, Chosen: s.Candidates[at].Name, Value: by.values[at]}
	if best < 0 {
		return c
	}
	chosen, oracle := s.Candidates[at], s.Candidates[best]
	regret := *oracle.Accuracy - *chosen.Accuracy
	c.Regret = &regret
	if tau, ok := kendall(len(s.Candidates), by.goodness, func(i int) float64 {
		return *s.Candidates[i].Accuracy
	}); ok {
		c.Kendall = &tau
	}
	if at != best {
		c.P = paired(oracle.right, chosen.right)
	}
	return c
}

// paired is p of the difference of two candidates over the seeds that both have, see evaluations.PairedExact; nil: they
// have none in common.
func paired(a, b map[string]Bits) *float64 {
	var differences []int
	for seed, x := range a {
		y := b[seed]
		if len(x) == 0 || len(x) != len(y) {
			continue
		}
		if differences == nil {
			differences = make([]int, len(x))
		}
		for i := range differences {
			if x[i] {
				differences[i]++
			}
			if y[i] {
				differences[i]--
			}
		}
	}
	if differences == nil {
		return nil
	}
	p := evaluations.PairedExact(differences)
	return &p
}

// rank puts the candidates in the order of a criterion, the best first.
func (s *selecting) rank(by criterion) {
	order := make([]int, len(s.Candidates))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(by.goodness(j), by.goodness(i)) })
	was := slices.Clone(s.Candidates)
	for k, i := range order {
		s.Candidates[k] = was[i]
	}
}

// kendall is tau-b of two orders of n things: pairs in the same order less pairs in the other, over the geometric mean
// of the pairs that each order tells apart. It is not there where one tells none apart.
func kendall(n int, a, b func(i int) float64) (tau float64, ok bool) {
	var same, apartA, apartB float64
	for i := range n {
		for j := range i {
			x, y := cmp.Compare(a(i), a(j)), cmp.Compare(b(i), b(j))
			same += float64(x * y)
			apartA += math.Abs(float64(x))
			apartB += math.Abs(float64(y))
		}
	}
	if apartA == 0 || apartB == 0 {
		return 0, false
	}
	return same / math.Sqrt(apartA*apartB), true
}

// wideTable is how many criteria have a column each in the table of candidates; more have a line each below it alone.
const wideTable = 4

// Table prints the candidates, by one criterion the best first, and below what each criterion chooses.
func (s *Selection) Table() string {
	columns := s.Choices
	if len(columns) > wideTable {
		columns = nil
	}
	t := report.Table{Header: []string{"candidate"}}
	for _, c := range columns {
		t.Header = append(t.Header, c.By)
	}
	if s.Oracle != "" {
		t.Header = append(t.Header, s.Oracle)
	}
	for _, c := range s.Candidates {
		row := []string{c.short()}
		for _, by := range columns {
			row = append(row, fmt.Sprintf("%.4g", c.Values[by.By]))
		}
		if s.Oracle != "" {
			row = append(row, accuracyCell(c))
		}
		t.Rows = append(t.Rows, append(row, strings.Join(c.Sets, " ")))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s", t, s.choices())
	if s.Oracle != "" {
		b.WriteString("the oracle is the best by labels, in hindsight; p is that of the regret, image by image\n")
	}
	for _, note := range s.Notes {
		fmt.Fprintf(&b, "note: %s\n", note)
	}
	return b.String()
}

// choices is the table of what each criterion chooses.
func (s *Selection) choices() report.Table {
	t := report.Table{Header: []string{"by", "chooses", "value"}}
	if s.Oracle != "" {
		t.Header = append(t.Header, s.Oracle, "regret", "p", "Kendall's tau")
		best := s.candidate(s.Best)
		t.Rows = append(t.Rows, []string{"oracle", best.short(), "", accuracyCell(best), "", "", ""})
	}
	for _, c := range s.Choices {
		row := []string{c.By, s.candidate(c.Chosen).short(), fmt.Sprintf("%.4g", c.Value)}
		if s.Oracle != "" {
			row = append(row, accuracyCell(s.candidate(c.Chosen)), fmt.Sprintf("%.4f", *c.Regret),
				numberOr(c.P, "%.2g", ""), numberOr(c.Kendall, "%.2f", "-"))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// candidate finds one by its name.
func (s *Selection) candidate(name string) Candidate {
	return s.Candidates[slices.IndexFunc(s.Candidates, func(c Candidate) bool { return c.Name == name })]
}

// short is the candidate's name in tables.
func (c Candidate) short() string {
	if n := len(c.Seeds); n > 1 {
		return fmt.Sprintf("%s (%d seeds)", filepath.Base(c.Name), n)
	}
	return filepath.Base(c.Name)
}

func accuracyCell(c Candidate) string {
	cell := fmt.Sprintf("%.4f", *c.Accuracy)
	if c.Interval != nil {
		cell += fmt.Sprintf(" (%.3f-%.3f)", c.Interval[0], c.Interval[1])
	}
	return cell
}

func numberOr(v *float64, format, otherwise string) string {
	if v == nil {
		return otherwise
	}
	return fmt.Sprintf(format, *v)
}
