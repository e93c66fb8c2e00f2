package evaluations

import (
	"context"
	"errors"
	"fmt"

	"selfsup/setting"
)

// Online is how often the online probe is right: the linear classifier that `train.probe` trains beside the method, on
// the features of augmented images and with labels of the training images, while the encoder changes below it. It sees
// no gradient of the encoder, and the encoder none of it. Here it classifies images that are not augmented, with its
// running statistics; nothing is fitted. How near it comes to [evaluate.linear] says whether it can stand for that
// (Balestriero et al. 2023, arXiv:2304.12210, section 3.7 and figure 13). It is the trained encoder's alone. Images of
// the validation split are among those that it learnt from.
type Online struct{ Schedule }

// DefaultOnline is measured at the end.
func DefaultOnline() *Online { return &Online{Schedule{setting.Length{}}} }

// Validate checks the settings.
func (p *Online) Validate() error { return nil }

// Needs implements Protocol.
func (p *Online) Needs() Needs { return Needs{Labels: true, Online: true} }

// Evaluate returns top1, and top5 where there are more than five classes. TestX of f are logits [M,C].
func (p *Online) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	if f.Dim != f.Classes || len(f.TestX) != len(f.TestY)*f.Classes || len(f.TestY) == 0 {
		return nil, fmt.Errorf("evaluate: online: %d numbers as logits of %d classes for %d labels", len(f.TestX),
			f.Classes, len(f.TestY))
	}
	if err := f.goOn(ctx); err != nil {
		return nil, err
	}
	ranks := make([]int, len(f.TestY))
	scores := make([]float64, f.Classes)
	for i, y := range f.TestY {
		for c := range scores {
			scores[c] = float64(f.TestX[i*f.Classes+c])
			if scores[c]-scores[c] != 0 {
				return nil, errors.New("evaluate: online: the probe's logits are not finite")
			}
		}
		ranks[i] = rank(scores, y)
	}
	return accuracies("online", 0, f.Classes, 5, ranks, f.TestY, nil), nil
}
