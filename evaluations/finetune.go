package evaluations

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"selfsup/graph/optim"
	"selfsup/setting"
)

// Finetune is how well a copy of the encoder with a linear classifier does after both were trained end to end on the
// labelled training images. The untrained encoder beside it is trained from scratch in the same way, but for layer
// decay, blocks and drop path: all of it learns at one rate, as there is nothing to keep. Of several learning rates
// each representation has the one that is most often right on the validation split, of equals the smallest, and is
// then trained again on all labelled training images.
//
// He et al. 2022, arXiv:2111.06377, section 4.4 and app. A.1; Bao et al. 2022, arXiv:2106.08254, app. H. Mixup, CutMix
// and moving averages of their recipes are left out. It runs at the end alone, and leaves the run's encoder as it is.
type Finetune struct {
	AtEnd
	// peak, for 256 samples a step; of several the best on the validation split
	Rates []float64 `toml:"rates"`
	Tuning
}

// Tuning is how an encoder is trained end to end with labels.
type Tuning struct {
	Length      setting.Length `toml:"length"`       // of a training, in epochs or steps of its own
	Batch       int            `toml:"batch"`        // samples of a step
	Warmup      setting.Length `toml:"warmup"`       // from 0 to the peak, from which half a cosine falls to 0
	Optimizer   string         `toml:"optimizer"`    // adamw | sgd
	WeightDecay float64        `toml:"weight_decay"` // not of biases and norms
	Beta2       float64        `toml:"beta2"`        // of AdamW's mean squared gradient
	Momentum    float64        `toml:"momentum"`     // of SGD's steps; AdamW's beta1 is 0.9
	Clip        float64        `toml:"clip"`         // largest norm of all gradients together; 0: any
	// factor of the rate from one layer of the encoder to the one below it; 1: all alike, as in encoders that count no
	// layers (wave, dbn)
	LayerDecay float64 `toml:"layer_decay"`
	// layers at the top of the encoder that are trained, with what has no layer (a final norm); those below stay as
	// they are. 0: all are trained
	Blocks    int     `toml:"blocks"`
	DropPath  float64 `toml:"drop_path"` // stochastic depth of the last block, a probability; 0 in the first
	Smoothing float64 `toml:"smoothing"` // part of the target spread evenly over the classes
	// crop: a random part of an image, flipped or not | recipe: the training views of the recipe | none. Data that are
	// no images have the recipe's in place of crop
	Augment  string     `toml:"augment"`
	CropArea [2]float64 `toml:"crop_area"` // smallest and largest fraction of the area, of augment = "crop"
	Flip     float64    `toml:"flip"`      // probability, of augment = "crop"
}

// Values of Tuning.Augment.
const (
	AugmentCrop   = "crop"
	AugmentRecipe = "recipe"
	AugmentNone   = "none"
)

// Values of Tuning.Optimizer.
const adamW, sgd = "adamw", "sgd"

// DefaultFinetune is a short training of a small encoder, whose rates are higher than those of the papers' large ones:
// MAE's ViT-B has 5e-4 for 256 images, 100 epochs, layer_decay = 0.65 and drop_path = 0.1.
func DefaultFinetune() *Finetune {
	return &Finetune{Rates: []float64{2e-3, 1e-2}, Tuning: Tuning{
		Length: setting.Epochs(20), Batch: 64, Warmup: setting.Percent(10), Optimizer: adamW, WeightDecay: 0.05,
		Beta2: 0.999, Momentum: 0.9, LayerDecay: 0.75, Smoothing: 0.1, Augment: AugmentCrop,
		CropArea: [2]float64{0.5, 1}, Flip: 0.5,
	}}
}

// Validate checks the settings.
func (p *Finetune) Validate() error {
	bad := []error{p.Tuning.check()}
	if len(p.Rates) == 0 {
		bad = append(bad, setting.Bad("rates", "no numbers: want at least one, such as [1e-3]"))
	}
	for i, v := range p.Rates {
		if !(v > 0) || slices.Contains(p.Rates[:i], v) {
			bad = append(bad, setting.Bad("rates", "%v: want numbers above 0, each once", p.Rates))
			break
		}
	}
	return errors.Join(bad...)
}

