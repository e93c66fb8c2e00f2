package experiment_test

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/experiment/checkpoint"
	"selfsup/recipes"
)

// moving writes sequences of a bar that moves over stripes, and returns a recipe of VideoMAE for them.
func moving(t testing.TB) string {
	return movingOver(t, 6, 220, func(_, y int) uint8 { return uint8(40 * (y % 3)) })
}

// movingOver is moving of so many sequences, with a bar of a brightness over another ground.
func movingOver(t testing.TB, sequences int, bar uint8, ground func(x, y int) uint8) string {
	t.Helper()
	dir := t.TempDir()
	for q := range sequences {
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
					v := ground(x, y)
					if x == at || x == (at+1)%8 {
						v = bar
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
	resumesAs(t, whole, 23, load(t, text))
}

// A space-time transformer begins with the weights of an image transformer's run, or of the file that it exports, and
// learns from there.
func TestInflatedFromImages(t *testing.T) {
	clips := moving(t)
	var frames string
	if _, err := fmt.Sscanf(clips[strings.Index(clips, "train = "):], "train = %q", &frames); err != nil {
		t.Fatal(err)
	}
	images, err := train(t, load(t, fmt.Sprintf(`
name = "frames"
[dataset.folder]
train = %q
channels = 1
[views]
crop_area = [0.5, 1.0]
jitter = 0.4
saturation = 0.0
hue = 0.0
grayscale = 0.0
[backbone.vit]
dim = 24
depth = 2
heads = 2
patch = 2
pool = "class"
[method.simclr]
projector = [16]
[optimizer.adamw]
rate = 1e-3
[train]
batch = 32
length = "5 steps"
[evaluate]
`, frames)), nil)
	if err != nil {
		t.Fatal(err)
	}
	learned := `backbone.vit3d.position="learned"`
	for _, from := range []string{images.Run, filepath.Join(images.Run, "export", "encoder.safetensors")} {
		for _, how := range []string{"mean", "central"} {
			sets := []string{learned, "init.from=" + quoted(from), "init.inflate=" + quoted(how)}
			sum, err := train(t, load(t, clips, append(sets, `train.length="1 step"`, "optimizer.adamw.rate=1e-20")...),
				nil)
			if err != nil {
				t.Fatal(err)
			}
			st, _, _, err := checkpoint.Latest(filepath.Join(sum.Run, "checkpoints"))
			if err != nil {
				t.Fatal(err)
			}
			first, _, _, err := checkpoint.Latest(filepath.Join(images.Run, "checkpoints"))
			if err != nil {
				t.Fatal(err)
			}
			differ := func(a, b float32) bool { return math.Abs(float64(a-b)) > 1e-9 } // a step of 1e-20 was made
			patch, tube := first.Get("backbone/patch/weight"), st.Get("backbone/patch/weight")
			for i, v := range tube.F32 {
				frame, at := i/len(patch.F32), i%len(patch.F32)
				want := patch.F32[at] / 2
				if how == "central" {
					want = patch.F32[at] * float32(frame)
				}
				if differ(v, want) {
					t.Fatalf("%s, %s: entry %d of the tubes' weights is %v, want %v", from, how, i, v, want)
				}
			}
			position, places := first.Get("backbone/position"), st.Get("backbone/position")
			for i, v := range places.F32 {
				if want := position.F32[24+i%(16*24)]; differ(v, want) { // past the class token's
					t.Fatalf("%s: entry %d of the positions is %v, want %v", from, i, v, want)
				}
			}
			for _, name := range first.Names() {
				if !strings.HasPrefix(name, "backbone/blocks/") {
					continue
				}
				for i, want := range first.Get(name).F32 {
					if v := st.Get(name).F32[i]; differ(v, want) {
						t.Fatalf("%s: entry %d of %s is %v, want %v", from, i, name, v, want)
					}
				}
			}
		}
	}
	sum, err := train(t, load(t, clips, learned, "init.from="+quoted(images.Run), `init.inflate="mean"`,
		`train.length="60 steps"`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Loss > 0.9 {
		t.Errorf("the loss ends at %v; nothing learned is 1, want at most 0.9", sum.Loss)
	}
	for _, c := range []struct {
		sets []string
		want string
	}{
		{[]string{learned}, `or inflate = "mean" where it was one of images`},
		{[]string{`init.inflate="mean"`}, `want backbone.vit3d.position = "learned"`},
		{[]string{learned, `init.inflate="mean"`, "backbone.vit3d.patch=4"}, "a frame of 8x8 has 4 patches"},
		{[]string{learned, `init.inflate="mean"`, "backbone.vit3d.depth=1"}, "this recipe builds none"},
	} {
		_, err := train(t, load(t, clips, append(c.sets, "init.from="+quoted(images.Run))...), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "[init]") {
			t.Errorf("%v: got %v, want %q", c.sets, err, c.want)
		}
	}
}

// [clips] says which frames of a clip a view shows: VideoMAE learns from views that are part of a clip, two views of a
// clip are what contrastive methods compare, and settings that the clips cannot serve fail at their line.
func TestViewsOfClips(t *testing.T) {
	text := moving(t)
	part := []string{"dataset.clips.length=8", "clips.frames=4", "clips.stride=[1, 2]"}
	sum, err := train(t, load(t, text, append(part, `train.length="150 steps"`)...), nil)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Loss > 0.85 {
		t.Errorf("the loss ends at %v; nothing learned is 1, want at most 0.85", sum.Loss)
	}
	losses := map[string]float64{}
	for _, place := range []string{"random", "fixed"} {
		sum, err := train(t, load(t, text, append(part, `method="simclr"`, "method.simclr.projector=[16]",
			`train.length="40 steps"`, "clips.place="+quoted(place))...), nil)
		if err != nil {
			t.Fatal(err)
		}
		losses[place] = sum.Loss
	}
	if losses["fixed"] >= losses["random"] {
		t.Errorf("two views of the same frames end at %v, of different ones at %v; want the latter to be harder",
			losses["fixed"], losses["random"])
	}
	for _, c := range []struct{ set, want string }{
		{"clips.frames=5", "clips.frames=5: 5: with a stride of 1 they span 5 frames, and a clip has 4; want at " +
			"most 4"},
		{"clips.frames=-1", "want 1 or more, or 0 for all frames"},
		{"clips.stride=[2, 2]", "views of all 4 frames of a clip have the stride 1; want frames above 0"},
		{"clips.stride=[2, 1]", "want the smallest and the largest step"},
		{`clips.place="there"`, `want "random", or "fixed"`},
		{`clips.fixed="there"`, `want "start", "middle" or "end"`},
	} {
		l, err := recipes.Load(writeRecipe(t, text), []string{c.set}, recipes.Builtin())
		if err == nil {
			_, err = train(t, l, nil)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "clips.") {
			t.Errorf("%s: got %v, want %q", c.set, err, c.want)
		}
	}
	_, err = recipes.Load("quickstart.toml", []string{"clips.frames=2"}, recipes.Builtin())
	if err == nil || !strings.Contains(err.Error(), "clips: is about clips, and the samples of") {
		t.Errorf("clips of images: %v", err)
	}
}
