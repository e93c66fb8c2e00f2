package op

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"selfsup/graph/ir"
)

// ArgsortOp sorts rows of the last axis.
type ArgsortOp struct{}

// Argsort is the places of the elements of every row of x [...,K] in rising order, equal ones in the order they have:
// int32 [...,K]. x may be int32: the argsort of a permutation is its inverse.
func Argsort(x *Node) *Node { return Apply(ArgsortOp{}, x) }

// Name implements ir.Spec.
func (o ArgsortOp) Name() string { return "argsort" }

// Infer implements ir.Spec.
func (o ArgsortOp) Infer(in []ir.Type) (ir.Type, error) {
	if len(in[0].Shape) == 0 {
		return ir.Type{}, fmt.Errorf("a scalar has no last axis")
	}
	return ir.Type{Shape: slices.Clone(in[0].Shape), DType: ir.I32}, nil
}

// Ref implements ir.Spec.
func (o ArgsortOp) Ref(in []ir.Tensor, out ir.Tensor) {
	k := in[0].Shape.Last()
	for i := 0; i < len(out.Data); i += k {
		row, at := in[0].Data[i:i+k], out.Data[i:i+k]
		for j := range at {
			at[j] = float64(j)
		}
		sort.SliceStable(at, func(a, b int) bool { return row[int(at[a])] < row[int(at[b])] })
	}
}

// Integers implements ir.Integers.
func (o ArgsortOp) Integers(int) bool { return true }

// TopKOp is the places of the K largest elements of the last axis.
type TopKOp struct{ K int }

// TopK is the places of the k largest elements of every row of x [...,N], the largest first, equal ones in the order
// they have: int32 [...,k]. NaN counts as larger than any number. It has no gradient: gather by the places what needs
// one. The k largest of N random numbers are k different places of N.
func TopK(x *Node, k int) *Node { return Apply(TopKOp{k}, x) }

// Name implements ir.Spec.
func (o TopKOp) Name() string { return "top_k" }

// Infer implements ir.Spec.
func (o TopKOp) Infer(in []ir.Type) (ir.Type, error) {
	if len(in[0].Shape) == 0 || o.K < 1 || o.K > in[0].Shape.Last() {
		return ir.Type{}, fmt.Errorf("there are no %d largest of the last axis of %v", o.K, in[0].Shape)
	}
	s := slices.Clone(in[0].Shape)
	s[len(s)-1] = o.K
	return ir.Type{Shape: s, DType: ir.I32}, nil
}

// Ref implements ir.Spec.
func (o TopKOp) Ref(in []ir.Tensor, out ir.Tensor) {
	n := in[0].Shape.Last()
	places := make([]float64, n)
	for i := range len(out.Data) / o.K {
		row := in[0].Data[i*n : (i+1)*n]
		for j := range places {
			places[j] = float64(j)
		}
		sort.SliceStable(places, func(a, b int) bool {
			x, y := row[int(places[a])], row[int(places[b])]
			return x > y || math.IsNaN(x) && !math.IsNaN(y)
		})
		copy(out.Data[i*o.K:(i+1)*o.K], places)
	}
}

// Integers implements ir.Integers.
func (o TopKOp) Integers(int) bool { return true }

// GatherTokensOp picks tokens of every image.
type GatherTokensOp struct{}

// GatherTokens is token ids[b,k] of x [B,T,D] for every b and k: ids [B,K] int32 -> [B,K,D].
func GatherTokens(x, ids *Node) *Node { return Apply(GatherTokensOp{}, x, ids) }

// Name implements ir.Spec.
func (o GatherTokensOp) Name() string { return "gather_tokens" }

// Infer implements ir.Spec.
func (o GatherTokensOp) Infer(in []ir.Type) (ir.Type, error) {
	x, ids := in[0].Shape, in[1]
	if len(x) != 3 || ids.DType != ir.I32 || len(ids.Shape) != 2 || ids.Shape[0] != x[0] {
		return ir.Type{}, fmt.Errorf("want tokens [B,T,D] and int32 ids [B,K]")
	}
	return ir.Type{Shape: ir.Shape{x[0], ids.Shape[1], x[2]}, DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o GatherTokensOp) Ref(in []ir.Tensor, out ir.Tensor) {
	t, d, k := in[0].Shape[1], in[0].Shape[2], out.Shape[1]
	for i, id := range in[1].Data {
		copy(out.Data[i*d:(i+1)*d], in[0].Data[(i/k*t+int(id))*d:])
	}
}

// Integers implements ir.Integers.
func (o GatherTokensOp) Integers(int) bool { return true }

// Active implements Differentiable.
func (o GatherTokensOp) Active(n int) []bool { return active(1, n) }

// Grad implements Differentiable.
func (o GatherTokensOp) Grad(g Grad) []*Node {
	return []*Node{Apply(ScatterTokens{Tokens: ShapeOf(g.In[0])[1]}, g.Dy, g.In[1]), nil}
}

// ScatterTokens adds token k of image b of x [B,K,D] to token ids[b,k] of zeros [B,Tokens,D]: the gradient of
// GatherTokens.
type ScatterTokens struct{ Tokens int }

// Name implements ir.Spec.
func (o ScatterTokens) Name() string { return "scatter_tokens" }

// Infer implements ir.Spec.
func (o ScatterTokens) Infer(in []ir.Type) (ir.Type, error) {
	x := in[0].Shape
	return ir.Type{Shape: ir.Shape{x[0], o.Tokens, x[2]}, DType: in[0].DType}, nil
}

// Ref implements ir.Spec.
func (o ScatterTokens) Ref(in []ir.Tensor, out ir.Tensor) {
	k, d := in[0].Shape[1], in[0].Shape[2]
	for i, id := range in[1].Data {
		to := out.Data[(i/k*o.Tokens+int(id))*d:]
		for j := range d {
			to[j] += in[0].Data[i*d+j]
		}
	}
}

// Integers implements ir.Integers.
func (o ScatterTokens) Integers(operand int) bool { return operand == 1 }
