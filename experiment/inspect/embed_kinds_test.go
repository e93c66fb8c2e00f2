package inspect

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"selfsup/datasets/filetest"
	"selfsup/evaluations"
	"selfsup/experiment"
	"selfsup/recipes"
)

// briefRun trains a recipe for a moment with kNN alone.
func briefRun(t *testing.T, recipe string, sets ...string) *experiment.Summary {
	t.Helper()
	r, err := recipes.Load(recipe, append([]string{`train.length="4 steps"`, `train.checkpoint="4 steps"`,
		"evaluate.knn.k=[5]", "evaluate.linear=false"}, sets...), recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// Embedding a recipe's own data of every kind gives what the run's evaluation reads: their neighbours are right as
// often, to the last one. What the encoder needs to know of its training data is in its checkpoint.
func TestEmbedOtherKinds(t *testing.T) {
	for _, c := range []struct {
		name, recipe string
		sets         []string
	}{
		{"rows", "scarf.toml", []string{"backbone.mlp.widths=[16]", "method.scarf.projector=[8]"}},
		{"ranks", "scarf.toml", []string{"backbone.mlp.widths=[16]", "method.scarf.projector=[8]",
			`rows.numbers="quantile"`}},
		{"texts", "mlm.toml", []string{"backbone.transformer.dim=8", "backbone.transformer.heads=2",
			"backbone.transformer.mlp=8", "windows.length=16", `windows.fixed="end"`}},
		{"waves", filetest.Tones(t), nil},
		{"clips", filetest.Films(t), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			sum := briefRun(t, c.recipe, c.sets...)
			to := filepath.Join(t.TempDir(), "features.npy")
			got, err := Embed(sum.Run, c.recipe, nil, EmbedOptions{To: to}, recipes.Builtin(), experiment.Options{})
			if err != nil {
				t.Fatal(err)
			}
			rows, dim, x := npy(t, to)
			names := embeddedNames(t, got.Names)
			if want := strings.Replace(c.name, "ranks", "rows", 1); rows != len(names) || got.Noun != want {
				t.Fatalf("%d rows of %s, %d names; want %s", rows, got.Noun, len(names), want)
			}
			var classes []string
			for _, n := range names {
				if !slices.Contains(classes, n[3]) {
					classes = append(classes, n[3])
				}
			}
			f := evaluations.Features{Dim: dim, Classes: len(classes), Seed: 1}
			for i, n := range names {
				row, label := x[i*dim:(i+1)*dim], int32(slices.Index(classes, n[3]))
				if n[1] == "test" {
					f.TestX, f.TestY = append(f.TestX, row...), append(f.TestY, label)
				} else {
					f.TrainX, f.TrainY = append(f.TrainX, row...), append(f.TrainY, label)
				}
			}
			knn := evaluations.DefaultKNN()
			knn.K = []int{5}
			want, err := knn.Evaluate(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			said := slices.IndexFunc(sum.Evaluations, func(e experiment.Evaluation) bool {
				return e.Representation == "trained" && e.Metric == want[0].Metric
			})
			if said < 0 || sum.Evaluations[said].Value != want[0].Value {
				t.Errorf("the run evaluates %+v, by the features it is %s %v", sum.Evaluations, want[0].Metric,
					want[0].Value)
			}
		})
	}
}

// Other data of a kind embed as the run saw its own: rows by the names of their columns and categories, texts by the
// training texts' vocabulary. What cannot is refused.
func TestEmbedOtherData(t *testing.T) {
	dir := filetest.Tree(t, map[string][]byte{
		"train.csv": []byte("size,colour,kind\n1,red,a\n2,blue,b\n3,red,a\n4,blue,b\n5,green,a\n6,red,b\n"),
		"other.csv": []byte("kind,colour,weight,size\nb,blue,9,2\na,violet,9,5\n"),
		"bare.csv":  []byte("colour\nred\n"),
		"words.csv": []byte("size,colour\nlarge,red\nsmall,red\n"),
		"rows.toml": []byte("name = \"rows\"\n[dataset.table]\ntrain = \"train.csv\"\ntarget = \"kind\"\n" +
			"test_fraction = 0.34\n[backbone.mlp]\nwidths = [4]\n[method.scarf]\nprojector = [4]\n" +
			"[optimizer.adamw]\n[train]\nbatch = 2\nlength = \"4 steps\"\nprobe = false\n[evaluate.knn]\n"),
		"other.toml": []byte("[dataset.table]\ntrain = \"other.csv\"\ntarget = \"kind\"\ntest_fraction = 0\n"),
		"bare.toml":  []byte("[dataset.table]\ntrain = \"bare.csv\"\ntest_fraction = 0\n"),
		"words.toml": []byte("[dataset.table]\ntrain = \"words.csv\"\ntest_fraction = 0\n"),
	})
	at := func(name string) string { return filepath.Join(dir, name) }
	run := briefRun(t, at("rows.toml"), "evaluate.knn.k=[1]").Run
	embed := func(data string) ([][]string, []float32, error) {
		to := filepath.Join(t.TempDir(), "f.npy")
		got, err := Embed(run, data, nil, EmbedOptions{To: to}, recipes.Builtin(), experiment.Options{})
		if err != nil {
			return nil, nil, err
		}
		_, _, x := npy(t, to)
		return embeddedNames(t, got.Names), x, nil
	}
	own, x, err := embed(at("rows.toml"))
	if err != nil {
		t.Fatal(err)
	}
	names, y, err := embed(at("other.toml"))
	if err != nil {
		t.Fatal(err)
	}
	second := slices.IndexFunc(own, func(n []string) bool { return strings.HasSuffix(n[2], ":3") }) // 2,blue,b
	if second < 0 || len(names) != 2 || !slices.Equal(y[:4], x[second*4:second*4+4]) {
		t.Errorf("a row with its columns in another order: %v %v, in the order of the training %v %v", names, y, own, x)
	}
	for name, want := range map[string]string{
		at("bare.toml"): "the rows lack size of the 2 columns", at("words.toml"): "column size is of categories",
		"quickstart.toml": "they are images, the encoder takes rows", dir: "a folder is taken for images",
	} {
		if _, _, err := embed(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// A Parquet file has names and labels beside the features, to the same numbers as a file of NumPy's.
func TestEmbedParquet(t *testing.T) {
	run := shortRun(t, "quickstart.toml", "method.simclr.projector=[8]").Run
	dir := t.TempDir()
	embed := func(name string) *Embedded {
		got, err := Embed(run, "quickstart.toml", nil, EmbedOptions{To: filepath.Join(dir, name)}, recipes.Builtin(),
			experiment.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	plain, got := embed("f.npy"), embed("f.parquet")
	if _, err := os.Stat(filepath.Join(dir, "f.parquet.csv")); err == nil || got.Names != "" || got.Rows != 4000 {
		t.Errorf("%+v; want no table beside it", got)
	}
	rows, err := parquet.ReadFile[featureRow](got.Features)
	if err != nil {
		t.Fatal(err)
	}
	_, dim, x := npy(t, plain.Features)
	names := embeddedNames(t, plain.Names)
	if len(rows) != len(names) {
		t.Fatalf("%d rows, want %d", len(rows), len(names))
	}
	for i, r := range rows {
		if n := names[i]; r.Set != n[1] || r.Name != n[2] || r.Label == nil || *r.Label != n[3] ||
			!slices.Equal(r.Features, x[i*dim:(i+1)*dim]) {
			t.Fatalf("row %d is %+v, want %v %v", i, r, n, x[i*dim:(i+1)*dim])
		}
	}
	f, err := os.Open(got.Features)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, _ := f.Stat()
	p, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	if step, _ := p.Lookup("step"); step != "4" || len(p.RowGroups()) != 2 {
		t.Errorf("step %q, %d row groups; want 4 and 2", step, len(p.RowGroups()))
	}
	t.Log(p.Schema())
}

// Features that are not finite are refused with the sample's name.
func TestEmbedNotFinite(t *testing.T) {
	run := shortRun(t, "quickstart.toml", "method.simclr.projector=[8]").Run
	s, _, err := experiment.OpenTrained("embed", run, false, recipes.Builtin(), experiment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range s.Store.Names() {
		if strings.HasPrefix(name, "backbone/") && strings.HasSuffix(name, "weight") {
			s.Store.Get(name).F32[0] = float32(math.NaN())
		}
	}
	e, err := newEmbedder(s)
	if err != nil {
		t.Fatal(err)
	}
	parts, _, err := toEmbed(s, "quickstart.toml", nil, 0, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.run([]int32{7}, parts[0]); err == nil || !strings.Contains(err.Error(), "[7] are not finite") {
		t.Errorf("got %v", err)
	}
}
