package ref_test

import (
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/ref"
)

// compile builds and compiles a graph over a new store.
func compile(t *testing.T, d ir.DType, f func(s *graph.Scope)) (*graph.Program, *graph.Store) {
	t.Helper()
	g, err := graph.Build(graph.Options{DType: d}, f)
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(1)
	p, err := g.Compile(ref.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	return p, st
}

func run(t *testing.T, p *graph.Program) {
	t.Helper()
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
}

// Updates are committed together at the end of a step: two states change places, and a third follows the new value of
// one.
func TestUpdatesCommitTogether(t *testing.T) {
	p, st := compile(t, ir.F32, func(s *graph.Scope) {
		a, b, c := s.State("a", graph.Fill(1), 3), s.State("b", graph.Fill(2), 3), s.State("c", graph.Fill(0), 3)
		s.Update(a, b)
		s.Update(b, a)
		s.Update(c, op.Add(c, s.Updated(a)))
	})
	for step, want := range [][3]float64{{2, 1, 2}, {1, 2, 3}, {2, 1, 5}} {
		run(t, p)
		for i, name := range []string{"a", "b", "c"} {
			if got := st.Get(name).At(1); got != want[i] {
				t.Errorf("step %d: %s: got %v, want %v", step, name, got, want[i])
			}
		}
	}
}

// Every value of a float32 program is rounded when it is stored, and none of a float64 program.
func TestRounding(t *testing.T) {
	for _, c := range []struct {
		d    ir.DType
		want float64
	}{{ir.F32, 0}, {ir.F64, 1e-9}} {
		p, _ := compile(t, c.d, func(s *graph.Scope) {
			s.Output("y", op.Shift(op.Shift(s.Input("x"), 1), -1))
		})
		x, err := p.Input("x")
		if err != nil {
			t.Fatal(err)
		}
		x.Set(0, 1e-9)
		run(t, p)
		y, err := p.Output("y")
		if err != nil {
			t.Fatal(err)
		}
		if got := y.At(0); !(got >= 0.999*c.want && got <= 1.001*c.want) {
			t.Errorf("%v: (1e-9 + 1) - 1: got %v, want %v", c.d, got, c.want)
		}
	}
}

// An operation's panic is an error that names it, and leaves the state as it was.
func TestRunReportsPanics(t *testing.T) {
	p, st := compile(t, ir.F32, func(s *graph.Scope) {
		n := s.State("n", graph.Fill(0))
		s.Update(n, op.Shift(n, 1))
		s.Output("rows", op.Gather(s.Input("table", 3, 2), s.IntInput("ids", 4)))
	})
	ids, err := p.Input("ids")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id   int32
		fail bool
		n    float64
	}{{2, false, 1}, {3, true, 1}, {-1, true, 1}, {0, false, 2}} {
		ids.I32[2] = c.id
		err := p.Run()
		if (err != nil) != c.fail || err != nil && !strings.Contains(err.Error(), "gather") {
			t.Errorf("row %d of a table of 3: got error %v, want one: %v", c.id, err, c.fail)
		}
		if got := st.Get("n").At(0); got != c.n {
			t.Errorf("after row %d: state is %v, want %v", c.id, got, c.n)
		}
	}
}
