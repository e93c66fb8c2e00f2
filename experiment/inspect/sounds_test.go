package inspect

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"selfsup/datasets/filetest"
)

// smallSounds makes the papers' recipes of recordings small enough for every test run.
var smallSounds = map[string][]string{
	"audioset-byol_a.toml": {"windows.length=4000", "backbone.audio_ntt.channels=4", "backbone.audio_ntt.width=16",
		"method.byol_a.projector=[16,8]", "method.byol_a.predictor=[16]"},
	"audioset-cola.toml": {"windows.length=4000", "backbone.audio_ntt.channels=4", "backbone.audio_ntt.width=16",
		"method.cola.dim=8"},
	"audioset-mae.toml": {"windows.length=5120", "backbone.vit.depth=1", "backbone.vit.dim=24", "backbone.vit.heads=2",
		"method.audio_mae.decoder_dim=16", "method.audio_mae.decoder_depth=1", "method.audio_mae.decoder_heads=2"},
	"librispeech-data2vec.toml": append([]string{"method.data2vec_audio.layers=1"}, smallWaves...),
	"librispeech-hubert.toml":   append([]string{"method.hubert.clusters=4", "method.hubert.dim=8"}, smallWaves...),
	"librispeech-wav2vec2.toml": append([]string{"method.wav2vec2.entries=4", "method.wav2vec2.codes=8",
		"method.wav2vec2.dim=8", "method.wav2vec2.distractors=3"}, smallWaves...),
}

// smallWaves is the transformer of waves with one block, on windows of a third of a second.
var smallWaves = []string{"windows.length=5520", "backbone.wav2vec2.widths=[8,8,8,8,8,8,8]", "backbone.wav2vec2.dim=16",
	"backbone.wav2vec2.depth=1", "backbone.wav2vec2.heads=2", "backbone.wav2vec2.position=4",
	"backbone.wav2vec2.groups=2"}

// Every recipe of a paper's settings on AudioSet and LibriSpeech builds and runs two steps, of a small size, on tones.
func TestPaperRecipesOfSoundsRun(t *testing.T) {
	dir := t.TempDir()
	for i := range 12 {
		x := make([]float64, 6000)
		for at := range x {
			x[at] = 0.4 * math.Sin(float64(at)*(0.05+0.02*float64(i)))
		}
		name := filepath.Join(dir, fmt.Sprintf("%d.wav", i))
		if err := os.WriteFile(name, filetest.Samples(16000, 1, x), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	const folder = "../../recipes/sounds/"
	for _, pattern := range []string{"audioset-*.toml", "librispeech-*.toml"} {
		files, err := filepath.Glob(folder + pattern)
		if err != nil || len(files) != 3 {
			t.Fatalf("%s: %v (%v), want three recipes", pattern, files, err)
		}
		for _, file := range files {
			t.Run(filepath.Base(file), func(t *testing.T) {
				sets, ok := smallSounds[filepath.Base(file)]
				if !ok {
					t.Fatal("it has no small size")
				}
				s := prepare(t, file, append([]string{"dataset.wav.train=" + dir, "train.batch=4",
					"evaluate.rankme=false"}, sets...)...)
				runTwoSteps(t, s)
			})
		}
	}
}
