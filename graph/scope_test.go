package graph_test

import (
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/ref"
)

// build returns the error that a graph is refused with.
func build(f func(s *graph.Scope)) error {
	_, err := graph.Build(graph.Options{Training: true}, f)
	return err
}

// Every mistake that the builder itself finds is an error that says where, what and the values.
func TestBuilderErrors(t *testing.T) {
	scalar := func(s *graph.Scope) *graph.Node { return s.Constant(1) }
	for _, c := range []struct {
		name, want string
		build      func(s *graph.Scope)
	}{
		{"two types", "a: a/w is declared as [2] and as [3]", func(s *graph.Scope) {
			s.In("a").Param("w", graph.Fill(0), 2)
			s.In("a").Param("w", graph.Fill(0), 3)
		}},
		{"two kinds", "w is declared as [2] and as [2]", func(s *graph.Scope) {
			s.Param("w", graph.Fill(0), 2)
			s.State("w", graph.Fill(0), 2)
		}},
		{"trained and locked", "w is declared as trained and as locked", func(s *graph.Scope) {
			s.Param("w", graph.Fill(0), 2)
			s.Locked().Param("w", graph.Fill(0), 2)
		}},
		{"axis below 1", "x: shape [2,0] has an axis below 1", func(s *graph.Scope) { s.Input("x", 2, 0) }},
		{"update of no state", "Update of a node that is not state", func(s *graph.Scope) {
			s.Update(s.Input("x", 2), s.Input("y", 2))
		}},
		{"update of another shape", "q is [2], its update is [3]", func(s *graph.Scope) {
			s.Update(s.State("q", graph.Fill(0), 2), s.Input("y", 3))
		}},
		{"update of another type", "of is [2]i32, its update is [2]", func(s *graph.Scope) {
			s.Update(s.IntState("of", graph.Fill(-1), 2), s.Input("y", 2))
		}},
		{"updated twice", "q is updated twice in one step", func(s *graph.Scope) {
			q := s.State("q", graph.Fill(0), 2)
			s.Update(q, s.Input("y", 2))
			s.Update(q, s.Input("z", 2))
		}},
		{"teacher without student", "teacher/w: its student w is not declared; build the student first",
			func(s *graph.Scope) {
				s.Twin("teacher", scalar(s)).Param("w", graph.Fill(0), 2)
			}},
		{"output named twice", "output a/y is named twice", func(s *graph.Scope) {
			s.In("a").Output("y", scalar(s))
			s.In("a").Output("y", scalar(s))
		}},
		{"loss of a shape", "the loss has shape [2], it must be a scalar", func(s *graph.Scope) {
			s.Gradients(s.Input("x", 2), nil)
		}},
		{"operand nil", "operand 1 is nil", func(s *graph.Scope) { op.Add(s.Input("x", 2), nil) }},
		{"integers where numbers are wanted", "operand 0 is int32; it must be floating point", func(s *graph.Scope) {
			op.Relu(s.IntInput("x", 2))
		}},
	} {
		err := build(c.build)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
		if err != nil && !strings.Contains(err.Error(), "scope_test.go:") {
			t.Errorf("%s: got %v, want the caller's line", c.name, err)
		}
	}
}

// What a Store does not fit, and what a program does not have.
func TestCompileErrors(t *testing.T) {
	g, err := graph.Build(graph.Options{DType: ir.F64}, func(s *graph.Scope) {
		s.Output("y", op.Add(s.Input("x", 2), s.Param("w", graph.Fill(0), 2)))
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(ref.Backend{}, graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	_, noInput := p.Input("z")
	_, noOutput := p.Output("z")
	other := graph.NewStore(1)
	other.Put(&graph.Entry{Name: "w", Array: ir.NewArray(ir.Type{Shape: ir.Shape{3}, DType: ir.F64})})
	_, shape := g.Compile(ref.Backend{}, other)
	empty := graph.NewStore(1)
	_, missing := g.CompileOver(ref.Backend{}, empty)
	for _, c := range []struct {
		err  error
		want string
	}{
		{noInput, `graph: the program has no input "z", it has x`},
		{noOutput, `graph: the program has no output "z", it has y`},
		{shape, "graph: w is [3]f64 in the store, this graph builds [2]f64"},
		{missing, "graph: the store has no w"},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("got %v, want %q", c.err, c.want)
		}
	}
	if len(empty.Names()) != 0 {
		t.Errorf("compiling over a store that lacks entries made %v", empty.Names())
	}
}

// A locked tower is read: none of its parameters is trained, its norms use their running statistics and leave them as
// they are; what is declared beside it trains. The Store that it was trained in fits.
func TestLocked(t *testing.T) {
	network := func(s *graph.Scope, x *graph.Node) *graph.Node {
		return layer.Chain(layer.Linear(s.In("linear"), 3, 4, true), layer.BatchNorm(s.In("norm"), 4))(x)
	}
	g, err := graph.Build(graph.Options{DType: ir.F64, Training: true}, func(s *graph.Scope) {
		y := layer.Linear(s.In("head"), 4, 2, true)(network(s.In("tower").Locked(), s.Input("x", 5, 3)))
		loss := op.SumAll(op.Square(y))
		var names []string
		params := s.Params()
		for i, d := range s.Gradients(loss, params) {
			names = append(names, s.Name(params[i]))
			s.Update(params[i], op.Step(params[i], d, s.Constant(0.1)))
		}
		if got := strings.Join(names, " "); got != "head/weight head/bias" {
			t.Errorf("trained are %s, want the head's", got)
		}
		s.Output("loss", loss)
	})
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(1)
	open, err := graph.Build(graph.Options{DType: ir.F64, Training: true}, func(s *graph.Scope) {
		s.Output("y", network(s.In("tower"), s.Input("x", 5, 3)))
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open.Compile(ref.Backend{}, st); err != nil {
		t.Fatal(err)
	}
	tower, head := st.Hash("tower/"), ""
	p, err := g.Compile(ref.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	head = st.Hash("head/")
	in, err := p.Input("x")
	if err != nil {
		t.Fatal(err)
	}
	for i := range in.F64 {
		in.F64[i] = float64(i%4) + 3
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	if st.Hash("tower/") != tower {
		t.Error("a step changed the locked tower")
	}
	if st.Hash("head/") == head {
		t.Error("a step left the head as it was")
	}
}

// Integer state is kept, read and replaced.
func TestIntState(t *testing.T) {
	g, err := graph.Build(graph.Options{DType: ir.F64}, func(s *graph.Scope) {
		of := s.IntState("of", graph.Fill(-1), 3)
		s.Output("before", op.Reshape(of, 3, 1))
		s.Update(of, op.Argsort(s.Input("x", 3)))
	})
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(1)
	p, err := g.Compile(ref.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	x, err := p.Input("x")
	if err != nil {
		t.Fatal(err)
	}
	copy(x.F64, []float64{5, 1, 3})
	for i, want := range [][3]int32{{-1, -1, -1}, {1, 2, 0}} {
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		before, err := p.Output("before")
		if err != nil {
			t.Fatal(err)
		}
		if got := [3]int32(before.I32); got != want {
			t.Errorf("run %d read %v, want %v", i, got, want)
		}
	}
	if got := [3]int32(st.Get("of").I32); got != [3]int32{1, 2, 0} {
		t.Errorf("the store holds %v, want [1 2 0]", got)
	}
}
