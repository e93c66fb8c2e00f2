package recipes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/recipes"
)

// sweep resolves the sweep of a file's text.
func sweep(t *testing.T, text string, sets ...string) (*recipes.Sweep, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "s.toml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return recipes.LoadSweep(file, sets, recipes.Builtin())
}

// What the parts of [sweep] come to: point by point, what it sets.
func TestSweepPoints(t *testing.T) {
	for _, c := range []struct {
		name, text string
		sets       []string
		want       string
	}{
		{"seeds", "[sweep]\nseeds = 2\n", nil, `
seed=1
seed=2`},
		{"a grid, the last key first", "[sweep.grid]\nmethod.simclr.temperature = [0.1, 1]\ntrain.batch = [64, " +
			"128]\n", nil, `
method.simclr.temperature=0.1 train.batch=64
method.simclr.temperature=0.1 train.batch=128
method.simclr.temperature=1.0 train.batch=64
method.simclr.temperature=1.0 train.batch=128`},
		{"headers instead of dots, and lists as values", "[sweep.grid.method.simclr]\nprojector = [[8], [16, 8]]\n",
			nil, `
method.simclr.projector=[8]
method.simclr.projector=[16, 8]`},
		{"methods", "[sweep.grid]\nmethod = [\"simclr\", \"vicreg\"]\n", nil, `
method=simclr
method=vicreg`},
		{"a list, with seeds around it", "[sweep]\nseeds = 2\n[[sweep.list]]\ntrain.batch = 64\ntrain.length = \"2 " +
			"epochs\"\n" +
			"[[sweep.list]]\ntrain.batch = 128\n", nil, `
seed=1 train.batch=64 train.length="2 epochs"
seed=1 train.batch=128
seed=2 train.batch=64 train.length="2 epochs"
seed=2 train.batch=128`},
		{"a list of tables of which parts are chosen", "[[sweep.list]]\n[sweep.list.method.vicreg]\ncovariance = 3\n" +
			"[[sweep.list]]\nmethod = \"byol\"\n", nil, `
method.vicreg.covariance=3.0
method=byol`},
		{"draws are the seed's", "[sweep]\ndraws = 3\nseed = 2\n[sweep.random]\n" +
			"method.simclr.temperature = { from = 0.05, to = 2.0, log = true }\ntrain.batch = { from = 2, to = 4 " +
			"}\n", nil, `
method.simclr.temperature=0.109 train.batch=2
method.simclr.temperature=0.2164 train.batch=2
method.simclr.temperature=1.319 train.batch=4`},
		{"draws are different", "[sweep]\ndraws = 3\n[sweep.random]\ntrain.batch = { choose = [4, 5, 6] }\n", nil, `
train.batch=6
train.batch=5
train.batch=4`},
		{"a grid of draws", "[sweep]\ndraws = 2\n[sweep.random]\ntrain.batch = { choose = [4, 5, 6] }\n" +
			"[sweep.grid]\nviews.flip = [0, 1]\n", nil, `
train.batch=6 views.flip=0.0
train.batch=6 views.flip=1.0
train.batch=5 views.flip=0.0
train.batch=5 views.flip=1.0`},
		{"--set comes last", "[sweep.grid]\nmethod.simclr.temperature = [0.1, 1]\n", []string{"train.batch=32"}, `
method.simclr.temperature=0.1
method.simclr.temperature=1.0`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := sweep(t, "base = \"quickstart.toml\"\n"+c.text, c.sets...)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, p := range s.Points {
				got += "\n" + p.String()
			}
			if got != c.want {
				t.Errorf("got%s\nwant%s", got, c.want)
			}
			if len(c.sets) > 0 && s.Points[0].Train.Batch != 32 {
				t.Errorf("--set %s: the batch is %d", c.sets, s.Points[0].Train.Batch)
			}
		})
	}
}

