package experiment_test

import (
	"io"
	"strings"
	"testing"

	"selfsup/experiment"
	"selfsup/recipes"
)

const detected = `
name = "detected"
[dataset.scenes]
count = 60
held = 20
size = 32
objects = [1, 3]
[views]
crop = 32
[backbone.convnet]
widths = [8, 16]
[method.METHOD]
[optimizer.adamw]
[train]
batch = 10
length = "3 steps"
[evaluate.detection]
images = 40
length = "2 epochs"
batch = 10
`

func runDetected(t *testing.T, method string, sets ...string) (map[string]float64, *experiment.Summary) {
	t.Helper()
	r, err := recipes.Load(writeRecipe(t, strings.Replace(detected, "METHOD", method, 1)), sets, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, e := range sum.Evaluations {
		got[e.Representation+" "+e.Label()] = e.Value
	}
	return got, sum
}

// Detectors that learn without labels and with them train, and lend their weights to a detector that is trained with
// labels; the untrained encoder has a new one. A method without a detector lends its encoder alone.
func TestDetection(t *testing.T) {
	for method, lends := range map[string]bool{"detreg": true, "updetr": true, "detr": true, "simclr": false} {
		t.Run(method, func(t *testing.T) {
			var sets []string
			if method == "simclr" {
				sets = []string{"method.simclr.projector=[16,8]"}
			}
			got, sum := runDetected(t, method, sets...)
			for _, of := range []string{"trained", "untrained"} {
				for _, metric := range []string{"ap", "ap50", "ap75"} {
					if v, ok := got[of+" detection "+metric]; !ok || v < 0 || v > 1 {
						t.Errorf("%s %s is %v (%v); all: %v", of, metric, v, ok, got)
					}
				}
			}
			for _, e := range sum.Evaluations {
				if lent := e.Settings["lent"].(int); (lent > 10) != (lends && e.Representation == "trained") {
					t.Errorf("%s began with %d parameters of a detector", e.Representation, lent)
				}
			}
			if sum.TestImages != 20 {
				t.Errorf("the table says %d test images, want 20", sum.TestImages)
			}
		})
	}
}

// Without classes boxes alone are told, and measured.
func TestDetectionOfOneClass(t *testing.T) {
	got, _ := runDetected(t, "detreg", "evaluate.detection.one_class=true")
	for _, of := range []string{"trained", "untrained"} {
		if v, ok := got[of+" detection ap object"]; !ok || v < 0 || v > 1 || got[of+" detection ap"] != v {
			t.Errorf("%s: ap of objects is %v (%v) and ap %v, want them alike; all: %v", of, v, ok,
				got[of+" detection ap"], got)
		}
	}
	for key := range got {
		if strings.Contains(key, "ap bird") {
			t.Errorf("%s: a class is told apart", key)
		}
	}
}

// The same evaluation gives the same numbers, and another detector where the run's is not to be used.
func TestDetectionAgain(t *testing.T) {
	a, _ := runDetected(t, "detreg", "baselines.untrained=false")
	b, _ := runDetected(t, "detreg", "baselines.untrained=false", "train.workers=1")
	fresh, sum := runDetected(t, "detreg", "baselines.untrained=false", "evaluate.detection.fresh=true",
		"evaluate.detection.queries=20")
	same := true
	for key, v := range a {
		if b[key] != v {
			t.Errorf("%s is %v and %v", key, v, b[key])
		}
		same = same && fresh[key] == v
	}
	if same || sum.Evaluations[0].Settings["lent"].(int) != 0 {
		t.Errorf("a new detector gives the same numbers %v, with %v parameters lent", fresh,
			sum.Evaluations[0].Settings["lent"])
	}
}

// A CLIP names what a detector without classes finds, also where it was never shown a box of the class.
func TestOpenVocabulary(t *testing.T) {
	text := strings.Replace(detected, "[method.METHOD]",
		"[method.clip]\ndim = 8\n[method.clip.text.symbols]\ndim = 8\n"+
			"hidden = []", 1)
	text = strings.Replace(text, "[evaluate.detection]",
		"[evaluate.open_vocabulary]\nwithheld = [\"bird\", \"shoe\"]", 1)
	r, err := recipes.Load(writeRecipe(t, text), []string{"dataset.scenes.held=60"}, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, e := range sum.Evaluations {
		got[e.Representation+" "+e.Label()] = e.Value
	}
	for _, metric := range []string{"ap", "ap50", "base_ap50", "chance_ap50"} {
		if v, ok := got["trained open_vocabulary "+metric]; !ok || v < 0 || v > 1 {
			t.Errorf("%s is %v (%v); all: %v", metric, v, ok, got)
		}
	}
	for key := range got {
		if strings.Contains(key, "ap flower") {
			t.Errorf("%s: a class with boxes is among the withheld ones", key)
		}
	}
}

// Data without boxes, backbones without maps, detectors that do not fit, and classes that there are not are refused
// before the training.
func TestDetectionIsRefused(t *testing.T) {
	open := []string{"evaluate.detection=false", `method="clip"`, `method.clip.text="symbols"`,
		`evaluate.open_vocabulary.withheld=["dragon"]`}
	for want, sets := range map[string][]string{
		"[evaluate.detection] needs images with boxes, such as of dataset.scenes": {`dataset="fashion_mnist_4k"`,
			`method="simclr"`},
		"needs feature maps or tokens, and backbone.mlp has none":        {`backbone="mlp"`, `method="simclr"`},
		"up to 3 boxes; want at least as many":                           {"evaluate.detection.queries=2"},
		"want the same settings, or fresh = true":                        {"evaluate.detection.dim=32"},
		"needs boxes to test on":                                         {"dataset.scenes.held=0"},
		`"dragon" is no class of dataset.scenes; want some of ["bird"`:   open,
		"5: want at least batch = 10":                                    {"evaluate.detection.images=5"},
		"boxes of views that views.rotate turns, shears or replaces are": {`method="detr"`, "views.rotate=0.5"},
		"the method asks the data for box_classes: images have no field": {`method="detr"`, `dataset="emoji_32"`,
			"evaluate.detection=false"},
	} {
		r, err := recipes.Load(writeRecipe(t, strings.Replace(detected, "METHOD", "detreg", 1)), sets,
			recipes.Builtin())
		if err == nil {
			_, err = experiment.Prepare(r)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", sets, err, want)
		}
	}
}
