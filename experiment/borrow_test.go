package experiment_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/experiment/checkpoint"
	"selfsup/recipes"
)

// fewImages makes a recipe of Fashion-MNIST a matter of seconds.
var fewImages = []string{"train.batch=16", `train.length="3 steps"`, `train.checkpoint="1 step"`, "train.probe=false",
	"subset.few_shot.per_class=4", "evaluate.knn=false", "evaluate.linear=false", "optimizer.adamw.warmup=\"0%\""}

var fewPatches = []string{"backbone.vit.dim=8", "backbone.vit.depth=1", "backbone.vit.heads=2",
	`backbone.vit.position="sincos"`}

// A run reads the networks of others: they are what those trained, are not trained further, and come back from a
// checkpoint. What is missing or does not fit is refused.
func TestBorrowed(t *testing.T) {
	root := t.TempDir()
	run := func(name, recipe string, sets ...string) (string, error) {
		r, err := recipes.Load(filepath.Join("..", "recipes", filepath.FromSlash(recipe)),
			append(slices.Clone(fewImages),
				sets...), recipes.Builtin())
		if err != nil {
			return "", err
		}
		sum, err := experiment.Run(r, experiment.Options{Root: filepath.Join(root, name), Messages: io.Discard})
		if err != nil {
			return "", err
		}
		return sum.Run, nil
	}
	must := func(name, recipe string, sets ...string) string {
		t.Helper()
		dir, err := run(name, recipe, sets...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return dir
	}
	set := func(key, dir string) string { return fmt.Sprintf("%s=%q", key, dir) }
	dvae := must("dvae", "dvae.toml", "backbone.convnet.widths=[4,6]", "method.dvae.widths=[6,4]",
		"method.dvae.vocabulary=16")
	beit := must("beit", "masked/beit.toml", append(slices.Clone(fewPatches), set("method.beit.tokenizer", dvae))...)
	same(t, dvae, beit, map[string]string{"tokenizer/backbone/": "backbone/", "tokenizer/tokens/": "tokens/"})

	git := must("maskgit", "masked/maskgit.toml", append(slices.Clone(fewPatches), set("method.maskgit.tokenizer",
		dvae),
		"method.maskgit.iterations=3")...)
	same(t, dvae, git, map[string]string{"tokenizer/decoder/": "decoder/", "tokenizer/codebook": "codebook"})
	if _, err := os.Stat(filepath.Join(git, "made.png")); err != nil {
		t.Errorf("maskgit leaves no sheet of what it makes: %v", err)
	}

	ibot := must("ibot", "ibot.toml", "backbone.vit.dim=16", "backbone.vit.depth=1", "method.ibot.hidden=8",
		"method.ibot.bottleneck=4", "method.ibot.prototypes=8")
	small := must("distill", "masked/distill.toml", append(slices.Clone(fewPatches), set("method.distill.teacher",
		ibot))...)
	same(t, ibot, small, map[string]string{"teacher/": "teacher/"})

	first := must("dbot", "dbot.toml", fewPatches...)
	second := must("dbot-2", "masked/dbot-2.toml", append(slices.Clone(fewPatches), set("method.dbot.teacher",
		first))...)
	same(t, first, second, map[string]string{"target/backbone/": "backbone/"})

	vqkd := must("vqkd", "masked/vqkd.toml", append(slices.Clone(fewPatches), set("method.vqkd.teacher", first),
		"method.vqkd.heads=2")...)
	same(t, vqkd, must("beit2", "masked/beit2.toml", append(slices.Clone(fewPatches), set("method.beit.tokenizer",
		vqkd))...), map[string]string{"tokenizer/backbone/": "backbone/", "tokenizer/codebook": "codebook"})

	for _, c := range []struct{ recipe, want string }{
		{set("method.beit.tokenizer", filepath.Join(root, "nothing")), "method.beit.tokenizer"},
		{`method.beit.tokenizer=""`, "names no run"},
		{set("method.beit.tokenizer", first), "names no tokens"},
	} {
		if _, err := run("bad", "masked/beit.toml", append(slices.Clone(fewPatches), c.recipe)...); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.recipe, err, c.want)
		}
	}
	if _, err := run("bad", "masked/beit.toml", append(slices.Clone(fewPatches), set("method.beit.tokenizer", dvae),
		"backbone.vit.patch=7")...); err == nil || !strings.Contains(err.Error(), "7x7 tokens of an image") {
		t.Errorf("patches of another side: %v", err)
	}
}

// same holds entries of a run against those of the run that lent them, by the beginnings of their names.
func same(t *testing.T, from, to string, names map[string]string) {
	t.Helper()
	read := func(dir string) map[string][]float32 {
		st, _, _, err := checkpoint.Latest(filepath.Join(dir, "checkpoints"))
		if err != nil {
			t.Fatal(err)
		}
		all := map[string][]float32{}
		for _, n := range st.Names() {
			all[n] = st.Get(n).F32
		}
		return all
	}
	lent, got := read(from), read(to)
	for begins, theirs := range names {
		n := 0
		for name, v := range got {
			rest, ok := strings.CutPrefix(name, begins)
			if !ok {
				continue
			}
			want := lent[theirs+rest]
			if want == nil {
				want = lent["backbone/"+strings.TrimPrefix(rest, "backbone/")] // what a teacher has from its student
			}
			if n++; !slices.Equal(v, want) {
				t.Errorf("%s is not what the run that lent it has", name)
			}
		}
		if n == 0 {
			t.Errorf("%s holds nothing of %s", to, begins)
		}
	}
}
