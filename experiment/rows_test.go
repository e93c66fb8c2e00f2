package experiment_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/experiment/inspect"
	"selfsup/graph/cpu/kern"
	"selfsup/recipes"
)

// ofRows is a run of seconds on a table with numbers, categories and missing values.
const ofRows = `
name = "small"

[dataset.table]
train = "t.csv"
target = "class"

[backbone.mlp]
widths = [16, 8]

[method.supervised]

[optimizer.adamw]

[train]
batch = 64
length = "23 steps"
checkpoint = "5 steps"
log = "1 step"

[evaluate.knn]
k = [5]
`

// rowsRecipe writes a recipe for a table beside it.
func rowsRecipe(t testing.TB, text string) string {
	t.Helper()
	file := writeRecipe(t, text)
	var b strings.Builder
	b.WriteString("height,colour,weight,shape,class\n")
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		class := r.IntN(3)
		colour := []string{"red", "green", "?", "blue"}[(class+r.IntN(2))%4]
		height := fmt.Sprintf("%.3f", float64(class)+r.NormFloat64())
		if r.IntN(9) == 0 {
			height = "?"
		}
		fmt.Fprintf(&b, "%s,%s,%.3f,%s,c%d\n", height, colour, 5+r.NormFloat64(),
			[]string{"round", "square"}[r.IntN(2)], class)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "t.csv"), []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

