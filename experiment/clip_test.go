package experiment_test

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/experiment/checkpoint"
	"selfsup/graph/cpu/kern"
	"selfsup/recipes"
)

// squares writes n pictures of a square in a colour, up or down, that say so, and returns a recipe of CLIP for them.
func squares(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	var list strings.Builder
	for i := range n {
		names := []string{"red", "green", "blue"}
		c, place := r.IntN(3), r.IntN(2)
		m := image.NewRGBA(image.Rect(0, 0, 8, 8))
		for y := range 8 {
			for x := range 8 {
				v := color.RGBA{uint8(r.IntN(60)), uint8(r.IntN(60)), uint8(r.IntN(60)), 255}
				if x >= 2 && x < 6 && y/4 == place {
					*[]*uint8{&v.R, &v.G, &v.B}[c] = 250
				}
				m.SetRGBA(x, y, v)
			}
		}
		name := fmt.Sprintf("%d.png", i)
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, m); err != nil {
			t.Fatal(err)
		}
		f.Close()
		text := names[c] + " square " + []string{"above", "below"}[place]
		fmt.Fprintf(&list, "{\"image\": %q, \"caption\": [%q, \"it is %s\"], \"class\": %q}\n", name, text, names[c],
			names[c])
	}
	if err := os.WriteFile(filepath.Join(dir, "list.jsonl"), []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`
name = "squares"
[dataset.captions]
train = %q
label = "class"
[views]
crop_area = [0.8, 1.0]
[backbone.convnet]
widths = [8, 16]
[method.clip]
dim = 16
[method.clip.text.symbols]
dim = 16
hidden = []
[optimizer.adamw]
rate = 1e-2
[train]
batch = 32
length = "23 steps"
checkpoint = "5 steps"
log = "1 step"
probe = false
[evaluate.zero_shot]
every = "10 steps"
`, filepath.Join(dir, "list.jsonl"))
}

// scores are a run's results by representation and label.
func scores(s *experiment.Summary) map[string]float64 {
	got := map[string]float64{}
	for _, e := range s.Evaluations {
		got[e.Representation+" "+e.Label()] = e.Value
	}
	return got
}

