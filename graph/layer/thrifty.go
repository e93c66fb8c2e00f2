package layer

import (
	"fmt"
	"math"
	"math/rand/v2"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// Thrifty is self-attention that costs as much as there are tokens, not as the square of their number. Of a sequence of
// 128 channels in 4 heads a block's attention takes, forwards and backwards, by BenchmarkThrifty on one core of a busy
// machine (AVX-512, the least of several runs):
//
//	tokens   full     window of 32   linformer of 64   performer of 64
//	   128     2 ms        3 ms             3 ms              3 ms
//	   512    13 ms        6 ms             4 ms              5 ms
//	 2,048   700 ms      106 ms            57 ms             82 ms
type Thrifty struct {
	// window: each query attends to the keys at most Size tokens away (Beltagy et al. 2020, Longformer,
	// arXiv:2004.05150, section 3.1, without its global tokens); on a Grid patches attend to those of their square
	// window of Size tokens of side, see gridWindows
	//
	// linformer: keys and values are mixed to Size of them by learned matrices, the same for all heads (Wang et al.
	// 2020, arXiv:2006.04768, eq. 7). Tokens without a place on a Grid are not mixed: they are keys beside the mixed
	// ones
	//
	// performer: the softmax is estimated without bias by Size random features, positive and orthogonal (Choromanski et
	// al. 2021, arXiv:2009.14794, eq. 5 and section 2.4). The features stay as they are drawn; the authors may redraw
	// them
	Kind  string
	Size  int  // tokens, or features
	Shift bool // windows on a Grid lie half a window further down and right
}

// New declares what it needs in s, and gives the attention of qkv [B,T,3,heads,dim] -> [B,T,heads*dim]: of sequences
// of length tokens, with the zero Grid, or of tokens on a grid that holds length patches. keys [B,T] is 1 where a key
// is there and 0 for padding; nil: all are there.
func (o Thrifty) New(s *graph.Scope, length, dim int) func(qkv, keys *graph.Node, g Grid) *graph.Node {
	switch o.Kind {
	case "window":
		return func(qkv, keys *graph.Node, g Grid) *graph.Node {
			if g == (Grid{}) {
				return slidingWindow(s, qkv, keys, o.Size)
			}
			return o.gridWindows(s, qkv, keys, g)
		}
	case "linformer":
		mix := graph.Normal(1 / math.Sqrt(float64(o.Size)))
		k, v := s.Param("mix_keys", mix, length, o.Size), s.Param("mix_values", mix, length, o.Size)
		return func(qkv, keys *graph.Node, g Grid) *graph.Node { return linformer(s, qkv, keys, k, v, g.Special) }
	case "performer":
		w := s.Frozen("features", orthogonalFeatures, o.Size, dim)
		return func(qkv, keys *graph.Node, _ Grid) *graph.Node { return performer(s, qkv, keys, w) }
	}
	op.Fail(s.Path(), "attention %q: want \"window\", \"linformer\" or \"performer\"", o.Kind)
	return nil
}

// unpack is queries, keys and values [B,T,heads,D] of qkv [B,T,3,heads,D].
func unpack(qkv *graph.Node) (q, k, v *graph.Node) {
	s := op.ShapeOf(qkv)
	part := func(i int) *graph.Node { return op.Reshape(op.Slice(qkv, 2, i, i+1), s[0], s[1], s[3], s[4]) }
	return part(0), part(1), part(2)
}

// slidingWindow cuts the tokens into pieces of size w, each of which reads itself and its two neighbours.
func slidingWindow(s *graph.Scope, qkv, keys *graph.Node, w int) *graph.Node {
	shape := op.ShapeOf(qkv)
	b, t, heads, d := shape[0], shape[1], shape[3], shape[4]
	n := (t + w - 1) / w
	if keys == nil {
		keys = op.BroadcastTo(s.Constant(1), ir.Shape{b, t})
	}
	filled := func(x *graph.Node, before, after int) *graph.Node {
		if before+after == 0 {
			return x
		}
		return op.Pad(x, 1, before, after)
	}
	around := func(x *graph.Node) *graph.Node { // x [B,T,C] -> [B*n,3w,C]
		x = filled(x, w, n*w-t+w)
		var parts []*graph.Node
		for i := range 3 {
			parts = append(parts, op.Reshape(op.Slice(x, 1, i*w, (i+n)*w), b*n, w, -1))
		}
		return op.Concat(1, parts...)
	}
	q, k, v := unpack(qkv)
	q = op.Reshape(filled(op.Reshape(q, b, t, -1), 0, n*w-t), b*n, w, heads, d)
	k = op.Reshape(around(op.Reshape(k, b, t, -1)), b*n, 3*w, heads, d)
	v = op.Reshape(around(op.Reshape(v, b, t, -1)), b*n, 3*w, heads, d)
	band := make([]float64, w*3*w) // key j is j-w tokens from the first query
	for i := range band {
		if away := i/(3*w) - (i%(3*w) - w); away > w || -away > w {
			band[i] = far
		}
	}
	m := Mask{Keys: op.Reshape(around(op.Reshape(keys, b, t, 1)), b*n, 3*w),
		Bias: s.Floats(fmt.Sprintf("const/band/%d", w), band, w, 3*w)}
	y := op.Reshape(Attend(s, q, k, v, m), b, n*w, heads*d)
	if n*w == t {
		return y
	}
	return op.Slice(y, 1, 0, t)
}

// linformer attends to the first tokens, special, and to the keys and values of the others mixed by e and f [T,size].
func linformer(s *graph.Scope, qkv, keys, e, f *graph.Node, special int) *graph.Node {
	shape, size := op.ShapeOf(qkv), op.ShapeOf(e)
	b, t, heads, d := shape[0], shape[1]-special, shape[3], shape[4]
	if t != size[0] {
		op.Fail(s.Path(), "attention = \"linformer\" mixes %d tokens, and there are %d: it takes no other size, and "+
			"no part of them; want \"performer\" or \"full\"", size[0], t)
	}
	var m Mask
	if keys != nil && special > 0 {
		there := op.BroadcastTo(s.Constant(1), ir.Shape{b, size[1]})
		m.Keys, keys = op.Concat(1, op.Slice(keys, 1, 0, special), there), op.Slice(keys, 1, special, special+t)
	}
	mixed := func(x, by *graph.Node) *graph.Node { // [B,special+T,heads,D] -> [B,special+size,heads,D]
		from := op.Slice(x, 1, special, special+t)
		if keys != nil {
			from = op.Mul(from, op.Reshape(keys, b, t, 1, 1))
		}
		rows := op.Reshape(op.Transpose(from, 0, 2, 3, 1), b*heads*d, t)
		y := op.Transpose(op.Reshape(Product(s, rows, by), b, heads, d, -1), 0, 3, 1, 2)
		if special == 0 {
			return y
		}
		return op.Concat(1, op.Slice(x, 1, 0, special), y)
	}
	q, k, v := unpack(qkv)
	return Attend(s, q, mixed(k, e), mixed(v, f), m)
}

// performer multiplies features of the keys with the values first, then those of the queries with the product. What is
// subtracted in the exponents cancels out.
func performer(s *graph.Scope, qkv, keys, w *graph.Node) *graph.Node {
	shape := op.ShapeOf(qkv)
	b, t, heads, d, m := shape[0], shape[1], shape[3], shape[4], op.ShapeOf(w)[0]
	exponents := func(x *graph.Node) *graph.Node { // [B,T,heads,D] -> [B,heads,T,m]
		x = op.Scale(op.Transpose(x, 0, 2, 1, 3), math.Pow(float64(d), -0.25))
		product := op.Apply(op.MatMulOp{TransB: true, BF16: s.BF16()}, op.Reshape(x, -1, d), w)
		half := op.Scale(op.SumAxes(op.Square(x), true, 3), 0.5)
		return op.Sub(op.Reshape(product, b, heads, t, m), half)
	}
	q, k, v := unpack(qkv)
	eq, ek := exponents(q), exponents(k)
	largest := op.StopGradient(op.Reshape(op.LogSumExp(eq), b, heads, t, 1))
	fq := op.Exp(op.Sub(eq, largest))
	largest = op.StopGradient(op.Reshape(op.LogSumExp(op.Reshape(ek, b, heads, t*m)), b, heads, 1, 1))
	fk := op.Exp(op.Sub(ek, largest))
	if keys != nil {
		fk = op.Mul(fk, op.Reshape(keys, b, 1, t, 1))
	}
	kv := op.MatMul(fk, op.Transpose(v, 0, 2, 1, 3), true, false)         // [B,heads,m,D]
	y := op.MatMul(fq, kv, false, false)                                  // [B,heads,T,D]
	sum := op.SumAxes(op.Mul(fq, op.SumAxes(fk, true, 2)), true, 3)       // [B,heads,T,1]
	return op.Reshape(op.Transpose(op.Div(y, sum), 0, 2, 1, 3), b, t, -1) // [B,T,heads*D]
}

// orthogonalFeatures fills rows [m,d]: d at a time orthogonal, each as long as a vector of d normal numbers.
func orthogonalFeatures(a ir.Array, r *rand.Rand) {
	m, d := a.Shape[0], a.Shape[1]
	rows := make([][]float64, m)
	for i := range rows {
		rows[i] = make([]float64, d)
		for c := range rows[i] {
			rows[i][c] = r.NormFloat64()
		}
		for _, other := range rows[i/d*d : i] {
			var dot float64
			for c, v := range other {
				dot += v * rows[i][c]
			}
			for c, v := range other {
				rows[i][c] -= dot * v
			}
		}
		toLength(rows[i], 1)
	}
	for i, row := range rows {
		var squares float64
		for range d {
			v := r.NormFloat64()
			squares += v * v
		}
		toLength(row, math.Sqrt(squares))
		for c, v := range row {
			a.Set(i*d+c, v)
		}
	}
}

// toLength scales a vector.
func toLength(v []float64, length float64) {
	var squares float64
	for _, x := range v {
		squares += x * x
	}
	for i := range v {
		v[i] *= length / math.Sqrt(squares)
	}
}