func loadRows(t testing.TB, text string, sets ...string) *recipes.Loaded {
	t.Helper()
	r, err := recipes.Load(rowsRecipe(t, text), sets, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A recipe of rows trains, is evaluated beside the untrained encoder and the raw columns, and its encoder is exported
// with what its input means; messages speak of rows.
func TestRows(t *testing.T) {
	var said strings.Builder
	sum, err := experiment.Run(loadRows(t, ofRows), experiment.Options{Root: t.TempDir(), Messages: &said})
	if err != nil {
		t.Fatal(err)
	}
	var of []string
	for _, e := range sum.Evaluations {
		if e.Metric == "top1" {
			of = append(of, e.Representation)
			if e.Value < 0.4 || e.Interval == nil {
				t.Errorf("%s has %v of three classes, interval %v; want more than 0.4", e.Representation, e.Value,
					e.Interval)
			}
		}
	}
	if got := strings.Join(of, " "); got != "trained untrained raw" {
		t.Errorf("evaluated: %s, want trained, untrained and raw", got)
	}
	for _, text := range []string{said.String(), sum.Table()} {
		if strings.Contains(text, "image") || !strings.Contains(text, "rows") {
			t.Errorf("%q: want rows, and no word of images", text)
		}
	}
	again, err := experiment.Evaluate(sum.Run, false, nil, recipes.Builtin(), experiment.Options{Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if values(again) != values(sum) {
		t.Errorf("evaluated again: %s, by the run: %s", values(again), values(sum))
	}

	meta, shapes, _ := tensors(t, filepath.Join(sum.Run, "export", "encoder.safetensors"))
	for _, want := range []string{
		`"kind":"rows"`, `"of":[0,4,0,3,0]`, `"gaps":[0]`,
		`"categories":["blue","green","red"]`, `"numbers":"standard"`,
		`"name":"weight","mean":`,
	} {
		if !strings.Contains(meta["config"], want) {
			t.Errorf("export: config %s: want %s", meta["config"], want)
		}
	}
	if !strings.Contains(meta["input"], "rows [B 5]") || strings.Contains(meta["config"], "interpolation") {
		t.Errorf("export: input %q, config %s: want rows, and nothing of images", meta["input"], meta["config"])
	}
	if got := fmt.Sprint(shapes["reference/rows"], shapes["reference/features"],
		shapes["backbone/0/linear/weight"]); got != "[2 5] [2 8] [10 16]" {
		t.Errorf("export: shapes %s, want 2 rows, their 8 features, and 2 numbers, 4 and 3 indicators, and one "+
			"of a missing number, as the first layer's input", got)
	}
	if _, err := experiment.Export(sum.Run, experiment.ExportOptions{Layout: "torch"}, recipes.Builtin(),
		experiment.Options{}); err != nil {
		t.Error(err)
	}
	_, err = inspect.Embed(sum.Run, sum.Run, nil, inspect.EmbedOptions{To: filepath.Join(t.TempDir(), "f.npy")},
		recipes.Builtin(), experiment.Options{})
	if err == nil || !strings.Contains(err.Error(), "encoder takes rows; want a recipe, or a file with a [dataset.X]") {
		t.Errorf("embed: %v, want a refusal that says what the encoder takes", err)
	}
	table, err := experiment.ReadResults([]string{sum.Run}, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := table.Markdown(); !strings.Contains(got, "| untrained | raw |") || strings.Contains(got, "pixels") {
		t.Errorf("table:\n%s\nwant a column raw and none of pixels", got)
	}
}

// show and bench speak of rows and columns.
func TestRowsDescribed(t *testing.T) {
	s, err := experiment.Prepare(loadRows(t, ofRows))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := inspect.Describe(&out, s); err != nil {
		t.Fatal(err)
	}
	want := "training and 60 test rows of 2 columns of numbers and 2 of categories, 1 of the numbers with missing " +
		"values\n"
	if !strings.Contains(out.String(), want) {
		t.Errorf("%s\nwant a line that ends in %q", out.String(), want)
	}
	b, err := inspect.Benchmark(s, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Table(); !strings.HasPrefix(got, "supervised mlp, 64 rows of 5 columns, ") ||
		strings.Contains(got, "image") {
		t.Errorf("%s\nwant rows of 4 columns, and one that says what is missing", got)
	}
}

// A training of SCARF that is interrupted and resumed ends with the same bits as one that is not, on one thread and on
// two, with categories through either backbone: what a step replaces in a row depends on the seed and the step.
func TestResumeOfRowsIsExact(t *testing.T) {
	for _, sets := range [][]string{
		{`method="scarf"`, "method.scarf.corrupt=0.5", "method.scarf.projector=[8,8]"},
		{`method="scarf"`, "method.scarf.corrupt=0.5", "method.scarf.projector=[8,8]", `backbone="ft_transformer"`,
			"backbone.ft_transformer.dim=8", "backbone.ft_transformer.heads=2", "backbone.ft_transformer.depth=1"},
		{`method="vime"`},
		{`method="subtab"`, `backbone="subsets"`, "backbone.subsets.count=2", "backbone.subsets.widths=[8]",
			"method.subtab.projector=[8]", "method.subtab.decoder=[]"},
		{`method="saint"`, `backbone="saint"`, "backbone.saint.dim=4", "backbone.saint.heads=2",
			"method.saint.projector=[8]", "method.saint.hidden=1"},
		{`method="met"`, "method.met.ratio=0.5", `backbone="ft_transformer"`, "backbone.ft_transformer.dim=8",
			"backbone.ft_transformer.heads=2", "backbone.ft_transformer.depth=1"},
	} {
		file := rowsRecipe(t, ofRows)
		loaded := func() *recipes.Loaded {
			r, err := recipes.Load(file, sets, recipes.Builtin())
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		defer kern.SetThreads(kern.Threads())
		kern.SetThreads(2)
		whole, err := train(t, loaded(), nil)
		if err != nil {
			t.Fatal(err)
		}
		kern.SetThreads(1)
		stop := make(chan experiment.Request, 1)
		stop <- experiment.Interrupt
		_, err = train(t, loaded(), stop)
		var stopped *experiment.Stopped
		if !errors.As(err, &stopped) {
			t.Fatalf("interrupted run: %v, want a stop", err)
		}
		kern.SetThreads(2)
		sum, err := experiment.Resume(stopped.Folder, recipes.Builtin(), experiment.Options{Messages: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := final(t, sum.Run), final(t, whole.Run); got != want {
			t.Errorf("resumed run ends with %s, uninterrupted run with %s", got, want)
		}
		if values(whole) != values(sum) {
			t.Errorf("evaluations differ: uninterrupted %s, resumed %s", values(whole), values(sum))
		}
	}
}

// Columns that differ between the training and the test file are refused with both lists.
func TestRowsOfOtherColumns(t *testing.T) {
	file := rowsRecipe(t, ofRows)
	other := filepath.Join(filepath.Dir(file), "other.csv")
	if err := os.WriteFile(other, []byte("height,color,weight,shape,class\n1,red,2,round,c1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := recipes.Load(file, []string{`dataset.table.test="other.csv"`}, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	want :=
		`other.csv:1: columns ["height" "color" "weight" "shape" "class"], want those of the training file: ` +
			`["height" "colour"`
	if _, err := experiment.Prepare(r); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want an error with %q", err, want)
	}
}

// What does not fit rows says so.
func TestRowsRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		sets []string
		want string
	}{
		{"a backbone for images", []string{`backbone="resnet"`},
			"[backbone.resnet]: a resnet encodes images [height, width, channels], and the samples of this " +
				"recipe are rows of 2 columns of numbers and 2 of categories"},
		{"a method of two views", []string{`method="simclr"`},
			`rows of a table have no field "view1": nothing in a row is random, so that it has one view; ` +
				"methods for rows, such as scarf, make a second of marginal; they have view0, marginal, target, raw"},
		{"too large a batch", []string{"train.batch=400"}, "rows; want at most that"},
		{"views of a row", []string{"evaluate.align_uniform={}"}, "[evaluate.align_uniform] compares random views"},
		{"sizes", []string{`train.resolution=[{until="50%",crop=20}]`}, "train.resolution"},
	} {
		r := loadRows(t, ofRows, c.sets...)
		if _, err := experiment.Prepare(r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
}
