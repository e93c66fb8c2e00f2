package overlay_test

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"selfsup/recipes/overlay"
	"selfsup/setting"
)

// TestResolvedReadsBack holds that the resolved recipe, loaded over the same defaults, gives the same values and the
// same text.
func TestResolvedReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecipe(t)
		text := encode(t, r)
		again := defaults()
		opt := options()
		opt.FS = fstest.MapFS{"resolved/r.toml": {Data: []byte(text)}}
		res, err := overlay.Load("resolved/r.toml", nil, opt, again)
		if err != nil {
			t.Fatalf("recipe:\n%s\n%v", text, err)
		}
		if got := encode(t, again); got != text {
			t.Fatalf("got:\n%s\nwant:\n%s", got, text)
		}
		if !reflect.DeepEqual(again, r) {
			t.Fatalf("got  %+v\nwant %+v", again, r)
		}
		for _, l := range res.Leaves {
			if l.Origin.IsDefault() {
				t.Fatalf("%s is %s though the resolved recipe spells it out:\n%s", l.Key, l.Origin, text)
			}
		}
	})
}

func encode(t *rapid.T, r *recipe) string {
	var b strings.Builder
	if err := overlay.Encode(&b, r, nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func drawRecipe(t *rapid.T) *recipe {
	r := defaults()
	number := rapid.Float64().Filter(func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) })
	notNegative0 := func(f float64) float64 { return f + 0 }
	ints := rapid.Custom(func(t *rapid.T) []int {
		list := rapid.SliceOfN(rapid.Int(), 0, 3).Draw(t, "ints")
		if len(list) == 0 {
			return nil
		}
		return list
	})
	r.Name = rapid.String().Draw(t, "name")
	r.Seed = rapid.Uint64Range(0, math.MaxInt64).Draw(t, "seed")
	r.Dataset = overlay.Choice[any]{Name: "fashion", Value: &struct{}{}}
	r.Views.Crop = rapid.IntRange(-5, 200).Draw(t, "crop")
	r.Views.Blur = rapid.SliceOfN(rapid.Map(number, notNegative0), 1, 3).Draw(t, "blur")
	r.Views.Hue = rapid.Float32Range(-1e30, 1e30).Draw(t, "hue")
	r.Views.Gray = rapid.Bool().Draw(t, "gray")
	r.Train.Length = setting.Epochs(rapid.Float64Range(0, 1e6).Draw(t, "length"))
	r.Train.Clip.Norm = number.Draw(t, "norm")
	if rapid.Bool().Draw(t, "lists") {
		r.Train.Tags = []string{rapid.String().Draw(t, "tag"), "\x7f\x00\"'\\\n\t\u2028"}
		r.Train.Grid = [][]int{nil, ints.Draw(t, "grid")}
		r.Stages = []stage{{Width: 1, Depth: ints.Draw(t, "depth")}, {}}
	}
	r.Method = overlay.Choice[method]{Name: "vicreg", Value: &vicreg{ints.Draw(t, "projector"), number.Draw(t, "i"), 0,
		1}}
	if rapid.Bool().Draw(t, "simclr") {
		r.Method = overlay.Choice[method]{Name: "simclr", Value: &simclr{ints.Draw(t, "projector"),
			1 + math.Abs(number.Draw(t, "t"))/2}}
	}
	if rapid.Bool().Draw(t, "lars") {
		r.Optimizer = overlay.Choice[optimizer]{Name: "lars",
			Value: &lars{0.25, setting.Percent(rapid.Float64Range(0, 100).Draw(t, "warmup"))}}
	}
	if rapid.Bool().Draw(t, "no knn") {
		r.Evaluate.On = []overlay.Choice[*evaluation]{}
		r.Evaluate.Off = []string{"knn"}
	}
	if rapid.Bool().Draw(t, "linear") {
		r.Evaluate.On = append(r.Evaluate.On, overlay.Choice[*evaluation]{Name: "linear",
			Value: &evaluation{setting.Steps(3), ints.Draw(t, "k")}})
	} else if rapid.Bool().Draw(t, "linear off") {
		r.Evaluate.Off = append(r.Evaluate.Off, "linear")
	}
	if rapid.Bool().Draw(t, "extra") {
		r.Extra = overlay.Choice[any]{Name: "nested", Value: &nested{clip{1, 2}, r.Method}}
	}
	return r
}

