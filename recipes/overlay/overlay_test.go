package overlay_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// TestOverlays follows single settings through bases, recipe and command line: "key = value (origin)", or "-" for no
// such key.
func TestOverlays(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string // r.toml is loaded
		sets  []string
		want  string
	}{
		{"defaults and shipped base", map[string]string{"r.toml": "base = \"quickstart.toml\"\n"}, nil, `
name = "quickstart" (base quickstart.toml:1)
seed = 1 (default)
method = simclr (base quickstart.toml:3)
method.simclr.projector = [512, 128] (base quickstart.toml:4)
method.simclr.temperature = 0.1 (paper default)
optimizer = adamw (default)
optimizer.adamw.rate = 0.001 (paper default)`},
		{"a base on disk goes before a shipped one", map[string]string{"r.toml": "base = \"./quickstart.toml\"\n", "quickstart.toml": "name = 'mine'\n[dataset.shapes]\n[method.vicreg]\n"}, nil, `
name = "mine" (base quickstart.toml:1)
method = vicreg (base quickstart.toml:3)`},
		{"a chain, relative to each file", map[string]string{
			"r.toml":            "base = \"bases/one.toml\"\nname = 'r'\n[method.simclr]\n\ntemperature = 0.5\n",
			"bases/one.toml":    "base = \"../two/zwei.toml\"\nname = 'one'\nseed = 7\n",
			"two/zwei.toml":     "base = \"quickstart.toml\"\nseed = 6\n[views]\ncrop = 64\n",
			"bases/unused.toml": "wrong = 1\n"}, nil, `
name = "r" (r.toml:2)
seed = 7 (base bases/one.toml:3)
views.crop = 64 (base two/zwei.toml:4)
train.batch = 128 (base quickstart.toml:6)
method = simclr (r.toml:3)
method.simclr.temperature = 0.5 (r.toml:5)`},
		{"another choice replaces", map[string]string{"r.toml": "base = \"quickstart.toml\"\n[method.vicreg]\nvariance = 5\n"}, nil, `
method = vicreg (r.toml:2)
method.vicreg.projector = [8192, 8192] (paper default)
method.vicreg.variance = 5.0 (r.toml:3)
method.simclr.projector = -`},
		{"and back again starts from the paper", map[string]string{"r.toml": "base = \"mid.toml\"\n[method.simclr]\n", "mid.toml": "base = \"quickstart.toml\"\n[method.vicreg]\n"}, nil, `
method.simclr.projector = [2048, 128] (paper default)`},
		{"lists replace lists", map[string]string{"r.toml": "base = \"b.toml\"\n[[stage]]\nwidth = 3\n", "b.toml": "base = \"quickstart.toml\"\n[[stage]]\ndepth = [1, 2]\n[[stage]]\nwidth = 2\n"}, nil, `
stage[0].width = 3 (r.toml:3)
stage[0].depth = [] (default)
stage[1].width = -`},
		{"an empty list", map[string]string{"r.toml": "base = \"b.toml\"\nstage = []\ntrain.tags = []\n", "b.toml": "base = \"quickstart.toml\"\n[[stage]]\nwidth = 2\n[train]\ntags = ['a']\n"}, nil, `
stage = [] (r.toml:2)
train.tags = [] (r.toml:3)`},
		{"sets in order, bare words as strings", map[string]string{"r.toml": "base = \"quickstart.toml\"\n"},
			[]string{"train.batch=1", "train.batch = 2", "name=warm up", "train.length=60 epochs", "method.simclr.projector=[1, 2]", "views.blur=[0.1, 0]", "train.clip={norm = 3}", "optimizer=lars", "seed=0x10"}, `
train.batch = 2 (--set)
name = "warm up" (--set)
train.length = "60 epochs" (--set)
method.simclr.projector = [1, 2] (--set)
views.blur = [0.1, 0] (--set)
train.clip.norm = 3.0 (--set)
optimizer = lars (--set)
optimizer.lars.warmup = "5%" (paper default)
seed = 16 (--set)`},
		{"a set may choose another method", map[string]string{"r.toml": "base = \"quickstart.toml\"\n"}, []string{"method.vicreg.covariance=2"}, `
method = vicreg (--set)
method.vicreg.covariance = 2.0 (--set)
method.simclr.temperature = -`},
		{"evaluations on and off", map[string]string{"r.toml": "base = \"b.toml\"\n[evaluate]\nknn = false\n[evaluate.linear]\nk = [3]\n", "b.toml": "base = \"quickstart.toml\"\n[evaluate.linear]\nevery = '2 epochs'\n"}, nil, `
evaluate.knn = false (r.toml:3)
evaluate.knn.k = -
evaluate.linear = true (r.toml:4)
evaluate.linear.every = "2 epochs" (base b.toml:3)
evaluate.linear.k = [3] (r.toml:5)`},
		{"on again starts from the defaults", map[string]string{"r.toml": "base = \"b.toml\"\n[evaluate]\nknn = true\n", "b.toml": "base = \"quickstart.toml\"\n[evaluate]\nknn = false\n"}, []string{"evaluate.linear=true"}, `
evaluate.knn = true (r.toml:3)
evaluate.knn.k = [20] (paper default)
evaluate.linear = true (--set)
evaluate.linear.every = "5 epochs" (paper default)`},
		{"a choice inside of a choice", map[string]string{"r.toml": "base = \"quickstart.toml\"\n[extra.nested]\n[extra.nested.method.vicreg]\nvariance = 3\n[extra.nested.inner]\nlevel = 2\n"}, nil, `
extra = nested (r.toml:2)
extra.nested.inner.norm = 2.0 (paper default)
extra.nested.inner.level = 2 (r.toml:6)
extra.nested.method.vicreg.variance = 3.0 (r.toml:4)`},
		{"byte order mark and carriage returns", map[string]string{"r.toml": "\ufeffbase = \"quickstart.toml\"\r\n[train]\r\nbatch = 3\r\n"}, nil, `
train.batch = 3 (r.toml:3)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, c.files)
			res, err := overlay.Load("r.toml", c.sets, options(), defaults())
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range strings.Split(strings.Trim(c.want, "\n"), "\n") {
				key, _, _ := strings.Cut(want, " = ")
				got := key + " = -"
				if l, ok := res.Leaf(key); ok {
					got = fmt.Sprintf("%s = %s (%s)", l.Key, l.Value, l.Origin)
				}
				if got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			}
		})
	}
}

func TestValues(t *testing.T) {
	write(t, map[string]string{"r.toml": "base = \"quickstart.toml\"\n[views]\nhue = 1\ncrop_area = [0, 1.0]\n" +
		"blur = 0.5\n[train]\nlength = \"5 steps\"\n[method.simclr]\ntemperature = 2\n"})
	got := defaults()
	res, err := overlay.Load("r.toml", []string{"evaluate.knn=false"}, options(), got)
	if err != nil {
		t.Fatal(err)
	}
	want := defaults()
	want.Name = "quickstart"
	want.Dataset = overlay.Choice[any]{Name: "shapes", Value: &struct{}{}}
	want.Views = views{28, [2]float64{0, 1}, perView{0.5}, color{Hue: 1}}
	want.Method = overlay.Choice[method]{Name: "simclr", Value: &simclr{[]int{512, 128}, 2}}
	want.Train.Batch, want.Train.Length = 128, setting.Steps(5)
	want.Evaluate = overlay.Choices[*evaluation]{On: []overlay.Choice[*evaluation]{}, Off: []string{"knn"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	var files []string
	for _, f := range res.Files {
		files = append(files, fmt.Sprintf("%s %v %d", f.Name, f.Shipped, len(f.Data)))
	}
	if got, want := strings.Join(files, ", "), "quickstart.toml true 96, r.toml false 132"; got != want {
		t.Errorf("files: got %s, want %s", got, want)
	}
}

const resolved = `name = "quick \"x\""  # r.toml:2
seed = 1  # default

[dataset.shapes]  # base quickstart.toml:2

[views]
crop = 28  # default
crop_area = [0.2, 1.0]  # default
blur = [0.1, 0.2]  # r.toml:4
hue = 1e-10  # r.toml:5
gray = false  # default

[method.simclr]  # base quickstart.toml:3
projector = [512, 128]  # base quickstart.toml:4
temperature = 0.1  # paper default

[optimizer.lars]  # --set
rate = 0.3  # paper default
warmup = "1 epoch"  # --set

[train]
batch = 128  # base quickstart.toml:6
length = "10 epochs"  # default
grid = [[1], [2, 3]]  # r.toml:10
tags = []  # default

[train.clip]
norm = 1.0  # default
level = 0  # default

[[stage]]
width = 3  # r.toml:7
depth = []  # default

[[stage]]
width = 0  # default
depth = [1]  # r.toml:9

[evaluate]
knn = false  # --set

[evaluate.linear]  # --set
every = "5 epochs"  # paper default
k = []  # paper default
`

func TestEncode(t *testing.T) {
	write(t, map[string]string{"r.toml": `base = "quickstart.toml"
name = 'quick "x"'
[views]
blur = [0.1, 0.2]
hue = 1e-10
[[stage]]
width = 3
[[stage]]
depth = [1]
[train]
grid = [[1], [2, 3]]
`})
	r := defaults()
	res, err := overlay.Load("r.toml", []string{"optimizer.lars.warmup=1 epoch", "evaluate.knn=false",
		"evaluate.linear=true"}, options(), r)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := overlay.Encode(&b, r, res); err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(resolved, "r.toml:10", "r.toml:11", 1); b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

func TestEncodeRefuses(t *testing.T) {
	nan := defaults()
	nan.Train.Clip.Norm /= 0 * nan.Train.Clip.Norm
	bytes := defaults()
	bytes.Train.Tags = []string{"\xff"}
	for _, c := range []struct {
		recipe any
		want   string
	}{
		{nan, "overlay: train.clip.norm: +Inf: a recipe holds finite numbers only"},
		{bytes, `overlay: train.tags: "\xff" is not UTF-8`},
		{3, "overlay: Encode of int: want a pointer to a struct"},
	} {
		if err := overlay.Encode(&strings.Builder{}, c.recipe, nil); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func ExampleLoad() {
	// options().FS holds quickstart.toml as a shipped recipe, so no file on disk is needed.
	_, err := overlay.Load("quickstart.toml", []string{"method.simclr.temprature=0.5", "train.batch=1e3"}, options(),
		defaults())
	fmt.Println(err)
	// Output:
	// --set method.simclr.temprature=0.5: unknown key, did you mean temperature?
	// --set train.batch=1e3: wants an integer, found the float 1e3: write 1000
}

func ExampleDiffText() {
	load := func(sets ...string) *overlay.Result {
		res, err := overlay.Load("quickstart.toml", sets, options(), defaults())
		if err != nil {
			panic(err)
		}
		return res
	}
	changes := overlay.Diff(load(), load("method=vicreg", "train.batch=64", "evaluate.knn=false"))
	fmt.Print(overlay.DiffText("quickstart", "vicreg", changes, 0))
	// Output:
	// key                        quickstart    vicreg        from
	// method                     simclr     -> vicreg        quickstart.toml:3 -> --set
	// method.simclr.projector    [512, 128] -> -             quickstart.toml:4
	// method.simclr.temperature  0.1        -> -             paper default
	// method.vicreg.projector    -          -> [8192, 8192]  paper default
	// method.vicreg.invariance   -          -> 25.0          paper default
	// method.vicreg.variance     -          -> 25.0          paper default
	// method.vicreg.covariance   -          -> 1.0           paper default
	// train.batch                128        -> 64            quickstart.toml:6 -> --set
	// evaluate.knn               true       -> false         default -> --set
	// evaluate.knn.every         "1 epoch"  -> -             paper default
	// evaluate.knn.k             [20]       -> -             paper default
}

func TestDiff(t *testing.T) {
	write(t, map[string]string{
		"a.toml": "base = \"quickstart.toml\"\n[[stage]]\nwidth = 1\n",
		"b.toml": "base = \"quickstart.toml\"\nname = \"b\"\n[[stage]]\nwidth = 2\n[[stage]]\nwidth = 3\n" +
			"[extra.nested]\n",
	})
	load := func(file string) *overlay.Result {
		res, err := overlay.Load(file, nil, options(), defaults())
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	a, b := load("a.toml"), load("b.toml")
	if d := overlay.Diff(a, a); len(d) != 0 || overlay.DiffText("a", "a", d, 0) != "" {
		t.Errorf("a against itself: got %v, want nothing", d)
	}
	got := overlay.DiffText("a.toml", "b.toml", overlay.Diff(a, b), 0)
	want := `key                       a.toml          b.toml  from
name                      "quickstart" -> "b"     base quickstart.toml:1 -> b.toml:2
stage[0].width            1            -> 2       a.toml:3 -> b.toml:4
stage[1].width            -            -> 3       b.toml:6
stage[1].depth            -            -> []      default
extra                     -            -> nested  b.toml:7
extra.nested.inner.norm   -            -> 2.0     paper default
extra.nested.inner.level  -            -> 0       paper default
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	back := overlay.Diff(b, a)
	if forth := overlay.Diff(a, b); len(back) != len(forth) {
		t.Errorf("%d changes from b to a, %d from a to b", len(back), len(forth))
	}
}
