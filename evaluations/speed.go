package evaluations

import (
	"context"
	"errors"
	"slices"

	"selfsup/setting"
)

// Speed is how well heads on frozen features tell at which of several speeds held-out clips run: each is shown at all
// of them, frames being left out around its middle. It needs no labels, and chance is one over the number of speeds.
//
// Benaim et al. 2020, arXiv:2004.06130 (SpeedNet) and Wang et al. 2020, arXiv:2008.05861 (pace prediction) train by it.
type Speed struct {
	Schedule
	ClipHeads
	Speeds []int `toml:"speeds"` // steps from one frame that is shown to the next
	Clips  int   `toml:"clips"`  // of the training and of the test set that it looks at, at most; 0: all
}

// DefaultSpeed tells double speed, with all heads.
func DefaultSpeed() *Speed {
	return &Speed{ClipHeads: defaultClipHeads(), Speeds: []int{1, 2}, Clips: 2048}
}

// Validate checks the settings.
func (p *Speed) Validate() error {
	bad := []error{p.ClipHeads.Validate(), setting.Least("clips", p.Clips, 0)}
	for i, v := range p.Speeds {
		if v < 1 || slices.Contains(p.Speeds[:i], v) {
			bad = append(bad, setting.Bad("speeds", "%v: want different steps of 1 or more", p.Speeds))
			break
		}
	}
	if len(p.Speeds) < 2 {
		bad = append(bad, setting.Bad("speeds", "%v: want two or more to tell apart", p.Speeds))
	}
	return errors.Join(bad...)
}

// Needs implements Protocol.
func (p *Speed) Needs() Needs {
	var all []Way
	for _, v := range p.Speeds {
		all = append(all, Way{Stride: v})
	}
	return Needs{Plays: p.plays(all...), Images: p.Clips}
}

// Evaluate returns the share of shown clips that each head tells.
func (p *Speed) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	train, test := f.clips()
	return p.evaluate(ctx, "speed", f, len(p.Speeds), ways(train, len(p.Speeds)), ways(test, len(p.Speeds)))
}
