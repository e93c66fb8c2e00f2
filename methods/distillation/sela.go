package distillation

import (
	"context"
	"errors"
	"fmt"
	"math"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/internal/assign"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// SeLa gives every image of the training set a label by optimal transport, as many images to each label, and learns
// these labels until it makes new ones.
//
//	loss   = mean over heads of CE(g(f(x)), y)
//	labels = argmax of Q over rows,  Q = diag(a) P^lambda diag(b) with even rows and columns, P = softmax g(f)
//
// Asano, Rupprecht, Vedaldi, ICLR 2020, arXiv:1911.05371, with several heads. P is of all
// images, without augmentation, at the time of the labelling; labels are made before the first step and then after
// every span, where the authors' spans grow. Rows and columns are scaled until the columns' shares are off by less than
// tolerance on average, at most 1000 times; the authors' 0.1 bounds a sum over images of the rows' changes, which is
// stricter. Of P what lies below e^-80 of a row's largest counts as that.
type SeLa struct {
	Heads     int            `toml:"heads"`     // classifiers, each with labels of its own
	K         int            `toml:"k"`         // labels of each
	Lambda    float64        `toml:"lambda"`    // the larger, the harder are the labels
	Every     setting.Length `toml:"every"`     // between two labellings
	Tolerance float64        `toml:"tolerance"` // of the labels' shares
}

// DefaultSeLa has the paper's settings for ImageNet.
func DefaultSeLa() *SeLa {
	return &SeLa{Heads: 10, K: 3000, Lambda: 25, Every: setting.Epochs(1), Tolerance: 0.1}
}

// Validate implements methods.Method.
func (m *SeLa) Validate() error {
	return errors.Join(setting.Least("heads", m.Heads, 1), setting.Least("k", m.K, 2),
		setting.Positive("lambda", m.Lambda), checkEvery(m.Every), setting.Positive("tolerance", m.Tolerance))
}

// Build implements methods.Method.
func (m *SeLa) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	checkClasses(b, m.K)
	h := enc.New(s)(b.View(0)) // [B,F]
	o := methods.Objective{
		Features: h,
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(h)}},
		Jobs:     []methods.Job{{Name: "labels", Every: m.Every, Run: m.label}},
	}
	for i := range m.Heads {
		logits, of := scoresOf(s, h, i, m.K), classesOf(s, b, i) // [B,K], [B]
		o.Terms = append(o.Terms, methods.Term{Name: fmt.Sprintf("labels%d", i), Weight: 1 / float64(m.Heads),
			Value: assigned(logits, of, 1)})
		o.Metrics = append(o.Metrics, methods.Metric{Name: fmt.Sprintf("accuracy%d", i),
			Value: op.Accuracy(logits, of)})
	}
	return o
}

// label is the job that gives every sample a label in every head. It writes when all is computed.
func (m *SeLa) label(ctx context.Context, h methods.Host) error {
	x, err := embedAll(ctx, h)
	if err != nil {
		return err
	}
	labels := make([][]int32, m.Heads)
	for i := range labels {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		labels[i] = m.even(headScores(h, x, i))
	}
	for i, of := range labels {
		copy(h.Entry(clusterName(i)).I32, of)
	}
	return nil
}

// evenIterations bounds how often rows and columns are scaled.
const evenIterations = 1000

// even is the labels by scores [N,K], which it overwrites. A row's factor of the softmax does not matter: rows are
// scaled anyway.
func (m *SeLa) even(scores []float32) []int32 {
	k := m.K
	of := make([]int32, len(scores)/k)
	for i := range of {
		row := scores[i*k : (i+1)*k]
		largest := row[0]
		for _, v := range row {
			largest = max(largest, v)
		}
		for j, v := range row {
			row[j] = float32(math.Exp(max(m.Lambda*float64(v-largest), -80)))
		}
	}
	_, b := assign.Even(scores, k, evenIterations, m.Tolerance)
	for i := range of {
		best := 0.0
		for j, v := range scores[i*k : (i+1)*k] {
			if q := float64(v) * b[j]; q > best {
				best, of[i] = q, int32(j)
			}
		}
	}
	return of
}