// CLIP learns what words mean: labels that it never saw as labels are told by their names.
func TestCLIPLearns(t *testing.T) {
	text := squares(t, 160)
	whole, err := train(t, load(t, text, `train.length="60 steps"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := scores(whole)
	for label, v := range got {
		t.Log(label, v)
	}
	top1, before := 0.0, 1.0
	for label, v := range got {
		if strings.HasPrefix(label, "trained zero_shot") && strings.HasSuffix(label, "top1") {
			top1 = v
		}
		if strings.HasPrefix(label, "untrained zero_shot") && strings.HasSuffix(label, "top1") {
			before = v
		}
	}
	if top1 < 0.9 || top1 < before+0.2 {
		t.Errorf("zero-shot accuracy %v, untrained %v: want at least 0.9 and 0.2 more", top1, before)
	}
	for label := range got {
		if strings.HasPrefix(label, "pixels zero_shot") {
			t.Errorf("%s: pixels have no text", label)
		}
	}
}

// A process that trains CLIP on one thread and is killed at any instant leaves a folder that resumes to the same bits
// on two.
func TestKilledCLIPResumes(t *testing.T) {
	if root := os.Getenv("TEST_RUN_ROOT"); root != "" { // the child
		kern.SetThreads(1)
		r, err := recipes.Load(os.Getenv("TEST_CLIP_RECIPE"), nil, recipes.Builtin())
		if err == nil {
			_, err = experiment.Run(r, experiment.Options{Root: root, Messages: io.Discard})
		}
		t.Fatal("ran to its end: ", err)
	}
	defer kern.SetThreads(kern.Threads())
	kern.SetThreads(2)
	text := squares(t, 160)
	whole, err := train(t, load(t, text), nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := killAtRandom(t, "TestKilledCLIPResumes", "TEST_CLIP_RECIPE="+writeRecipe(t, text))
	sum, err := experiment.Resume(dir, recipes.Builtin(), experiment.Options{Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := final(t, sum.Run), final(t, whole.Run); a != b {
		t.Errorf("resumed run ends with %s, uninterrupted run with %s", a, b)
	}
}

// LiT reads an image tower of an earlier run, from its folder or its exported file, and changes no bit of it.
func TestLiT(t *testing.T) {
	text := squares(t, 160)
	first, err := train(t, load(t, text, `train.length="40 steps"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	tower := func(dir string) string {
		st, _, _, err := checkpoint.Latest(filepath.Join(dir, "checkpoints"))
		if err != nil {
			t.Fatal(err)
		}
		return st.Hash("backbone/")
	}
	lit := []string{"method.clip.lock=true", "method.clip.dim=0", `train.length="60 steps"`}
	for _, from := range []string{first.Run, filepath.Join(first.Run, "export", "encoder.safetensors")} {
		sum, err := train(t, load(t, text, append(lit, fmt.Sprintf("init.from=%q", from))...), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := tower(sum.Run), tower(first.Run); got != want {
			t.Errorf("from %s: the locked tower ends as %s, it was %s", from, got, want)
		}
		status, err := experiment.ReadStatus(sum.Run)
		if err != nil || status.Init == nil || status.Init.From != from || status.Init.Step != 40 ||
			status.Init.Hash != tower(first.Run) {
			t.Errorf("run.json says %+v (%v), want step 40 of %s", status.Init, err, from)
		}
		for label, v := range scores(sum) {
			if strings.HasPrefix(label, "trained zero_shot") && strings.HasSuffix(label, "top1") && v < 0.8 {
				t.Errorf("%s is %v, want at least 0.8", label, v)
			}
		}
	}
	for _, c := range []struct {
		sets []string
		want string
	}{
		{[]string{"init.from=" + quoted(first.Run), "backbone.convnet.widths=[8,24]"}, "[16], this recipe builds [24]"},
		{[]string{"init.from=" + quoted(first.Run), "backbone.convnet.widths=[8,16,16]"},
			"is missing, this recipe builds"},
		{[]string{"init.from=" + quoted(first.Run), `init.scope="text/backbone"`}, "this recipe builds"},
		{[]string{"init.from=" + quoted(first.Run), `init.scope="nowhere"`}, "has no parameters there"},
		{[]string{"init.from=" + quoted(t.TempDir())}, "is no run folder"},
		{[]string{`init.from="nowhere.safetensors"`}, "no such file"},
	} {
		_, err := train(t, load(t, text, c.sets...), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "[init]") {
			t.Errorf("%v: got %v, want %q", c.sets, err, c.want)
		}
	}
	if _, err := recipes.Load(writeRecipe(t, text+"\n[init]\nbest = true\n"), nil, recipes.Builtin()); err == nil ||
		!strings.Contains(err.Error(), "names no weights") {
		t.Errorf("got %v, want what [init] lacks", err)
	}
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }

// Zero-shot evaluation needs texts and a method that reads them; captions that are too long name their setting.
func TestZeroShotRefusals(t *testing.T) {
	text := squares(t, 160)
	for _, c := range []struct {
		sets []string
		want string
	}{
		{[]string{`method="simclr"`}, "[method.simclr] has no tower for texts"},
		{[]string{"captions.length=2"}, `captions.length=2: 2: the caption "`},
	} {
		if _, err := train(t, load(t, text, c.sets...), nil); err == nil ||
			!strings.Contains(strings.Join(strings.Fields(err.Error()), " "), c.want) {
			t.Errorf("%v: got %v, want %q", c.sets, err, c.want)
		}
	}
	_, err := train(t, load(t, small, "evaluate.zero_shot=true"), nil)
	if err == nil || !strings.Contains(err.Error(), "[evaluate.zero_shot]") {
		t.Errorf("got %v", err)
	}
	if _, err := recipes.Load(writeRecipe(t, small+"\n[captions]\nlength = 3\n"), nil, recipes.Builtin()); err == nil ||
		!strings.Contains(err.Error(), "images with captions") {
		t.Errorf("got %v, want that the table is of other data", err)
	}
}
