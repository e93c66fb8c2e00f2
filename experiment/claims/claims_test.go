package claims

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

// Numbers worked by hand: Student's t at 0.975 is 12.706 with 1 degree of freedom and 3.182 with 3.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name      string
		expect    Expect
		a, b      []float64
		low, high float64
		want      Verdict
	}{
		{"clearly better", Expect{}, []float64{0.81, 0.82, 0.80, 0.83}, []float64{0.70, 0.72, 0.70, 0.72},
			0.095813, 0.114187, Holds},
		{"by less than the margin", Expect{Margin: 0.2}, []float64{0.81, 0.82, 0.80, 0.83},
			[]float64{0.70, 0.72, 0.70, 0.72}, 0.095813, 0.114187, DoesNotHold},
		{"worse", Expect{}, []float64{0.1, 0.1}, []float64{0.2, 0.2}, -0.1, -0.1, DoesNotHold},
		{"two seeds that differ", Expect{}, []float64{0.3, 0.5}, []float64{0.2, 0.3}, -0.485310, 0.785310, WithinNoise},
		{"alike", Expect{Alike: true, Margin: 0.05}, []float64{0.3, 0.5}, []float64{0.3, 0.5}, 0, 0, Holds},
		{"not alike", Expect{Alike: true, Margin: 0.05}, []float64{0.4, 0.6}, []float64{0.3, 0.5}, 0.1, 0.1,
			DoesNotHold},
		{"perhaps alike", Expect{Alike: true, Margin: 0.05}, []float64{0.3, 0.5}, []float64{0.2, 0.3}, -0.485310,
			0.785310, WithinNoise},
	} {
		j, err := Judge(c.expect, c.a, c.b)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(j.Low-c.low) > 1e-5 || math.Abs(j.High-c.high) > 1e-5 || j.Verdict != c.want {
			t.Errorf("%s: %v to %v, %s; want %v to %v, %s", c.name, j.Low, j.High, j.Verdict, c.low, c.high, c.want)
		}
	}
	if _, err := Judge(Expect{}, []float64{1, 2}, []float64{1}); err == nil {
		t.Error("two seeds against one are compared, want an error")
	}
}

func TestTogether(t *testing.T) {
	for _, c := range []struct {
		all  []*Judged
		want Verdict
	}{
		{[]*Judged{{Verdict: Holds}, {Verdict: Holds}}, Holds},
		{[]*Judged{{Verdict: Holds}, {Verdict: WithinNoise}}, WithinNoise},
		{[]*Judged{{Verdict: DoesNotHold}, {Verdict: WithinNoise}, {Verdict: Holds}}, DoesNotHold},
	} {
		if got := Together(c.all); got != c.want {
			t.Errorf("%v: %s, want %s", c.all, got, c.want)
		}
	}
}

// Every shipped claim resolves, and its arms with it; arms differ in something.
func TestShippedClaims(t *testing.T) {
	names, err := Names(recipes.Shipped, "claims")
	if err != nil || len(names) == 0 {
		t.Fatalf("no claims are shipped (%v)", err)
	}
	for _, name := range names {
		resolves(t, "claims/"+name)
	}
}

// So do those of data that are not in the binary.
func TestClaimsOfOtherData(t *testing.T) {
	files, err := filepath.Glob("../../recipes/*/claims/*/claim.toml")
	if err != nil || len(files) < 2 {
		t.Fatalf("%v (%v), want bands and flips", files, err)
	}
	for _, file := range files {
		resolves(t, filepath.Dir(file))
	}
}

// resolves checks a claim and its arms.
func resolves(t *testing.T, dir string) {
	cat := recipes.Builtin()
	c, err := Load(dir, cat)
	if err != nil {
		t.Error(err)
		return
	}
	resolved := map[string]string{}
	for _, arm := range c.Arms {
		r, err := c.recipe(dir, arm, 1, cat)
		if err != nil {
			t.Errorf("%s: %v", arm, err)
			continue
		}
		if r.Name != arm {
			t.Errorf("%s/%s.toml has name = %q, want %q", dir, arm, r.Name, arm)
		}
		_, text, _ := strings.Cut(r.Resolved, "\n") // without its name
		if other := resolved[text]; other != "" {
			t.Errorf("%s: arms %s and %s differ in nothing", dir, other, arm)
		}
		resolved[text] = arm
	}
}

