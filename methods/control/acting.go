package control

import (
	"context"
	"math/rand/v2"
	"slices"

	"selfsup/graph"
	"selfsup/graph/op"
	"selfsup/methods"
	"selfsup/setting"
)

// objective is a learner's terms and the base's.
func (m *Agent) objective(s *graph.Scope, b *methods.Batch, t *transition, terms []methods.Term,
	metrics []methods.Metric, choose func(at graph.Time, r *rand.Rand, v []float32) int) methods.Objective {
	o := t.base
	o.Features = t.h
	o.Terms = slices.Clone(o.Terms)
	for i := range o.Terms {
		o.Terms[i].Weight *= m.Weight
	}
	o.Terms, o.Metrics = append(terms, o.Terms...), append(metrics, o.Metrics...)
	if b.Acts() {
		record := s.In("acting").State("record", graph.Fill(0), recorded)
		o.Metrics = append(o.Metrics, methods.Metric{Name: "return", Value: op.SumAll(op.Row(record, meanAt))})
		o.Jobs = append(slices.Clone(o.Jobs), methods.Job{Name: "act", Every: setting.Steps(1),
			Run: func(ctx context.Context, h methods.Host) error { return m.act(ctx, h, choose) }})
	}
	return o
}

// Places of what is recorded of acting: the mean return of about the last ten episodes, the sum of the rewards of this
// one, and how many there were.
const (
	meanAt = iota
	sumAt
	episodesAt
	recorded
)

// act takes the actions between two steps and records what comes of them.
func (m *Agent) act(ctx context.Context, h methods.Host,
	choose func(at graph.Time, r *rand.Rand, v []float32) int) error {
	world, r := h.World(), h.Rand()
	record := h.Entry("acting/record")
	for range m.Acts {
		v, err := world.Values()
		if err != nil {
			return err
		}
		reward, over, err := world.Act(choose(h.Time(), r, v))
		if err != nil {
			return err
		}
		sum := record.At(sumAt) + reward
		record.Set(sumAt, sum)
		if over {
			n, mean := record.At(episodesAt)+1, record.At(meanAt)
			record.Set(meanAt, mean+(sum-mean)/min(n, 10))
			record.Set(sumAt, 0)
			record.Set(episodesAt, n)
		}
	}
	return nil
}
