package device_test

import (
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// The processor runs a graph and says what it is; other names are refused with what would be right.
func TestOpen(t *testing.T) {
	d, err := device.Open("cpu", device.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if a := d.About(); a.Kernels == "" || a.Threads < 1 {
		t.Errorf("the processor describes itself as %+v", a)
	}
	before := d.About().Threads
	d.SetThreads(3)
	if n := d.About().Threads; n != 3 {
		t.Errorf("%d threads, want the 3 that were set", n)
	}
	d.SetThreads(before)
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) { s.Output("y", op.SumAll(s.Input("x", 3))) })
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(d, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	x, _ := p.Input("x")
	x.Fill(2)
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	if y, _ := p.Output("y"); y.At(0) != 6 {
		t.Errorf("the sum is %v, want 6", y.At(0))
	}
	for name, want := range map[string]string{
		"cpus": `device: "cpus": want "cpu", or "cuda" for a GPU`,
		"":     `device: "": want "cpu", or "cuda" for a GPU`,
	} {
		if _, err := device.Open(name, device.Options{}); err == nil || err.Error() != want {
			t.Errorf("%q: the error is %v, want %s", name, err, want)
		}
	}
}

// Both peaks are measured, also on a machine that is busy.
func TestPeak(t *testing.T) {
	if gflops, gb := device.Host().Peak(); gflops <= 0 || gb <= 0 {
		t.Errorf("%v GFLOPS and %v GB/s", gflops, gb)
	}
}

// own is an operation without a kernel.
type own struct{}

func (own) Name() string                        { return "own" }
func (own) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }
func (own) Ref(in []ir.Tensor, out ir.Tensor)   { copy(out.Data, in[0].Data) }

// What Options allow reaches the backend.
func TestReferenceIsAllowed(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		d, err := device.Open("cpu", device.Options{Reference: allowed})
		if err != nil {
			t.Fatal(err)
		}
		g, err := graph.Build(graph.Options{}, func(s *graph.Scope) { s.Output("y", op.Apply(own{}, s.Input("x", 3))) })
		if err != nil {
			t.Fatal(err)
		}
		p, err := g.Compile(d, graph.NewStore(1))
		switch {
		case allowed && (err != nil || len(p.References()) != 1):
			t.Errorf("allowed: the error is %v", err)
		case !allowed && (err == nil || !strings.HasSuffix(err.Error(), "has no kernel for own")):
			t.Errorf("not allowed: the error is %v", err)
		}
	}
}
