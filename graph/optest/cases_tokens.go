package optest

import "selfsup/graph/op"

// seeds are whole numbers below 2^24, as keys of randomness are.
func seeds(shape ...int) Input { return levels(1<<24, shape...) }

func tokenCases() []Case {
	random := func(draw int, keep float64, shape ...int) func(in nodes) *op.Node {
		return func(in nodes) *op.Node {
			if keep == 0 {
				return op.RandomUniform(in[0], in[1], draw, shape...)
			}
			return op.RandomKeep(in[0], in[1], draw, keep, shape...)
		}
	}
	attention := func(scale float64) func(in nodes) *op.Node {
		return one(func(x *op.Node) *op.Node { return op.Attention(x, scale) })
	}
	masked := func(o op.AttentionOp) func(in nodes) *op.Node { // the first operand is packed, the others are biases
		o.Scale = 0.4
		return func(in nodes) *op.Node { return op.Apply(o, in...) }
	}
	topK := func(k int) func(in nodes) *op.Node { return one(func(x *op.Node) *op.Node { return op.TopK(x, k) }) }
	key := []Input{seeds(2), always(1234)}
	none := []int{0, 1}
	return []Case{
		{Name: "random/scalar", In: key, Inactive: none, Build: random(0, 0)},
		{Name: "random/uniform", In: key, Inactive: none, Build: random(1, 0, 5, 7)},
		{Name: "random/large", In: key, Inactive: none, Build: random(2, 0, 131, 127)},
		{Name: "random/keep", In: key, Inactive: none, Build: random(0, 0.7, 9, 1, 1)},
		{Name: "random/bernoulli", In: key, Inactive: none,
			Build: func(in nodes) *op.Node { return op.RandomBernoulli(in[0], in[1], 3, 0.3, 6, 7) }},
		{Name: "random/never", In: key, Inactive: none,
			Build: func(in nodes) *op.Node { return op.RandomBernoulli(in[0], in[1], 3, 0, 9) }},
		{Name: "random/normal", In: key, Inactive: none,
			Build: func(in nodes) *op.Node { return op.RandomNormal(in[0], in[1], 4, 131, 127) }},
		{Name: "random/keep all", In: key, Inactive: none, Build: random(0, 1, 9)},
		{Name: "argsort", In: []Input{normal(5, 7)}, Build: one(op.Argsort)},
		{Name: "argsort/ties", In: []Input{levels(3, 4, 3, 9)}, Build: one(op.Argsort)},
		{Name: "argsort/zeros", In: []Input{always(0, 2, 5)}, Build: one(op.Argsort)},
		{Name: "argsort/one", In: []Input{normal(3, 1)}, Build: one(op.Argsort)},
		{Name: "argsort/large", In: []Input{normal(131, 127)}, Build: one(op.Argsort)},
		{Name: "argsort/integers", In: []Input{ints(-9, 9, 6, 33)}, Build: one(op.Argsort)},
		{Name: "argsort/inverse", In: []Input{normal(4, 17)}, Build: one(func(x *op.Node) *op.Node {
			return op.Argsort(op.Argsort(x))
		})},
		{Name: "assign", In: []Input{normal(7, 7)}, Build: one(op.Assign)},
		{Name: "assign/one", In: []Input{normal(1, 1)}, Build: one(op.Assign)},
		{Name: "assign/large", In: []Input{normal(61, 61)}, Build: one(op.Assign)},
		{Name: "assign/several", In: []Input{normal(3, 2, 5, 5)}, Build: one(op.Assign)},
		{Name: "top_k", In: []Input{normal(5, 7)}, Build: topK(3)},
		{Name: "top_k/ties", In: []Input{levels(3, 4, 3, 9)}, Build: topK(4)},
		{Name: "top_k/zeros", In: []Input{always(0, 2, 5)}, Build: topK(2)},
		{Name: "top_k/all", In: []Input{normal(3, 6)}, Build: topK(6)},
		{Name: "top_k/large", In: []Input{normal(131, 127)}, Build: topK(10)},
		{Name: "top_k/integers", In: []Input{ints(-9, 9, 6, 33)}, Build: topK(5)},
		{Name: "attention", In: []Input{normal(2, 5, 3, 2, 4)}, Build: attention(0.5)},
		{Name: "attention/one", In: []Input{normal(1, 1, 3, 1, 1)}, Build: attention(1)},
		{Name: "attention/one head", In: []Input{normal(3, 7, 3, 1, 5)}, Build: attention(0.4)},
		{Name: "attention/one image", In: []Input{normal(1, 33, 3, 1, 17)}, Build: attention(0.25)},
		{Name: "attention/peaked", In: []Input{normal(2, 9, 3, 2, 8)}, Tol: 3e-5, Build: attention(10)},
		{Name: "attention/large", In: []Input{normal(4, 37, 3, 3, 32)}, Build: attention(0.18)},
		{Name: "attention/causal", In: []Input{normal(2, 9, 3, 2, 4)}, Build: masked(op.AttentionOp{Causal: true})},
		{Name: "attention/causal, large", In: []Input{normal(2, 70, 3, 2, 20)},
			Build: masked(op.AttentionOp{Causal: true})},
		{Name: "attention/keys", In: []Input{normal(3, 5, 3, 2, 4), normal(3, 1, 1, 5)}, Inactive: []int{1},
			Build: masked(op.AttentionOp{})},
		{Name: "attention/bias", In: []Input{normal(3, 5, 3, 2, 4), normal(1, 2, 5, 5)},
			Build: masked(op.AttentionOp{Learned: true})},
		{Name: "attention/bias of a constant", In: []Input{normal(3, 5, 3, 2, 4), normal(1, 1, 5, 5)},
			Inactive: []int{1}, Build: masked(op.AttentionOp{})},
		{Name: "attention/windows", In: []Input{normal(6, 5, 3, 2, 4), normal(3, 2, 5, 5)},
			Build: masked(op.AttentionOp{Learned: true})},
		{Name: "attention/keys and bias, causal", In: []Input{normal(4, 7, 3, 3, 8), normal(4, 1, 1, 7),
			normal(1, 3, 7, 7)}, Inactive: []int{1}, Build: masked(op.AttentionOp{Causal: true, Learned: true})},
		{Name: "attention/bias, large", In: []Input{normal(6, 35, 3, 2, 17), normal(3, 2, 35, 35)},
			Build: masked(op.AttentionOp{Learned: true})},
		{Name: "gather_tokens", In: []Input{normal(3, 5, 4), ints(0, 5, 3, 2)}, Build: two(op.GatherTokens)},
		{Name: "gather_tokens/repeated", In: []Input{normal(2, 3, 4), ints(0, 3, 2, 9)}, Build: two(op.GatherTokens)},
		{Name: "gather_tokens/one", In: []Input{normal(1, 1, 1), ints(0, 1, 1, 1)}, Build: two(op.GatherTokens)},
		{Name: "gather_tokens/large", In: []Input{normal(9, 67, 65), ints(0, 67, 9, 33)}, Build: two(op.GatherTokens)},
		{Name: "gather_tokens/permuted", In: []Input{normal(3, 7, 5), normal(3, 7)}, Inactive: []int{1},
			Build: two(func(x, order *op.Node) *op.Node {
				return op.GatherTokens(x, op.Argsort(order))
			})},
	}
}
