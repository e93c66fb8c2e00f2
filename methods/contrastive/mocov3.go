package contrastive

import (
	"errors"
	"slices"

	"selfsup/graph"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/heads"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// MoCoV3 makes a predictor's guess of one view recognise the other view of its image, as a slowly following encoder
// sees it, among the other images of the batch; there is no queue.
//
//	loss = ctr(q1, k2) + ctr(q2, k1),  ctr(q, k) = -2t mean_i log( e^(q_i k_i/t) / sum_j e^(q_i k_j/t) )
//
// Chen, Xie, He, ICCV 2021, arXiv:2104.02057, Alg. 1, with unit rows. As in the authors' code the key encoder's
// momentum rises to 1 along half a cosine. Of more than two views the large ones are keys, and the loss is twice the
// mean over pairs of a query and a key of another view.
type MoCoV3 struct {
	Projector []int `toml:"projector"` // widths, each with a norm, the last without scale and shift; the last is D
	Predictor []int `toml:"predictor"` // hidden widths; the output is D wide
	// behind the predictor's last layer, as the code has it for transformers
	LastNorm    bool    `toml:"last_norm"`
	Temperature float64 `toml:"temperature"` // t of the cosine similarities
	Momentum    float64 `toml:"momentum"`    // of the keys' encoder at the first step
}

// DefaultMoCoV3 has the paper's settings for ResNet-50 on ImageNet, 300 epochs.
func DefaultMoCoV3() *MoCoV3 {
	return &MoCoV3{Projector: []int{4096, 256}, Predictor: []int{4096}, Temperature: 1, Momentum: 0.996}
}

// Validate implements methods.Method.
func (m *MoCoV3) Validate() error {
	return errors.Join(heads.CheckWidths("projector", m.Projector), heads.CheckHidden("predictor", m.Predictor),
		setting.Positive("temperature", m.Temperature), setting.Within("momentum", m.Momentum, 0, 1))
}

// Build implements methods.Method.
func (m *MoCoV3) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	d := m.Projector[len(m.Projector)-1]
	network := func(s *graph.Scope) (encode, project func(*graph.Node) *graph.Node) {
		return enc.New(s), enc.Projector.Normed(s.In("projector"), enc.Dim, false, m.Projector...)
	}
	predict := m.predictor(s.In("predictor"), d)
	crops := b.Crops()
	encode, project := network(s)
	var h, q, k []*graph.Node
	for _, x := range slices.Concat(crops...) {
		h = append(h, encode(x))                     // [B,F]
		q = append(q, predict(project(h[len(h)-1]))) // [B,D]
	}
	tau := s.Scheduled("key_momentum", graph.CosineRamp(m.Momentum, 1))
	encodeK, projectK := network(s.Twin("key", tau))
	for _, x := range crops[0] {
		k = append(k, projectK(encodeK(x))) // [B,D]
	}
	return methods.Objective{
		Features: h[0],
		Terms:    []methods.Term{{Name: "infonce", Weight: 1, Value: m.loss(s, q, k)}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(k[0])}},
	}
}

// predictor is [B,d] -> [B,d].
func (m *MoCoV3) predictor(s *graph.Scope, d int) layer.Func {
	widths := append(slices.Clone(m.Predictor), d)
	if m.LastNorm {
		return heads.Normed(s, d, false, widths...)
	}
	return heads.MLP(s, d, widths...)
}

// loss is twice the mean over pairs of queries and keys of another view.
func (m *MoCoV3) loss(s *graph.Scope, q, k []*graph.Node) *graph.Node {
	return op.Scale(losses.Mean(methods.Crossed(q, k, func(q, k *graph.Node) *graph.Node {
		return losses.InfoNCE(s, q, op.StopGradient(k), nil, m.Temperature)
	})), 2*2*m.Temperature)
}
