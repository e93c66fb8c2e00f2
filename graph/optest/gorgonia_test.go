package optest

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"testing"

	G "gorgonia.org/gorgonia"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// stock is a small network of many operations, and the values of its leaves.
func stock(s *graph.Scope) (loss *op.Node, params []*op.Node, values map[*op.Node]Input) {
	values = map[*op.Node]Input{}
	leaf := func(name string, in Input) *op.Node {
		n := s.Input(name, in.Shape...)
		values[n] = in
		return n
	}
	param := func(name string, in Input) *op.Node {
		n := leaf(name, in)
		params = append(params, n)
		return n
	}
	labels := s.IntInput("labels", 4)
	values[labels] = ints(0, 5, 4)

	x := leaf("x", normal(4, 6, 6, 3))
	y := op.Conv2D(x, param("conv", normal(3, 3, 3, 4)), op.Conv{Stride: [2]int{2, 2}, Pad: [2]int{1, 1}})
	y = op.Relu(op.BatchNorm(y, op.BatchStats(y), op.BN{Eps: 1e-5}, param("gamma", normal(4)),
		param("beta", normal(4))))
	// [4,4]
	y = op.GlobalAvgPool(op.Add(op.MaxPool2D(y, op.Pool{Kernel: [2]int{3, 3}, Stride: [2]int{1, 1}, Pad: [2]int{1, 1}}),
		y))
	w := param("weight", normal(4, 5))
	h := op.Add(op.MatMul(y, w, false, false), param("bias", normal(5))) // [4,5]
	z := op.Normalize(op.Gelu(op.Concat(0, h, op.Transpose(op.Transpose(h, 1, 0), 1, 0))), 1e-12)
	sim := op.MaskDiagonal(op.MatMul(z, z, false, true), -20)                   // [8,8]
	both := op.Add(op.LogSumExp(sim), op.Reshape(op.Slice(z, 1, 0, 1), 8))      // [8]
	detached := op.Mul(op.StopGradient(op.Row(h, 1)), op.Row(op.Softmax(h), 0)) // [5]
	return op.Sum(op.MeanAll(op.CrossEntropy(h, labels, 0.1)), op.MeanAll(both), op.SumAll(detached)), params, values
}

// TestStockMachine holds gradients that gorgonia.Grad makes of our operations, run by gorgonia's own machine, against
// the interpreter.
func TestStockMachine(t *testing.T) {
	var loss, seed *op.Node
	var params []*op.Node
	var leaves map[*op.Node]Input
	if _, err := graph.Build(graph.Options{DType: ir.F64, Training: true}, func(s *graph.Scope) {
		loss, params, leaves = stock(s)
		seed = s.Input("seed")
	}); err != nil {
		t.Fatal(err)
	}
	known := map[*op.Node]ir.Tensor{seed: {Shape: ir.Shape{}, Data: []float64{1}}}
	for n, in := range leaves {
		known[n] = in.values(graph.Rand(5, n.Name()))
		if err := G.Let(n, op.NewValue(array(n, known[n]))); err != nil {
			t.Fatal(err)
		}
	}
	if err := G.Let(seed, 1.0); err != nil {
		t.Fatal(err)
	}
	ours := Reverse(loss, seed)
	grads, err := G.Grad(loss, params...)
	if err != nil {
		t.Fatal(err)
	}
	read := make([]G.Value, len(grads))
	for i, g := range grads {
		G.Read(g, &read[i])
	}
	m := G.NewTapeMachine(loss.Graph())
	defer m.Close()
	if err := m.RunAll(); err != nil {
		t.Fatal(err)
	}
	for i, p := range params {
		want := Evaluate(ours[p], known)
		got, ok := read[i].Data().([]float64)
		if !ok || len(got) != len(want.Data) {
			t.Fatalf("gradient by %s: got %v, want %d numbers", p.Name(), read[i], len(want.Data))
		}
		for k, w := range want.Data {
			if !(math.Abs(got[k]-w) <= 1e-12*max(1, math.Abs(w))) {
				t.Errorf("gradient by %s[%d]: got %v, want %v", p.Name(), k, got[k], w)
			}
		}
	}
}

// TestHashCollision adds two pairs of nodes whose sums have one 32-bit hash: Gorgonia alone would make them one node.
func TestHashCollision(t *testing.T) {
	_, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		xs := make([]*op.Node, 600)
		for i := range xs {
			xs[i] = s.Input(fmt.Sprintf("x%d", i), 2)
		}
		sum := op.Add(xs[0], xs[1])
		hash := func(a, b *op.Node) uint32 { // of the node a + b, as Gorgonia makes it
			h := fnv.New32a()
			fmt.Fprintf(h, "%v%v", sum.Type(), sum.Shape())
			op.Of(sum).WriteHash(h)
			binary.Write(h, binary.LittleEndian, byte(2))
			state := h.Sum32()
			for _, n := range []*op.Node{a, b} {
				for c, k := n.Hashcode(), 0; k < 4; c, k = c>>8, k+1 {
					state = (state ^ c&0xff) * 16777619
				}
			}
			return state
		}
		if got, want := hash(xs[0], xs[1]), sum.Hashcode(); got != want {
			t.Fatalf("the test's idea of a node's hash gives %#x, Gorgonia's is %#x", got, want)
		}
		at := map[uint32][2]int{}
		for i := range xs {
			for j := range i {
				h := hash(xs[i], xs[j])
				p, ok := at[h]
				if !ok {
					at[h] = [2]int{i, j}
					continue
				}
				n, m := op.Add(xs[p[0]], xs[p[1]]), op.Add(xs[i], xs[j])
				if n == m {
					t.Fatalf("x%d+x%d and x%d+x%d became one node", p[0], p[1], i, j)
				}
				if in := op.Operands(m); in[0] != xs[i] || in[1] != xs[j] {
					t.Errorf("x%d+x%d has operands %v", i, j, in)
				}
				if again := op.Add(xs[i], xs[j]); again != m {
					t.Errorf("x%d+x%d twice gives two nodes", i, j)
				}
				return
			}
		}
		t.Fatal("no two of the sums collide; use more inputs")
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSharedNode wants the same operation on the same operands to be the same node, and another attribute another.
func TestSharedNode(t *testing.T) {
	_, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		x := s.Input("x", 3, 4)
		if once, again := op.Affine(x, 2, 1), op.Affine(x, 2, 1); once != again {
			t.Error("affine(2,1) twice: got two nodes, want one")
		}
		if op.Affine(x, 2, 1) == op.Affine(x, 2, 1.5) {
			t.Error("affine(2,1) and affine(2,1.5): got one node, want two")
		}
		if op.Slice(x, 0, 0, 2) == op.Slice(x, 0, 1, 3) {
			t.Error("rows 0 to 2 and 1 to 3: got one node, want two")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
