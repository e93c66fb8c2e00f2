package evaluations

import (
	"context"
	"errors"

	"selfsup/setting"
)

// Order is how well heads on frozen features tell whether the frames of held-out clips are in order: each clip is shown
// as it is and once more, shuffled or backwards. It needs no labels, and chance is a half. It is what features of clips
// are judged by where the label of a clip is the sequence it was cut from, which a mean frame tells.
//
// Misra et al. 2016, arXiv:1603.08561, train by the first form, Wei et al. 2018 (the arrow of time) by the second.
type Order struct {
	Schedule
	ClipHeads
	Against string `toml:"against"` // shuffled: an order drawn for each clip, not the opposite one | reversed
	Stride  int    `toml:"stride"`  // from one frame that is shown to the next
	Clips   int    `toml:"clips"`   // of the training and of the test set that it looks at, at most; 0: all
}

// DefaultOrder tells shuffled clips, with all heads.
func DefaultOrder() *Order {
	return &Order{ClipHeads: defaultClipHeads(), Against: "shuffled", Stride: 1, Clips: 2048}
}

// Validate checks the settings.
func (p *Order) Validate() error {
	bad := []error{p.ClipHeads.Validate(), setting.Least("stride", p.Stride, 1), setting.Least("clips", p.Clips, 0)}
	if p.Against != "shuffled" && p.Against != "reversed" {
		bad = append(bad, setting.Bad("against", "%q: want \"shuffled\" or \"reversed\"", p.Against))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *Order) Needs() Needs {
	other := Way{Stride: p.Stride, Shuffled: true}
	if p.Against == "reversed" {
		other = Way{Stride: -p.Stride}
	}
	return Needs{Plays: p.plays(Way{Stride: p.Stride}, other), Images: p.Clips}
}

// Evaluate returns the share of shown clips that each head tells.
func (p *Order) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	train, test := f.clips()
	return p.evaluate(ctx, "order", f, 2, ways(train, 2), ways(test, 2))
}
