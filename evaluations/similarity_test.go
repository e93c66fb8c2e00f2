package evaluations

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
)

// Cosines are compared with the scores of pairs, and what was left out is counted and named.
func TestSimilarity(t *testing.T) {
	var x []float32
	scores := []float64{4, 1, 3, 0}
	cosines := []float64{0.9, 0.5, 0.6, -0.2}
	for _, c := range cosines {
		x = append(x, 2, 0, float32(3*c), float32(3*math.Sqrt(1-c*c)))
	}
	g := &Graded{Scores: scores, Left: []string{"p.tsv:2: a", "p.tsv:4: b", "p.tsv:5: c", "p.tsv:7: d"}}
	got, err := DefaultSimilarity().Evaluate(context.Background(), Features{TestX: x, Dim: 2, Graded: g})
	if err != nil {
		t.Fatal(err)
	}
	// Both lists have the same order. Linear: numpy.corrcoef([.9,.5,.6,-.2],[4,1,3,0])[0,1] is 0.9021342216.
	if got[0].Metric != "spearman" || math.Abs(got[0].Value-1) > 1e-12 || got[1].Metric != "pearson" ||
		math.Abs(got[1].Value-0.9021342216) > 1e-6 {
		t.Errorf("%+v, want correlations of 1 and 0.90213", got)
	}
	want := "4 of 8 pairs are left out: p.tsv:2: a; p.tsv:4: b; p.tsv:5: c; and 1 more"
	if len(got[0].Notes) != 1 || got[0].Notes[0] != want {
		t.Errorf("%q, want %q", got[0].Notes, want)
	}
	if _, err := DefaultSimilarity().Evaluate(context.Background(), Features{TestX: x, Dim: 2,
		Graded: &Graded{Scores: scores[:3]}}); err == nil {
		t.Error("four pairs with three scores: no error")
	}
}

// Analogies are answered by the nearest word to b - a + c that is none of the three, among the words that are asked.
func TestWords(t *testing.T) {
	// words 2 to 7: man, woman, king, queen, prince, apple; queen is king + woman - man, but for its length
	x := []float32{0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 0.2, 1, 0, -1, 0.3}
	q := Question{"royal", [4]int32{2, 3, 4, 5}}
	wrong := Question{"", [4]int32{2, 3, 4, 7}}
	f := Features{TestX: x, Dim: 3, Words: &WordTasks{Questions: []Question{q, wrong}, Among: []int32{2, 3, 4, 5, 6, 7},
		Pairs:  [][2]int32{{4, 6}, {4, 5}, {4, 7}},
		Graded: Graded{Scores: []float64{3, 2, 1}}}}
	p := DefaultWords()
	got, err := p.Evaluate(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	for _, r := range got[:3] {
		said += fmt.Sprintf("%s %.4f ", r.Metric, r.Value)
	}
	// The other answer, apple, comes after queen and prince.
	if want := "analogies 0.5000 analogy_mrr 0.6667 spearman 1.0000 "; said != want {
		t.Errorf("got %s, want %s", said, want)
	}
	if s := got[0].Settings; s["royal"] != "1 of 1" || s["chance"] != 1.0/3 || s["questions"] != 2 {
		t.Errorf("settings %v", s)
	}
	f.Words.Questions[0].Words[3] = 8
	if _, err := p.Evaluate(context.Background(), f); err == nil || !strings.Contains(err.Error(), "and there are 8") {
		t.Errorf("a word that is not there: %v", err)
	}
	if p.Validate() == nil || DefaultSimilarity().Validate() == nil {
		t.Error("no files: no error")
	}
}
