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
		"evaluate.told.samples=2", "evaluate.halves.texts=100", `evaluate.told.every="20 steps"`)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := experiment.Run(l, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if b := sum.Best; b == nil || b.Evaluation != "validation told bits_per_byte" ||
		!strings.HasPrefix(sum.Validation, "validation: 16 of 80 training texts, which the training does not see") {
		t.Errorf("best %+v, %q, want bits of 16 texts that are held out", sum.Best, sum.Validation)
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

// Masked models have bits of pseudo-likelihood beside those of counts; symbols that follow from their neighbours cost a
// trained model less than that. What cannot tell hidden symbols is refused.
func TestTextsAreGuessed(t *testing.T) {
	var b strings.Builder
	b.WriteString("text,kind\n")
	for i := range 60 {
		b.WriteString(strings.Repeat("abc", 4)[i%3:][:9] + ",k\n")
	}
	for _, sets := range [][]string{{`method="mlm"`}, {`method="electra"`, "method.electra.ratio=0.4",
		"method.electra.generator_dim=16", "method.electra.weight=1"}} {
		sets = append(sets, `dataset.text.vocabulary="characters"`, "windows.length=6", `backbone="transformer"`,
			"backbone.transformer.dim=16", "backbone.transformer.depth=1", "backbone.transformer.heads=2",
			"optimizer.adamw.rate=0.02", `train.length="200 steps"`, "evaluate.guessed.texts=6",
			`dataset.text.train="g.csv"`)
		l, err := loadWords(t, map[string]string{"g.csv": b.String()}, sets...)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := experiment.Run(l, experiment.Options{Root: t.TempDir(), Messages: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		bits := map[string]float64{}
		for _, e := range sum.Evaluations {
			if e.Metric == "pseudo_bits_per_byte" {
				bits[e.Representation] = e.Value
			}
		}
		// By counts each of three letters costs log2(3) = 1.58 bits, and a letter has one byte.
		if !(bits["trained"] < 1.4) || !(bits["untrained"] > 1.8) || !(bits["raw"] > 1.5 && bits["raw"] < 1.8) {
			t.Errorf("%s: bits a byte %v, want less than 1.4 trained and 1.58 by counts", sets[0], bits)
		}
	}
	for _, method := range []string{"simcse", "t5", "bart", "ul2"} {
		l, err := loadTexts(t, `method="`+method+`"`, "evaluate.guessed=true")
		if err == nil {
			_, err = experiment.Prepare(l)
		}
		if err == nil || !strings.Contains(err.Error(), "want mlm, bert, declutr, electra or coco_lm") {
			t.Errorf("%s: %v, want a word of the methods that tell hidden symbols", method, err)
		}
	}
}
