package losses

import (
	"selfsup/graph"
	"selfsup/graph/op"
)

// Enqueue puts the keys [N,D] of a step in place of the oldest ones of a queue [K,D], going on at its beginning. Queues
// of one scope get the same number of keys.
func Enqueue(s *graph.Scope, queue, keys *graph.Node) {
	n, size := op.ShapeOf(keys)[0], op.ShapeOf(queue)[0]
	if n > size {
		op.Fail(s.Path(), "queue = %d holds less than the %d keys of a step; want at least that", size, n)
	}
	at := s.Scheduled("queue_at", func(t graph.Time) float64 { return float64(t.Draw() * n % size) })
	s.Update(queue, op.PutAt(queue, at, keys))
}
