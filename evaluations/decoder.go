package evaluations

import (
	"context"
	"errors"
	"fmt"

	"selfsup/graph/optim"
	"selfsup/setting"
)

// Decoder is how well masks are told by a decoder that is trained on them: the classes of pixels from the last feature
// map, or a transformer's patches. [evaluate.segmentation_decoder] keeps the encoder as it is, and
// [evaluate.segmentation_finetune] trains a copy of it with the decoder, of the untrained baseline too.
//
// The decoder is convolution 3x3, batch norm and ReLU on the map, twice, bilinear upsampling by 2 between them, then a
// linear layer whose scores are upsampled to the mask (bilinear): a small head in place of the UPerNet or the
// fully-convolutional heads of the papers. It learns all pixels of a class alike by cross-entropy, AdamW and a cosine,
// from images as a whole, mirrored or not.
type Decoder struct {
	AtEnd
	Decoding
	name string
}

// Decoding is how a decoder of masks is trained.
type Decoding struct {
	Width        int            `toml:"width"`         // channels of the decoder
	Length       setting.Length `toml:"length"`        // of the training
	Batch        int            `toml:"batch"`         // images
	Rate         float64        `toml:"rate"`          // peak learning rate of AdamW, for 256 images
	BackboneRate float64        `toml:"backbone_rate"` // factor of the encoder's rate; 0: it stays as it is
	WeightDecay  float64        `toml:"weight_decay"`
	Warmup       setting.Length `toml:"warmup"` // of the rate
	Flip         float64        `toml:"flip"`   // probability of a mirrored image and mask
}

// DefaultSegmentationDecoder keeps the encoder as it is.
func DefaultSegmentationDecoder() *Decoder {
	return &Decoder{name: "segmentation_decoder", Decoding: Decoding{Width: 64, Length: setting.Epochs(5), Batch: 32,
		Rate: 8e-3, WeightDecay: 0.01, Warmup: setting.Percent(10), Flip: 0.5}}
}

// DefaultSegmentationFinetune trains the encoder at a tenth of the decoder's rate.
func DefaultSegmentationFinetune() *Decoder {
	p := DefaultSegmentationDecoder()
	p.name, p.BackboneRate = "segmentation_finetune", 0.1
	return p
}

// Validate checks the settings.
func (p *Decoder) Validate() error {
	bad := []error{setting.Least("width", p.Width, 1), setting.Least("batch", p.Batch, 2), setting.Positive("rate",
		p.Rate), setting.Weight("weight_decay", p.WeightDecay), setting.Within("flip", p.Flip, 0, 1)}
	if p.Length.Relative() || p.Length.IsZero() {
		bad = append(bad, setting.Bad("length", "%q: want a length such as \"5 epochs\" or \"500 steps\"", p.Length))
	}
	switch frozen := p.name == "segmentation_decoder"; {
	case frozen && p.BackboneRate != 0:
		bad = append(bad, setting.Bad("backbone_rate", "%v: the encoder stays as it is; want 0, or "+
			"[evaluate.segmentation_finetune]", p.BackboneRate))
	case !frozen:
		bad = append(bad, setting.Positive("backbone_rate", p.BackboneRate))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *Decoder) Needs() Needs { return Needs{Decoded: true} }

// Rule is the optimiser.
func (d *Decoding) Rule() optim.Optimizer {
	o := optim.DefaultAdamW()
	o.Rate = optim.DefaultRate(d.Rate, d.WeightDecay)
	o.Rate.Warmup = d.Warmup
	return o
}

// Evaluate returns the mean intersection over union, that of every class, and the share of pixels that are right.
func (p *Decoder) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	m := f.Maps
	if f.Decoded == nil || m == nil || len(m.Masks) == 0 || f.Classes != len(m.ClassNames) {
		return nil, fmt.Errorf("evaluate: %s: no encoder, or no test masks", p.name)
	}
	said, err := f.Decoded(ctx, &p.Decoding)
	if err != nil {
		return nil, fmt.Errorf("evaluate: %s: %w", p.name, err)
	}
	if len(said) != len(m.Masks) {
		return nil, fmt.Errorf("evaluate: %s: %d pixels are told and %d are in the masks", p.name, len(said),
			len(m.Masks))
	}
	c := newConfusion(f.Classes)
	for i, truth := range m.Masks {
		if truth != m.Ignored {
			c[int(truth)*f.Classes+int(said[i])]++
		}
	}
	settings := map[string]any{"width": p.Width, "length": p.Length.String(), "batch": p.Batch, "rate": p.Rate,
		"backbone_rate": p.BackboneRate, "weight_decay": p.WeightDecay, "warmup": p.Warmup.String(), "flip": p.Flip}
	return c.results(p.name, m.ClassNames, settings, nil)
}
