package evaluations

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"selfsup/setting"
)

// Rotation is how well a linear probe of the features tells by how many quarters an image was turned: a proxy of the
// accuracy with labels that needs none. It is fitted on the four turns of a part of the images, and measured on those
// of the others. It says nothing where the views are turned in the training, as the encoder then learns to ignore or to
// tell just that: such recipes are refused.
//
// Reed et al. 2021, SelfAugment, arXiv:2009.07724, section 3.2, which has found it to rank augmentations as labels do;
// the turns are those of Gidaris et al. 2018, arXiv:1803.07728.
type Rotation struct {
	Schedule
	Images int     `toml:"images"` // training images that it looks at, at most; each is seen in four turns
	Share  float64 `toml:"share"`  // of them that are measured and not fitted
	// strengths of the probe; of several the best on a fifth of the images that are fitted
	L2 []float64 `toml:"l2"`
}

// quarterTurns is how many turns an image has.
const quarterTurns = 4

// heldEvery is of how many images that are fitted one chooses the strength.
const heldEvery = 5

// DefaultRotation looks at 2,048 images and measures a half of them.
func DefaultRotation() *Rotation {
	return &Rotation{Images: 2048, Share: 0.5, L2: []float64{0.1, 0.01, 1e-3}}
}

// Validate checks the settings.
func (p *Rotation) Validate() error {
	var bad []error
	if p.Images < 2*heldEvery {
		bad = append(bad, setting.Bad("images", "%d: want %d or more", p.Images, 2*heldEvery))
	}
	if !(p.Share > 0 && p.Share < 1) {
		bad = append(bad, setting.Bad("share", "%v: want a share above 0 and below 1, such as 0.5", p.Share))
	}
	return errors.Join(append(bad, p.probe().Validate())...)
}

// probe is the linear probe with these strengths.
func (p *Rotation) probe() *Linear {
	l := DefaultLinear()
	l.L2 = p.L2
	return l
}

// Needs implements Protocol.
func (p *Rotation) Needs() Needs { return Needs{Images: p.Images, Turns: quarterTurns} }

// Evaluate returns the share of turns that are told.
func (p *Rotation) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	n, err := f.checkGroups("rotation")
	if err != nil {
		return nil, err
	}
	measured := max(1, int(p.Share*float64(n)))
	if f.Group != quarterTurns || n-measured < heldEvery {
		return nil, fmt.Errorf("evaluate: rotation: %d turns of %d images, of which %d are measured; want 4 turns, "+
			"and at least %d images that are fitted", f.Group, n, measured, heldEvery)
	}
	turns := Features{Dim: f.Dim, Classes: quarterTurns, Seed: f.Seed, Alive: f.Alive}
	for k, i := range rand.New(rand.NewPCG(f.Seed, 2009_07724)).Perm(n) { // an image is on one side with all its turns
		rows := f.Grouped[i*quarterTurns*f.Dim : (i+1)*quarterTurns*f.Dim]
		for turn := range int32(quarterTurns) {
			switch {
			case k < measured:
				turns.TestY = append(turns.TestY, turn)
			default:
				if (k-measured)%heldEvery == 0 {
					turns.Held = append(turns.Held, int32(len(turns.TrainY)))
				}
				turns.TrainY = append(turns.TrainY, turn)
			}
		}
		if k < measured {
			turns.TestX = append(turns.TestX, rows...)
		} else {
			turns.TrainX = append(turns.TrainX, rows...)
		}
	}
	rs, err := p.probe().Evaluate(ctx, turns)
	if err != nil {
		return nil, fmt.Errorf("evaluate: rotation: %w", err)
	}
	out := rs[0]
	out.Protocol, out.Images, out.Hits = "rotation", measured, nil // the turns of an image err together: it counts once
	delete(out.Settings, "l2_of")                                  // which are chosen on images of its own
	out.Settings["images"], out.Settings["measured"] = n, measured
	return []Result{out}, nil
}
