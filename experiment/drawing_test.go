package experiment_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

// wordReader is a CLIP whose tower of texts is a transformer.
const wordReader = "[method.clip.text.transformer]\ndim = 8\ndepth = 1\nheads = 2\n"

// number gives each picture of squares a caption of its own.
func number(t *testing.T, recipe string) {
	t.Helper()
	_, rest, _ := strings.Cut(recipe, "train = \"")
	list, _, _ := strings.Cut(rest, "\"")
	data, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		lines[i] = strings.Replace(line, "[\"", fmt.Sprintf("[\"%d ", i), 1)
	}
	if err := os.WriteFile(list, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Muse draws of captions with what two other runs lend it: it trains to the same bits where it was stopped, another run
// judges it at the end, and a run of other words is refused.
func TestMuseRuns(t *testing.T) {
	text := squares(t, 160)
	number(t, text)
	file := writeRecipe(t, text)
	write := func(more string) string { return "base = " + quoted(file) + "\n[evaluate]\nzero_shot = false\n" + more }
	must := func(more string) string {
		t.Helper()
		sum, err := train(t, load(t, write(more)), nil)
		if err != nil {
			t.Fatal(err)
		}
		return sum.Run
	}
	reader := must(wordReader)
	judge := must(wordReader + "[captions]\nlength = 4\n")
	tokens := must("[backbone.convnet]\nwidths = [8]\n[method.dvae]\nvocabulary = 16\ncode = 8\nwidths = [8]\n")
	muse := func(more string) string {
		return write(`[backbone.vit]
dim = 8
depth = 1
heads = 2
patch = 2
position = "sincos"
pool = "mean"
[method.muse]
depth = 1
heads = 2
iterations = 3
tokenizer = ` + quoted(tokens) + "\n" + more)
	}
	from := func(reader, judge string) string {
		return "text = " + quoted(reader) + "\n[evaluate.drawing]\njudge = " + quoted(judge) + "\ncaptions = 4\n"
	}

	whole, err := train(t, load(t, muse(from(reader, judge))), nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, reader, whole.Run, map[string]string{"reader/text/": "text/"})
	same(t, tokens, whole.Run, map[string]string{"tokenizer/decoder/": "decoder/"})
	if _, err := os.Stat(filepath.Join(whole.Run, "drawn.png")); err != nil {
		t.Errorf("no sheet of what was drawn: %v", err)
	}
	got := scores(whole)
	if got["trained drawing chance R@1"] != 0.25 || got["untrained drawing chance R@1"] != 0.25 {
		t.Errorf("got %v, want 4 captions drawn by the trained and by the untrained method", got)
	}

	stop := make(chan experiment.Request, 1)
	stop <- experiment.Interrupt
	_, err = train(t, load(t, muse(from(reader, judge))), stop)
	var stopped *experiment.Stopped
	if !errors.As(err, &stopped) || stopped.Step != 1 {
		t.Fatalf("interrupted run: %v, want a stop after step 1", err)
	}
	sum, err := experiment.Resume(stopped.Folder, recipes.Builtin(), experiment.Options{Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := final(t, sum.Run), final(t, whole.Run); a != b || values(sum) != values(whole) {
		t.Errorf("resumed run ends with %s and %s, uninterrupted run with %s and %s", a, values(sum), b, values(whole))
	}

	other, err := train(t, load(t, write(wordReader), `captions.symbols="characters"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ recipe, want string }{
		{muse(from(other.Run, judge)), "not all the same"},
		{muse(from(reader, other.Run)), "not all the same"},
		{muse(from(reader, tokens)), "has no tower for texts"},
		{muse(from(tokens, judge)), "without a tower of texts"},
		{muse("text = \"\"\n"), "names no run"},
	} {
		if _, err := train(t, load(t, c.recipe), nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want an error with %q", err, c.want)
		}
	}
}
