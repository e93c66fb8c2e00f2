package cpu_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
)

// pick is an operation of this test package: row i of x [N,D] times the i-th of the weights, then column ids[i] of it.
// It has no kernel.
type pick struct{ Times float64 }

func newPick(x, ids *op.Node) *op.Node { return op.Apply(pick{3}, x, ids) }

func (o pick) Name() string              { return "pick" }
func (o pick) Integers(operand int) bool { return operand == 1 }

func (o pick) Infer(in []ir.Type) (ir.Type, error) {
	if len(in[0].Shape) != 2 || !in[1].Shape.Equal(in[0].Shape[:1]) {
		return ir.Type{}, fmt.Errorf("want x [N,D] and ids [N]")
	}
	return ir.Type{Shape: in[1].Shape, DType: in[0].DType}, nil
}

func (o pick) Ref(in []ir.Tensor, out ir.Tensor) {
	d := in[0].Shape[1]
	for i, id := range in[1].Data {
		out.Data[i] = o.Times * in[0].Data[i*d+int(id)]
	}
}

func (o pick) Active(n int) []bool { return []bool{true, false} }

func (o pick) Grad(g op.Grad) []*op.Node {
	return []*op.Node{op.Apply(pickGrad{o.Times, op.ShapeOf(g.In[0])[1]}, g.Dy, g.In[1]), nil}
}

// pickGrad is pick's gradient with respect to x. It has a kernel.
type pickGrad struct {
	Times   float64
	Columns int
}

func (o pickGrad) Name() string              { return "pick_grad" }
func (o pickGrad) Integers(operand int) bool { return operand == 1 }

func (o pickGrad) Infer(in []ir.Type) (ir.Type, error) {
	return ir.Type{Shape: ir.Shape{in[0].Shape[0], o.Columns}, DType: in[0].DType}, nil
}

func (o pickGrad) Ref(in []ir.Tensor, out ir.Tensor) {
	for i, id := range in[1].Data {
		out.Data[i*o.Columns+int(id)] = o.Times * in[0].Data[i]
	}
}

func (o pickGrad) FLOPs(in []ir.Type, out ir.Type) int64 { return int64(in[0].Shape.Size()) }

// ScratchCPU implements cpu.Kernel: the products.
func (o pickGrad) ScratchCPU(in []ir.Type, out ir.Type) int { return in[0].Shape.Size() }

func (o pickGrad) BindCPU(c cpu.Call) func() {
	dy, ids, dx, scaled := c.In[0].F32, c.In[1].I32, c.Out.F32, c.Scratch
	return cpu.Sweep(len(dy), 2, func(from, to int) {
		for i := from; i < to; i++ {
			scaled[i] = float32(o.Times) * dy[i]
			row := dx[i*o.Columns:][:o.Columns]
			clear(row)
			if int(ids[i]) >= o.Columns {
				panic(fmt.Sprintf("id %d of %d columns", ids[i], o.Columns))
			}
			row[ids[i]] = scaled[i]
		}
	})
}

// pickGraph is the sum of squares of what pick gives, and the gradient of it.
func pickGraph(t *testing.T) *graph.Graph {
	t.Helper()
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		w := s.Param("w", graph.Normal(1), 5, 4)
		y := newPick(w, s.IntInput("ids", 5))
		loss := op.SumAll(op.Square(y))
		s.Output("y", y)
		s.Output("gradient", s.Gradients(loss, s.Params())[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func runPick(t *testing.T, b ir.Backend) (*graph.Program, error) {
	t.Helper()
	p, err := pickGraph(t).Compile(b, graph.NewStore(1))
	if err != nil {
		return nil, err
	}
	ids, err := p.Input("ids")
	if err != nil {
		t.Fatal(err)
	}
	copy(ids.I32, []int32{0, 3, 1, 2, 3})
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return p, nil
}

// An operation from outside the module runs by the kernel that it brings, in poisoned memory, on any number of threads,
// without an allocation; one without a kernel is refused by name, and runs by its reference where that is allowed.
func TestOperationFromOutside(t *testing.T) {
	want, err := runPick(t, ref.Backend{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := runPick(t, cpu.Backend{}); err == nil || !strings.HasSuffix(err.Error(),
		"backend cpu has no kernel for pick") {
		t.Errorf("without a kernel the error is %v", err)
	}
	for _, threads := range []int{1, 2, 3} {
		setThreads(t, threads)
		p, err := runPick(t, cpu.Backend{Reference: true, Poison: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"y", "gradient"} {
			a, _ := want.Output(name)
			b, _ := p.Output(name)
			for i := range a.F32 {
				if math.Abs(a.At(i)-b.At(i)) > 1e-6 {
					t.Fatalf("%s: element %d is %v, want %v", name, i, b.At(i), a.At(i))
				}
			}
		}
		var names []string
		for _, i := range p.References() {
			names = append(names, p.IR.Instrs[i].Spec.Name())
		}
		if !slices.Equal(names, []string{"pick"}) {
			t.Errorf("%v run by their reference, want pick alone", names)
		}
		if p.FLOPs() < 5 {
			t.Errorf("%d FLOPs, want those of pick_grad among them", p.FLOPs())
		}
	}
	p, err := runPick(t, cpu.Backend{Reference: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := cpu.Allocations(3, func() {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a run, want 0", n)
	}
	ids, _ := p.Input("ids")
	ids.I32[0] = 9
	if err := p.Run(); err == nil || !strings.Contains(err.Error(), "pick") {
		t.Errorf("an id beyond the columns gives the error %v, want one that names the operation", err)
	}
}

// softmax is an operation from outside that has the name of one of package op.
type softmax struct{ op.SoftmaxOp }

// A kernel is never used for another package's operation of the same name.
func TestNameOfOtherPackage(t *testing.T) {
	in := []ir.Type{{Shape: ir.Shape{2, 3}}}
	if !(cpu.Backend{}).Supports(op.SoftmaxOp{}, in) {
		t.Error("softmax has no kernel")
	}
	if (cpu.Backend{}).Supports(softmax{}, in) {
		t.Error("another package's softmax is said to have a kernel")
	}
}

// A kernel that cannot be bound is an error that names the operation.
type unbound struct{ pickGrad }

func (unbound) BindCPU(cpu.Call) func() { panic("no such table") }

func TestKernelThatCannotBeBound(t *testing.T) {
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		s.Output("y", op.Apply(unbound{pickGrad{1, 2}}, s.In("a").Param("w", graph.Fill(1), 3), s.IntInput("ids", 3)))
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = g.Compile(cpu.Backend{}, graph.NewStore(1))
	if err == nil || !strings.Contains(err.Error(), `pick_grad[[3] [3]i32] in "a": no such table`) {
		t.Errorf("the error is %v", err)
	}
}
