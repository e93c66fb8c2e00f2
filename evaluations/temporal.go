package evaluations

import (
	"context"
	"errors"

	"selfsup/setting"
)

// Temporal is how well heads on frozen features tell the labels of clips: a linear one on the features of a clip, and
// one on those of its frames and a recurrent one over these, which see what changes. What they have above the first is
// in time.
type Temporal struct {
	Schedule
	ClipHeads
	Stride int `toml:"stride"` // from one frame that is shown to the next
}

// DefaultTemporal has all heads.
func DefaultTemporal() *Temporal { return &Temporal{ClipHeads: defaultClipHeads(), Stride: 1} }

// Validate checks the settings.
func (p *Temporal) Validate() error {
	return errors.Join(p.ClipHeads.Validate(), setting.Least("stride", p.Stride, 1))
}

// Needs implements Protocol.
func (p *Temporal) Needs() Needs {
	return Needs{Plays: p.plays(Way{Stride: p.Stride}), Labels: true}
}

// Evaluate returns the share of clips whose label each head tells.
func (p *Temporal) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	return p.evaluate(ctx, "temporal", f, f.Classes, f.TrainY, f.TestY)
}
