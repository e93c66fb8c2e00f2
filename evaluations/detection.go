package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math"

	"selfsup/datasets"
	"selfsup/heads"
	"selfsup/setting"
)

// Detection is how well a detector over a copy of the encoder finds objects after both were trained a short time on the
// labelled boxes of training images: the average precision over classes (ap: the mean over the thresholds .5:.05:.95 of
// the intersection over union; ap50 and ap75: at one of them) on the test images, by COCO's definition.
//
// A run whose method has a detector (UP-DETR, DETReg, DETR) lends it with all its weights but the classes'; other runs,
// and fresh = true, begin with a new one. The untrained encoder beside it has a new detector, trained in the same way:
// from scratch. Images are shown whole, at their own size, in training flipped or not. The loss is that of
// [method.detr]. It runs at the end alone, and leaves the run's encoder as it is.
//
// Lin et al. 2014, Microsoft COCO, arXiv:1405.0312, and its detection evaluation; the setting is that of Dai et al.
// 2021, UP-DETR, arXiv:2011.09094, section 4.2 and Bar et al. 2022, DETReg, arXiv:2106.04550, section 4.2, whose
// fine-tuning is tens of epochs of 100 % or 1 % of the labels.
type Detection struct {
	AtEnd
	heads.Detector
	BoxTuning
	// all objects are of one class: boxes alone are learned and measured, in fewer images and steps than classes are
	OneClass bool `toml:"one_class"`
}

// BoxTuning is how a detector is trained.
type BoxTuning struct {
	// labelled training images that it learns from, drawn by the seed; 0: all
	Images      int            `toml:"images"`
	Length      setting.Length `toml:"length"`       // in epochs of these images, or steps
	Batch       int            `toml:"batch"`        // images of a step
	Rate        float64        `toml:"rate"`         // peak, of AdamW, whatever the batch
	Warmup      setting.Length `toml:"warmup"`       // from 0 to the peak, from which half a cosine falls to 0
	WeightDecay float64        `toml:"weight_decay"` // not of biases and norms
	Clip        float64        `toml:"clip"`         // largest norm of all gradients together; 0: any
	Flip        float64        `toml:"flip"`         // probability that an image is mirrored
	Lock        bool           `toml:"lock"`         // the encoder is read, not trained
	Fresh       bool           `toml:"fresh"`        // the detector begins with new weights

	Net *heads.Detector `toml:"-"` // that is trained
	// classes without boxes in training, for an Agnostic detector
	Withheld []string `toml:"-"`
	Agnostic bool     `toml:"-"` // one class for all objects
}

// DefaultDetection is a short training on few images.
func DefaultDetection() *Detection {
	return &Detection{Detector: heads.DefaultDetector(), BoxTuning: BoxTuning{Images: 500,
		Length: setting.Epochs(30), Batch: 25, Rate: 1e-3, Warmup: setting.Percent(5), WeightDecay: 1e-4, Clip: 1,
		Flip: 0.5}}
}

// Validate checks the settings.
func (p *Detection) Validate() error {
	bad := []error{p.Detector.Check(), p.BoxTuning.check()}
	return errors.Join(bad...)
}

func (t *BoxTuning) check() error {
	tuning := t.Tuning()
	bad := []error{setting.Least("images", t.Images, 0), setting.Positive("rate", t.Rate), tuning.check()}
	if t.Images > 0 && t.Images < t.Batch {
		bad = append(bad, setting.Bad("images", "%d: want at least batch = %d, or 0 for all", t.Images, t.Batch))
	}
	return errors.Join(bad...)
}

// Tuning is the training without its boxes.
func (t *BoxTuning) Tuning() Tuning {
	return Tuning{Length: t.Length, Batch: t.Batch, Warmup: t.Warmup, Optimizer: adamW, WeightDecay: t.WeightDecay,
		Beta2: 0.999, Momentum: 0.9, Clip: t.Clip, LayerDecay: 1, Augment: AugmentNone, CropArea: [2]float64{1, 1},
		Flip: t.Flip}
}

