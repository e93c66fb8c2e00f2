package windows

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/feed"
	"selfsup/datasets/feed/feedtest"
	"selfsup/datasets/sampling"
	"selfsup/datasets/texts"
)

// openTexts are lines of a training and a test file.
func openTexts(t *testing.T, vocabulary string, train, test string) *datasets.Data {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"train.txt": train, "test.txt": test} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := texts.NewText()
	s.Train, s.Test, s.Vocabulary = filepath.Join(dir, "train.txt"), filepath.Join(dir, "test.txt"), vocabulary
	d, err := s.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A text longer than the window is cut at a random place in training, another for each view and step, and at one place
// in evaluation; a shorter one is padded. Each window is a part of its text.
func TestTextWindows(t *testing.T) {
	const long = "abcdefghijklmnopqrstuvwxyz"
	d := openTexts(t, "characters", long+"\nabc\n", "zyx?\n")
	train := d.Train.(datasets.TextSet)
	v := train.Vocabulary()
	tx, err := NewTexts(Settings{Length: 8, Place: "random", Fixed: "middle", Short: "pad"}, train, d.Test)
	if err != nil {
		t.Fatal(err)
	}
	m, seen := tx.Training(d.Train), map[string]bool{}
	for step := range 100 {
		key := feed.Key{Seed: 1, Step: step, Row: 3}
		a, b := v.Decode(feedtest.One(t, m, "view0", 0, key).I32), v.Decode(feedtest.One(t, m, "view1", 0, key).I32)
		if len(a) != 8 || !strings.Contains(long, a) || !strings.Contains(long, b) {
			t.Fatalf("step %d: windows %q and %q, want 8 letters of %q", step, a, b, long)
		}
		if again := v.Decode(feedtest.One(t, m, "view0", 0, key).I32); again != a {
			t.Fatalf("step %d: %q, and again %q", step, a, again)
		}
		seen[a], seen[b] = true, true
	}
	if len(seen) != len(long)-7 {
		t.Errorf("200 windows were at %d places, want all %d", len(seen), len(long)-7)
	}
	for fixed, want := range map[string]string{"start": "abcdefgh", "middle": "jklmnopq", "end": "stuvwxyz"} {
		tx.settings.Fixed = fixed
		for step := range 3 {
			if got := v.Decode(feedtest.One(t, tx.Evaluation(d.Train), "view0", 0,
				feed.Key{Step: step}).I32); got != want {
				t.Errorf("%s, step %d: evaluation reads %q, want %q", fixed, step, got, want)
			}
		}
	}
	if got := feedtest.One(t, m, "view0", 1, feed.Key{}).I32; !slices.Equal(got, []int32{2, 3, 4, 0, 0, 0, 0, 0}) {
		t.Errorf("a short text: %v, want its letters and padding", got)
	}
	if got := feedtest.One(t, m, "length", 1, feed.Key{}).I32[0]; got != 3 {
		t.Errorf("length %d, want 3", got)
	}
	part := sampling.Part(d.Train, []int32{1})
	if got := feedtest.One(t, tx.Training(part), "view0", 0, feed.Key{}).I32; got[2] != 4 || got[3] != 0 {
		t.Errorf("sample 0 of a part: %v, want the second text", got)
	}
	// The test text has a character that the training texts lack.
	raw := feedtest.One(t, tx.Evaluation(d.Test), feed.Raw, 0, feed.Key{}).F32
	if len(raw) != 28 || raw[27] != 0.25 || raw[datasets.Unknown] != 0.25 || raw[datasets.Padding] != 0 {
		t.Errorf("raw %v, want 28 shares: a quarter for z and for what is unknown, none for padding", raw)
	}
}

// Noise is symbols of the vocabulary, all of them in the end, and never padding or unknown.
func TestNoise(t *testing.T) {
	d := openTexts(t, "characters", "abcd\n", "a\n")
	tx, err := NewTexts(Defaults(), d.Train.(datasets.TextSet), d.Test)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int32]bool{}
	noise := feedtest.One(t, tx.Training(d.Train), "noise", 0, feed.Key{Seed: 2}).I32
	for _, s := range noise {
		seen[s] = true
	}
	if len(noise) != 128 || len(seen) != 4 || seen[datasets.Padding] || seen[datasets.Unknown] {
		t.Errorf("noise %v: want 128 of the 4 symbols", noise)
	}
}

