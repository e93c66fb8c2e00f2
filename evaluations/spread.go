package evaluations

import (
	"context"
	"math"

	"selfsup/setting"
)

// Spread is the mean over features of the standard deviation of unit rows x/|x|, times sqrt(F): 1 for evenly spread
// features, 0 for collapsed ones. It needs no labels.
//
// Chen and He 2021, arXiv:2011.10566, section 4.1.
type Spread struct {
	Schedule
	Images int `toml:"images"` // training images that it looks at, at most
}

// DefaultSpread looks at 4,096 images.
func DefaultSpread() *Spread { return &Spread{Images: 4096} }

// Validate checks the settings.
func (p *Spread) Validate() error {
	if p.Images < 2 {
		return setting.Bad("images", "%d: want 2 or more", p.Images)
	}
	return nil
}

// Needs implements Protocol.
func (p *Spread) Needs() Needs { return Needs{Images: p.Images} }

// Evaluate returns the spread.
func (p *Spread) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if err := f.checkFeatures("spread", f.TrainX); err != nil {
		return nil, err
	}
	if err := f.goOn(ctx); err != nil {
		return nil, err
	}
	x := UnitRows[float32](f.TrainX, f.Dim)
	n := float64(len(x) / f.Dim)
	var total float64
	for j := range f.Dim {
		var sum, squares float64
		for i := j; i < len(x); i += f.Dim {
			sum += float64(x[i])
		}
		for i := j; i < len(x); i += f.Dim {
			d := float64(x[i]) - sum/n
			squares += d * d
		}
		total += math.Sqrt(squares / n)
	}
	value := total / float64(f.Dim) * math.Sqrt(float64(f.Dim))
	return []Result{{Protocol: "spread", Metric: "spread", Value: value, Settings: map[string]any{"images": int(n)}}},
		nil
}
