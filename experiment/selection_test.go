package experiment

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/evaluations"
)

// finishedRun writes what a selection reads of a finished run: criteria without labels, and which test images a kNN
// has right.
func finishedRun(t *testing.T, method string, values map[string]float64, right string) string {
	t.Helper()
	dir := folderOf(t, "x", "1", "[method."+method+"]\n[dataset.d]\n", "T", map[string]string{"trained": right})
	one := 1.0
	sum := Summary{Steps: 90, Best: &Best{Step: 60}}
	sum.Best.Evaluation = "rankme"
	for _, name := range []string{"rankme rankme", "alpha_req alpha", "spectrum auc", "clid learnability",
		"clid dimension"} {
		v, ok := values[name]
		if !ok {
			continue
		}
		protocol, metric, _ := strings.Cut(name, " ")
		r := evaluations.Result{Protocol: protocol, Metric: metric, Value: v, Lower: metric == "auc",
			Settings: map[string]any{"images": values["images"]}}
		if metric == "alpha" {
			r.Ideal = &one
		}
		sum.Evaluations = append(sum.Evaluations, Evaluation{Result: r, Representation: "trained", Set: onTraining})
	}
	if right != "" {
		sum.Evaluations = append(sum.Evaluations, Evaluation{Result: evaluations.Result{Protocol: "knn", K: 1,
			Metric: "top1", Value: float64(strings.Count(right, "1")) / float64(len(right)), Accuracy: true},
			Representation: "trained", Set: onTest, Interval: &[2]float64{0, 1}})
	}
	for name, v := range map[string]any{summaryFile: sum, statusFile: Status{State: "done", Step: 90, Steps: 90}} {
		text, err := json.Marshal(v)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Each criterion chooses in its own direction; the regret is the oracle's accuracy less the chosen one's, and clid adds
// its parts at one scale.
func TestSelect(t *testing.T) {
	a := finishedRun(t, "simclr", map[string]float64{"rankme rankme": 30, "alpha_req alpha": 1.5, "spectrum auc": 0.9,
		"clid learnability": 0.9, "clid dimension": 4}, "1111111100")
	b := finishedRun(t, "simclr", map[string]float64{"rankme rankme": 50, "alpha_req alpha": 0.8, "spectrum auc": 0.95,
		"clid learnability": 0.8, "clid dimension": 6}, "1111000000")
	c := finishedRun(t, "simclr", map[string]float64{"rankme rankme": 20, "alpha_req alpha": 0.4, "spectrum auc": 0.99,
		"clid learnability": 0.1, "clid dimension": 5}, "1111110000")
	s, err := Select([]string{a, b, c}, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if s.Oracle != "knn k=1 top1" || s.Best != filepath.Clean(a) || len(s.Notes) != 0 {
		t.Errorf("oracle %q chooses %s, notes %v; want kNN and the first run", s.Oracle, s.Best, s.Notes)
	}
	want := map[string]struct {
		chosen          string
		regret, p, taub float64 // p of 0: there is none
	}{
		// of three runs, tau is 1 of three pairs in order less those that are not
		"rankme": {b, 0.4, 0.125, -1. / 3}, "alpha_req alpha": {b, 0.4, 0.125, -1. / 3},
		"spectrum auc":      {a, 0, 0, 1. / 3},
		"clid learnability": {a, 0, 0, 1. / 3}, "clid dimension": {b, 0.4, 0.125, -1}, "clid": {b, 0.4, 0.125, -1. / 3},
	}
	if len(s.Choices) != len(want) {
		t.Errorf("%d choices, want %d: %+v", len(s.Choices), len(want), s.Choices)
	}
	for _, choice := range s.Choices {
		w := want[choice.By]
		if choice.Chosen != filepath.Clean(w.chosen) || math.Abs(*choice.Regret-w.regret) > 1e-12 ||
			math.Abs(*choice.Kendall-w.taub) > 1e-12 || (choice.P != nil) != (w.p > 0) ||
			choice.P != nil && math.Abs(*choice.P-w.p) > 1e-9 {
			t.Errorf("%s chooses %s, regret %v, tau %v, p %v; want %+v", choice.By, choice.Chosen, *choice.Regret,
				*choice.Kendall, numberOr(choice.P, "%v", "none"), w)
		}
	}
	if s, err = Select([]string{c, a, b}, "rankme", "knn.top1"); err != nil || len(s.Choices) != 1 ||
		s.Candidates[0].Name != filepath.Clean(b) || s.Candidates[2].Name != filepath.Clean(c) {
		t.Errorf("by rankme: %+v, %v; want the runs from the highest rank down", s, err)
	} else if table := s.Table(); !strings.Contains(table, "rankme") || !strings.Contains(table, "0.4000") {
		t.Errorf("a table without rank or regret:\n%s", table)
	}
	bare := []string{finishedRun(t, "simclr", map[string]float64{"rankme rankme": 3}, ""), finishedRun(t, "vicreg",
		map[string]float64{"rankme rankme": 4}, "")}
	if s, err = Select(bare, "", ""); err != nil || s.Choices[0].Chosen != filepath.Clean(bare[1]) || s.Oracle != "" ||
		s.Choices[0].Regret != nil || len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "2 methods (simclr, vicreg)") {
		t.Errorf("without labels: %+v, %v; want the second, no regret, and a note about methods", s, err)
	}
}

func TestSelectRefuses(t *testing.T) {
	values := map[string]float64{"rankme rankme": 3}
	a, b := finishedRun(t, "simclr", values, "10"), finishedRun(t, "simclr", values, "11")
	undone := finishedRun(t, "simclr", values, "10")
	if err := os.Remove(filepath.Join(undone, summaryFile)); err != nil {
		t.Fatal(err)
	}
	other := finishedRun(t, "simclr", map[string]float64{"rankme rankme": 3, "images": 300}, "10")
	test := finishedRun(t, "simclr", values, "10")
	if err := os.WriteFile(filepath.Join(test, hitsFile), []byte(`{"images":2,"test":"U"}`), 0o666); err != nil {
		t.Fatal(err)
	}
	data := finishedRun(t, "simclr", values, "10")
	if err := os.WriteFile(filepath.Join(data, ResolvedFile), []byte("[dataset.e]\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dirs       []string
		by, oracle string
		want       string
	}{
		{[]string{a, a}, "", "", "is there twice"},
		{[]string{a, t.TempDir()}, "", "", "is no run folder, and holds none"},
		{[]string{a, undone}, "", "", "has no summary.json: the run is done at step 90 of 90; want runs that are done"},
		{[]string{a, other}, "", "", "rankme has images = 0 in"},
		{[]string{a, test}, "", "", "want runs on the same data"},
		{[]string{a, data}, "", "", "of dataset.e; want runs on the same data"},
		{[]string{a, b}, "lidar", "", "--by lidar: the candidates have no such number in common; they have rankme"},
		{[]string{a, b}, "", "linear", "--oracle linear: the candidates have no such accuracy in common; they have " +
			"knn"},
		{[]string{a, finishedRun(t, "simclr", nil, "10")}, "", "", "no result without labels in common"},
	} {
		if _, err := Select(c.dirs, c.by, c.oracle); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

// Of one run the candidates are the moments at which everything was measured, and labels are those of the validation
// split.
func TestSelectMoments(t *testing.T) {
	dir := finishedRun(t, "simclr", map[string]float64{"rankme rankme": 3, "spectrum auc": 0.9}, "1")
	lines := []string{`{"step":10,"loss":4}`}
	for i, rank := range []float64{5, 9, 7} {
		step := 30 * (i + 1)
		lines = append(lines, fmt.Sprintf(`{"step":%d,"rankme":%v,"validation knn k=1 top1":%v}`, step, rank,
			[]float64{0.5, 0.6, 0.75}[i]), fmt.Sprintf(`{"step":%d,"spectrum auc":%v}`, step,
			[]float64{0.9, 0.8, 0.7}[i]))
	}
	metrics := filepath.Join(dir, MetricsFile)
	write := func(lines ...string) {
		t.Helper()
		if err := os.WriteFile(metrics, []byte(strings.Join(lines, "\n")+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(lines...)
	s, err := Select([]string{dir}, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Candidates) != 3 || s.Best != "step 90" || len(s.Choices) != 2 || s.Choices[0].Chosen != "step 60" ||
		math.Abs(*s.Choices[0].Regret-0.15) > 1e-12 || s.Choices[1].Chosen != "step 90" || *s.Choices[1].Regret != 0 {
		t.Errorf("%+v, want step 60 by rankme at a regret of 0.15, and step 90 by auc", s)
	}
	if !strings.Contains(s.Notes[0], "step 90, the last, and of step 60, the best by rankme") {
		t.Errorf("notes %v, want which checkpoints there are", s.Notes)
	}
	write(lines[:2]...)
	if _, err := Select([]string{dir}, "", ""); err == nil || !strings.Contains(err.Error(), "fewer than two moments") {
		t.Errorf("of one moment: got %v", err)
	}
	write("{")
	if _, err := Select([]string{dir}, "", ""); err == nil || !strings.Contains(err.Error(), "metrics.jsonl: line 1") {
		t.Errorf("a line that is cut: got %v", err)
	}
}
