package inspect

import (
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/experiment"
	"selfsup/recipes"
)

// greyFile writes an image of a set as a file.
func greyFile(t *testing.T, set datasets.Set, row int) string {
	t.Helper()
	var img datasets.Image
	if err := set.Image(row, &img); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "query.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := image.NewGray(image.Rect(0, 0, img.W, img.H))
	copy(m.Pix, img.Pix)
	if err := png.Encode(f, m); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// The neighbours of an image among the run's own data are those of all cosines of the embedded features, sorted; the
// first is the image itself. The sheet shows them.
func TestNeighbours(t *testing.T) {
	run := shortRun(t, "quickstart.toml", "method.simclr.projector=[8]").Run
	s, _, err := experiment.OpenTrained("test", run, false, recipes.Builtin(), experiment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	parts, _, err := dataOfNeighbours(s, NeighbourOptions{}, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	const row, k = 17, 6
	query, sheet := greyFile(t, parts[1].set.(datasets.Set), row), filepath.Join(t.TempDir(), "near.png")
	got, err := Neighbours(run, NeighbourOptions{Queries: []string{query}, K: k, Sheet: sheet}, recipes.Builtin(),
		experiment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(got)
	to := filepath.Join(t.TempDir(), "f.npy")
	all, err := Embed(run, "quickstart.toml", nil, EmbedOptions{To: to}, recipes.Builtin(), experiment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows, dim, x := npy(t, to)
	names := embeddedNames(t, all.Names)
	cosine := func(i, j int) float64 {
		var ab, aa, bb float64
		for d := range dim {
			a, b := float64(x[i*dim+d]), float64(x[j*dim+d])
			ab, aa, bb = ab+a*b, aa+a*a, bb+b*b
		}
		return ab / math.Sqrt(aa*bb)
	}
	order := make([]int, rows)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		if a, b := cosine(3000+row, i), cosine(3000+row, j); a != b {
			return map[bool]int{true: -1, false: 1}[a > b]
		}
		return 0
	})
	near := got.Queries[0].Neighbours
	if got.Images != 4000 || len(near) != k || near[0].Set != "test" || near[0].Row != row {
		t.Fatalf("%+v; want %d neighbours of 4000, the image itself first", got, k)
	}
	for i, n := range near {
		want := order[i]
		if math.Abs(n.Similarity-cosine(3000+row, want)) > 1e-6 {
			t.Errorf("neighbour %d has the similarity %v, want %v", i, n.Similarity, cosine(3000+row, want))
		}
		if line := names[want]; n.Name != line[2] || n.Set != line[1] || n.Label != line[3] {
			t.Errorf("neighbour %d is %+v, want %v", i, n, line)
		}
	}
	f, err := os.Open(sheet)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if b := m.Bounds(); b.Dx() < (k+1)*3*28 || b.Dy() < 3*28+2*15 {
		t.Errorf("a sheet of %v, want a query and %d neighbours of 84 pixels with two lines below", b, k)
	}
}

// What cannot have neighbours is refused, with the file's name.
func TestNeighboursRefused(t *testing.T) {
	run := shortRun(t, "quickstart.toml", "method.simclr.projector=[8]").Run
	dir := t.TempDir()
	paint(t, filepath.Join(dir, "data", "colour.png"), 3, 30, 40)
	text := filepath.Join(dir, "text.png")
	if err := os.WriteFile(text, []byte("no image"), 0o666); err != nil {
		t.Fatal(err)
	}
	find := func(n NeighbourOptions) error {
		n.K = max(n.K, 1)
		_, err := Neighbours(run, n, recipes.Builtin(), experiment.Options{})
		return err
	}
	colour, data := filepath.Join(dir, "data", "colour.png"), filepath.Join(dir, "data")
	for want, n := range map[string]NeighbourOptions{
		"colour.png: an image of 3 channels, and the run's encoder": {Data: data, Queries: []string{colour}},
		"text.png: 8 bytes that begin with":                         {Data: data, Queries: []string{text}},
		"nowhere.png": {Data: data, Queries: []string{
			dir + "/nowhere.png"}},
		"2 neighbours of 1 images": {Data: data, Queries: []string{colour}, K: 2,
			Convert: true},
		"none":              {Data: dir + "/none", Queries: []string{colour}, Convert: true},
		"they are rows":     {Data: "scarf.toml", Queries: []string{colour}, Convert: true},
		"--set changes":     {Sets: []string{"seed=1"}, Queries: []string{colour}, Convert: true},
		"3 channels, the r": {Data: "emoji-simclr.toml", Queries: []string{colour}, Convert: true},
	} {
		if err := find(n); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", n, err, want)
		}
	}
	if err := find(NeighbourOptions{Data: data, Queries: []string{colour}, Convert: true}); err != nil {
		t.Error(err)
	}
	rows := briefRun(t, "scarf.toml", "backbone.mlp.widths=[8]", "method.scarf.projector=[8]", "evaluate.knn=false",
		"evaluate={}").Run
	if _, err := Neighbours(rows, NeighbourOptions{Queries: []string{colour}, K: 1}, recipes.Builtin(),
		experiment.Options{}); err == nil || !strings.Contains(err.Error(), "takes rows") {
		t.Errorf("of an encoder of rows: %v", err)
	}
}
