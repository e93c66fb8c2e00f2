package evaluations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"selfsup/setting"
)

// tunerOf scores ten samples of three classes, of which it has so many right at a rate; below 0 it diverges.
func tunerOf(right map[float64]int, calls *[]string) *Tuner {
	train := func(_ context.Context, rate float64, choose bool) ([]float32, []int32, error) {
		*calls = append(*calls, fmt.Sprint(rate, " ", choose))
		n := right[rate]
		if n < 0 {
			return nil, nil, &Diverged{Rate: rate, Step: 3}
		}
		scores, labels := make([]float32, 30), make([]int32, 10)
		for i := range labels {
			labels[i] = int32(i % 3)
			class := i % 3
			if i >= n {
				class = (class + 1) % 3
			}
			scores[3*i+class] = 1
		}
		return scores, labels, nil
	}
	return &Tuner{Tuning: DefaultFinetune().Tuning, Train: train}
}

// The rate that is most often right on the split is taken, of equals the smallest, and is trained again for the test
// set; a training that diverges is passed over.
func TestFinetuneChooses(t *testing.T) {
	p := DefaultFinetune()
	p.Rates = []float64{0.1, 1e-3, 0.01, 1}
	var calls []string
	rs, err := p.Evaluate(context.Background(), Features{Classes: 3, Tuner: tunerOf(map[float64]int{1e-3: 4, 0.01: 7,
		0.1: 7, 1: -1}, &calls)})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"0.001 true", "0.01 true", "0.1 true", "1 true", "0.01 false"}; !slices.Equal(calls, want) {
		t.Errorf("trainings %q, want %q", calls, want)
	}
	r := rs[0]
	if r.Value != 0.7 || r.Metric != "top1" || r.Settings["rate"] != 0.01 || len(r.Hits) != 10 || len(r.Notes) != 1 ||
		!strings.Contains(r.Notes[0], "the rate 1 diverged") {
		t.Errorf("%+v, want top1 of 0.7 at the rate 0.01, and a note that 1 diverged", r)
	}

	calls, p.Rates = nil, []float64{0.1}
	if rs, err = p.Evaluate(context.Background(), Features{Classes: 3,
		Tuner: tunerOf(map[float64]int{0.1: 10}, &calls)}); err != nil || rs[0].Value != 1 ||
		!slices.Equal(calls, []string{"0.1 false"}) {
		t.Errorf("one rate: %+v, %v, trainings %q; want one training", rs, err, calls)
	}
	var diverged *Diverged
	_, err = p.Evaluate(context.Background(), Features{Classes: 3, Tuner: tunerOf(map[float64]int{0.1: -1}, &calls)})
	if !errors.As(err, &diverged) || diverged.Step != 3 {
		t.Errorf("one rate that diverges: %v", err)
	}
	p.Rates = []float64{0.1, 1}
	_, err = p.Evaluate(context.Background(), Features{Classes: 3,
		Tuner: tunerOf(map[float64]int{0.1: -1, 1: -1}, &calls)})
	if err == nil || !strings.Contains(err.Error(), "all of rates = [0.1 1] diverged") {
		t.Errorf("all rates diverge: %v", err)
	}
}

// Settings that cannot work are refused with their key; an encoder from scratch learns as a whole at one rate.
func TestFinetuneSettings(t *testing.T) {
	for key, change := range map[string]func(p *Finetune){
		"rates":       func(p *Finetune) { p.Rates = nil },
		"rates ":      func(p *Finetune) { p.Rates = []float64{0.1, 0.1} },
		"length":      func(p *Finetune) { p.Length = setting.Percent(50) },
		"warmup":      func(p *Finetune) { p.Warmup = setting.Epochs(21) },
		"batch":       func(p *Finetune) { p.Batch = 1 },
		"optimizer":   func(p *Finetune) { p.Optimizer = "lars" },
		"layer_decay": func(p *Finetune) { p.LayerDecay = 0 },
		"blocks":      func(p *Finetune) { p.Blocks = -1 },
		"drop_path":   func(p *Finetune) { p.DropPath = 1 },
		"smoothing":   func(p *Finetune) { p.Smoothing = 1 },
		"augment":     func(p *Finetune) { p.Augment = "flip" },
		"crop_area":   func(p *Finetune) { p.CropArea = [2]float64{0.5, 0.2} },
		"flip":        func(p *Finetune) { p.Flip = 2 },
		"clip":        func(p *Finetune) { p.Clip = -1 },
		"beta2":       func(p *Finetune) { p.Beta2 = 1 },
		"momentum":    func(p *Finetune) { p.Momentum = 1 },
	} {
		p := DefaultFinetune()
		change(p)
		var bad interface{ BadKey() (key, text string) }
		if err := p.Validate(); !errors.As(err, &bad) {
			t.Errorf("%s: %v, want an error with its key", key, err)
		} else if got, _ := bad.BadKey(); got != strings.TrimSpace(key) {
			t.Errorf("%s: %v", key, err)
		}
	}
	p := DefaultFinetune()
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	p.Blocks, p.DropPath = 2, 0.1
	if s := p.Scratch(); s.LayerDecay != 1 || s.Blocks != 0 || s.DropPath != 0 || s.Batch != p.Batch {
		t.Errorf("from scratch: %+v", s)
	}
}