// FuzzLoad holds that no file and no --set makes Load panic, that every mistake has a place or says why it has none,
// and that what loads is written and read back unchanged.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"", "seed = 1\n", "base = \"quickstart.toml\"\n", "base = \"r.toml\"",
		"[dataset.shapes]\n[method.vicreg]\nvariance = 1e3\n",
		"[dataset.shapes]\n[method.simclr]\n[train]\nlength = \"5%\"\ngrid = [[1], [2,\n3]] # c\n[[stage]]\n" +
			"width = 1\n[[stage]]\n[evaluate]\nknn = false\n",
		"method = \"simclr\"\ndataset = 'fashion'\ntrain.clip = {norm = 1, level = 2}\n",
		"a.\"b.c\".'d' = \"\"\"x\"\"\"\"\n", "[[a]]\n[a.b]\n[[a.c]]\n[[a.c]]\nd=1\n",
		"[train\nbatch = 0,3\n", "name = \"\xff\"", "x = [{a = 1}, {b = [2, {c = 3}]}]", "\ufeffseed = 0x1_0",
		"d = 1979-05-27 07:32:00 # c\n", "k = '''\n'a''''\n",
		"train.length = [1, {a = nan}]", "[a]\nb.c = 1\n[a.b]\n", "x = {\n a = 1, # c\n}\n",
		"[method]\nsimclr = 3\nvicreg = []\n",
	} {
		f.Add(seed, "train.batch=3")
		f.Add("[dataset.shapes]\n[method.simclr]\n", seed)
	}
	f.Fuzz(func(t *testing.T, text, set string) {
		opt := options()
		shipped := opt.FS.(fstest.MapFS)
		shipped["fuzz/r.toml"] = &fstest.MapFile{Data: []byte(text)}
		for _, sets := range [][]string{nil, {set}} {
			r := defaults()
			_, err := overlay.Load("fuzz/r.toml", sets, opt, r)
			if err != nil {
				checkErrors(t, text, err)
				continue
			}
			var b strings.Builder
			if err := overlay.Encode(&b, r, nil); err != nil {
				t.Fatalf("%q loads but cannot be written: %v", text, err)
			}
			shipped["fuzz/again.toml"] = &fstest.MapFile{Data: []byte(b.String())}
			again := defaults()
			if _, err := overlay.Load("fuzz/again.toml", nil, opt, again); err != nil {
				t.Fatalf("%q resolves to\n%s\nwhich does not load: %v", text, b.String(), err)
			}
			if !reflect.DeepEqual(r, again) {
				t.Fatalf("%q resolves to\n%s\ngot  %+v\nwant %+v", text, b.String(), again, r)
			}
		}
	})
}

func checkErrors(t *testing.T, text string, err error) {
	all, ok := err.(overlay.Errors)
	if !ok || len(all) == 0 {
		t.Fatalf("%q: got %T %v, want Errors", text, err, err)
	}
	lines := 1 + strings.Count(text, "\n")
	for _, e := range all {
		if e.Text == "" || (e.Line == 0) != (e.Excerpt == "") || (e.Line == 0) != (e.Col == 0) ||
			(e.Line == 0) != (e.NoLine != "") {
			t.Fatalf("%q: error without a place or a reason: %+v", text, *e)
		}
		if e.File == "fuzz/r.toml" && e.Line > lines {
			t.Fatalf("%q: line %d of %d", text, e.Line, lines)
		}
		if e.Line > 0 && len(strings.Split(e.Excerpt, "\n")) != 2 {
			t.Fatalf("%q: want the source line and carets, got %s", text, fmt.Sprintf("%q", e.Excerpt))
		}
	}
}
