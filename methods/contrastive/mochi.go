package contrastive

import (
	"errors"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/losses"
	"selfsup/methods"
	"selfsup/setting"
)

// MoCHi adds harder negatives to MoCo: mixtures of the hardest keys of the queue with each other, and with the query.
//
//	loss = -mean_i log( e^(q k/t) / (e^(q k/t) + sum_(n in queue, mixtures) e^(q n/t)) )
//	h  = unit(a n_i + (1-a) n_j),  h' = unit(c q + (1-c) n_i),  a ~ U(0,1), c ~ U(0,1/2)
//
// Kalantidis, Sariyildiz, Pion, Weinzaepfel, Larlus, NeurIPS 2020, arXiv:2010.01028, section 3.2 and 3.3, over MoCo v2,
// which see. n are the Hardest keys with the largest cosines to the query; no gradient reaches a mixture. Which of them
// are mixed is drawn anew for every step, in one draw without repetition for all queries of the batch.
type MoCHi struct {
	Queued
	Hardest int `toml:"hardest"` // N: keys of the queue to mix
	Pairs   int `toml:"pairs"`   // s: mixtures of two keys, for each query
	// s': mixtures of a key with the query, for each query
	WithQuery int `toml:"with_query"`
	// how long there are no mixtures
	Warmup setting.Length `toml:"warmup"`
}

// DefaultMoCHi has the settings that the paper calls MoCHi (1024, 512, 256), for ImageNet; its 15 epochs of warm-up are
// 7.5 % of the 200.
func DefaultMoCHi() *MoCHi {
	return &MoCHi{Queued: usualQueue(), Hardest: 1024, Pairs: 512, WithQuery: 256, Warmup: setting.Percent(7.5)}
}

// Validate implements methods.Method.
func (m *MoCHi) Validate() error {
	if m.Hardest < 1 || m.Hardest > m.Queue {
		return setting.Bad("hardest", "%d: want from 1 to queue = %d", m.Hardest, m.Queue)
	}
	within := func(key string, n int) error {
		if n < 0 || n > m.Hardest {
			return setting.Bad(key, "%d: want from 0 to hardest = %d", n, m.Hardest)
		}
		return nil
	}
	return errors.Join(within("pairs", m.Pairs), within("with_query", m.WithQuery), m.Queued.Validate())
}

// Build implements methods.Method.
func (m *MoCHi) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	h, q, k, queue := m.keys(s, enc, b)
	q, k = op.Normalize(q, losses.Eps), op.Normalize(k, losses.Eps)
	loss := m.loss(s, q, k, queue)
	losses.Enqueue(s, queue, s.AllRows(k))
	return methods.Objective{
		Features: h,
		Terms:    []methods.Term{{Name: "infonce", Weight: 1, Value: loss}},
		Metrics:  []methods.Metric{{Name: "spread", Value: losses.Spread(q)}},
	}
}

// loss is MoCo's with mixtures among the negatives; rows of q and k [B,D] have unit length.
func (m *MoCHi) loss(s *graph.Scope, q, k, queue *graph.Node) *graph.Node {
	logits := losses.Logits(q, k, queue, m.Temperature) // [B,1+K]
	without := op.Scale(s.Scheduled("without_mixtures", methods.During(m.Warmup)), -1e9)
	for _, mixture := range m.mixtures(s, q, queue) { // [S,B,D]
		score := op.SumAxes(op.Mul(mixture, op.Reshape(q, 1, op.ShapeOf(q)[0], -1)), false, 2) // [S,B]
		score = op.Add(op.Scale(op.Transpose(score, 1, 0), 1/m.Temperature), without)          // [B,S]
		logits = op.Concat(1, logits, score)
	}
	return op.MeanAll(op.CrossEntropy(logits, losses.First(s, op.ShapeOf(q)[0]), 0))
}

// mixtures are negatives for every query, [S,B,D] each, of unit rows and without gradient: of two keys, and of a key
// and the query.
func (m *MoCHi) mixtures(s *graph.Scope, q, queue *graph.Node) (all []*graph.Node) {
	b, d := op.ShapeOf(q)[0], op.ShapeOf(q)[1]
	hardest := op.Transpose(losses.Nearest(op.StopGradient(q), queue, m.Hardest), 1, 0) // [N,B]
	r := s.Random("mixtures")
	drawn := func(n int) *graph.Node { // n of the hardest keys of every query, [n,B,D]
		ids := op.Gather(hardest, op.TopK(r.Uniform(m.Hardest), n))
		return op.Reshape(losses.RowsAt(queue, ids), n, b, d)
	}
	mix := func(share, x, y *graph.Node) *graph.Node {
		return op.StopGradient(op.Normalize(op.Add(y, op.Mul(share, op.Sub(x, y))), losses.Eps))
	}
	if n := m.Pairs; n > 0 {
		all = append(all, mix(r.Uniform(n, b, 1), drawn(n), drawn(n)))
	}
	if n := m.WithQuery; n > 0 {
		all = append(all, mix(op.Scale(r.Uniform(n, b, 1), 0.5), op.Reshape(q, 1, b, d), drawn(n)))
	}
	return all
}
