package experiment_test

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

// moving writes sequences of a bar that moves over stripes, and returns a recipe of VideoMAE for them.
func moving(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for q := range 6 {
		way := []string{"left", "right"}[q%2]
		seq := filepath.Join(dir, way, fmt.Sprint("s", q))
		if err := os.MkdirAll(seq, 0o755); err != nil {
			t.Fatal(err)
		}
		for f := range 40 {
			m := image.NewGray(image.Rect(0, 0, 8, 8))
			at := (f + q) % 8
			if way == "left" {
				at = 7 - at
			}
			for y := range 8 {
				for x := range 8 {
					v := uint8(40 * (y % 3))
					if x == at || x == (at+1)%8 {
						v = 220
					}
					m.SetGray(x, y, color.Gray{v})
				}
			}
			out, err := os.Create(filepath.Join(seq, fmt.Sprintf("%04d.png", f)))
			if err != nil {
				t.Fatal(err)
			}
			if err := png.Encode(out, m); err != nil {
				t.Fatal(err)
			}
			out.Close()
		}
	}
	return fmt.Sprintf(`
name = "moving"
[dataset.clips]
train = %q
length = 4
step = 1
channels = 1
[views]
crop_area = [1.0, 1.0]
crop_ratio = [1.0, 1.0]
flip = 0.0
jitter = 0.0
saturation = 0.0
hue = 0.0
grayscale = 0.0
[backbone.vit3d]
dim = 24
depth = 2
heads = 2
patch = 2
tube = 2
[method.videomae]
mask = 0.5
decoder_dim = 16
decoder_depth = 1
decoder_heads = 2
[optimizer.adamw]
rate = 5e-3
scale = "none"
[train]
batch = 32
length = "23 steps"
checkpoint = "5 steps"
log = "1 step"
[evaluate.knn]
k = [5]
`, dir)
}

// VideoMAE paints better and better, is evaluated beside the mean frame, and resumes to the same bits.
func TestVideoMAELearnsAndResumes(t *testing.T) {
	text := moving(t)
	long, err := train(t, load(t, text, `train.length="150 steps"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(long.Table())
	if long.Loss > 0.7 {
		t.Errorf("the loss ends at %v; nothing learned is 1, want at most 0.7", long.Loss)
	}
	got := scores(long)
	for _, rep := range []string{"trained", "untrained", "raw"} {
		found := false
		for label := range got {
			found = found || strings.HasPrefix(label, rep+" knn")
		}
		if !found {
			t.Errorf("%s is not evaluated: %v", rep, got)
		}
	}
	whole, err := train(t, load(t, text), nil)
	if err != nil {
		t.Fatal(err)
	}
	root, stop := t.TempDir(), make(chan experiment.Request, 1)
	stop <- experiment.Interrupt
	if _, err := experiment.Run(load(t, text), experiment.Options{Root: root, Messages: io.Discard,
		Stop: stop}); err == nil {
		t.Fatal("was not stopped")
	}
	dirs, _ := filepath.Glob(filepath.Join(root, "*"))
	sum, err := experiment.Resume(dirs[0], recipes.Builtin(), experiment.Options{Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := final(t, sum.Run), final(t, whole.Run); a != b {
		t.Errorf("resumed run ends with %s, uninterrupted run with %s", a, b)
	}
}
