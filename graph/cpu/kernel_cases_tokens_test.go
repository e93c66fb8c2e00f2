package cpu

import (
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// tokenKernelCases are those of the operations on tokens.
func tokenKernelCases(add func(spec ir.Spec, in ...string), loose func(tol float64, spec ir.Spec, in ...string)) {
	for _, shape := range []ir.Shape{{50007}, {300, 130}, {}} {
		add(op.RandomOp{To: op.DimsOf(shape), Draw: 3}, "l 2", "l")
		add(op.RandomOp{To: op.DimsOf(shape), Keep: 0.8}, "l 2", "l")
		add(op.RandomOp{To: op.DimsOf(shape), Law: "bernoulli", P: 0.3}, "l 2", "l")
		add(op.RandomOp{To: op.DimsOf(shape), Law: "normal"}, "l 2", "l")
	}
	add(op.ArgsortOp{}, "n 301,67")
	add(op.ArgsortOp{}, "z 301,67") // both zeros are one
	add(op.ArgsortOp{}, "l 40,1001")
	add(op.ArgsortOp{}, "i 300,65")
	add(op.ArgsortOp{}, "n 7")
	add(op.AssignOp{}, "n 67,67")
	add(op.AssignOp{}, "n 1,1")
	add(op.AssignOp{}, "n 3,5,13,13")
	add(op.TopKOp{K: 5}, "n 301,67")
	add(op.TopKOp{K: 67}, "z 301,67")
	add(op.TopKOp{K: 100}, "l 40,1001")
	add(op.TopKOp{K: 3}, "i 300,65")
	add(op.TopKOp{K: 1}, "n 7")
	add(op.GatherTokensOp{}, "n 40,9,257", "i 40,33")
	add(op.GatherTokensOp{}, "n 3,9,7000", "i 3,4")
	add(op.GatherTokensOp{}, "i 3,9,7", "i 3,4")
	add(op.ScatterTokens{Tokens: 9}, "n 40,33,257", "i 40,33")
	add(op.ScatterTokens{Tokens: 12}, "n 3,4,7000", "i 3,4")
	for _, s := range []string{"1,1,3,1,1", "2,1,3,3,8", "3,13,3,3,32", "1,49,3,2,16", "5,50,3,3,20", "2,197,3,1,64"} {
		q := operand("n "+s, nil).Shape
		y := join(ir.Shape{q[0], q[1], q[3] * q[4]})
		loose(1e-5, op.AttentionOp{Scale: 0.3}, "n "+s)
		loose(1e-5, op.AttentionGrad{Scale: 0.3}, "n "+y, "n "+s)
		// a weight on the other side of a rounding step moves by 1/256
		loose(4e-3, op.AttentionOp{Scale: 0.3, BF16: true}, "n "+s)
		loose(4e-3, op.AttentionGrad{Scale: 0.3, BF16: true}, "n "+y, "n "+s)
		maskedKernelCases(loose, q, "n "+y, "n "+s)
	}
}

// maskedKernelCases are those of attention of queries, keys and values x [B,T,3,heads,D] and dy with biases and of
// causal attention.
func maskedKernelCases(loose func(tol float64, spec ir.Spec, in ...string), s ir.Shape, dy, x string) {
	images, tokens, heads := s[0], s[1], s[3]
	of := func(shape ...int) string { return "n " + join(shape) }
	keys, all := of(images, 1, 1, tokens), of(1, heads, tokens, tokens)
	for _, bf16 := range []bool{false, true} {
		tol := 1e-5
		if bf16 {
			tol = 4e-3
		}
		for _, c := range []struct {
			causal, learned bool
			biases          []string
		}{
			{true, false, nil}, {false, false, []string{keys}}, {true, false, []string{keys}},
			{false, true, []string{all}}, {true, true, []string{keys, all}},
			{false, true, []string{all, of(images, heads, tokens, tokens)}},
			{false, false, []string{of(1, 1, tokens, tokens), of(images, heads, 1, tokens)}},
		} {
			o := op.AttentionOp{Scale: 0.3, BF16: bf16, Causal: c.causal, Learned: c.learned}
			loose(tol, o, append([]string{x}, c.biases...)...)
			loose(tol, op.AttentionGrad(o), append([]string{dy, x}, c.biases...)...)
		}
	}
}
