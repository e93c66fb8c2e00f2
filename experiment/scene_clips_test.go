package experiment_test

import (
	"strings"
	"testing"

	"selfsup/recipes"
)

// sceneClips is a recipe of few small clips of scenes, for a method.
const sceneClips = `
name = "scene-clips"
[dataset.scenes]
samples = "clips"
count = 40
held = 16
size = 16
objects = [1, 1]
frames = 4
[views]
crop_area = [0.7, 1.0]
flip = 0.5
jitter = 0.0
grayscale = 0.0
[windows.spectrogram]
bands = 16
hop = 25.0
[backbone.per_frame.tower.convnet]
widths = [4, 8]
[optimizer.adamw]
rate = 1e-3
scale = "none"
[train]
batch = 8
length = "6 steps"
[evaluate]
linear = false
knn = false
`

// sceneMethods are methods that learn from clips of scenes, each with the evaluations that are its own.
var sceneMethods = map[string]struct {
	recipe  string
	measure []string // metrics that are there, trained and untrained
}{
	"av_contrast": {`
[method.av_contrast]
projector = [8, 8]
[method.av_contrast.sound.convnet]
widths = [4]
[evaluate.sound_retrieval]
[evaluate.state]
`, []string{"sound_retrieval sound R@1", "sound_retrieval clip R@10", "state r2 of camera right"}},
	"avc": {`
[method.avc]
width = 8
[method.avc.sound.convnet]
widths = [4]
`, nil},
	"ambient_sound": {`
[method.ambient_sound]
clusters = 4
[evaluate.motion]
`, []string{"motion r2", "motion r2 of own speed", "motion r2 of log depth"}},
	"ego_motion": {`
[method.ego_motion]
bins = 5
width = 8
[evaluate.state]
frames = true
[evaluate.camera]
`, []string{"state r2 of camera right", "camera r2", "camera r2 of down"}},
	"moving_objects": {`
[method.moving_objects]
width = 4
[evaluate.moving]
`, []string{"moving iou", "moving best iou", "moving constant iou"}},
	"monodepth": {`
[method.monodepth]
width = 4
scales = 2
depths = [0.5, 10.0]
[evaluate.depth]
`, []string{"depth abs_rel", "depth rmse", "depth delta", "depth constant abs_rel"}},
	"videomae": {`
[backbone.vit3d]
dim = 8
depth = 1
heads = 2
patch = 4
tube = 2
[method.videomae]
mask = 0.5
decoder_dim = 8
decoder_depth = 1
decoder_heads = 2
[evaluate.motion]
`, []string{"motion r2 of motion right"}},
	"monodepth, known camera": {`
[method.monodepth]
width = 4
scales = 2
camera = "known"
`, nil},
}

// Every method of clips of scenes is measured by what the scenes know, trained and untrained, and goes on after an
// interruption to the same bits.
func TestSceneClips(t *testing.T) {
	for name, c := range sceneMethods {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := sceneClips + c.recipe
			if strings.Contains(text, "[backbone.vit3d]") {
				text = strings.Replace(text, "[backbone.per_frame.tower.convnet]\nwidths = [4, 8]\n", "", 1)
			}
			whole, err := train(t, load(t, text), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.measure {
				for _, of := range []string{"trained", "untrained"} {
					found := false
					for _, e := range whole.Evaluations {
						found = found || e.Representation == of && e.Protocol+" "+e.Metric == want
					}
					if !found {
						t.Errorf("nothing says %s of the %s encoder", want, of)
					}
				}
			}
			resumesAs(t, whole, 6, load(t, text))
		})
	}
}

// What clips, methods and evaluations of scenes lack is said where it is asked for.
func TestSceneClipsRefusals(t *testing.T) {
	for _, c := range []struct{ recipe, want string }{
		{"[method.simclr]\nprojector = [8]\n[evaluate.sound_retrieval]\n", "[method.simclr] has no common space"},
		{"[method.avc]\n[evaluate.camera]\n", "tells how the camera moves"},
		{"[method.ego_motion]\n[evaluate.depth]\n", "tells depth of every pixel"},
		{"[method.moving_objects]\n[evaluate.depth]\n", "tells depth of every pixel"},
		{"[method.moving_objects]\n[clips]\nframes = 1\n", "2 frames or more"},
		{"[method.avc]\n[windows]\nlength = 9000\n", "[windows] length"},
	} {
		waves := strings.Replace(sceneClips, "[windows.spectrogram]\nbands = 16\nhop = 25.0\n", "", 1)
		l, err := recipes.Load(writeRecipe(t, waves+c.recipe), nil, recipes.Builtin())
		if err == nil {
			_, err = train(t, l, nil)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.recipe, err, c.want)
		}
	}
}
