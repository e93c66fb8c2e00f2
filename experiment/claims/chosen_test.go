package claims

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/evaluations"
	"selfsup/experiment"
)

// Two trainings are compared where both first reach the accuracy of the weaker one: by hand, 0.6, which the first
// passes half way between its second and third moment.
func TestAtEqual(t *testing.T) {
	a := []Moment{{0.2, 0.2}, {0.5, 0.4}, {0.7, 0.2}, {0.9, 0.1}}
	b := []Moment{{0.3, 0.25}, {0.6, 0.15}, {0.55, 0.5}}
	if u, v, ok := AtEqual(a, b); !ok || math.Abs(u-0.3) > 1e-12 || v != 0.15 {
		t.Errorf("%v and %v (%v), want 0.3 and 0.15", u, v, ok)
	}
	if u, v, ok := AtEqual(b, a); !ok || math.Abs(v-0.3) > 1e-12 || u != 0.15 {
		t.Errorf("the other way %v and %v (%v), want 0.15 and 0.3", u, v, ok)
	}
	if _, _, ok := AtEqual(a, []Moment{{0.1, 0.1}}); ok {
		t.Error("a training that begins above the other is compared all the same")
	}
}

// summaryOf is a run with numbers of the trained encoder.
func summaryOf(rankme, alpha, top1, online float64) *experiment.Summary {
	one := 1.0
	s := &experiment.Summary{Run: "none"}
	for _, r := range []evaluations.Result{{Protocol: "rankme", Metric: "rankme", Value: rankme},
		{Protocol: "alpha_req", Metric: "alpha", Value: alpha, Ideal: &one},
		{Protocol: "linear", Metric: "top1", Value: top1}, {Protocol: "online", Metric: "top1", Value: online}} {
		s.Evaluations = append(s.Evaluations, experiment.Evaluation{Result: r, Representation: trained})
	}
	return s
}

// Of each seed rankme chooses the arm whose rank is largest, alpha_req the one nearest to 1; what labels say of the
// chosen arms is compared. A measure may stand against another one of the same arm.
func TestChosenArms(t *testing.T) {
	c := &Claim{Name: "choice", Section: "3", Claim: "It chooses.", Arms: []string{"a", "b", "c"}, Seeds: 2,
		Expect: []Expect{{Measure: "linear top1", BetterBy: "rankme rankme", WorseBy: "alpha_req alpha"},
			{Measure: "linear top1", Than: "online top1", Better: "a", Worse: "a", Alike: true, Margin: 0.05}}}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	out, err := c.judge(map[string][]*experiment.Summary{
		"a": {summaryOf(10, 0.9, 0.5, 0.51), summaryOf(30, 3, 0.8, 0.79)},
		"b": {summaryOf(20, 2, 0.7, 0), summaryOf(20, 1.1, 0.6, 0)},
		"c": {summaryOf(15, 0.5, 0.9, 0), summaryOf(25, 0.2, 0.9, 0)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if j := out.Judged[0]; j.A[0] != 0.7 || j.A[1] != 0.8 || j.B[0] != 0.5 || j.B[1] != 0.6 {
		t.Errorf("chosen %v and %v, want 0.7, 0.8 and 0.5, 0.6", j.A, j.B)
	}
	if j := out.Judged[1]; j.A[1] != 0.8 || j.B[1] != 0.79 {
		t.Errorf("measures %v and %v", j.A, j.B)
	}
	text := Markdown([]*Outcome{out})
	for _, want := range []string{"chosen by rankme rankme 0.750 > chosen by alpha_req alpha 0.550",
		"linear top1 against online top1"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
	for _, bad := range []Expect{{Measure: "linear top1", BetterBy: "rankme rankme"},
		{Measure: "linear top1", BetterBy: "rankme rankme", WorseBy: "rankme rankme"},
		{Measure: "linear top1", BetterBy: "rankme rankme", WorseBy: "alpha_req alpha", Better: "a"},
		{Measure: "linear top1", Better: "a", Worse: "b", At: "clean"},
		{Measure: "linear top1", Better: "a", Worse: "a"}} {
		c.Expect = []Expect{bad}
		if err := c.Validate(); err == nil {
			t.Errorf("%+v is not refused", bad)
		}
	}
}

// The moments of a run are the lines of its metrics that have both measures, of the validation split.
func TestReadCourse(t *testing.T) {
	dir := t.TempDir()
	text := `{"step":1,"loss":3}
{"step":2,"validation pgd clean":0.4,"validation pgd linf_4":0.1}
{"step":3,"validation knn top1":0.4}
{"step":4,"validation pgd clean":0.6,"validation pgd linf_4":0.2,"pgd clean":0.9}
{"step":5,"valid`
	if err := os.WriteFile(filepath.Join(dir, "metrics.jsonl"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	all, err := readCourse(dir, "pgd clean", "pgd linf_4")
	if err != nil || len(all) != 2 || all[0] != (Moment{0.4, 0.1}) || all[1] != (Moment{0.6, 0.2}) {
		t.Errorf("%v (%v)", all, err)
	}
	if _, err := readCourse(dir, "pgd clean", "pgd l2_1"); err == nil || !strings.Contains(err.Error(), "every") {
		t.Errorf("a measure that is not there: %v", err)
	}
}
