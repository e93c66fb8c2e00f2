package video

import (
	"errors"

	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// Pace makes the encoder of clips tell at which of several paces a clip runs, and clips of one film find each other.
//
//	loss = -log softmax(g(f(x)))_pace + contrast NTXent(z_1, z_2)
//
// Wang, Jiao, Liu, ECCV 2020, arXiv:2008.05861, eq. 1 and 2 ("same context"): x is every p-th frame of a film from a
// random one on, and its pace p is drawn for each view ([clips] stride = [1, 4]). Both views of a film are classified.
// The paper's contrast is of each view with those of other films, as here.
type Pace struct {
	Contrast    float64 `toml:"contrast"`    // weight of the contrastive term; 0: one view, and paces alone
	Projector   []int   `toml:"projector"`   // widths, for the contrastive term
	Temperature float64 `toml:"temperature"` // of its cosine similarities
}

// DefaultPace has the paper's weights.
func DefaultPace() *Pace { return &Pace{Contrast: 0.1, Projector: []int{512, 128}, Temperature: 0.1} }

// Validate implements methods.Method.
func (m *Pace) Validate() error {
	if m.Contrast == 0 {
		return nil
	}
	return errors.Join(setting.Weight("contrast", m.Contrast), setting.Positive("temperature", m.Temperature),
		heads.CheckProjector(m.Projector))
}

// Build implements methods.Method.
func (m *Pace) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	n := 1
	if m.Contrast > 0 {
		n = 2
	}
	labels, paces := pacesOf(b, n)
	h := enc.New(s)(op.Concat(0, b.Views(n)...)) // [n*B,F]
	logits := layer.Linear(s.In("classifier"), enc.Dim, paces, true)(h)
	o := methods.Objective{
		Features: op.Slice(h, 0, 0, b.Size()),
		Terms:    []methods.Term{{Name: "pace", Weight: 1, Value: op.MeanAll(op.CrossEntropy(logits, labels, 0))}},
		Metrics: []methods.Metric{{Name: "pace_accuracy", Value: op.Accuracy(logits, labels)},
			{Name: "spread", Value: losses.Spread(h)}},
	}
	if n == 2 {
		z := enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...)(h)
		o.Terms = append(o.Terms, methods.Term{Name: "contrast", Weight: m.Contrast, Value: losses.NTXent(s, z,
			m.Temperature)})
	}
	return o
}

// pacesOf is the paces of the first n views of the batch's clips, [n*B] int32, and how many there are.
func pacesOf(b *methods.Batch, n int) (labels *graph.Node, paces int) {
	var all []*graph.Node
	for v := range n {
		paces = b.Of(feed.Pace(v)).Of[0]
		all = append(all, b.Field(feed.Pace(v)))
	}
	return op.Concat(0, all...), paces
}
