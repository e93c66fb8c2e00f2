package experiment_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"selfsup/experiment"
)

// A model of the next symbol has its bits a byte beside those of counts, halves of texts are looked for, samples are in
// the run folder, and a byte-pair encoding makes the symbols.
func TestTextsAreTold(t *testing.T) {
	l, err := loadTexts(t, `method="gpt"`, `backbone.transformer.form="gpt"`, `train.length="60 steps"`,
		`dataset.text.vocabulary="pairs"`, "dataset.text.size=270", "optimizer.adamw.rate=0.02", "evaluate.knn=false",
		"evaluate.told.samples=2", "evaluate.halves.texts=100")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := experiment.Run(l, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	bits, found := map[string]float64{}, 0
	for _, e := range sum.Evaluations {
		if e.Metric == "bits_per_byte" {
			bits[e.Representation] = e.Value
			if e.Representation == "trained" && (len(e.Notes) != 2 || !strings.Contains(e.Notes[0], " | ")) {
				t.Errorf("samples %q, want two texts and how they go on", e.Notes)
			}
		}
		if e.Metric == "spearman" {
			found++
		}
	}
	if !(bits["trained"] < bits["untrained"]) || !(bits["raw"] > 1 && bits["raw"] < 8) || found != 4 {
		t.Errorf("bits a byte %v, and %d rank correlations of 4 (of tf-idf too); want less than untrained", bits, found)
	}
	held := false
	files, err := filepath.Glob(filepath.Join(sum.Run, "*"))
	for _, f := range files {
		if all, err := os.ReadFile(f); err == nil && strings.Contains(string(all), "sample 1: ") {
			held = true
		}
	}
	if err != nil || !held {
		t.Errorf("no file of %q has the samples (%v)", files, err)
	}
	for set, want := range map[string]string{
		"evaluate.told.samples=1": "[evaluate.told] is of methods that tell the next"} {
		if l, err = loadTexts(t, set); err == nil {
			_, err = experiment.Prepare(l)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", set, err, want)
		}
	}
}
