package experiment_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"selfsup/datasets"
	"selfsup/datasets/filetest"
	"selfsup/experiment"
	"selfsup/graph/cpu/kern"
	"selfsup/recipes"
)

// ofWaves is a run of seconds on recordings of two kinds.
const ofWaves = `
name = "small"

[dataset.wav]
train = "sounds"

[windows]
length = 320

[backbone.wave]
width = 8
kernels = [8, 4]
strides = [4, 4]
context = 8

[method.cpc]
predictions = 3

[optimizer.adamw]
rate = 5e-3
scale = "none"

[train]
batch = 16
length = "23 steps"
checkpoint = "5 steps"
log = "1 step"

[evaluate.knn]
k = [5]
`

// sounds writes 60 tones in noise that rise or fall, some shorter than a window, beside a recipe of CPC.
func sounds(t testing.TB) (recipe string) {
	t.Helper()
	recipe = writeRecipe(t, ofWaves)
	for i := range 60 {
		r := datasets.NewRand(1, "sounds", uint64(i))
		kind, phase := []string{"fall", "rise"}[i%2], 0.0
		x := make([]float64, 200+r.Intn(300))
		for at := range x {
			share := float64(at) / float64(len(x))
			if kind == "fall" {
				share = 1 - share
			}
			phase += 2 * math.Pi * (200 + 1200*share) / 8000
			x[at] = 0.3*math.Sin(phase) + r.Uniform(-0.05, 0.05)
		}
		sound(t, recipe, fmt.Sprintf("%s/%d.wav", kind, i), filetest.Samples(8000, 1, x))
	}
	return recipe
}

// sound puts a file into the folder of a recipe's recordings.
func sound(t testing.TB, recipe, name string, file []byte) {
	t.Helper()
	at := filepath.Join(filepath.Dir(recipe), "sounds", filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, file, 0o666); err != nil {
		t.Fatal(err)
	}
}

