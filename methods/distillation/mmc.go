package distillation

import (
	"context"
	"errors"
	"math"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/internal/assign"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// MMC clusters by the largest margin: it learns the classes of a support vector machine and chooses the classes
// themselves so that the machine separates them best, none with much more than its share of the images.
//
//	loss    = mean over i of max_j ( w_j f_i + [j != y_i] - w_(y_i) f_i )
//	classes = argmin over y of the sum of the losses, no class with more than (1 + slack) N/K images
//
// Xu, Neufeld, Larson, Schuurmans, NIPS 2004, Maximum margin clustering; Xu and Schuurmans, AAAI 2005, for
// more than two classes. There the labels and the machine are one relaxed problem; here they take turns, as in Zhang,
// Tsang, Kwok, ICML 2007, and the encoder learns with the machine. The weight decay of the optimizer is the machine's
// regulariser. For two classes the bound on the images is the paper's; without it one class would take them all. The
// classes are chosen exactly, of the features of all images without augmentation; the time grows with the square of
// the number of images.
type MMC struct {
	K     int            `toml:"k"`     // classes
	Slack float64        `toml:"slack"` // by which a class may exceed its share of the images
	Every setting.Length `toml:"every"` // between two choices of classes
}

// DefaultMMC has ten classes that are all as large; the paper's figures are of two to four.
func DefaultMMC() *MMC { return &MMC{K: 10, Slack: 0, Every: setting.Epochs(1)} }

// Validate implements methods.Method.
func (m *MMC) Validate() error {
	return errors.Join(setting.Least("k", m.K, 2), setting.Weight("slack", m.Slack), checkEvery(m.Every))
}

// Build implements methods.Method.
func (m *MMC) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	checkClasses(b, m.K)
	h, of := enc.New(s)(b.View(0)), classesOf(s, b, 0) // [B,F], [B]
	y := scoresOf(s, h, 0, m.K)                        // [B,K]
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "margin", Weight: 1, Value: hinge(s, y, of)}},
		Metrics: []methods.Metric{{Name: "accuracy", Value: op.Accuracy(y, of)},
			{Name: "spread", Value: losses.Spread(h)}},
		Jobs: []methods.Job{{Name: "classes", Every: m.Every, Run: m.choose}},
	}
}

// hinge is the mean over rows of max_j (y_j + [j != c] - y_c), for scores y [B,K] and classes c [B] int32: Crammer and
// Singer, JMLR 2001.
func hinge(s *graph.Scope, y, of *graph.Node) *graph.Node {
	k := op.ShapeOf(y)[1]
	own := losses.OneHot(s, of, k)
	raised := op.Add(y, op.Affine(own, -1, 1))
	worst := losses.OneHot(s, op.Argmax(raised), k) // where the maximum is
	return op.Scale(op.SumAll(op.Sub(op.Mul(raised, worst), op.Mul(y, own))), 1/float64(op.ShapeOf(y)[0]))
}

// choose is the job that gives every sample its class. It writes when all is computed.
func (m *MMC) choose(ctx context.Context, h methods.Host) error {
	x, err := embedAll(ctx, h)
	if err != nil {
		return err
	}
	of := m.classes(headScores(h, x, 0))
	copy(h.Entry(clusterName(0)).I32, of)
	return nil
}

// classes is the classes of the least sum of losses, of scores [N,K].
func (m *MMC) classes(scores []float32) []int32 {
	n, cost := len(scores)/m.K, make([]float64, len(scores))
	for i := range n {
		row := scores[i*m.K : (i+1)*m.K]
		first, second := math.Inf(-1), math.Inf(-1) // largest scores
		for _, v := range row {
			if w := float64(v); w > first {
				first, second = w, first
			} else {
				second = max(second, w)
			}
		}
		for c, v := range row {
			others := first
			if float64(v) == first {
				others = second
			}
			cost[i*m.K+c] = max(0, others+1-float64(v))
		}
	}
	share := float64(n) / float64(m.K)
	return assign.Bounded(cost, m.K, max(int((1+m.Slack)*share), int(math.Ceil(share))))
}
