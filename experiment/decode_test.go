package experiment_test

import (
	"errors"
	"image/png"
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

// A run's backbone and projector are decoded into a sheet by models of their own, which leave the run as it is; a
// training that stops on its way and goes on ends with the same bits; a model of other settings is refused, and so is
// what cannot be decoded.
func TestDecode(t *testing.T) {
	sum, err := train(t, load(t, small), nil)
	if err != nil {
		t.Fatal(err)
	}
	trained := final(t, sum.Run)
	o := experiment.DefaultDecode()
	o.Steps, o.Batch, o.Noises, o.Back, o.Widths, o.Images, o.Samples = 6, 8, 20, 5, []int{8, 8}, 2, 3
	o.Output = filepath.Join(t.TempDir(), "sheet.png")
	decode := func(o experiment.DecodeOptions) ([]*experiment.Decoded, error) {
		return experiment.Decode(sum.Run, o, recipes.Builtin(), experiment.Options{Messages: io.Discard})
	}
	models := func() (sums [2]string) {
		for i, of := range []string{"backbone", "projector"} {
			st, m, _, err := checkpoint.Latest(filepath.Join(sum.Run, "decode", of))
			if err != nil || st == nil || m.Step != o.Steps {
				t.Fatalf("the model of the %s is at step %d (%v), want %d", of, m.Step, err, o.Steps)
			}
			sums[i] = st.Hash("")
		}
		return sums
	}
	whole, err := decode(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(whole) != 2 || whole[0].Representation != "backbone" ||
		!strings.HasPrefix(whole[1].Representation, "proj") ||
		len(whole[0].Variance) != 2 || !(whole[0].MeanVariance() > 0) || !(whole[0].ToNearest > 0) {
		t.Fatalf("got %+v", whole)
	}
	f, err := os.Open(o.Output)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if m, err := png.Decode(f); err != nil || m.Bounds().Dx() < 6*32 {
		t.Errorf("the sheet: %v, want six columns of images", err)
	}
	if final(t, sum.Run) != trained {
		t.Error("decoding changed the run's checkpoint")
	}
	want := models()
	if err := os.RemoveAll(filepath.Join(sum.Run, "decode")); err != nil {
		t.Fatal(err)
	}
	part := o
	part.Steps = 4
	if _, err := decode(part); err != nil {
		t.Fatal(err)
	}
	again, err := decode(o)
	if err != nil {
		t.Fatal(err)
	}
	if got := models(); got != want {
		t.Errorf("the models that stopped and went on have %v, the others %v", got, want)
	}
	if again[0].MeanVariance() != whole[0].MeanVariance() || again[1].ToImage != whole[1].ToImage {
		t.Errorf("samples differ: %v and %v", again[0], whole[0])
	}
	ddpm := o
	ddpm.Sampler, ddpm.Projector = "ddpm", 0
	if all, err := decode(ddpm); err != nil || len(all) != 1 || all[0].MeanVariance() == whole[0].MeanVariance() {
		t.Errorf("by DDPM: %v (%v), want the backbone alone, and other samples", all, err)
	}
	for want, change := range map[string]func(o *experiment.DecodeOptions){
		"holds a model of other settings":   func(o *experiment.DecodeOptions) { o.Widths = []int{16} },
		`sampler: "euler": want "ddim" or`:  func(o *experiment.DecodeOptions) { o.Sampler = "euler" },
		"back: 30: want 1 to 20 steps":      func(o *experiment.DecodeOptions) { o.Back = 30 },
		"the projector of [method":          func(o *experiment.DecodeOptions) { o.Projector = 9 },
		"want multiples of groups = 8":      func(o *experiment.DecodeOptions) { o.Widths = []int{9} },
		`schedule "none", want "linear" or`: func(o *experiment.DecodeOptions) { o.Schedule = "none" },
		"cannot be halved": func(o *experiment.DecodeOptions) {
			o.Widths = slices.Repeat(o.Widths, 4)
		},
		"samples: 1: want at least 2": func(o *experiment.DecodeOptions) { o.Samples = 1 },
	} {
		other := o
		change(&other)
		if _, err := decode(other); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	waves, err := experiment.Run(loadWaves(t, sounds(t), `train.length="1 step"`, `train.checkpoint="1 step"`),
		experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	_, err = experiment.Decode(waves.Run, o, recipes.Builtin(), experiment.Options{Messages: io.Discard})
	if refused := (*experiment.RecipeError)(nil); !errors.As(err, &refused) || !strings.Contains(err.Error(),
		"the samples of this run are waves") {
		t.Errorf("waves: %v", err)
	}
}
