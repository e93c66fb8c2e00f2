package cpu_test

import (
	"errors"
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
					near := func(got, want ir.Array) error { return optest.Near(got, want, c.Tolerance()) }
					if err := got.Compare(want, near); err != nil {
						t.Fatal(err)
					}
				}
				if err := got.Compare(first, optest.Same); err != nil {
					t.Fatalf("%d threads, where one gives other bits: %v", threads, err)
				}
			}
			setThreads(t, 2)
			got, err := c.Run(cpu.Backend{}, ir.F32)
			if err != nil {
				t.Fatal(err)
			}
			if err := optest.Same(got.Value, first.Value); err != nil {
				t.Fatalf("value without poison: %v", err)
			}
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
