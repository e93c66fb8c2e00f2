package overlay_test

import (
	"errors"
	"strings"
	"testing"

	"selfsup/recipes/overlay"
)

// TestMessages holds the whole text of what a user reads after a slip. r.toml starts, after its base line, at line 2.
func TestMessages(t *testing.T) {
	const base = "base = \"quickstart.toml\"\n"
	for _, c := range []struct {
		name, recipe string
		sets         []string
		want         string
	}{
		{name: "unknown key in a choice", recipe: base + "[method.vicreg]\n  covarience = 1\n", want: `
r.toml:3:3: [method.vicreg] covarience: unknown key, did you mean covariance?
      covarience = 1
      ^^^^^^^^^^`},
		{name: "keys are case-sensitive", recipe: base + "Seed = 1\n", want: `
r.toml:2:1: Seed: unknown key, did you mean seed?
    Seed = 1
    ^^^^`},
		{name: "tabs stay aligned", recipe: base + "[train]\n\tbatches = 1\n", want: `
r.toml:3:2: [train] batches: unknown key, did you mean batch?
    	batches = 1
    	^^^^^^^`},
		{name: "nothing near: the table's keys", recipe: base + "[method.simclr]\nqueue = 1\n", want: `
r.toml:3:1: [method.simclr] queue: unknown key; known here: projector, temperature
    queue = 1
    ^^^^^`},
		{name: "a key below the wrong header", recipe: base + "[views]\ntemperature = 0.2\n", want: `
r.toml:3:1: [views] temperature: unknown key here; it belongs to [method.simclr]
    temperature = 0.2
    ^^^^^^^^^^^`},
		{name: "unknown table, once for all its keys", recipe: base + "[optimzer.lars]\nrate = 1\nwarmup = 2\n", want: `
r.toml:2:2: [optimzer]: unknown table, did you mean optimizer?
    [optimzer.lars]
     ^^^^^^^^`},
		{name: "inline table", recipe: base + "train = { batch = 2, clip = { nrm = 1 } }\n", want: `
r.toml:2:31: [train.clip] nrm: unknown key, did you mean norm?
    train = { batch = 2, clip = { nrm = 1 } }
                                  ^^^`},
		{name: "dotted key", recipe: base + "train.clip.norms = 1\n", want: `
r.toml:2:12: [train.clip] norms: unknown key, did you mean norm?
    train.clip.norms = 1
               ^^^^^`},
		{name: "quoted keys", recipe: base + "[\"train\"]\n'bat ch' = 1\n", want: `
r.toml:3:1: [train] "bat ch": unknown key, did you mean batch?
    'bat ch' = 1
    ^^^^^^^^`},
		{name: "array of tables, second element", recipe: base + "[[stage]]\nwidth = 1\n[[stage]]\nwith = 2\n", want: `
r.toml:5:1: [stage[1]] with: unknown key, did you mean width?
    with = 2
    ^^^^`},
		{name: "tables inside of a list over several lines", recipe: base + "stage = [\n  {width = 1}, # { with = 0 }\n  {with = 2},\n]\n", want: `
r.toml:4:4: [stage[1]] with: unknown key, did you mean width?
      {with = 2},
       ^^^^`},
		{name: "two choices in one file", recipe: "[dataset.shapes]\n[method.simclr]\ntemperature = 1\n[method.vicreg]\n", want: `
r.toml:4:9: [method.vicreg]: second method in one file, the first is [method.simclr] on line 2: keep one
    [method.vicreg]
            ^^^^^^`},
		{name: "unknown choice", recipe: base + "[method.simclrr]\ntemprature = 3\n", want: `
r.toml:2:9: [method.simclrr]: not one of the methods, did you mean simclr? (see: experiment list methods)
    [method.simclrr]
            ^^^^^^^`},
		{name: "settings beside the choice", recipe: base + "[method]\ntemperature = 0.2\n", want: `
r.toml:3:1: [method] temperature: settings go below the choice that has them, as [method.simclr]
    temperature = 0.2
    ^^^^^^^^^^^`},
		{name: "a header without a choice", recipe: base + "[method]\n", want: `
r.toml:2:2: [method]: the header names the choice, as [method.simclr]
    [method]
     ^^^^^^`},
		{name: "evaluations", recipe: base + "[evaluate]\nevery = 3\nknn = 3\n[evaluate.linera]\n", want: `
r.toml:3:1: [evaluate] every: settings go below the choice that has them, as [evaluate.knn]
    every = 3
    ^^^^^
r.toml:4:7: [evaluate] knn: wants a table of its settings, or false to switch it off, found the integer 3
    knn = 3
          ^
r.toml:5:11: [evaluate.linera]: not one of the evaluations, did you mean linear? (see: experiment list evaluations)
    [evaluate.linera]
              ^^^^^^`},
		{name: "nothing chosen", recipe: "seed = 3\n", want: `
r.toml: no dataset is chosen: add a table such as [dataset.fashion] (see: experiment list datasets)
r.toml: no method is chosen: add a table such as [method.simclr] (see: experiment list methods)`},
		{name: "wrong types", recipe: base + `name = 3
seed = -1
[views]
crop = 1.0
crop_area = [1.0]
gray = "true"
hue = "0.5"
blur = [1, "a"]
[train]
tags = ["a", 1979-05-27]
grid = [[1, 2],
  [3, 4.5]]
clip = 3
length = 60
[method.simclr]
projector = 512
`, want: `
r.toml:2:8: name: wants a string, found the integer 3: write "3"
    name = 3
           ^
r.toml:3:8: seed: wants an integer of 0 or more, found the integer -1
    seed = -1
           ^^
r.toml:5:8: [views] crop: wants an integer, found the float 1.0: write 1
    crop = 1.0
           ^^^
r.toml:6:13: [views] crop_area: wants a list of 2 floats, found a list of 1
    crop_area = [1.0]
                ^^^^^
r.toml:7:8: [views] gray: wants true or false, found the string "true": remove the quotes
    gray = "true"
           ^^^^^^
r.toml:8:7: [views] hue: wants a float, found the string "0.5": remove the quotes
    hue = "0.5"
          ^^^^^
r.toml:9:8: [views] blur: wants a number or a list of numbers, found a
    blur = [1, "a"]
           ^^^^^^^^
r.toml:11:14: [train] tags: wants a string, found the date 1979-05-27: write "1979-05-27"
    tags = ["a", 1979-05-27]
                 ^^^^^^^^^^
r.toml:13:7: [train] grid: wants an integer, found the float 4.5
      [3, 4.5]]
          ^^^
r.toml:14:8: [train] clip: wants a table, found the integer 3
    clip = 3
           ^
r.toml:15:10: [train] length: 60 has no unit: want "60 epochs", "60 steps" or "60%"
    length = 60
             ^^
r.toml:17:13: [method.simclr] projector: wants a list of integers, found the integer 512: write [512]
    projector = 512
                ^^^`},
		{name: "numbers out of range", recipe: base + "[train.clip]\nlevel = 256\nnorm = nan\n[views]\nhue = 1e39\nblur = [0, -inf]\n", want: `
r.toml:3:9: [train.clip] level: wants an integer from 0 to 255, found the integer 256
    level = 256
            ^^^
r.toml:4:8: [train.clip] norm: nan is refused: wants a finite number
    norm = nan
           ^^^
r.toml:6:7: [views] hue: wants a number that a 32-bit float can hold, found the float 1e39
    hue = 1e39
          ^^^^
r.toml:7:12: [views] blur: -inf is refused: wants a finite number
    blur = [0, -inf]
               ^^^^`},
		{name: "several syntax slips and a wrong key behind them", recipe: base + `name = cpu # not quoted
seed = .5
[train]
batch = 0,3
length = 60 epochs
lenght = 3
[views]
gray = True
`, want: `
r.toml:2:8: a string needs quotes: name = "cpu"
    name = cpu # not quoted
           ^^^
r.toml:3:8: a number needs digits on both sides of its point: seed = 0.5
    seed = .5
           ^^
r.toml:5:9: a decimal point is wanted: batch = 0.3, or a list: batch = [0,3]
    batch = 0,3
            ^^^
r.toml:6:10: a string needs quotes: length = "60 epochs"
    length = 60 epochs
             ^^^^^^^^^
r.toml:7:1: [train] lenght: unknown key, did you mean length?
    lenght = 3
    ^^^^^^
r.toml:9:8: booleans are lower case: gray = true
    gray = True
           ^^^^`},
		{name: "a key twice", recipe: base + "[train]\nbatch = 1\nbatch = 2\n", want: `
r.toml:4:1: train.batch is already written on line 3
    batch = 2
    ^^^^^`},
		{name: "a table twice", recipe: base + "[train]\n[views]\n[train]\n", want: `
r.toml:4:2: train is already written on line 2
    [train]
     ^^^^^`},
		{name: "header not closed", recipe: base + "[train\nbatch = 1\n", want: `
r.toml:2:7: a table header is closed by ] or ]] on its own line
    [train
          ^`},
		{name: "not UTF-8", recipe: base + "name = \"\xff\"\n", want: `
r.toml:2:9: byte 0xff is not UTF-8: a recipe is a UTF-8 text file
    name = "�"
            ^`},
		{name: "columns count characters", recipe: base + "\"größe\" = 1; x\ntrain.\"ä\" = 1\n", want: `
r.toml:2:12: the line should end here, found ';'
    "größe" = 1; x
               ^
r.toml:3:7: [train] "ä": unknown key; known here: batch, length, grid, tags, clip
    train."ä" = 1
          ^^^`},
		{name: "long lines are cut", recipe: base + "name = \"" + strings.Repeat("x", 200) + "\"\nseed = \"" + strings.Repeat("y", 200) + "\"\n", want: `
r.toml:3:8: seed: wants an integer, found the string "` + strings.Repeat("y", 37) + `..."
    seed = "` + strings.Repeat("y", 92) + `
           ` + strings.Repeat("^", 93)},
		{name: "nested too deep", recipe: base + "x = " + strings.Repeat("[", 201) + "\n", want: `
r.toml:2:205: lists or tables nest more than 200 deep
    ` + strings.Repeat("[", 51) + `
    ` + strings.Repeat(" ", 50) + `^`},
		{name: "too many dots", recipe: "[views]\n" + strings.Repeat("a.", 1001) + "b = 1\n", want: `
r.toml:2:2002: a key has more than 1000 dots
    ` + strings.Repeat(".a", 25) + `.b = 1
    ` + strings.Repeat(" ", 50) + `^`},
		{name: "settings of the command line", recipe: base, sets: []string{
			"method.simclr.temperature=abc", "method.simclr.temprature=1", "train.batch=-1.5", "name=42", "method=byol",
			"a", "b=", "base=3",
			"train.batch=1\ntrain.tags=['x']", "train.tags=[a]", "x y=2"}, want: `
--set method.simclr.temperature=abc: wants a float, found the string "abc"
--set method.simclr.temprature=1: unknown key, did you mean temperature?
--set train.batch=-1.5: wants an integer, found the float -1.5
--set name=42: wants a string, found the integer 42: write --set 'name="42"'
--set method=byol: [method.byol]: not one of the methods (see: experiment list methods)
--set a: want key=value, as in --set train.batch=256
--set b=: no value; an empty string is written b=''
--set base=3: base is for files: it says where a recipe starts from
--set train.batch=1 train.tags=['x']: one --set sets one key
--set train.tags=[a]: the value is not TOML: expected value but found "a" instead; strings need quotes: write --set 'train.tags=["a"]'
--set x y=2: "x y" is not a dotted key such as train.batch`},
		{name: "refused by the settings", recipe: base + "[optimizer.lars]\n\nrate = 40\n", sets: []string{"method.simclr.temperature=-1"}, want: `
r.toml:4:8: [optimizer.lars] rate: 40: want at most 10
    rate = 40
           ^^
--set method.simclr.temperature=-1: -1: want a number above 0`},
		{name: "refused by embedded structs", recipe: base + "[optimizer.adamw]\nrate = -1\nbetas = [1, 1]\n", want: `
r.toml:3:8: [optimizer.adamw] rate: -1: want 0 or more
    rate = -1
           ^^
r.toml:4:9: [optimizer.adamw] betas: [1 1]: want numbers below 1
    betas = [1, 1]
            ^^^^^^`},
		{name: "refused as a whole", recipe: base + "[optimizer.lars]\nrate = 1\n[train.clip]\nlevel = 3\nnorm = 0\n", want: `
r.toml:4:8: [train.clip]: level 3 needs a norm
    [train.clip]
           ^^^^`},
		{name: "refused though nobody wrote it", recipe: base + "[views]\ncrop = 300\n", want: `
r.toml: train.clip.norm: 1: wants 0 with 128 rows of 300 pixels (a default; no file writes it)
`},
		{name: "base not found", recipe: "base = \"quikstart.toml\"\n", want: `
r.toml:1:8: base: quikstart.toml: no such file here or among the shipped recipes, did you mean quickstart.toml?
    base = "quikstart.toml"
           ^^^^^^^^^^^^^^^^`},
		{name: "base of the wrong type", recipe: "base = [1]\n", want: `
r.toml:1:8: base: wants the path of a recipe file such as "quickstart.toml", found a list of 1
    base = [1]
           ^^^`},
		{name: "base comes back", recipe: "seed = 1\nbase = \"sub/loop.toml\"\n", want: `
sub/loop.toml:1:8: base: the chain of bases comes back to itself: r.toml -> sub/loop.toml -> r.toml
    base = "../r.toml"
           ^^^^^^^^^^^`},
		{name: "errors of a base come first", recipe: "base = \"bad.toml\"\nsede = 1\n", want: `
bad.toml:1:1: nmae: unknown key, did you mean name?
    nmae = 2
    ^^^^
r.toml:2:1: sede: unknown key, did you mean seed?
    sede = 1
    ^^^^`},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, map[string]string{"r.toml": c.recipe, "sub/loop.toml": "base = \"../r.toml\"\n",
				"bad.toml": "nmae = 2\n"})
			_, err := overlay.Load("r.toml", c.sets, options(), defaults())
			got := "no error"
			if err != nil {
				got = err.Error()
			}
			if want := strings.Trim(c.want, "\n"); got != want {
				t.Errorf("recipe:\n%s\nsets: %q\ngot:\n%s\nwant:\n%s", c.recipe, c.sets, got, want)
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	write(t, map[string]string{"folder/x": ""})
	for _, c := range []struct{ file, want string }{
		{"nope.toml", "nope.toml: no such file here or among the shipped recipes (quickstart.toml, sub/child.toml)"},
		{"recipes/quickstart.toml", "recipes/quickstart.toml: no such file here or among the shipped recipes, " +
			"did you mean quickstart.toml?"},
		{"folder", "folder: folder is a folder, want a recipe file"},
	} {
		if _, err := overlay.Load(c.file, nil, options(), defaults()); err == nil || err.Error() != c.want {
			t.Errorf("Load(%s): got %v, want %s", c.file, err, c.want)
		}
	}
}

func TestErrorFields(t *testing.T) {
	write(t, map[string]string{"r.toml": "base = \"quickstart.toml\"\n[train]\nbatch = 'x'\nlevel = 3\n"})
	_, err := overlay.Load("r.toml", nil, options(), defaults())
	var all overlay.Errors
	if !errors.As(err, &all) || len(all) != 2 {
		t.Fatalf("got %v, want Errors of length 2", err)
	}
	e := all[0]
	if e.File != "r.toml" || e.Line != 3 || e.Col != 9 || e.Table != "train" || e.Key != "batch" || e.NoLine != "" {
		t.Errorf("got %+v, want r.toml:3:9 [train] batch", *e)
	}
}

// TestSchemaFaults are faults of the program, not of a recipe: one plain error each.
func TestSchemaFaults(t *testing.T) {
	write(t, map[string]string{"r.toml": "[c.a]\n"})
	catalogs := map[string]overlay.Catalog{"c": overlay.Of("cs", map[string]func() any{"a": func() any { return 3 },
		"b": func() any { return &struct{ X int }{} }})}
	for _, c := range []struct {
		name string
		into any
		want string
	}{
		{"no pointer", struct{}{}, "overlay: Load into struct {}: want a pointer to a struct"},
		{"no tag", &struct{ A int }{},
			`overlay: field struct { A int }.A has no toml tag: want toml:"key", or toml:"-" to leave it out`},
		{"map", &struct {
			A map[string]int `toml:"a"`
		}{}, "overlay: field struct { A map[string]int \"toml:\\\"a\\\"\" }.A: a recipe cannot hold a map[string]int"},
		{"choice is no struct", &struct {
			C overlay.Choice[any] `toml:"c"`
		}{}, `overlay: catalog entry "a" is a int, want a pointer to a struct`},
		{"choice of another type", &struct {
			C overlay.Choice[method] `toml:"c"`
		}{}, `overlay: catalog entry "a" is a int, the recipe wants overlay_test.method`},
		{"no catalog", &struct {
			C overlay.Choice[any] `toml:"c"`
			D overlay.Choice[any] `toml:"d"`
		}{}, ""},
	} {
		opt := overlay.Options{Catalogs: catalogs}
		if c.name == "no catalog" {
			opt.Catalogs, c.want = nil, `overlay: no catalog for c: want Options.Catalogs["c"]`
		}
		if _, err := overlay.Load("r.toml", nil, opt, c.into); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}
