package claims

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

// small writes a recipe of which two steps are seconds, and gives its file.
func small(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.toml")
	if err := os.WriteFile(path, []byte(`base = "quickstart.toml"
name = "small"
baselines.pixels = false
baselines.untrained = false
subset.few_shot.per_class = 8
[backbone.convnet]
widths = [8, 16]
[method.simclr]
projector = [16, 8]
[train]
batch = 16
length = "2 steps"
[evaluate]
linear = false
`), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// An ablation trains the base and every change with every seed, once however often it is asked, and more seeds or
// changes add what is missing.
func TestAblate(t *testing.T) {
	root, cat := t.TempDir(), recipes.Builtin()
	var said strings.Builder
	o := experiment.Options{Messages: &said}
	a := &Ablation{Base: small(t), Changes: []string{"method.simclr.temperature=0.5"}, Seeds: 1}
	dirs, err := Ablate(a, root, cat, o)
	names := func() (names []string) {
		for _, dir := range dirs {
			name, err := filepath.Rel(root, dir)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		return names
	}
	want := []string{"small/small-1", "small/simclr.temperature=0.5-1"}
	if got := names(); err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
	said.Reset()
	a.Seeds = 2
	a.Changes = append(a.Changes, "train.batch=8; method.simclr.projector=[8, 8]")
	dirs, err = Ablate(a, root, cat, o)
	want = []string{"small/small-1", "small/small-2", "small/simclr.temperature=0.5-1",
		"small/simclr.temperature=0.5-2", "small/train.batch=8,simclr.projector=8,8-1",
		"small/train.batch=8,simclr.projector=8,8-2"}
	if got := names(); err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
	if n := strings.Count(said.String(), "is done"); n != 2 || !strings.Contains(said.String(), "run 6 of 6: ") {
		t.Errorf("%d runs were done already, want 2: %s", n, said.String())
	}
	// Every run has its change and its seed, and the name of its arm, which "experiment table" groups by.
	text, err := os.ReadFile(filepath.Join(root, want[5], experiment.ResolvedFile))
	for _, line := range []string{`name = "train.batch=8,simclr.projector=8,8"`, "seed = 2", "batch = 8",
		"projector = [8, 8]"} {
		if err != nil || !strings.Contains(string(text), line+"\n") {
			t.Errorf("want %q in %s, %v", line, text, err)
		}
	}
	planned, err := a.Folders(root, cat)
	slices.Sort(planned)
	slices.Sort(dirs)
	if err != nil || !slices.Equal(planned, dirs) {
		t.Errorf("planned were %q, %v; trained %q", planned, err, dirs)
	}
}

// A change whose features are no numbers is an error at the end, and the others are trained.
func TestAblateFails(t *testing.T) {
	root := t.TempDir()
	var said strings.Builder
	a := &Ablation{Base: small(t), Changes: []string{"optimizer.lars.rate=1e38; optimizer.lars.eta=1e30",
		"train.batch=8"}, Seeds: 1}
	dirs, err := Ablate(a, root, recipes.Builtin(), experiment.Options{Messages: &said})
	if err == nil || !strings.Contains(err.Error(), "lars.rate=1e38,lars.eta=1e30, seed 1: ") || len(dirs) != 2 {
		t.Errorf("got %q, %v; want two runs and an error of the third", dirs, err)
	}
}

// Mistakes of an ablation show before anything is trained.
func TestAblateErrors(t *testing.T) {
	base := small(t)
	other := filepath.Join(t.TempDir(), "other.toml")
	if err := os.WriteFile(other, []byte("base = \""+base+"\"\ntrain.batch = 8\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		a    Ablation
		want string
	}{
		{Ablation{Seeds: 1}, "nothing changes; want --set key=value"},
		{Ablation{Changes: []string{"train.batch=8"}}, "--seeds 0: want at least 1"},
		{Ablation{Changes: []string{"train.batch=16"}, Seeds: 1},
			"--set train.batch=16: this is the same experiment as " + base},
		{Ablation{Changes: []string{"train.batch=8", "train.batch = 8"}, Seeds: 1},
			"--set train.batch = 8: this is the same experiment as --set train.batch=8"},
		{Ablation{Changes: []string{"seed=3"}, Seeds: 1}, "--set seed=3: the seeds are --seeds"},
		{Ablation{Changes: []string{"train.batch=8; name=\"x\""}, Seeds: 1}, "the seeds are --seeds, and names"},
		{Ablation{Changes: []string{"train.bach=8"}, Seeds: 1}, "did you mean batch"},
		{Ablation{Recipes: []string{other}, Seeds: 1}, other + ": another arm is called small too"},
		{Ablation{Recipes: []string{"nowhere.toml"}, Seeds: 1}, "nowhere.toml"},
	} {
		c.a.Base = base
		root := t.TempDir()
		dirs, err := Ablate(&c.a, root, recipes.Builtin(), experiment.Options{Messages: os.Stderr})
		left, _ := os.ReadDir(root)
		if err == nil || !strings.Contains(err.Error(), c.want) || len(dirs)+len(left) > 0 {
			t.Errorf("%+v: %q, %v; want %q and no run", c.a, dirs, err, c.want)
		}
	}
}

func TestArmName(t *testing.T) {
	for _, c := range []struct{ change, want string }{
		{"train.batch=8", "train.batch=8"},
		{"method.byol.predictor = [ 8, 16 ]", "byol.predictor=8,16"},
		{`train.length="2 steps";seed_of="a;b"`, "train.length=2steps,seed_of=a_b-"},
		{"dataset.folder.train=\"/a/b\"", "folder.train=_a_b-"},
		{"a.b=" + strings.Repeat("1", 80), "a.b=" + strings.Repeat("1", 56) + "-"},
	} {
		got := armName(c.change)
		if ends := strings.HasSuffix(c.want, "-"); got != c.want && !(ends && strings.HasPrefix(got, c.want) &&
			len(got) == len(c.want)+6) {
			t.Errorf("%s: %q, want %q", c.change, got, c.want)
		}
	}
	if armName("a.b=\"x/y\"") == armName("a.b=\"x_y\"") {
		t.Error("two changes have one name")
	}
}
