package layer

import (
	"fmt"
	"math"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// Mask says which keys a query may attend to, and by how much more. The zero Mask leaves all as it is.
type Mask struct {
	// Keys [B,S] is 1 where a key is there and 0 where none is: padding. Queries of a row without any key attend to all
	// alike.
	Keys *graph.Node
	// Bias is added to the scaled scores [B,heads,T,S], to which it broadcasts: [T,S], or [heads,T,S] of learned
	// relative positions. One of [G,heads,T,S] or [G,1,T,S] is for batches of G in turn, such as the windows of a map.
	Bias   *graph.Node
	Causal bool // query t attends to keys 0 to t; there are as many queries as keys
}

func (m Mask) none() bool { return m.Keys == nil && m.Bias == nil && !m.Causal }

// far is added to the scores of masked keys: far below all scores, and finite, so that no row becomes NaN.
const far = -1e9

// AttendWeights are the weights [B,heads,T,S] by which queries q [B,T,heads,D] attend to keys k [B,S,heads,D]:
// softmax(q k' / sqrt(D) + mask).
func AttendWeights(s *graph.Scope, q, k *graph.Node, m Mask) *graph.Node {
	qs, ks := op.ShapeOf(q), op.ShapeOf(k)
	if len(qs) != 4 || len(ks) != 4 || qs[0] != ks[0] || !qs[2:].Equal(ks[2:]) {
		op.Fail(s.Path(), "attention: queries %v and keys %v, want [B,T,heads,D] and [B,S,heads,D]", qs, ks)
	}
	b, t, n, d := qs[0], qs[1], ks[1], qs[3]
	product := op.Apply(op.MatMulOp{TransB: true, BF16: s.BF16()}, op.Transpose(q, 0, 2, 1, 3),
		op.Transpose(k, 0, 2, 1, 3))
	scores := op.Scale(product, 1/math.Sqrt(float64(d))) // [B,heads,T,S]
	if m.Bias != nil {
		scores = inTurn(s, scores, m.Bias)
	}
	if m.Keys != nil {
		scores = op.Add(scores, keyBias(s, m.Keys, b, n))
	}
	if m.Causal {
		if t != n {
			op.Fail(s.Path(), "attention: %d queries attend to %d keys; of causal attention there are as many", t, n)
		}
		scores = op.Add(scores, s.Floats(fmt.Sprintf("causal/%d", t), later(t), t, t))
	}
	return op.Softmax(scores)
}

// keyBias is what a mask of keys [B,S] adds to scores, [B,1,1,S].
func keyBias(s *graph.Scope, keys *graph.Node, b, n int) *graph.Node {
	if got := op.ShapeOf(keys); len(got) != 2 || got[0] != b || got[1] != n {
		op.Fail(s.Path(), "attention: the mask of the keys is %v, want [%d,%d]", got, b, n)
	}
	return op.Reshape(op.Affine(op.StopGradient(keys), -far, far), b, 1, 1, n)
}

// inTurn adds a mask's bias to scores [B,heads,T,S].
func inTurn(s *graph.Scope, scores, bias *graph.Node) *graph.Node {
	all, each := op.ShapeOf(scores), op.ShapeOf(bias)
	if len(each) < 4 || each[0] == 1 || each[0] == all[0] {
		return op.Add(scores, bias)
	}
	if all[0]%each[0] != 0 {
		op.Fail(s.Path(), "attention: biases of %d in turn, and there are %d, no multiple of it", each[0], all[0])
	}
	apart := op.Reshape(scores, append([]int{all[0] / each[0], each[0]}, all[1:]...)...)
	return op.Reshape(op.Add(apart, bias), all...)
}

// later is [t,t], far where a key comes after its query, else 0.
func later(t int) []float64 {
	v := make([]float64, t*t)
	for i := range v {
		if i%t > i/t {
			v[i] = far
		}
	}
	return v
}

// Attend is what queries q [B,T,heads,D] read of values v [B,S,heads,D] at keys k [B,S,heads,D] -> [B,T,heads*D]. It
// makes all weights; of packed self-attention op.Attention does not.
func Attend(s *graph.Scope, q, k, v *graph.Node, m Mask) *graph.Node {
	if got, want := op.ShapeOf(v), op.ShapeOf(k); !got.Equal(want) {
		op.Fail(s.Path(), "attention: values %v, want them as the keys %v", got, want)
	}
	w := AttendWeights(s, q, k, m)
	y := op.Apply(op.MatMulOp{BF16: s.BF16()}, w, op.Transpose(v, 0, 2, 1, 3)) // [B,heads,T,D]
	qs := op.ShapeOf(q)
	return op.Reshape(op.Transpose(y, 0, 2, 1, 3), qs[0], qs[1], qs[2]*qs[3])
}

// MaskedAttention is Attention, of the same parameters, with a mask.
func MaskedAttention(s *graph.Scope, dim, heads int, m Mask) Func {
	if m.none() {
		return Attention(s, dim, heads)
	}
	qkv, proj := Dense(s.In("qkv"), dim, 3*dim), Dense(s.In("proj"), dim, dim)
	return func(x *graph.Node) *graph.Node {
		b, t := op.ShapeOf(x)[0], op.ShapeOf(x)[1]
		return proj(attendPacked(s, op.Reshape(qkv(x), b, t, 3, heads, dim/heads), m)) // [B,T,dim]
	}
}

// attendPacked is self-attention of qkv [B,T,3,heads,D] -> [B,T,heads*D], one operation.
func attendPacked(s *graph.Scope, qkv *graph.Node, m Mask) *graph.Node {
	shape := op.ShapeOf(qkv)
	b, t, heads := shape[0], shape[1], shape[3]
	o := op.AttentionOp{Scale: 1 / math.Sqrt(float64(shape[4])), BF16: s.BF16(), Causal: m.Causal}
	in := []*graph.Node{qkv}
	if m.Keys != nil {
		in = append(in, keyBias(s, m.Keys, b, t))
	}
	if m.Bias != nil {
		each := op.ShapeOf(m.Bias)
		for len(each) < 4 {
			each = append(ir.Shape{1}, each...)
		}
		bias := op.Reshape(m.Bias, each...)
		if o.Learned = s.Varies(bias); o.Learned { // one of every head, query and key
			bias = op.BroadcastTo(bias, ir.Shape{each[0], heads, t, t})
		}
		in = append(in, bias)
	}
	return op.Apply(o, in...)
}

// CrossAttention is multi-head attention of tokens x [B,T,dim] to others, y [B,S,from] -> [B,T,dim]: queries from x,
// keys and values from y, by linear layers q, k, v, and proj that joins the heads (Vaswani et al. 2017,
// arXiv:1706.03762, section 3.2.3).
func CrossAttention(s *graph.Scope, dim, from, heads int) func(x, y *graph.Node, m Mask) *graph.Node {
	q, k, v, proj := Dense(s.In("q"), dim, dim), Dense(s.In("k"), from, dim), Dense(s.In("v"), from, dim),
		Dense(s.In("proj"), dim, dim)
	split := func(x *graph.Node) *graph.Node {
		return op.Reshape(x, op.ShapeOf(x)[0], op.ShapeOf(x)[1], heads, dim/heads)
	}
	return func(x, y *graph.Node, m Mask) *graph.Node {
		return proj(Attend(s, split(q(x)), split(k(y)), split(v(y)), m))
	}
}

// LastAttention makes the weights [B,heads,T,T] of the last self-attention that y is made by; nil: there is none, or
// each is among tokens of a window.
func LastAttention(s *graph.Scope, y *graph.Node) *graph.Node {
	var last *graph.Node
	seen := map[*graph.Node]bool{}
	for next := []*graph.Node{y}; len(next) > 0; {
		n := next[len(next)-1]
		next = next[:len(next)-1]
		if seen[n] || op.Of(n) == nil {
			continue
		}
		seen[n] = true
		next = append(next, op.Operands(n)...)
		if _, is := op.Of(n).Spec.(op.AttentionOp); is && (last == nil || n.ID() > last.ID()) {
			last = n
		}
	}
	if last == nil {
		return nil
	}
	in := op.Operands(last)
	qkv := in[0] // [B,T,3,heads,D]
	m := Mask{Causal: op.Of(last).Spec.(op.AttentionOp).Causal}
	for i, bias := range in[1:] {
		if i > 0 {
			bias = op.Add(m.Bias, bias)
		}
		m.Bias = bias
	}
	size := op.ShapeOf(qkv)
	if size[0] != op.ShapeOf(y)[0] { // of windows
		return nil
	}
	part := func(i int) *graph.Node {
		return op.Reshape(op.Slice(qkv, 2, i, i+1), size[0], size[1], size[3], size[4])
	}
	return AttendWeights(s, part(0), part(1), m)
}

// Gaze is how much every patch is looked at by the last self-attention that encoded tokens y are made by,
// [B,heads,patches], of the last so many tokens: by the class token, the first, or where there is none by all patches
// alike. nil: as LastAttention, or there are fewer tokens.
func Gaze(s *graph.Scope, y *graph.Node, patches int, class bool) *graph.Node {
	w := LastAttention(s, y)
	if w == nil || op.ShapeOf(w)[3] < patches {
		return nil
	}
	size := op.ShapeOf(w)
	w = op.Slice(w, 3, size[3]-patches, size[3]) // patches come behind the class token and registers
	if class {
		return op.Reshape(op.Slice(w, 2, 0, 1), size[0], size[1], patches)
	}
	return op.Mean(w, false, 2)
}
