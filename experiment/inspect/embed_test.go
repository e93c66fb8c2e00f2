package inspect

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/evaluations"
	"selfsup/experiment"
	"selfsup/recipes"
)

// npy reads a file of NumPy's by its definition.
func npy(t *testing.T, path string) (rows, dim int, x []float32) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(data, []byte("\x93NUMPY\x01\x00")) {
		t.Fatalf("%s begins with %q", path, data[:8])
	}
	n := 10 + int(binary.LittleEndian.Uint16(data[8:]))
	if n%64 != 0 || data[n-1] != '\n' {
		t.Errorf("%s: a header of %d bytes that ends in %q, want a multiple of 64 and a line's end", path, n, data[n-1])
	}
	if _, err := fmt.Sscanf(string(data[10:n]), "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", &rows,
		&dim); err != nil {
		t.Fatalf("%s: header %q: %v", path, data[10:n], err)
	}
	x = make([]float32, rows*dim)
	if len(data) != n+4*len(x) {
		t.Fatalf("%s: %d bytes of numbers, want %d", path, len(data)-n, 4*len(x))
	}
	binary.Read(bytes.NewReader(data[n:]), binary.LittleEndian, x)
	return rows, dim, x
}

// names reads the table beside features.
func embeddedNames(t *testing.T, path string) [][]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || len(all) == 0 || !slices.Equal(all[0], []string{"row", "set", "name", "label"}) {
		t.Fatalf("%s: %v %v", path, all, err)
	}
	return all[1:]
}

// shortRun trains for a moment, and evaluates by the five nearest neighbours.
func shortRun(t *testing.T, recipe string, sets ...string) *experiment.Summary {
	t.Helper()
	r, err := recipes.Load(recipe, append([]string{
		`backbone={convnet = {widths = [8, 16]}}`, "train.batch=64", `train.length="4 steps"`,
		"evaluate.knn.k=[5]", `evaluate.knn.every="0 steps"`, "evaluate.linear=false", "views.crops=[]",
		"views.crop=24",
	}, sets...), recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// Embedding the recipe's own data gives what the run's evaluation reads, the training images first, and then the test
// images: their neighbours are right as often, to the last one. Of DINO it is the teacher's encoder.
func TestEmbedIsEvaluation(t *testing.T) {
	for recipe, sets := range map[string][]string{
		"quickstart.toml": {`views.interpolation="bicubic"`, "method.simclr.projector=[8]"},
		"dino.toml": {"method.dino.hidden=16", "method.dino.bottleneck=8", "method.dino.prototypes=16",
			`method.dino.hold_last="1 step"`},
	} {
		t.Run(recipe, func(t *testing.T) {
			sum := shortRun(t, recipe, sets...)
			to := filepath.Join(t.TempDir(), "features.npy")
			got, err := Embed(sum.Run, recipe, nil, EmbedOptions{To: to}, recipes.Builtin(), experiment.Options{})
			if err != nil {
				t.Fatal(err)
			}
			rows, dim, x := npy(t, to)
			names := embeddedNames(t, got.Names)
			if rows != 4000 || dim != 16 || got.Rows != rows || got.Dim != dim || len(names) != rows ||
				names[0][1] != "train" || names[3000][1] != "test" || names[3999][0] != "3999" {
				t.Fatalf("%d rows of %d numbers, %d names, the first %v", rows, dim, len(names), names[0])
			}
			data := prepare(t, recipe).Data
			var labels []int32
			for _, set := range []datasets.Labelled{data.Train, data.Test} {
				for i := range set.Len() {
					if n := names[len(labels)]; n[3] != set.Classes()[set.Label(i)] {
						t.Fatalf("row %d is %v, want the label %s", len(labels), n, set.Classes()[set.Label(i)])
					}
					labels = append(labels, int32(set.Label(i)))
				}
			}
			rec, err := recipes.Load(filepath.Join(sum.Run, experiment.ResolvedFile), nil, recipes.Builtin())
			if err != nil {
				t.Fatal(err)
			}
			want, err := rec.Evaluate.On[0].Value.(*evaluations.KNN).Evaluate(t.Context(), evaluations.Features{
				TrainX: x[:3000*dim], TrainY: labels[:3000], TestX: x[3000*dim:], TestY: labels[3000:], Dim: dim,
				Classes: 10, Seed: 1,
			})
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

// paint writes a small colour image.
func paint(t *testing.T, path string, seed, w, h int) {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		m.Set(i%w, i/w, color.RGBA{uint8(seed * i), uint8(seed + i), uint8(i * i), 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}

// Any folder embeds, in the order of its names: images of other sizes and channels than the run's, with folders,
// without, or both. What does not decode is refused, or left out and named where that is allowed.
func TestEmbedFolder(t *testing.T) {
	run := shortRun(t, "quickstart.toml", "method.simclr.projector=[8]").Run
	data := t.TempDir()
	for i, name := range []string{"train/cat/2.png", "train/cat/10.png", "train/dog/a.png", "loose.png"} {
		paint(t, filepath.Join(data, name), i+3, 40+i, 50)
	}
	to := filepath.Join(t.TempDir(), "f.npy")
	embed := func(data, to string, skipped int) (*Embedded, error) {
		return Embed(run, data, nil, EmbedOptions{To: to, MaxSkipped: skipped}, recipes.Builtin(), experiment.Options{})
	}
	got, err := embed(data, to, 0)
	if err != nil {
		t.Fatal(err)
	}
	rows, dim, x := npy(t, to)
	var lines []string
	for _, n := range embeddedNames(t, got.Names) {
		lines = append(lines, strings.Join(n, ","))
	}
	if want := []string{"0,,loose.png,", "1,,train/cat/10.png,train/cat", "2,,train/cat/2.png,train/cat",
		"3,,train/dog/a.png,train/dog"}; !slices.Equal(lines, want) {
		t.Errorf("names %q, want %q", lines, want)
	}
	// A row is its image's, whatever is beside it.
	alone := t.TempDir()
	paint(t, filepath.Join(alone, "x.png"), 5, 42, 50) // train/dog/a.png
	if _, err := embed(alone, to, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, one := npy(t, to); rows != 4 || dim != 16 || !slices.Equal(one, x[3*16:]) ||
		slices.Equal(x[:16], x[16:32]) {
		t.Errorf("%d rows of %d numbers; the last is %v, alone %v", rows, dim, x[3*16:], one)
	}

	if err := os.WriteFile(filepath.Join(data, "bad.png"), []byte("no image"), 0o666); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "g.npy")
	if _, err := embed(data, other, 0); err == nil || !strings.Contains(err.Error(), "bad.png") {
		t.Errorf("a damaged image: got %v, want its name", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(other), "*")); len(left) != 0 {
		t.Errorf("an embedding that failed left %v", left)
	}
	if got, err := embed(data, other, 1); err != nil || len(got.Skipped) != 1 || got.Rows != 4 {
		t.Errorf("a damaged image that may be left out: %+v, %v", got, err)
	}

	safe := filepath.Join(t.TempDir(), "f.safetensors")
	if _, err := embed(alone, safe, 0); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(safe)
	if err != nil || !bytes.Contains(text, []byte(`"features":{"dtype":"F32","shape":[1,16]`)) ||
		!bytes.HasSuffix(text, bytesOf(x[3*16:])) {
		t.Errorf("%s: %v", safe, err)
	}
}

func bytesOf(x []float32) []byte {
	b, _ := binary.Append(nil, binary.LittleEndian, x)
	return b
}
