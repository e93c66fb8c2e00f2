package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// smallRecipe writes a recipe on a folder of pictures that trains for 2 epochs of 4 steps: 2 classes, 48 training and
// 12 test images.
func smallRecipe(t *testing.T, more string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "r.toml")
	text := fmt.Sprintf(`name = "f"
[dataset.folder]
train = %q
[views]
crop = 28
[backbone.convnet]
widths = [8, 16]
[method.simclr]
projector = [32, 16]
[optimizer.sgd]
rate = 0.1
%s
[train]
batch = 12
length = "2 epochs"
[evaluate.knn]
`, pictures(t, 30, 0, "a", "b"), more)
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// A part of the training that is longer than the training is refused before it begins, in every unit, where the value
// was written; what happens every so often and then never, is said.
func TestLengthsBeyondTheTraining(t *testing.T) {
	const inFile = "    warmup = \"100 epochs\"\n             ^^^^^^^^^^^^"
	for _, c := range []struct {
		more string
		sets []string
		want []string
	}{
		{more: `warmup = "100 epochs"`,
			want: []string{
				`r.toml:12:10: [optimizer.sgd] warmup: "100 epochs" is longer than the whole training ` +
					`(train.length = "2 epochs", `, "r.toml:15): want at most that", inFile}},
		{sets: []string{"optimizer.sgd.warmup=100 epochs"},
			want: []string{`--set optimizer.sgd.warmup=100 epochs: "100 epochs" is longer`}},
		{sets: []string{"optimizer.sgd.warmup=9 steps"},
			want: []string{`--set optimizer.sgd.warmup=9 steps: "9 steps" is 9 steps, the whole training has 8`}},
		{more: `warmup = "2 epochs"`, sets: []string{"train.length=7 steps"},
			want: []string{
				`r.toml:12:10: [optimizer.sgd] warmup: "2 epochs" is 8 steps, the whole training has 7 ` +
					`(train.length = "7 steps", --set)`}},
		{more: "warmup = \"2 epochs\"\n[[train.resolution]]\ncrop = 20\nuntil = \"3 epochs\"",
			want: []string{`r.toml:15:9: [train.resolution[0]] until: "3 epochs" is longer than the whole training`,
				"    until = \"3 epochs\"\n            ^^^^^^^^^^"}},
		{sets: []string{"method=byol", "method.byol.predictor_steps=9"},
			want: []string{`--set method.byol.predictor_steps=9: "9 steps" is 9 steps, the whole training has 8`}},
		{sets: []string{"optimizer.sgd.warmup=200%"}, want: []string{`"200%" is more than the whole training`}},
	} {
		args := []string{"run", smallRecipe(t, c.more), "--runs", t.TempDir()}
		for _, s := range c.sets {
			args = append(args, "--set", s)
		}
		status, out, errs := call(args...)
		if status != 2 || out != "" {
			t.Errorf("%s %v: status %d, want 2; %s", c.more, c.sets, status, errs)
		}
		for _, want := range c.want {
			if !strings.Contains(errs, want) {
				t.Errorf("%s %v: want %q in %s", c.more, c.sets, want, errs)
			}
		}
	}
	status, _, errs := call("run", smallRecipe(t, `warmup = "8 steps"`), "--runs", t.TempDir(), "--set",
		"evaluate.knn.every=10 epochs", "--set", "train.checkpoint=9 steps")
	for _, want := range []string{
		`evaluate.knn.every = "10 epochs" is longer than the training ("2 epochs"): it is evaluated at the end only`,
		`train.checkpoint = "9 steps" is longer than the training ("2 epochs"): a checkpoint is written ` +
			`at the end only`,
	} {
		if status != 0 || !strings.Contains(errs, want) {
			t.Errorf("status %d, want 0; want %q in\n%s", status, want, errs)
		}
	}
	if strings.Contains(errs, "train.log") {
		t.Errorf("a default that nobody wrote is said:\n%s", errs)
	}
}