// A claim of two small arms is trained, judged, reported and, once done, only read.
func TestRunClaim(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "longer")
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("base.toml", `base = "quickstart.toml"
baselines.pixels = false
baselines.projector = [2]
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
`)
	write("short.toml", "base = \"base.toml\"\nname = \"short\"\n")
	write("long.toml", "base = \"base.toml\"\nname = \"long\"\ntrain.length = \"4 steps\"\n")
	write(File, `section = "1"
claim = "Two steps more change little."
arms = ["short", "long"]
seeds = 2
[[expect]]
measure = "knn top1"
better = "long"
worse = "short"
alike = true
margin = 0.9
[[expect]]
measure = "knn top1"
better = "long"
worse = "long"
worse_of = "projector2"
alike = true
margin = 0.9
`)
	root, cat := t.TempDir(), recipes.Builtin()
	var said strings.Builder
	options := experiment.Options{Messages: &said}
	got, err := Run(dir, root, cat, options)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Judged) != 2 || len(got.Judged[0].A) != 2 || got.Done["long"] != 2 {
		t.Fatalf("got %+v, want two seeds of each arm", got)
	}
	table := Markdown([]*Outcome{got})
	for _, want := range []string{"| 1 | longer: Two steps more change little. | knn top1 | long 0.", "within 0.9",
		"long's projector2 0.",
		"| 2 of 2 | " + string(got.Verdict)} {
		if !strings.Contains(table, want) {
			t.Errorf("the table is\n%s\nwant %q in it", table, want)
		}
	}
	var page strings.Builder
	if err := Figures(&page, []*Outcome{got}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(page.String(), "<svg"); n != 2 || !strings.Contains(page.String(), "knn top1") {
		t.Errorf("%d pictures, want 2", n)
	}
	said.Reset()
	again, err := Run(dir, root, cat, options)
	if err != nil {
		t.Fatal(err)
	}
	if again.Judged[0].Difference != got.Judged[0].Difference || strings.Count(said.String(), "is done") != 4 {
		t.Errorf("the second time %v, with messages %q; want %v of the runs that are done", again.Judged[0],
			said.String(),
			got.Judged[0])
	}
	if err := os.RemoveAll(filepath.Join(root, "longer", "long-2")); err != nil {
		t.Fatal(err)
	}
	if read, err := Read(dir, root, cat); err != nil || len(read.Judged) != 0 || read.Done["short"] != 1 {
		t.Errorf("of one whole pair: %+v, %v; want no verdict", read, err)
	}
}

// What is wrong with a claim's file is said with its line.
func TestClaimErrors(t *testing.T) {
	const head = "section = \"1\"\nclaim = \"x\"\narms = [\"a\", \"b\"]\nseeds = 2\n"
	for _, c := range []struct{ text, want string }{
		{"section = \"1\"\nclaim = \"x\"\narms = [\"a\"]\nseeds = 2\n", "at least two recipes"},
		{strings.Replace(head, "seeds = 2", "seeds = 1", 1), "one pair has no interval"},
		{head, "at least one table [[expect]]"},
		{head + "[[expect]]\nmeasure = \"knn\"\nbetter = \"a\"\nworse = \"b\"\n", "a protocol and its metric"},
		{head + "[[expect]]\nmeasure = \"knn top1\"\nbetter = \"a\"\nworse = \"c\"\n", `want two of arms = ["a" "b"]`},
		{head + "[[expect]]\nmeasure = \"knn top1\"\nbetter = \"a\"\nworse = \"a\"\nworse_of = \"trained\"\n",
			"or one with better_of or worse_of"},
		{head + "[[expect]]\nmeasure = \"knn top1\"\nbetter = \"a\"\nworse = \"b\"\nalike = true\n", "margin above 0"},
		{head + "[[expect]]\nmesure = \"knn top1\"\n", "did you mean measure"},
	} {
		dir := filepath.Join(t.TempDir(), "c")
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, File), []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir, recipes.Builtin()); err == nil || !strings.Contains(err.Error(), c.want) ||
			!strings.Contains(err.Error(), File) {
			t.Errorf("%s\ngot %v, want an error of %s with %q", c.text, err, File, c.want)
		}
	}
}