func loadWaves(t testing.TB, recipe string, sets ...string) *recipes.Loaded {
	t.Helper()
	r, err := recipes.Load(recipe, sets, recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// CPC of recordings finds the next steps better and better, and is evaluated beside the untrained encoder and the mean
// spectrum, which does not tell a tone that rises from one that falls; messages speak of waves.
func TestWaves(t *testing.T) {
	var said strings.Builder
	r := loadWaves(t, sounds(t), `train.length="150 steps"`)
	sum, err := experiment.Run(r, experiment.Options{Root: t.TempDir(), Messages: &said})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(sum.Table())
	top1 := map[string]float64{}
	for _, e := range sum.Evaluations {
		if e.Metric == "top1" {
			top1[e.Representation] = e.Value
		}
	}
	if _, raw := top1["raw"]; !raw || len(top1) != 3 || top1["trained"] < top1["untrained"]+0.25 {
		t.Errorf("kNN: %v; want trained, untrained and raw, trained at least 0.25 above untrained", top1)
	}
	if strings.Contains(said.String(), "image") || !strings.Contains(said.String(), "waves") {
		t.Errorf("%q: want waves, and no word of images", said.String())
	}
	_, shapes, _ := tensors(t, filepath.Join(sum.Run, "export", "encoder.safetensors"))
	if got := fmt.Sprint(shapes["reference/waves"], shapes["reference/features"],
		shapes["backbone/context/state/weight"]); got != "[2 320 1] [2 8] [8 24]" {
		t.Errorf("export: shapes %s, want 2 windows of 320 samples, 8 features, and the GRU's weights", got)
	}
}

// listening has the recipe train a small wav2vec 2.0 network.
var listening = "backbone={wav2vec2={widths=[4,6],kernels=[8,4],strides=[4,4],dim=8,depth=2,heads=2,position=4," +
	"groups=2}}"

// spectral has its views be spectrograms that differ in every way.
var spectral = []string{"windows.spectrogram={bands=12,mix=0.4,gain=3,crop=[0.6,1.5],canvas=[1.5,1]," +
	"time_bands=1,masked_bands=1}",
	"backbone={audio_ntt={channels=4,depth=2,width=8}}"}

// A training on recordings that is interrupted and resumed ends with the same bits as one that is not, on one thread
// and on two.
func TestResumeOfWavesIsExact(t *testing.T) {
	for name, sets := range map[string][]string{
		"negatives of the batch":    {`method.cpc.negatives="batch"`},
		"negatives of the sequence": {`method.cpc.negatives="sequence"`},
		"wav2vec2":                  {listening, "method={wav2vec2={length=3,entries=4,codes=8,distractors=4,dim=8}}"},
		"hubert":                    {listening, "method={hubert={length=3,clusters=5,dim=8}}"},
		"data2vec":                  {listening, "method={data2vec_audio={length=3,layers=2,momentum=[0.9,0.99]}}"},
		"byol_a":                    append(slices.Clone(spectral), "method={byol_a={projector=[8,4],predictor=[8]}}"),
		"cola":                      append(slices.Clone(spectral), "method={cola={dim=8}}"),
	} {
		recipe := sounds(t)
		defer kern.SetThreads(kern.Threads())
		kern.SetThreads(2)
		whole, err := train(t, loadWaves(t, recipe, sets...), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		kern.SetThreads(1)
		stop := make(chan experiment.Request, 1)
		stop <- experiment.Interrupt
		_, err = train(t, loadWaves(t, recipe, sets...), stop)
		var stopped *experiment.Stopped
		if !errors.As(err, &stopped) {
			t.Fatalf("%s, interrupted: %v, want a stop", name, err)
		}
		kern.SetThreads(2)
		sum, err := experiment.Resume(stopped.Folder, recipes.Builtin(), experiment.Options{Messages: io.Discard})
		if err != nil {
			t.Fatalf("%s, resumed: %v", name, err)
		}
		if got, want := final(t, sum.Run), final(t, whole.Run); got != want {
			t.Errorf("%s: resumed run ends with %s, uninterrupted run with %s", name, got, want)
		}
		if values(whole) != values(sum) {
			t.Errorf("%s: evaluations differ: uninterrupted %s, resumed %s", name, values(whole), values(sum))
		}
	}
}

// What does not fit recordings is refused at its line, or with the file; two windows of a recording are two views.
func TestWavesRefused(t *testing.T) {
	recipe := sounds(t)
	try := func(recipe string, sets ...string) error {
		r, err := recipes.Load(recipe, sets, recipes.Builtin())
		if err == nil {
			_, err = experiment.Prepare(r)
		}
		return err
	}
	for set, want := range map[string]string{
		`backbone="resnet"`:         "[backbone.resnet]: a resnet encodes images",
		`method="mlm"`:              "this method guesses symbols",
		`method="scarf"`:            "byol, cpc, ",
		"windows.length=600":        "windows.length=600: 600: the longest recording has",
		"windows.length=0":          "windows.length=0: is not set: recordings need it",
		"windows.length=100":        "windows.length=100: 100: want at least 129 samples",
		`windows.short="refuse"`:    "0.wav has 211 samples and a window 320, and ",
		`windows.short="drop"`:      `want "pad" or "refuse"`,
		"method.cpc.predictions=20": "--set method.cpc.predictions=20: 20 of windows of 20 steps",
		"views.crop=8":              "views",
		"rows.numbers=\"none\"":     "is about rows, and the samples of dataset.wav are waves",
		`train.resolution=[{until="50%",crop=8}]`: "is about the size of views of images, and the samples of " +
			"dataset.wav " +
			"are waves",
	} {
		if err := try(recipe, set); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", set, err, want)
		}
	}
	if err := try(recipe, `method="simclr"`); err != nil {
		t.Errorf("two windows of a recording: %v", err)
	}
	if err := try(recipe, `method="simclr"`, `windows.place="fixed"`); err == nil || !strings.Contains(err.Error(),
		`windows.place = "fixed" takes the same window each time, so that a sample has one view; want "random"`) {
		t.Errorf("two views of one window: %v", err)
	}
	without := filepath.Join(filepath.Dir(recipe), "without.toml")
	text := strings.Replace(ofWaves, "[windows]\nlength = 320\n", "", 1)
	if err := os.WriteFile(without, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := try(without); err == nil || !strings.Contains(err.Error(), without) ||
		!strings.Contains(err.Error(), "[windows] length: is not set: recordings need it, in samples, such as 8000") {
		t.Errorf("without [windows]: %v", err)
	}
}

// Recordings of another rate, and stereo among mono, are refused by the file's name with what would do.
func TestMixedRecordings(t *testing.T) {
	for want, c := range map[string]struct {
		rate, channels int
		sets           []string
	}{
		"99.wav: 16000 samples a second, want 8000; resample the file": {16000, 1, nil},
		"99.wav: 2 channels, the files before have 1; set channels = 1 to average stereo": {8000, 2,
			[]string{"dataset.wav.channels=0"}},
		"0.wav: 1 channel, want channels = 2": {8000, 2, []string{"dataset.wav.channels=2"}},
	} {
		recipe := sounds(t)
		sound(t, recipe, "rise/99.wav", filetest.Samples(c.rate, c.channels, make([]float64, 800)))
		if _, err := experiment.Prepare(loadWaves(t, recipe, c.sets...)); err == nil || !strings.Contains(err.Error(),
			want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Recordings are told by a part of their names, and their labels by those of other names, beside the statistics of
// their log-mels; a part that the names have not is refused.
func TestTagsOfWaves(t *testing.T) {
	recipe := sounds(t)
	sets := []string{`dataset.wav.name='^(?P<first>[0-4])?.*(?P<last>\d)\.wav$'`, `evaluate.tags.leave_out="last"`,
		"evaluate.tags.k=3", "evaluate.tags.l2=[0.1]", "evaluate.knn=false", `train.length="2 steps"`}
	l, err := recipes.Load(recipe, append(sets, `evaluate.tags.tell=["first"]`), recipes.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	sum, err := experiment.Run(l, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, e := range sum.Evaluations {
		found[e.Metric+" of "+e.Representation] = true
		if e.Metric == "without last linear" && (len(e.Settings) != 11 || e.Settings["samples"] != 60) {
			t.Errorf("settings %v, want ten digits and 60 samples", e.Settings)
		}
		if e.Metric == "without last linear" && e.Representation == "raw" && e.Value < 0.4 {
			t.Errorf("log-mels tell %v of tones that rise or fall when a digit is left out", e.Value)
		}
	}
	for _, metric := range []string{"first knn", "first linear", "without last knn", "without last linear"} {
		for _, of := range []string{"trained", "untrained", "raw"} {
			if !found[metric+" of "+of] {
				t.Errorf("no %s of %s in %v", metric, of, found)
			}
		}
	}
	if l, err = recipes.Load(recipe, append(sets, `evaluate.tags.tell=["speaker"]`), recipes.Builtin()); err == nil {
		_, err = experiment.Prepare(l)
	}
	if err == nil || !strings.Contains(err.Error(), `asks for the tag "speaker", and the samples of dataset.wav have `+
		`first, last`) {
		t.Errorf("a tag that is not there: %v", err)
	}
}
