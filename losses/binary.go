package losses

import (
	"selfsup/graph"
	"selfsup/graph/op"
)

// BinaryCrossEntropy is -t log p - (1-t) log(1-p) in nats with p = sigmoid(logits), for each element of logits and
// target t, which are of one shape.
func BinaryCrossEntropy(logits, target *graph.Node) *graph.Node {
	return op.Sub(op.Softplus(logits), op.Mul(logits, target))
}