func TestTextErrors(t *testing.T) {
	d, bytes := openTexts(t, "characters", "abc\n", "abc\n"), openTexts(t, "bytes", "abc\n", "abc\n")
	_, err := NewTexts(Defaults(), d.Train.(datasets.TextSet), bytes.Test)
	if err == nil || !strings.Contains(err.Error(), "the test texts number 258 symbols (bytes) and the training "+
		"texts 5 (characters)") {
		t.Errorf("two vocabularies: %v", err)
	}
	other := openTexts(t, "characters", "abd\n", "abd\n")
	if _, err = NewTexts(Defaults(), d.Train.(datasets.TextSet), other.Train); err == nil {
		t.Error("vocabularies of one size with other symbols: no error")
	}
	tx, err := NewTexts(Defaults(), d.Train.(datasets.TextSet), d.Test)
	if err != nil {
		t.Fatal(err)
	}
	for maker, names := range map[feed.Maker][]string{tx.Training(d.Train): {"raw", "params0", "caption"},
		tx.Evaluation(d.Train): {"view1", "noise"}} {
		for _, name := range names {
			if _, err := maker.Worker([]string{name}); err == nil || !strings.Contains(err.Error(),
				fmt.Sprintf("texts have no field %q; they have view0", name)) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for key, s := range map[string]Settings{
		"length": {Length: -1, Place: "random", Fixed: "middle"}, "place": {Place: "anywhere", Fixed: "middle"},
		"fixed": {Place: "random", Fixed: "last"}, "short": {Place: "random", Fixed: "end", Short: "skip"},
	} {
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(),
			"want") {
			t.Errorf("%+v: %v, want an error of %s", s, err, key)
		}
	}
}

// Companions of a text are windows of their own, of data that have them, and the weights of symbols are those of the
// definition.
func TestCompanionsAndWeights(t *testing.T) {
	file := filepath.Join(t.TempDir(), "triples.tsv")
	const all = "text\tsame\tother\nabcd\tab\tdcba\nab\tabc\tcccccc\nba\tba\tdd\n"
	if err := os.WriteFile(file, []byte(all), 0o600); err != nil {
		t.Fatal(err)
	}
	s := texts.NewText()
	s.Train, s.Positive, s.Negative, s.TestFraction = file, "same", "other", 0
	d, err := s.Open(datasets.Env{})
	if err != nil {
		t.Fatal(err)
	}
	train := d.Train.(datasets.TextSet)
	tx, err := NewTexts(Settings{Length: 4, Place: "random", Fixed: "middle", Short: "pad"}, train, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"ab dcba", "abc cccc", "ba dd"} {
		key := feed.Key{Seed: 1, Step: 2, Row: i}
		m, v := tx.Training(d.Train), train.Vocabulary()
		got := v.Decode(feedtest.One(t, m, "positive", i, key).I32) + " " +
			v.Decode(feedtest.One(t, m, "negative", i, key).I32)
		if got != want {
			t.Errorf("text %d: %q, want %q", i, got, want)
		}
	}
	// a and b are in all three texts, c and d in one: log(4/4) + 1, and log(4/2) + 1.
	got := feedtest.One(t, tx.Evaluation(d.Train), feed.Weighted, 0, feed.Key{}).F32
	for symbol, want := range []float32{0, 0, 0.25, 0.25, 0.25 * 1.693147, 0.25 * 1.693147} {
		if diff := got[symbol] - want; diff > 1e-6 || diff < -1e-6 {
			t.Errorf("symbol %d: tf-idf %v, want %v", symbol, got[symbol], want)
		}
	}
	plain := openTexts(t, "characters", "abc\n", "abc\n")
	if tx, err = NewTexts(Settings{Length: 4, Place: "random", Fixed: "middle", Short: "pad"},
		plain.Train.(datasets.TextSet), nil); err != nil {
		t.Fatal(err)
	}
	if _, err = tx.Training(plain.Train).Field("negative"); err == nil || !strings.Contains(err.Error(),
		"the texts have no negatives; want a file with a column for them") {
		t.Errorf("negatives of texts without any: %v", err)
	}
}
