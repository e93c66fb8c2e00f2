package recipes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/recipes"
)

// What a source file says is what the resolved source says, and that resolves to itself.
func TestSourcesResolve(t *testing.T) {
	for name, keys := range map[string][]string{
		"masks": {`root = "nuclei-128"`, `images = "x"`, `values = [0, 9]`, `classes = ["a", "b"]`,
			"test_fraction = 0.25", "max_skipped = 3"},
		"captions": {`train = "captions.jsonl"`, `caption = "text"`, `memory = "2GiB"`, "resize = 64"},
		"clips": {`train = "clips"`, `name = '^(?P<sequence>.)_(?P<frame>\d+)'`, "length = 16",
			`split_by = "sequence"`, "channels = 3"},
		"table":       {`train = "t.csv"`, `target = "y"`, `missing = ["-"]`, "regression = true", "split_seed = 5"},
		"packed_rows": {`path = "t.rows"`},
		"wav": {`train = "sounds"`, `name = '^(?P<digit>\d)_'`, `label = "digit"`, "rate = 8000",
			`memory = "none"`},
		"text": {`train = "t.txt"`, `unit = "windows"`, "window = 64", `split = "part"`, `memory = "100KB"`},
	} {
		t.Run(name, func(t *testing.T) {
			text := "[data." + name + "]\n" + strings.Join(keys, "\n") + "\n"
			load := func(text string) *recipes.LoadedSource {
				file := filepath.Join(t.TempDir(), "source.toml")
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				if !recipes.NamesSource(file) {
					t.Errorf("%s is no source", text)
				}
				s, err := recipes.LoadSource(file, nil, recipes.Builtin())
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			s := load(text)
			for _, line := range keys {
				if !strings.Contains(s.Resolved, "\n"+line+"\n") && !strings.Contains(s.Resolved,
					"\n"+asBasic(line)+"\n") {
					t.Errorf("want %s in\n%s", line, s.Resolved)
				}
			}
			if again := load(s.Resolved); again.Resolved != s.Resolved {
				t.Errorf("the resolved source resolves to\n%s\nwant\n%s", again.Resolved, s.Resolved)
			}
			if _, err := s.Open(); err == nil || !strings.Contains(err.Error(), "no such file") {
				t.Errorf("opening what is not there: %v", err)
			}
		})
	}
}

// asBasic turns a literal string of TOML into a basic one.
func asBasic(line string) string {
	return strings.ReplaceAll(strings.ReplaceAll(line, `\`, `\\`), "'", `"`)
}

func TestSourceOpens(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"t.csv": "x,y\n1,a\n2,b\n",
		"s.toml": "[data.table]\ntrain = \"t.csv\"\ntarget = \"y\"\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := recipes.LoadSource(filepath.Join(dir, "s.toml"), []string{"data.table.test_fraction=0"},
		recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	if train, test := o.Train, o.Test; train.Len() != 2 || test != nil {
		t.Errorf("%d rows, test %v; want 2 and none", train.Len(), test)
	}
	if recipes.NamesSource("quickstart.toml") {
		t.Error("a recipe passes for a source")
	}
	if _, err := recipes.LoadSource(filepath.Join(dir, "s.toml"), []string{"data.table.targt=1"},
		recipes.Builtin()); err == nil || !strings.Contains(err.Error(), "did you mean target") {
		t.Errorf("unknown key: %v", err)
	}
	// A table that is about other samples than the data's is a mistake at its place.
	const rows = "[dataset.table]\ntrain = \"t.csv\"\n[backbone.mlp]\n[method.simclr]\n[optimizer.sgd]\n" +
		"[train]\nlength = \"1 step\"\n[views]\ncrop = 3\n"
	file := filepath.Join(dir, "rows.toml")
	if err := os.WriteFile(file, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := recipes.Load(file, nil, recipes.Builtin()); err == nil || !strings.Contains(err.Error(),
		"rows.toml:8:") || !strings.Contains(err.Error(), "is about images and clips, and the samples of "+
		"dataset.table are rows") {
		t.Errorf("[views] of a table: %v", err)
	}
	if _, err := recipes.Load("quickstart.toml", []string{`rows.numbers="none"`}, recipes.Builtin()); err == nil ||
		!strings.Contains(err.Error(), "the samples of dataset.fashion_mnist_4k are images") {
		t.Errorf("[rows] of images: %v", err)
	}
}
