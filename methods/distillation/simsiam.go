package distillation

import (
	"cmp"
	"slices"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
)

// SimSiam makes a predictor guess the other view's embedding, with neither teacher nor negatives: no gradient reaches
// the embedding that is guessed.
//
//	loss = 1/2 D(p1, sg(z2)) + 1/2 D(p2, sg(z1)),  D(p, z) = -cos(p, z)
//
// Chen and He, CVPR 2021, arXiv:2011.10566, eq. 1 to 4 and section 3. The projector ends in a batch norm without scale
// and shift, and the predictor keeps the peak rate from beginning to end, as in the authors' code. Of crops of several
// sizes the embeddings of the large ones are guessed from every other view; the loss is the mean over these.
type SimSiam struct {
	Projector    []int `toml:"projector"`     // widths, a batch norm behind each; the last is D
	Predictor    []int `toml:"predictor"`     // hidden widths; the output is D wide; [] is linear
	ConstantRate bool  `toml:"constant_rate"` // of the predictor; else it falls with the others'
	// the gradient goes through the embeddings that are guessed too: in the paper the method collapses (section 4.1)
	PassGradient bool `toml:"pass_gradient"`
	Predicting
}

// DefaultSimSiam has the paper's settings for ImageNet.
func DefaultSimSiam() *SimSiam {
	return &SimSiam{Projector: []int{2048, 2048, 2048}, Predictor: []int{512}, ConstantRate: true,
		Predicting: usualPredicting()}
}

// Validate implements methods.Method.
func (m *SimSiam) Validate() error {
	return cmp.Or(m.check(m.Predictor), heads.CheckWidths("projector", m.Projector))
}

// Build implements methods.Method.
func (m *SimSiam) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	d := m.Projector[len(m.Projector)-1]
	project := layer.Chain(enc.Projector.MLP(s.In("projector"), enc.Dim, m.Projector...),
		layer.BatchNormPlain(s.In("projector/norm"), d))
	predict := m.predictor(s, d, m.Predictor)
	encode, crops := enc.New(s), b.Crops()
	var h, z, p []*graph.Node
	for _, x := range slices.Concat(crops...) {
		h = append(h, encode(x)) // [B,F]
	}
	for _, x := range h {
		z = append(z, project(x)) // [B,D]
	}
	for _, x := range z {
		p = append(p, predict(x)) // [B,D]
	}
	return methods.Objective{
		Features: h[0],
		Terms:    []methods.Term{{Name: "similarity", Weight: 1, Value: similarity(p, m.targets(z, len(crops[0])))}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(z[0])}},
		Tune:     m.tune(m.ConstantRate),
		Alarms:   []methods.Alarm{m.alarm(m.remedy())},
	}
}

// remedy is what helps against a collapse with a predictor.
func (m *SimSiam) remedy() string {
	if m.PassGradient {
		return "stop the gradient, pass_gradient = false"
	}
	return "lower the learning rate, and keep the predictor's by constant_rate = true"
}

// targets are the embeddings of the large views that are guessed.
func (m *SimSiam) targets(z []*graph.Node, large int) []*graph.Node {
	return m.guessed(large, func(v int) *graph.Node {
		if m.PassGradient {
			return z[v]
		}
		return op.StopGradient(z[v])
	})
}

// similarity is the mean negative cosine of every guess with every embedding of another view.
func similarity(p, z []*graph.Node) *graph.Node {
	return losses.Mean(methods.Crossed(p, z, losses.NegativeCosine))
}