// check says what is wrong with the settings of a training.
func (t *Tuning) check() error {
	var bad []error
	check := func(ok bool, key, format string, args ...any) {
		if !ok {
			bad = append(bad, setting.Bad(key, format, args...))
		}
	}
	check(!t.Length.Relative() && !t.Length.IsZero(), "length",
		"%q: want a length such as \"20 epochs\" or \"500 steps\"", t.Length)
	check(t.Warmup.Relative() && t.Warmup.Count <= 100 || t.Warmup.Unit != t.Length.Unit && !t.Warmup.Relative() ||
		t.Warmup.Unit == t.Length.Unit && t.Warmup.Count <= t.Length.Count, "warmup",
		"%q is longer than the whole training, length = %q", t.Warmup, t.Length)
	check(t.Batch >= 2, "batch", "%d: want at least 2 samples", t.Batch)
	check(t.Optimizer == adamW || t.Optimizer == sgd, "optimizer", "%q: want %q or %q", t.Optimizer, adamW, sgd)
	check(t.LayerDecay > 0 && t.LayerDecay <= 1, "layer_decay", "%v: want a factor above 0 and at most 1", t.LayerDecay)
	check(t.Blocks >= 0, "blocks", "%d: want how many layers are trained, or 0 for all", t.Blocks)
	check(t.DropPath >= 0 && t.DropPath < 1, "drop_path", "%v: want a probability from 0 up to, not with, 1",
		t.DropPath)
	check(t.Smoothing >= 0 && t.Smoothing < 1, "smoothing", "%v: want 0 or more and less than 1", t.Smoothing)
	check(t.Augment == AugmentCrop || t.Augment == AugmentRecipe || t.Augment == AugmentNone, "augment",
		"%q: want %q, %q or %q", t.Augment, AugmentCrop, AugmentRecipe, AugmentNone)
	check(t.CropArea[0] > 0 && t.CropArea[0] <= t.CropArea[1] && t.CropArea[1] <= 1, "crop_area",
		"%v: want [smallest, largest] fraction of the area, above 0 and at most 1", t.CropArea)
	return errors.Join(append(bad, setting.Weight("weight_decay", t.WeightDecay), setting.Weight("clip", t.Clip),
		setting.Within("beta2", t.Beta2, 0, 0.999999), setting.Within("momentum", t.Momentum, 0, 0.9999),
		setting.Within("flip", t.Flip, 0, 1))...)
}

// Scratch is the training of an encoder that has learned nothing yet.
func (t Tuning) Scratch() Tuning {
	t.LayerDecay, t.Blocks, t.DropPath = 1, 0, 0
	return t
}

// Rule is the optimiser with a peak rate.
func (t *Tuning) Rule(rate float64) optim.Optimizer {
	r := optim.DefaultRate(rate, t.WeightDecay)
	r.Warmup, r.LayerDecay = t.Warmup, t.LayerDecay
	if t.Optimizer == sgd {
		return &optim.SGD{Rate: r, Momentum: t.Momentum}
	}
	o := optim.DefaultAdamW()
	o.Rate, o.Beta2 = r, t.Beta2
	return o
}

// settings are what a result says of its training.
func (t *Tuning) settings(rate float64) map[string]any {
	return map[string]any{"rate": rate, "length": t.Length.String(), "batch": t.Batch, "warmup": t.Warmup.String(),
		"optimizer": t.Optimizer, "weight_decay": t.WeightDecay, "layer_decay": t.LayerDecay, "blocks": t.Blocks,
		"drop_path": t.DropPath, "smoothing": t.Smoothing, "augment": t.Augment, "clip": t.Clip}
}

// Tuner trains copies of an encoder, where a protocol needs it.
type Tuner struct {
	Tuning // as this encoder is trained
	// Train trains a copy at a peak rate and scores samples, [M,classes] beside their labels [M]. With choose, the
	// validation split is left out of the training, and its samples are scored; else the test set's are.
	Train func(ctx context.Context, rate float64, choose bool) (scores []float32, labels []int32, err error)
}

// Diverged is a training whose loss is no number any more.
type Diverged struct {
	Rate float64
	Step int
	Loss float64
}

func (e *Diverged) Error() string {
	return fmt.Sprintf("the loss is %v at step %d of the rate %v; want smaller rates", e.Loss, e.Step, e.Rate)
}

// Needs implements Protocol.
func (p *Finetune) Needs() Needs {
	return Needs{Labels: true, Validation: len(p.Rates) > 1, Tuning: &p.Tuning}
}

// Evaluate returns top1, and top5 where there are more than five classes.
func (p *Finetune) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	rates := slices.Sorted(slices.Values(p.Rates))
	var notes []string
	best := 0
	if len(rates) > 1 {
		right := make([]float64, len(rates))
		for i, rate := range rates {
			ranks, _, err := p.fit(ctx, f, rate, true)
			var diverged *Diverged
			switch {
			case errors.As(err, &diverged):
				right[i] = -1
				notes = append(notes, fmt.Sprintf("the training at the rate %v diverged", rate))
				continue
			case err != nil:
				return nil, err
			}
			right[i] = topK(ranks, 1)
			if right[i] > right[best] {
				best = i
			}
		}
		if right[best] < 0 {
			return nil, fmt.Errorf("evaluate: finetune: the trainings at all of rates = %v diverged; want smaller "+
				"rates", p.Rates)
		}
		notes = append(notes, edgeNotes(rates[best], rates)...)
	}
	ranks, labels, err := p.fit(ctx, f, rates[best], false)
	if err != nil {
		return nil, err
	}
	settings := f.Tuner.settings(rates[best])
	if len(rates) > 1 {
		settings["rates"] = p.Rates
	}
	out := accuracies("finetune", 0, f.Classes, 5, ranks, labels, settings)
	for i := range out {
		out[i].Notes = notes
	}
	return out, nil
}

// fit trains at a rate and ranks the labels of what is scored.
func (p *Finetune) fit(ctx context.Context, f Features, rate float64, choose bool) ([]int, []int32, error) {
	scores, labels, err := f.Tuner.Train(ctx, rate, choose)
	if err != nil {
		return nil, nil, fmt.Errorf("evaluate: finetune: %w", err)
	}
	ranks, row := make([]int, len(labels)), make([]float64, f.Classes)
	for i, y := range labels {
		for c := range row {
			row[c] = float64(scores[i*f.Classes+c])
		}
		ranks[i] = rank(row, y)
	}
	return ranks, labels, nil
}
