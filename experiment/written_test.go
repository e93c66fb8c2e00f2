package experiment_test

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

// loadWords is texts of words of two kinds, of which kings rule, and cats eat, with skip-grams; and files beside it.
func loadWords(t testing.TB, files map[string]string, sets ...string) (*recipes.Loaded, error) {
	t.Helper()
	l, err := loadTexts(t, append([]string{`dataset.text.vocabulary="words"`, `backbone="symbols"`,
		"backbone.symbols.hidden=[]", "backbone.symbols.dim=8", `method="word2vec"`, "evaluate.knn=false",
		"optimizer.adamw.rate=0.02", `train.length="150 steps"`, `train.log="50 steps"`}, sets...)...)
	if err != nil {
		return nil, err
	}
	kinds := [2][]string{strings.Fields("king queen rules throne crown"), strings.Fields("cat dog eats bowl tail")}
	var b strings.Builder
	b.WriteString("text,kind\n")
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 100 {
		for range 10 {
			b.WriteString(kinds[i%2][r.IntN(5)] + " ")
		}
		fmt.Fprintf(&b, ",k%d\n", i%2)
	}
	files["t.csv"] = b.String()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(filepath.Dir(l.File), name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return l, nil
}

// Pairs of texts and of words of files are compared by a trained encoder, an untrained one and by counts; what is not
// known is left out, counted and named.
func TestWrittenTextsAndWords(t *testing.T) {
	l, err := loadWords(t, map[string]string{
		"texts.tsv": "one\tother\tscore\nthe king rules\tthe queen rules\t4\ncat eats\tdog eats\t4.5\n" +
			"king rules\tcat eats\t0\ntail and bowl\tthrone and crown\t1\nzebra\tcat\t2\n",
		"words.tsv": "king\tqueen\t9\ncat\tdog\t8\nking\tcat\t1\ncrown\ttail\t0\nbowl\tthrone\t0.5\nking\tzebra\t1\n",
		"questions.txt": ": rulers\nking queen king queen\nking crown queen throne\n: food\ncat bowl dog tail\n" +
			"cat dog zebra lion\n"},
		`evaluate.similarity.file="texts.tsv"`, "evaluate.similarity.max_unknown=0.2",
		`evaluate.words.pairs="words.tsv"`, `evaluate.words.analogies="questions.txt"`, "evaluate.halves.texts=20")
	if err != nil {
		t.Fatal(err)
	}
	// The files are read once, when the run is prepared: they may be gone afterwards.
	gone := &after{text: "small: ", do: func() {
		for _, name := range []string{"texts.tsv", "words.tsv", "questions.txt"} {
			if err := os.Remove(filepath.Join(filepath.Dir(l.File), name)); err != nil {
				t.Error(err)
			}
		}
	}}
	sum, err := experiment.Run(l, experiment.Options{Root: t.TempDir(), Messages: gone})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, e := range sum.Evaluations {
		name := e.Protocol + " " + e.Metric + " " + e.Representation
		got[name] = e.Value
		want := map[string]string{
			"similarity spearman trained": "1 of 5 pairs are left out: ",
			"words analogies trained":     "1 of 4 questions are left out: ",
			"words spearman raw":          "1 of 6 pairs are left out: "}[name]
		if want != "" && (len(e.Notes) != 1 || !strings.HasPrefix(e.Notes[0], want) ||
			!strings.Contains(e.Notes[0], `zebra"`) || strings.Contains(e.Notes[0], "\n")) {
			t.Errorf("%s: notes %q, want %s and the line", name, e.Notes, want)
		}
	}
	for name, least := range map[string]float64{"words pearson trained": 0.8, "words pearson raw": 0.8,
		"similarity spearman trained": 0.7, "similarity spearman raw": 0.1, "similarity spearman tf-idf": 0.1,
		"similarity spearman untrained": -1, "words analogies trained": 1.0 / 3, "words analogy_mrr raw": 0.2,
		"halves mrr tf-idf": 0.1} {
		if v, ok := got[name]; !ok || !(v >= least) || math.IsNaN(v) {
			t.Errorf("%s: %v, want at least %v; all: %v", name, v, least, got)
		}
	}
	if _, ok := got["words analogies tf-idf"]; ok {
		t.Error("words are asked of tf-idf, which is of texts")
	}
}

// Files that do not fit are refused before the training, with the line.
func TestWrittenRefused(t *testing.T) {
	files := func(text string) map[string]string { return map[string]string{"f.txt": text} }
	for _, c := range []struct{ text, set, want string }{
		{"king\tqueen\n", `evaluate.words.pairs="f.txt"`, "f.txt:1: 2 fields"},
		{"a\tb\t1\nking\tqueen\talike\n", `evaluate.similarity.file="f.txt"`, `f.txt:2: the score "alike"`},
		{"king queen cat\n", `evaluate.words.analogies="f.txt"`, "f.txt:1: 3 words"},
		{"king queen cat lion\nking queen cat dog\nking queen cat emu\n", `evaluate.words.analogies="f.txt"`,
			"2 of 3 questions have what the training texts lack, and max_unknown allows a share of 0.5"},
		{"king\tqueen\t1\n", `evaluate.words.pairs="f.txt"`, "1 pairs of known words, want 3 or more"},
		{"k\xf6nig\tqueen\t1\n", `evaluate.words.pairs="f.txt"`, "f.txt:1:2"},
		{": nothing\n", `evaluate.words.analogies="f.txt"`, "no questions"},
		{"", `evaluate.words.analogies="g.txt"`, "g.txt"},
	} {
		l, err := loadWords(t, files(c.text), c.set)
		if err == nil {
			_, err = experiment.Prepare(l)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	l, err := loadTexts(t, `evaluate.words.pairs="f.txt"`)
	if err == nil {
		_, err = experiment.Prepare(l)
	}
	if err == nil || !strings.Contains(err.Error(), `are characters; want vocabulary = "words"`) {
		t.Errorf("words of characters: %v", err)
	}
}

// SimCSE learns from triples of a file: a text, one that says the same, and one that does not. Texts that share no word
// are then near where they say the same, which untrained ones are not. Where the data have none it says what would be
// right.
func TestTriples(t *testing.T) {
	var b, pairs strings.Builder
	b.WriteString("text\tsame\tother\tkind\n")
	kinds, same := [2]string{"king queen rules", "cat dog eats"}, [2]string{"crown throne royal", "paw tail whisker"}
	for i := range 60 {
		k := i % 2
		fmt.Fprintf(&b, "%s n%d\t%s n%d\t%s n%d\tk%d\n", kinds[k], i%20, same[k], i%7, same[1-k], i%20, k)
		fmt.Fprintf(&pairs, "%s n%d\t%s n%d\t1\n%[1]s n%[2]d\t%[5]s n%[4]d\t0\n", kinds[k], i%20, same[k], i%7,
			same[1-k])
	}
	sets := []string{`backbone="transformer"`, "backbone.transformer.dim=8", "backbone.transformer.depth=1",
		"backbone.transformer.heads=2", `method="simcse"`, `method.simcse.positives="given"`,
		`method.simcse.negatives="given"`, `train.length="60 steps"`, "evaluate.knn.k=[3]"}
	columns := []string{`dataset.text.train="triples.tsv"`, `dataset.text.positive="same"`,
		`dataset.text.negative="other"`, `evaluate.similarity.file="pairs.tsv"`}
	l, err := loadWords(t, map[string]string{"triples.tsv": b.String(), "pairs.tsv": pairs.String()},
		append(sets, columns...)...)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := experiment.Run(l, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	trained, _ := sum.Measure("trained", "similarity spearman")
	untrained, ok := sum.Measure("untrained", "similarity spearman")
	if !ok || trained < 0.25 || trained < untrained+0.15 { // seen: 0.361 and 0.084
		t.Errorf("rank correlation %.3f trained and %.3f untrained (%v), want 0.25 and 0.15 more than untrained",
			trained, untrained, ok)
	}
	if l, err = loadWords(t, map[string]string{}, sets...); err == nil {
		_, err = experiment.Prepare(l)
	}
	if err == nil || !strings.Contains(err.Error(), "the texts have no positives; want a file with a column for them") {
		t.Errorf("texts without companions: %v", err)
	}
}
