package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/plan"
)

// unfusing is a backend that has a kernel for every operation as it was written, and for none that the compiler makes
// of several; or, with only, for none of those that are called so.
type unfusing struct {
	cpu.Backend
	only    []string
	written map[string]bool // operations by key
	refused map[string]bool // operations by name
}

// declines reports whether the backend has no kernel for an operation because it is fused.
func (b *unfusing) declines(s ir.Spec) bool {
	_, copies := s.(plan.Copy)
	return !copies && !b.written[op.Key(s)] && (b.only == nil || slices.Contains(b.only, s.Name()))
}

func (b *unfusing) Supports(s ir.Spec, in []ir.Type) bool {
	if b.declines(s) {
		b.refused[s.Name()] = true
		return false
	}
	return b.Backend.Supports(s, in)
}

// record notes all operations that a value is made of.
func record(written map[string]bool, n *graph.Node, seen map[*graph.Node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	if o := op.Of(n); o != nil {
		written[op.Key(o.Spec)] = true
	}
	for _, x := range op.Operands(n) {
		record(written, x, seen)
	}
}

// residualNet is a small network with everything that is fused: convolutions behind batch norms, a residual sum with
// ReLU, a first layer whose norm has a gradient, products with bias, ReLU, GELU's derivative and a shared weight.
func residualNet(s *graph.Scope) *graph.Node {
	stem := layer.Chain(layer.Conv(s.In("stem"), 3, 16, 3, 1), layer.BatchNorm(s.In("stem/norm"), 16), layer.Relu)
	body := layer.Chain(
		layer.Conv(s.In("1"), 16, 16, 3, 1), layer.BatchNorm(s.In("1/norm"), 16), layer.Relu,
		layer.Conv(s.In("2"), 16, 16, 3, 1), layer.BatchNorm(s.In("2/norm"), 16))
	h := stem(s.Input("x", 4, 6, 6, 3))
	h = layer.Relu(op.Add(body(h), h))
	z := op.GlobalAvgPool(h)
	z = layer.Relu(layer.Linear(s.In("linear"), 16, 8, true)(z))
	mlp := layer.MLP(s.In("mlp"), 8, 16)
	z = mlp(mlp(z))
	return op.MeanAll(op.Square(z))
}

// A backend that declines what is fused runs the same graph unfused, to the same numbers.
func TestBackendDeclinesFusedOperations(t *testing.T) {
	gradients := []string{"conv2d_dw", "batch_norm_dx", "batch_norm_sums"}
	for _, c := range []struct {
		bf16 bool
		only []string
		want []string // names of operations that are offered and declined
	}{
		{false, nil, []string{"batch_norm", "matmul"}},
		{true, nil, []string{"batch_norm", "conv2d", "matmul"}},
		{false, []string{"conv2d"}, []string{"conv2d"}},
		{false, gradients, gradients},
		{true, gradients, gradients},
		{false, []string{"batch_norm_sums"}, []string{"batch_norm_sums"}},
	} {
		t.Run(fmt.Sprintf("bf16=%v/%v", c.bf16, c.only), func(t *testing.T) {
			plain := &unfusing{only: c.only, written: map[string]bool{}, refused: map[string]bool{}}
			step := func(b ir.Backend) (*graph.Program, *graph.Store) {
				g, err := graph.Build(graph.Options{Training: true, BF16: c.bf16}, func(s *graph.Scope) {
					loss := residualNet(s)
					s.Output("loss", loss)
					seen := map[*graph.Node]bool{}
					record(plain.written, loss, seen)
					for i, d := range s.Gradients(loss, s.Params()) {
						p := s.Params()[i]
						value := op.Step(p, d, s.Constant(0.1))
						s.Update(p, value)
						record(plain.written, value, seen)
					}
					for _, l := range []string{"stem/norm", "1/norm", "2/norm"} {
						record(plain.written, s.Updated(s.In(l).State("running", nil, 2, 16)), seen)
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				st := graph.NewStore(1)
				p, err := g.Compile(b, st)
				if err != nil {
					t.Fatal(err)
				}
				x, err := p.Input("x")
				if err != nil {
					t.Fatal(err)
				}
				r := graph.Rand(1, "x")
				for i := range x.F32 {
					x.F32[i] = float32(r.NormFloat64())
				}
				for range 2 {
					if err := p.Run(); err != nil {
						t.Fatal(err)
					}
				}
				return p, st
			}
			fused, want := step(cpu.Backend{Direct: true})
			apart, got := step(&unfusing{cpu.Backend{Direct: true}, c.only, plain.written, plain.refused})
			for _, in := range apart.IR.Instrs {
				if plain.declines(in.Spec) {
					t.Errorf("%s runs, which the backend declined", op.Key(in.Spec))
				}
			}
			if len(apart.IR.Instrs) <= len(fused.IR.Instrs) {
				t.Errorf("%d operations run apart, %d fused; want more", len(apart.IR.Instrs), len(fused.IR.Instrs))
			}
			for _, name := range c.want {
				if !plain.refused[name] {
					t.Errorf("nothing fused into %s was offered to the backend", name)
				}
			}
			for _, n := range want.Names() {
				a, b := want.Get(n), got.Get(n)
				for i := range a.F32 {
					if d := a.F32[i] - b.F32[i]; d > 1e-6 || d < -1e-6 {
						t.Fatalf("%s: element %d is %v apart and %v fused", n, i, b.F32[i], a.F32[i])
					}
				}
			}
			l1, _ := fused.Output("loss")
			l2, _ := apart.Output("loss")
			if d := l1.At(0) - l2.At(0); d > 1e-7 || d < -1e-7 {
				t.Errorf("the loss is %v apart and %v fused", l2.At(0), l1.At(0))
			}
		})
	}
}

// An operation that a backend has no kernel for is an error that lists all of them, before anything enters the store.
func TestBackendLacksOperations(t *testing.T) {
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		w := s.Param("w", graph.Fill(1), 2, 2)
		x := op.MatMul(s.Input("x", 2, 2), w, false, false)
		s.Output("y", op.Softmax(op.Sqrt(x)))
	})
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(1)
	_, err = g.Compile(lacking{}, st)
	if err == nil || !strings.HasSuffix(err.Error(), "backend cpu has no kernel for softmax, unary") {
		t.Errorf("the error is %v", err)
	}
	if names := st.Names(); len(names) > 0 {
		t.Errorf("the store holds %v after the error", names)
	}
}

type lacking struct{ cpu.Backend }

func (b lacking) Supports(s ir.Spec, in []ir.Type) bool {
	return !slices.Contains([]string{"softmax", "unary"}, s.Name()) && b.Backend.Supports(s, in)
}