// Mistakes of a sweep are where they are written, with what would be right.
func TestSweepMistakes(t *testing.T) {
	for _, c := range []struct{ name, text, set, want string }{
		{"none", "", "", "s.toml: there is no [sweep]"},
		{"empty", "sweep = 3\n", "", "s.toml:2:1: sweep: want a table"},
		{"a part", "[sweep.gird]\nseed = [1]\n", "", "s.toml:2:8: [sweep] gird: unknown key, did you mean grid?"},
		{"a key", "[sweep.grid]\nmethod.simclr.temprature = [0.1, 0.2]\n", "",
			"s.toml:3:15: [method.simclr] temprature: unknown key, did you mean temperature?\n" +
				"    method.simclr.temprature = [0.1, 0.2]\n                  ^^^^^^^^^^"},
		{"a table", "[sweep.grid]\nmethd.simclr.temperature = [0.1]\n", "",
			"s.toml:3:1: [methd]: unknown table, did you mean method?"},
		{"a method", "[sweep.grid]\nmethod = [\"simclr\", \"simcrl\"]\n", "",
			"s.toml:3:21: [method.simcrl]: not one of the methods, did you mean simclr"},
		{"a value", "[sweep.grid]\ntrain.batch = [64, 1.5]\n", "",
			"s.toml:3:20: [train] batch: wants an integer, found the float 1.5\n" +
				"    train.batch = [64, 1.5]\n                       ^^^"},
		{"which point", "[sweep.grid]\ntrain.batch = [64, 0]\n", "",
			"s.toml:3:20: train.batch: 0: want at least 2 images"},
		{"the point's number", "[sweep.grid]\ntrain.batch = [64, 0]\n", "", "in point 1 of 2"},
		{"no list", "[sweep.grid]\ntrain.batch = 64\n", "",
			"s.toml:3:15: [sweep.grid.train] batch: wants a list of the values to try, such as [0.1, 0.2], found the " +
				"integer 64"},
		{"an empty list", "[sweep.grid]\ntrain.batch = []\n", "", "no value to try"},
		{"a value twice", "[sweep.grid]\ntrain.batch = [64, 64]\n", "",
			"s.toml:2:2: sweep: the points 0 and 1 are the same experiment (train.batch=64)"},
		{"a setting in two parts", "[[sweep.list]]\ntrain.batch = 64\n[sweep.grid]\ntrain.batch = [32, 16]\n", "",
			"s.toml:5:16: [sweep.grid.train] batch: is given twice"},
		{"--set over it", "[sweep.grid]\ntrain.batch = [64, 32]\n", "train.batch=16", "--set takes away what varies"},
		{"a base", "[sweep.grid]\nbase = [\"simsiam.toml\"]\n", "", "s.toml:3:1: base: unknown key"},
		{"no draws", "[sweep.random]\ntrain.batch = { choose = [4, 5] }\n", "", "draws = 8"},
		{"nothing to draw", "[sweep]\ndraws = 3\n", "", "s.toml:3:1: [sweep] draws: is how many points " +
			"[sweep.random] draws"},
		{"more draws than there are", "[sweep]\ndraws = 3\n[sweep.random]\ntrain.batch = { choose = [4, 5] }\n", "",
			"has only 2 different points"},
		{"a drawn key", "[sweep]\ndraws = 3\n[sweep.random]\ntrain.bacth = { from = 4, to = 50 }\n", "",
			"s.toml:5:7: [train] bacth: unknown key, did you mean batch?"},
		{"a drawn value", "[sweep]\ndraws = 1\n[sweep.random]\ntrain.batch = { from = 4.0, to = 5.0 }\n", "",
			"s.toml:5:15: [train] batch: wants an integer, found the float 4."},
		{"an empty range", "[sweep]\ndraws = 1\n[sweep.random]\ntrain.batch = { from = 4, to = 4 }\n", "",
			"s.toml:5:15: [sweep.random.train] batch: wants numbers with from below to, found from the integer 4 and " +
				"to the integer 4"},
		{"a log of 0", "[sweep]\ndraws = 1\n[sweep.random]\nviews.flip = { from = 0, to = 1, log = true }\n", "",
			"wants a number above 0 with log = true"},
		{"a slip in a range", "[sweep]\ndraws = 1\n[sweep.random]\nviews.flip = { from = 0, to = 1, lgo = true }\n",
			"", "lgo: unknown key; known here: from, to, log"},
		{"a seed without draws", "[sweep]\nseed = 2\n[sweep.grid]\nviews.flip = [0.1]\n", "",
			"is of the draws of [sweep.random]"},
		{"no seeds", "[sweep]\nseeds = 0\n", "", "[sweep] seeds: wants an integer from 1 to 10000, found the integer " +
			"0"},
		{"too many", "[sweep]\nseeds = 9999\n[sweep.grid]\nviews.flip = [0.1, 0.2]\n", "",
			"s.toml:5:7: [sweep.grid.views] flip: the sweep has 19998 points with this; want at most 10000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sets []string
			if c.set != "" {
				sets = []string{c.set}
			}
			_, err := sweep(t, "base = \"quickstart.toml\"\n"+c.text, sets...)
			if err == nil {
				t.Fatal("no error")
			}
			if got := err.Error(); !strings.Contains(got, c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// A recipe with a sweep is many, which other commands refuse, and a base has none.
func TestSweepIsManyRecipes(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.toml"), filepath.Join(dir, "two.toml")
	for file, text := range map[string]string{
		one: "base = \"quickstart.toml\"\n[sweep]\nseeds = 2\n",
		two: "base = \"one.toml\"\n[sweep.grid]\nviews.flip = [0, 1]\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	_, err := recipes.Load(one, nil, recipes.Builtin())
	if want := "one.toml:2:2: [sweep]: makes many recipes of this one; want: experiment sweep expand RECIPE " +
		"DIR"; err == nil ||
		!strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = recipes.LoadSweep(two, nil, recipes.Builtin())
	if want := "one.toml:2:2: [sweep]: has no part in a base"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
