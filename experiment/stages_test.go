package experiment_test

import (
	"bytes"
	"errors"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/experiment/inspect"
	"selfsup/recipes"
	"selfsup/recipes/overlay"
)

// Every stage has views and a training step of its size, all over one Store; evaluation sees the full size alone.
func TestResolutionStages(t *testing.T) {
	s, err := experiment.Prepare(load(t, small, `train.resolution=[{until="5 steps",crop=12},{until="50%",crop=20}]`))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := experiment.Prepare(load(t, small))
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := inspect.Describe(&text, s); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"until step  5 views of 12x12x1, ", "until step  12 views of 20x20x1, ",
		"views of 28x28x1\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("want %q in\n%s", want, text.String())
		}
	}
	if s.Views.Height != 28 || s.Train.FLOPs() != plain.Train.FLOPs() {
		t.Errorf("the last stage has views of %d pixels and %d FLOPs, want 28 and %d", s.Views.Height, s.Train.FLOPs(),
			plain.Train.FLOPs())
	}
	if a, b := s.Store.Hash(""), plain.Store.Hash(""); a != b {
		t.Errorf("the Store begins with %s, without stages with %s", a, b)
	}
	staged, err := train(t, load(t, small, `train.resolution=[{until="22 steps",crop=20}]`), nil)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := train(t, load(t, small), nil)
	if err != nil {
		t.Fatal(err)
	}
	if final(t, staged.Run) == final(t, whole.Run) || math.IsNaN(staged.Loss) || staged.DataWait < 0 ||
		staged.DataWait > 1 {
		t.Errorf("with a stage of smaller views the loss is %v as without, %v; data wait %v", staged.Loss, whole.Loss,
			staged.DataWait)
	}
}

// Stages that no training could have are refused before it begins.
func TestResolutionErrors(t *testing.T) {
	for _, c := range []struct{ set, want string }{
		{`train.resolution=[{until="30 steps",crop=20}]`,
			`[train.resolution[0]] until: "30 steps" is longer than the whole training (train.length = "23 steps", `},
		{`train.resolution=[{until="2 epochs",crop=20}]`,
			`[train.resolution[0]] until: "2 epochs" is 92 steps, the whole training has 23 ` +
				`(train.length = "23 steps", `},
		{`train.resolution=[{until="9 steps",crop=20},{until="9 steps",crop=24}]`,
			`[train.resolution[1]] until: "9 steps" is step 9, want a step after 9`},
		{`train.resolution=[{until="9 steps",crop=16}]&views.crops=[{count=2,size=24,area=[0.4,1.0]}]`,
			"crop = 16 beside crops"},
		{`train.resolution=[{until="9 steps",crop=1}]`, "smaller than the network's stride"},
		{`train.resolution=[{until="0 steps",crop=20}]`, "how long the views have this size"},
		{`train.resolution=[{until="9 steps",crop=0}]`, "want at least 1 pixel"},
	} {
		r, err := recipes.Load(writeRecipe(t, small), strings.Split(c.set, "&"), recipes.Builtin())
		if err == nil {
			_, err = experiment.Prepare(r)
			var misfit *experiment.RecipeError
			var placed overlay.Errors
			if !errors.As(err, &misfit) && !errors.As(err, &placed) {
				t.Errorf("%s: got %v, want a fault of the recipe", c.set, err)
			}
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.set, err, c.want)
		}
	}
	// A backbone whose weights belong to one size of view.
	r := load(t, small, `method="mae"`, "method.mae.decoder_dim=8", "method.mae.decoder_depth=1",
		"method.mae.decoder_heads=2", `backbone="vit"`, "backbone.vit.dim=8",
		"backbone.vit.depth=1", "backbone.vit.heads=2", "backbone.vit.patch=7",
		`train.resolution=[{until="9 steps",crop=14}]`)
	want := "train.resolution[0]: crop = 14: graph: backbone/position is [17,8] in the store, this graph builds [5,8]"
	if _, err := experiment.Prepare(r); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a ViT: got %v, want %q", err, want)
	}
}

// The contact sheet shows the first step, and so the first stage's size.
func TestContactSheetOfStages(t *testing.T) {
	file := filepath.Join(t.TempDir(), "grid.png")
	size := func(sets ...string) (w int) {
		if err := inspect.ContactSheet(load(t, small, sets...), 2, file); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		m, err := png.DecodeConfig(f)
		if err != nil {
			t.Fatal(err)
		}
		return m.Height
	}
	if got, want := size(`train.resolution=[{until="5 steps",crop=200}]`), size("views.crop=200"); got != want ||
		got == size() {
		t.Errorf("the sheet is %d pixels high, with views of that size %d, without %d", got, want, size())
	}
}