// Needs implements Protocol.
func (p *Detection) Needs() Needs {
	t := p.BoxTuning
	t.Net, t.Agnostic = &p.Detector, p.OneClass
	return Needs{Boxes: &t}
}

// Detected is what a detector finds in test images, and what is there.
type Detected struct {
	Found   [][]Found
	Truth   [][]datasets.ClassBox
	Classes []string
	Images  int      // that it was trained on
	Lent    []string // the parameters of a run that it began with, beside the encoder's
}

// Check refuses boxes that are outside their image, and lists of other lengths.
func (d *Detected) Check() error {
	if len(d.Found) != len(d.Truth) || len(d.Truth) == 0 {
		return fmt.Errorf("boxes found in %d images, and the boxes of %d", len(d.Found), len(d.Truth))
	}
	for i := range d.Truth {
		for _, b := range d.Truth[i] {
			if err := b.Check(); err != nil {
				return fmt.Errorf("test image %d: %w", i, err)
			}
			if b.Class < 0 || b.Class >= len(d.Classes) {
				return fmt.Errorf("test image %d: a box of class %d, want 0 to %d", i, b.Class, len(d.Classes)-1)
			}
		}
		for _, f := range d.Found[i] {
			if err := f.Check(); err != nil {
				return fmt.Errorf("test image %d, found: %w", i, err)
			}
			if math.IsNaN(f.Score) {
				return fmt.Errorf("test image %d: a box with the score NaN", i)
			}
		}
	}
	return nil
}

// Evaluate returns ap, ap50, ap75, and the ap of every class.
func (p *Detection) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if f.Detect == nil {
		return nil, errors.New("evaluate: detection: no images with boxes")
	}
	d, err := f.Detect(ctx)
	if err == nil {
		err = d.Check()
	}
	if err != nil {
		return nil, fmt.Errorf("evaluate: detection: %w", err)
	}
	settings := p.BoxTuning.settings(d)
	settings["detector"], settings["one_class"] = p.Detector, p.OneClass
	if p.OneClass {
		d = d.oneClass()
	}
	return d.results("detection", settings, nil)
}

// oneClass is the same boxes without their classes.
func (d *Detected) oneClass() *Detected {
	one := *d
	one.Classes, one.Truth = []string{"object"}, make([][]datasets.ClassBox, len(d.Truth))
	for i, boxes := range d.Truth {
		for _, b := range boxes {
			b.Class = 0
			one.Truth[i] = append(one.Truth[i], b)
		}
	}
	return &one
}

// settings are what a result says of its training.
func (t *BoxTuning) settings(d *Detected) map[string]any {
	return map[string]any{"images": d.Images, "length": t.Length.String(), "batch": t.Batch, "rate": t.Rate,
		"lock": t.Lock, "lent": len(d.Lent)}
}

// results are the average precisions over some of the classes; nil: over all.
func (d *Detected) results(protocol string, settings map[string]any, some []int) ([]Result, error) {
	if some == nil {
		for c := range d.Classes {
			some = append(some, c)
		}
	}
	at := overlaps()
	ap := averagePrecision(d.Found, d.Truth, len(d.Classes), at)
	over := func(thresholds ...int) float64 {
		var all []float64
		for _, t := range thresholds {
			for _, c := range some {
				all = append(all, ap[t][c])
			}
		}
		return meanOver(all)
	}
	every := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	one := func(metric string, v float64) Result {
		return Result{Protocol: protocol, Metric: metric, Value: v, Settings: settings}
	}
	out := []Result{one("ap", over(every...)), one("ap50", over(0)), one("ap75", over(5))}
	if math.IsNaN(out[0].Value) {
		return nil, fmt.Errorf("evaluate: %s: no test image has a box of the classes that are measured", protocol)
	}
	for _, c := range some {
		var all []float64
		for t := range at {
			all = append(all, ap[t][c])
		}
		if v := meanOver(all); !math.IsNaN(v) {
			out = append(out, one("ap "+d.Classes[c], v))
		}
	}
	return out, nil
}
