package layer_test

import (
	"math"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
)

// ramp is n values that differ.
func ramp(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = math.Sin(float64(3*i + 1))
	}
	return v
}

func closeTo(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %d values, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= 1e-12) {
			t.Errorf("%s: value %d is %v, want %v", what, i, got[i], want[i])
			return
		}
	}
}

// A mask that masks nothing gives what the attention without one does, through the same parameters.
func TestMaskedAttentionOfAllKeys(t *testing.T) {
	const b, n, dim = 2, 5, 6
	in := map[string][]float64{"x": ramp(b * n * dim)}
	block := func(m func(s *scope) layer.Mask) []float64 {
		return run(t, ir.F64, in, func(s *scope) *op.Node {
			return layer.Block{Dim: dim, Heads: 2, Mask: m(s)}.New(s.In("block"), nil)(s.Input("x", b, n, dim))
		})
	}
	want := block(func(*scope) layer.Mask { return layer.Mask{} })
	ones := make([]float64, b*n)
	for i := range ones {
		ones[i] = 1
	}
	for name, m := range map[string]func(s *scope) layer.Mask{
		"keys": func(s *scope) layer.Mask { return layer.Mask{Keys: s.Floats("keys", ones, b, n)} },
		"bias": func(s *scope) layer.Mask { return layer.Mask{Bias: s.Floats("bias", make([]float64, n*n), n, n)} },
		"scores": func(s *scope) layer.Mask {
			return layer.Mask{Bias: s.Floats("bias", make([]float64, b*2*n*n), b, 2, n, n)}
		},
	} {
		closeTo(t, name, block(m), want)
	}
}

// Keys that are masked, and keys behind a query of causal attention, change nothing.
func TestMaskedKeysAreNotRead(t *testing.T) {
	const b, n, dim = 2, 4, 6
	attention := func(x []float64, m func(s *scope) layer.Mask) []float64 {
		return run(t, ir.F64, map[string][]float64{"x": x}, func(s *scope) *op.Node {
			return layer.MaskedAttention(s.In("attn"), dim, 2, m(s))(s.Input("x", b, n, dim))
		})
	}
	keys := func(s *scope) layer.Mask {
		return layer.Mask{Keys: s.Floats("keys", []float64{1, 1, 1, 0, 1, 1, 1, 1}, b, n)}
	}
	causal := func(*scope) layer.Mask { return layer.Mask{Causal: true} }
	x, y := ramp(b*n*dim), ramp(b*n*dim)
	for i := 3 * dim; i < 4*dim; i++ { // token 3 of the first sequence
		y[i] += 10
	}
	for name, m := range map[string]func(s *scope) layer.Mask{"keys": keys, "causal": causal} {
		before, after := attention(x, m), attention(y, m)
		closeTo(t, name+": earlier tokens", after[:3*dim], before[:3*dim])
		closeTo(t, name+": the other sequence", after[4*dim:], before[4*dim:])
		if math.Abs(after[3*dim]-before[3*dim]) < 1e-3 {
			t.Errorf("%s: token 3 itself has not changed", name)
		}
	}
	free := attention(y, func(*scope) layer.Mask { return layer.Mask{} })
	if math.Abs(free[0]-attention(x, keys)[0]) < 1e-6 {
		t.Error("without a mask token 0 does not see token 3")
	}
	none := func(s *scope) layer.Mask { return layer.Mask{Keys: s.Floats("keys", make([]float64, 8), b, n)} }
	for i, v := range attention(x, none) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Fatalf("without any key value %d is %v", i, v)
		}
	}
}

// Cross-attention has gradients by both sequences, all weights and the bias; to itself it is self-attention.
func TestCrossAttention(t *testing.T) {
	optest.CheckGradients(t, func(s *scope) *op.Node {
		x, y := s.Param("x", graph.Normal(1), 2, 3, 4), s.Param("y", graph.Normal(1), 2, 5, 7)
		m := layer.Mask{Bias: s.Param("bias", graph.Normal(1), 2, 3, 5),
			Keys: s.Floats("keys", []float64{1, 0, 1, 1, 1, 1, 1, 1, 0, 0}, 2, 5)}
		z := layer.CrossAttention(s.In("attn"), 4, 7, 2)(x, y, m)
		return op.SumAll(op.Mul(z, s.Input("dz", op.ShapeOf(z)...)))
	}, nil, 6, 1e-6)
	x := ramp(2 * 3 * 4)
	got := run(t, ir.F64, map[string][]float64{"x": x}, func(s *scope) *op.Node {
		x := s.Input("x", 2, 3, 4)
		cross := layer.CrossAttention(s.In("attn"), 4, 4, 2)(x, x, layer.Mask{})
		at := s.In("attn")
		var weights []*op.Node
		for _, name := range []string{"q", "k", "v"} {
			weights = append(weights,
				op.MatMul(op.Reshape(x, 6, 4), at.In(name).Param("weight", nil, 4, 4), false, false))
		}
		packed := op.Reshape(op.Concat(1, weights...), 2, 3, 3, 2, 2) // biases start at 0
		self := layer.Dense(at.In("proj"), 4, 4)(op.Attention(packed, 1/math.Sqrt2))
		return op.Sub(cross, self)
	})
	closeTo(t, "cross-attention to itself less self-attention", got, make([]float64, len(got)))
}

func TestAttentionErrors(t *testing.T) {
	for _, c := range []struct {
		build func(s *scope)
		want  string
	}{
		{func(s *scope) {
			layer.AttendWeights(s, s.Input("q", 2, 3, 2, 4), s.Input("k", 2, 5, 2, 3), layer.Mask{})
		}, "queries [2,3,2,4] and keys [2,5,2,3]"},
		{func(s *scope) {
			k := s.Input("k", 2, 5, 2, 4)
			layer.Attend(s, s.Input("q", 2, 3, 2, 4), k, s.Input("v", 2, 6, 2, 4), layer.Mask{})
		}, "values [2,6,2,4], want them as the keys [2,5,2,4]"},
		{func(s *scope) {
			layer.AttendWeights(s, s.Input("q", 2, 3, 2, 4), s.Input("k", 2, 5, 2, 4),
				layer.Mask{Keys: s.Input("m", 2, 3)})
		}, "the mask of the keys is [2,3], want [2,5]"},
		{func(s *scope) {
			layer.AttendWeights(s, s.Input("q", 2, 3, 2, 4), s.Input("k", 2, 5, 2, 4), layer.Mask{Causal: true})
		}, "3 queries attend to 5 keys"},
	} {
		if _, err := graph.Build(graph.Options{}, c.build); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got error %v, want one that says %q", err, c.want)
		}
	}
}
