package cpu_test

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"selfsup/graph"
	"selfsup/graph/cpu"
	"selfsup/graph/cpu/kern"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
)

// Every case of optest, its value and its gradients, agrees with the reference backend, with the same bits on any
// number of threads and without an allocation, in memory that is poisoned before every kernel.
func TestCases(t *testing.T) {
	for _, c := range optest.Cases {
		t.Run(c.Name, func(t *testing.T) {
			want, err := c.Run(ref.Backend{}, ir.F32)
			if err != nil {
				t.Fatal(err)
			}
			var first *optest.Result
			for _, threads := range []int{1, 2, 3, 8} {
				setThreads(t, threads)
				got, err := c.Run(cpu.Backend{Poison: true}, ir.F32)
				if err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = got
					near(t, "value", got.Value, want.Value, c.Tolerance())
					for k := range got.Gradients {
						near(t, "gradient of input "+string(rune('0'+k)), got.Gradients[k], want.Gradients[k],
							c.Tolerance())
					}
				}
				equal(t, threads, "value", got.Value, first.Value)
				for k := range got.Gradients {
					equal(t, threads, "gradient of input "+string(rune('0'+k)), got.Gradients[k], first.Gradients[k])
				}
			}
			setThreads(t, 2)
			got, err := c.Run(cpu.Backend{}, ir.F32)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, 2, "value without poison", got.Value, first.Value)
			if n := cpu.Allocations(3, func() {
				if err := got.Program.Run(); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%v allocations a run, want 0", n)
			}
		})
	}
}

func setThreads(t testing.TB, n int) {
	old := kern.Threads()
	kern.SetThreads(n)
	t.Cleanup(func() { kern.SetThreads(old) })
}

// near compares with a tolerance relative to the largest value. Where all values are below 1e-3, they are what is left
// of numbers of size 1 that cancel (the gradient of a batch norm of two rows), and the tolerance is that of size 0.1.
func near(t *testing.T, what string, got, want ir.Array, tol float64) {
	t.Helper()
	if !got.Shape.Equal(want.Shape) || got.DType != want.DType {
		t.Fatalf("%s: %v, want %v", what, got.Type, want.Type)
	}
	if len(want.F32)+len(want.I32) == 0 {
		return
	}
	largest := 0.0
	for i := range want.Shape.Size() {
		if v := math.Abs(want.At(i)); !math.IsInf(v, 0) {
			largest = max(largest, v)
		}
	}
	if largest < 1e-3 {
		largest = 0.1
	}
	for i := range want.Shape.Size() {
		if g, w := got.At(i), want.At(i); g != w && !(math.Abs(g-w) <= tol*largest) {
			t.Fatalf("%s: element %d of %v is %v, want %v (largest %v)", what, i, got.Shape, g, w, largest)
		}
	}
}

func equal(t *testing.T, threads int, what string, got, want ir.Array) {
	t.Helper()
	for i := range want.F32 {
		if math.Float32bits(got.F32[i]) != math.Float32bits(want.F32[i]) {
			t.Fatalf("%d threads: %s: element %d is %v, want the bits of %v as on one", threads, what, i, got.F32[i],
				want.F32[i])
		}
	}
	for i := range want.I32 {
		if got.I32[i] != want.I32[i] {
			t.Fatalf("%d threads: %s: element %d is %v, want %v as on one", threads, what, i, got.I32[i], want.I32[i])
		}
	}
}

