package layer_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
)

const far = -1e9

// padded is keys of two sequences of t tokens, the last of the first and the last two of the second padding.
func padded(t int) []float64 {
	v := make([]float64, 2*t)
	for i := range v {
		if i%t < t-1-i/t {
			v[i] = 1
		}
	}
	return v
}

// A sliding window gives what full attention gives whose other scores are far below: of lengths that are a multiple of
// the window and others, of a window that is longer than the sequence, and with padding.
func TestWindowAttention(t *testing.T) {
	for _, c := range []struct{ t, w int }{{6, 2}, {7, 2}, {5, 3}, {4, 9}, {5, 1}} {
		const b, heads, d = 2, 2, 3
		in := map[string][]float64{"x": ramp(b * c.t * 3 * heads * d)}
		band := make([]float64, c.t*c.t)
		for i := range band {
			if away := i/c.t - i%c.t; away > c.w || -away > c.w {
				band[i] = far
			}
		}
		for _, masked := range []bool{false, true} {
			keys := func(s *scope) *op.Node {
				if !masked {
					return nil
				}
				return s.Floats("keys", padded(c.t), b, c.t)
			}
			got := run(t, ir.F64, in, func(s *scope) *op.Node {
				f := layer.Thrifty{Kind: "window", Size: c.w}.New(s, c.t, d)
				return f(s.Input("x", b, c.t, 3, heads, d), keys(s), layer.Grid{})
			})
			want := run(t, ir.F64, in, func(s *scope) *op.Node {
				x := s.Input("x", b, c.t, 3, heads, d)
				part := func(i int) *op.Node { return op.Reshape(op.Slice(x, 2, i, i+1), b, c.t, heads, d) }
				return layer.Attend(s, part(0), part(1), part(2), layer.Mask{Keys: keys(s),
					Bias: s.Floats("band", band, c.t, c.t)})
			})
			for i := range want { // queries that are padding may have no key at all
				if token := i / (heads * d); !masked || padded(c.t)[token] == 1 {
					closeTo(t, "window", got[i:i+1], want[i:i+1])
				}
			}
		}
	}
}

// identity fills a matrix [n,n].
func identity(n int) graph.Init {
	return func(a ir.Array, _ *rand.Rand) {
		for i := range n {
			a.Set(i*n+i, 1)
		}
	}
}

// Linformer with matrices that mix nothing is full attention, and padding is nothing that is mixed.
func TestLinformer(t *testing.T) {
	const b, n, heads, d = 2, 4, 2, 3
	in := map[string][]float64{"x": ramp(b * n * 3 * heads * d)}
	got := run(t, ir.F64, in, func(s *scope) *op.Node {
		s.Param("mix_keys", identity(n), n, n)
		s.Param("mix_values", identity(n), n, n)
		return layer.Thrifty{Kind: "linformer", Size: n}.New(s, n, d)(s.Input("x", b, n, 3, heads, d), nil,
			layer.Grid{})
	})
	closeTo(t, "linformer", got, run(t, ir.F64, in, func(s *scope) *op.Node {
		return op.Attention(s.Input("x", b, n, 3, heads, d), 1/math.Sqrt(d))
	}))
}

// The error of performer falls with the number of its features, and padding changes nothing.
func TestPerformer(t *testing.T) {
	const b, n, heads, d = 2, 5, 2, 4
	in := map[string][]float64{"x": ramp(b * n * 3 * heads * d)}
	attend := func(m int, x []float64) []float64 {
		return run(t, ir.F64, map[string][]float64{"x": x}, func(s *scope) *op.Node {
			f := layer.Thrifty{Kind: "performer", Size: m}.New(s, n, d)
			return f(s.Input("x", b, n, 3, heads, d), s.Floats("keys", padded(n), b, n), layer.Grid{})
		})
	}
	want := run(t, ir.F64, in, func(s *scope) *op.Node {
		x := s.Input("x", b, n, 3, heads, d)
		part := func(i int) *op.Node { return op.Reshape(op.Slice(x, 2, i, i+1), b, n, heads, d) }
		return layer.Attend(s, part(0), part(1), part(2), layer.Mask{Keys: s.Floats("keys", padded(n), b, n)})
	})
	off := func(m int) (worst float64) {
		for i, v := range attend(m, in["x"]) {
			worst = max(worst, math.Abs(v-want[i]))
		}
		return worst
	}
	few, many := off(16), off(8192)
	if !(many < 0.02 && many < few/3) {
		t.Errorf("16 features are off by up to %v and 8,192 by %v", few, many)
	}
	x := append([]float64(nil), in["x"]...)
	for i := (n - 1) * 3 * heads * d; i < n*3*heads*d; i++ { // the first sequence's padding
		x[i] += 3
	}
	before, after := attend(16, in["x"]), attend(16, x)
	closeTo(t, "the tokens before the padding", after[:(n-1)*heads*d], before[:(n-1)*heads*d])
}

func TestThriftyGradients(t *testing.T) {
	for _, kind := range []string{"window", "linformer", "performer"} {
		t.Run(kind, func(t *testing.T) {
			optest.CheckGradients(t, func(s *scope) *op.Node {
				o := layer.Block{Dim: 6, Heads: 2, Thrifty: &layer.Thrifty{Kind: kind, Size: 3}, Length: 5,
					Mask: layer.Mask{Keys: s.Floats("keys", padded(5), 2, 5)}}
				y := layer.Blocks(s.In("blocks"), o, 2, 0)(s.Param("x", graph.Normal(1), 2, 5, 6))
				return op.SumAll(op.Mul(y, s.Input("dy", op.ShapeOf(y)...)))
			}, nil, 4, 1e-6)
		})
	}
}
