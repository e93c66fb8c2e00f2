package experiment_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/experiment/inspect"
	"selfsup/recipes"
)

// ofTexts is a run of seconds on texts of two kinds.
const ofTexts = `
name = "small"

[dataset.text]
train = "t.csv"
label = "kind"

[windows]
length = 12

[backbone.transformer]
dim = 8
depth = 1
heads = 2

[method.mlm]

[optimizer.adamw]

[train]
batch = 16
length = "12 steps"
log = "1 step"
probe = false

[evaluate.knn]
k = [5]
`

func loadTexts(t testing.TB, sets ...string) (*recipes.Loaded, error) {
	t.Helper()
	file := writeRecipe(t, ofTexts)
	var b strings.Builder
	b.WriteString("text,kind\n")
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 100 {
		for range 6 + r.IntN(20) {
			b.WriteByte("abcdefgh"[i%2*3+r.IntN(5)])
		}
		fmt.Fprintf(&b, ",k%d\n", i%2)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "t.csv"), []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return recipes.Load(file, sets, recipes.Builtin())
}

// A recipe of texts trains, is evaluated beside the untrained encoder and a bag of symbols, and its encoder is exported
// with symbols as its reference.
func TestTexts(t *testing.T) {
	l, err := loadTexts(t)
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	sum, err := experiment.Run(l, experiment.Options{Root: t.TempDir(), Messages: &said})
	if err != nil {
		t.Fatal(err)
	}
	var of []string
	for _, e := range sum.Evaluations {
		if e.Metric == "top1" {
			of = append(of, e.Representation)
			if e.Representation == "raw" && e.Value < 0.8 {
				t.Errorf("a bag of symbols tells %v of the two kinds, whose letters differ; want 0.8", e.Value)
			}
		}
	}
	if got := strings.Join(of, " "); got != "trained untrained raw" {
		t.Errorf("evaluated: %s, want trained, untrained and raw", got)
	}
	if strings.Contains(said.String(), "image") || !strings.Contains(said.String(), "texts") {
		t.Errorf("%q: want texts, and no word of images", said.String())
	}
	log, err := os.ReadFile(filepath.Join(sum.Run, "metrics.jsonl"))
	if err != nil || !strings.Contains(string(log), `perplexity`) || !strings.Contains(string(log), `accuracy`) {
		t.Errorf("metrics.jsonl has no perplexity or accuracy: %v\n%.300s", err, log)
	}
	_, shapes, _ := tensors(t, filepath.Join(sum.Run, "export", "encoder.safetensors"))
	if got := fmt.Sprint(shapes["reference/texts"], shapes["reference/features"],
		shapes["backbone/symbols"]); got != "[2 12] [2 8] [10 8]" {
		t.Errorf("export: shapes %s, want 2 windows of 12 symbols, 8 features, and embeddings of 10 symbols", got)
	}
}

// A benchmark feeds symbols, and what does not fit texts is refused by name.
func TestTextsRefused(t *testing.T) {
	l, err := loadTexts(t)
	if err != nil {
		t.Fatal(err)
	}
	s, err := experiment.Prepare(l)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inspect.Benchmark(s, 1, false); err != nil {
		t.Error(err)
	}
	for set, want := range map[string]string{
		`backbone="vit"`:        "a vit encodes images",
		`backbone="resnet"`:     "encodes images",
		`method="mae"`:          "the tokens of this backbone are no patches of an image",
		`windows.length=-3`:     "windows.length",
		`views.crop=8`:          "views",
		`windows.fixed="there"`: `want "start", "middle" or "end"`,
	} {
		l, err := loadTexts(t, set)
		if err == nil {
			_, err = experiment.Prepare(l)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", set, err, want)
		}
	}
	if l, err = loadTexts(t, `method="simclr"`); err == nil { // two windows of a text are two views of it
		_, err = experiment.Prepare(l)
	}
	if err != nil {
		t.Errorf("two windows of a text: %v", err)
	}
	_, err = recipes.Load("quickstart.toml", []string{"windows.length=8"}, recipes.Builtin())
	if err == nil || !strings.Contains(err.Error(), "is about texts and waves and clips with sound, and the "+
		"samples of dataset.fashion_mnist_4k are images") {
		t.Errorf("windows of images: %v", err)
	}
}

// A run of each method of texts that is stopped after a step and resumed ends with the same bits as one that is not.
func TestTextsResumeExactly(t *testing.T) {
	few := []string{`train.length="3 steps"`, "train.batch=8", "windows.length=12", "evaluate.knn=false"}
	for name, sets := range map[string][]string{
		"bert": nil, "gpt": {`backbone.transformer.form="gpt"`}, "electra": {"method.electra.ratio=0.5"},
		"coco_lm": {"method.coco_lm.ratio=0.5"}, "t5": {"method.t5.decoder_heads=2"},
		"bart": {"method.bart.decoder_heads=2"},
		"ul2":  {"method.ul2.decoder_heads=2"}, "simcse": {"backbone.transformer.dropout=0.1"},
		"declutr":  {"method.declutr.least=2", "method.declutr.most=4"},
		"word2vec": {`backbone="symbols"`, "backbone.symbols.hidden=[]"}, "spelling": {"method.spelling.length=24"},
	} {
		t.Run(name, func(t *testing.T) {
			sets := slices.Concat([]string{fmt.Sprintf("method=%q", name)}, sets, few)
			weights := func(stopped bool) string {
				l, err := loadTexts(t, sets...)
				if err != nil {
					t.Fatal(err)
				}
				o := experiment.Options{Root: t.TempDir(), Messages: io.Discard}
				if stopped {
					stop := make(chan experiment.Request, 1)
					stop <- experiment.Interrupt
					o.Stop = stop
				}
				sum, err := experiment.Run(l, o)
				if stopped {
					var at *experiment.Stopped
					if !errors.As(err, &at) || at.Step != 1 {
						t.Fatalf("%v, want a stop after step 1", err)
					}
					sum, err = experiment.Resume(at.Folder, recipes.Builtin(), experiment.Options{Messages: io.Discard})
				}
				if err != nil {
					t.Fatal(err)
				}
				return finalAt(t, sum.Run, 3)
			}
			if a, b := weights(false), weights(true); a != b {
				t.Errorf("the run ends with %s, and stopped and resumed with %s", a, b)
			}
		})
	}
}

// A run on texts that stay on the disk ends with the bits of one that holds them, with the same evaluations and record
// of its data.
func TestTextsOnTheDiskAreTheSame(t *testing.T) {
	end := func(memory string) (weights, rest string) {
		l, err := loadTexts(t, `train.length="3 steps"`, fmt.Sprintf("dataset.text.memory=%q", memory))
		if err != nil {
			t.Fatal(err)
		}
		sum, err := experiment.Run(l, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range sum.Evaluations {
			rest += fmt.Sprintln(e.Representation, e.Metric, e.Value)
		}
		data, err := os.ReadFile(filepath.Join(sum.Run, "data.json"))
		if err != nil {
			t.Fatal(err)
		}
		return finalAt(t, sum.Run, 3), rest + string(data)
	}
	held, with := end("1GiB")
	read, also := end("1KiB")
	if held != read || with != also {
		t.Errorf("the run ends with %s and %s\nfrom the disk with %s and %s", held, with, read, also)
	}
}