// A value that an operation cannot use is an error of Run on either backend, not a panic, and a good one after it is
// not.
func TestRunReportsPanics(t *testing.T) {
	for _, c := range []struct {
		name, says string
		bad, good  []int32
		build      func(s *graph.Scope, ids *op.Node)
	}{
		{"row above", "gather", []int32{3}, []int32{2}, func(s *graph.Scope, ids *op.Node) {
			s.Output("y", op.Gather(s.Input("x", 3, 2), ids))
		}},
		{"row below", "gather", []int32{-1}, []int32{0}, func(s *graph.Scope, ids *op.Node) {
			s.Output("y", op.Gather(s.Input("x", 3, 2), ids))
		}},
		{"number of a table", "gather", []int32{3, -1}, []int32{2},
			func(s *graph.Scope, ids *op.Node) { s.Output("y", op.Gather(s.Input("x", 3), ids)) }},
		{"row of a bank", "value 600 goes to row 3, want one below 3", []int32{3}, []int32{2, -1, -5},
			func(s *graph.Scope, ids *op.Node) {
				s.Output("y", op.PutRows(s.Input("x", 3, 2), ids, s.Input("v", 700, 2)))
			}},
		{"place in a queue", "rows are to be put at -1 of a queue of 9", []int32{-1}, []int32{9, 1 << 30},
			func(s *graph.Scope, ids *op.Node) {
				s.Output("y", op.PutAt(s.Input("x", 9, 2), op.Row(ids, 600), s.Input("v", 4, 2)))
			}},
		{"class", "row 600 has label 3, want one below 3", []int32{3}, []int32{2, -1, -5},
			func(s *graph.Scope, ids *op.Node) {
				s.Output("y", op.CrossEntropy(s.Input("x", 700, 3), ids, 0))
			}},
		{"smoothed class", "want one below 3", []int32{3, 1 << 30}, []int32{0, -1}, func(s *graph.Scope, ids *op.Node) {
			s.Output("y", op.CrossEntropy(s.Input("x", 700, 3), ids, 0.1))
		}},
		{"class of gradient", "cross_entropy_grad", []int32{3}, []int32{1, -1}, func(s *graph.Scope, ids *op.Node) {
			x := s.Input("x", 700, 3)
			s.Output("y", s.Gradients(op.SumAll(op.CrossEntropy(x, ids, 0)), []*op.Node{x})[0])
		}},
		{"class of accuracy", "accuracy", []int32{3}, []int32{2, -1}, func(s *graph.Scope, ids *op.Node) {
			s.Output("y", op.Accuracy(s.Input("x", 700, 3), ids))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, b := range []ir.Backend{ref.Backend{}, cpu.Backend{}} {
				g, err := graph.Build(graph.Options{}, func(s *graph.Scope) { c.build(s, s.IntInput("ids", 700)) })
				if err != nil {
					t.Fatal(err)
				}
				p, err := g.Compile(b, graph.NewStore(1))
				if err != nil {
					t.Fatal(err)
				}
				ids, err := p.Input("ids")
				if err != nil {
					t.Fatal(err)
				}
				for _, id := range append(append([]int32{}, c.bad...), c.good...) {
					ids.I32[600] = id
					want := ""
					if slices.Contains(c.bad, id) {
						want = c.says
					}
					err := p.Run()
					if want == "" && err != nil {
						t.Errorf("%s: %d: got error %v, want none", b.Name(), id, err)
					}
					if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
						t.Errorf("%s: %d: got error %v, want one that says %q", b.Name(), id, err, want)
					}
				}
			}
		})
	}
}

// An instruction level that does not exist is refused by Compile, in a process of its own since the level is picked at
// its start.
func TestCompileChecksLevel(t *testing.T) {
	const name = "nonsense"
	if os.Getenv("SELFSUP_CPU") != name {
		cmd := exec.Command(os.Args[0], "-test.run=^TestCompileChecksLevel$", "-test.v")
		cmd.Env = append(os.Environ(), "SELFSUP_CPU="+name)
		out, err := cmd.CombinedOutput()
		if errors.Is(err, syscall.ENOEXEC) {
			t.Skip("runs under an emulator, which starts no other process of its kind; set SELFSUP_CPU=" + name)
		}
		if err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Errorf("with SELFSUP_CPU=%s: %v\n%s", name, err, out)
		}
		return
	}
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) { s.Output("y", op.Exp(s.Input("x", 3))) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Compile(cpu.Backend{}, graph.NewStore(1)); err == nil || !strings.Contains(err.Error(),
		`SELFSUP_CPU is "nonsense"`) {
		t.Errorf("Compile: got error %v, want one about the level", err)
	}
}
