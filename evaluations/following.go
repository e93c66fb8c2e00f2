package evaluations

import (
	"context"
	"errors"
	"fmt"

	"selfsup/setting"
)

// Following is how well a method that predicts where what is done to an image takes its embedding finds the right one.
// Of an image so many views are drawn; the embedding of each is predicted from another view and from what was drawn
// for both, and looked for among the embeddings of all these views, by distance:
//
//	mrr       mean over predictions of 1 / rank of the view that was predicted, the first rank is 1
//	hit1      share of predictions with rank 1
//	hit5      share with ranks 1 to 5
//	mean_rank mean of the ranks
//
// Garrido et al. 2023, SIE, arXiv:2302.10283, section 5: mean reciprocal rank, H@1 and H@5 over the views of an object,
// 50 in the paper. Guessing among k views has a mean rank of (k+1)/2. Of equally near views half stand before. It is of
// methods that predict so: sie, equimod, sen, and lie_group with of. It needs no labels.
type Following struct {
	Schedule
	Images int `toml:"images"` // training images that it looks at, at most
	Views  int `toml:"views"`  // of each
}

// DefaultFollowing looks at 16 views of 512 images.
func DefaultFollowing() *Following { return &Following{Images: 512, Views: 16} }

// Validate checks the settings.
func (p *Following) Validate() error {
	return errors.Join(setting.Least("images", p.Images, 2), setting.Least("views", p.Views, 6))
}

// Needs implements Protocol.
func (p *Following) Needs() Needs { return Needs{Predicted: p.Views, Images: p.Images} }

// Predicted is embeddings of views as they were predicted, and as they are, [N,Group,Dim].
type Predicted struct {
	Guess, True []float32
	Group, Dim  int
}

// Evaluate returns the ranks.
func (p *Following) Evaluate(ctx context.Context, f Features) ([]Result, error) {
	e := f.Predicted
	if e == nil || e.Group < 2 || e.Dim < 1 || len(e.Guess) == 0 || len(e.Guess) != len(e.True) ||
		len(e.Guess)%(e.Group*e.Dim) != 0 {
		return nil, errors.New("evaluate: following: want embeddings of two views or more of each image, predicted " +
			"and as they are")
	}
	for i, v := range e.Guess {
		if t := e.True[i]; v-v != 0 || t-t != 0 {
			return nil, fmt.Errorf("evaluate: following: number %d of the embeddings is %v predicted and %v, want "+
				"finite numbers", i, v, t)
		}
	}
	n := len(e.Guess) / (e.Group * e.Dim)
	var mean, reciprocal, first, five float64
	for i := range n {
		if err := f.goOn(ctx); err != nil {
			return nil, err
		}
		at := i * e.Group * e.Dim
		guess, views := e.Guess[at:at+e.Group*e.Dim], e.True[at:at+e.Group*e.Dim]
		for k := range e.Group {
			own, rank := distance(guess, views, k, k, e.Dim), 1.0
			for other := range e.Group {
				switch d := distance(guess, views, k, other, e.Dim); {
				case other == k:
				case d < own:
					rank++
				case d == own:
					rank += 0.5
				}
			}
			mean, reciprocal = mean+rank, reciprocal+1/rank
			if rank <= 1 {
				first++
			}
			if rank <= 5 {
				five++
			}
		}
	}
	settings := map[string]any{"images": n, "views": e.Group}
	result := func(metric string, sum float64, lower bool) Result {
		return Result{Protocol: "following", Metric: metric, Value: sum / float64(n*e.Group), Lower: lower,
			Settings: settings}
	}
	return []Result{result("mrr", reciprocal, false), result("hit1", first, false), result("hit5", five, false),
		result("mean_rank", mean, true)}, nil
}
