package graph_test

import (
	"errors"
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
		{"two types", "a: a/w is declared as param [2] and as param [3]", func(s *graph.Scope) {
			s.In("a").Param("w", graph.Fill(0), 2)
			s.In("a").Param("w", graph.Fill(0), 3)
		}},
		{"two kinds", "w is declared as param [2] and as state [2]", func(s *graph.Scope) {
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
		{"input and constant", "x is declared as input [2]i32 and as constant [2]i32", func(s *graph.Scope) {
			s.IntInput("x", 2)
			s.Ints("x", []int32{1, 2})
		}},
		{"two constants", "the constant x is declared twice, with values that differ", func(s *graph.Scope) {
			s.Ints("x", []int32{1, 2})
			s.Ints("x", []int32{1, 3})
		}},
		{"values of a constant", "constant a/k has 3 values, want the 4 of [2,2]", func(s *graph.Scope) {
			s.In("a").Floats("k", []float64{1, 2, 3}, 2, 2)
		}},
		{"no name", "a: input [2] is declared without a name", func(s *graph.Scope) { s.In("a").Input("", 2) }},
		{"no schedule", "the schedule of a/rate is nil; want a function of the time", func(s *graph.Scope) {
			s.In("a").Scheduled("rate", nil)
		}},
		{"update of nothing", "Update of a node that is not state", func(s *graph.Scope) { s.Update(nil, scalar(s)) }},
		{"update of a constant", "Update of a node that is not state", func(s *graph.Scope) {
			s.Evolve(scalar(s), func(v *graph.Node) *graph.Node { return op.Shift(v, 1) })
		}},
		{"update to nothing", "q is [2], its update is nil", func(s *graph.Scope) {
			s.Update(s.State("q", graph.Fill(0), 2), nil)
		}},
		{"update of another graph's state", "Update of a node that is not state", func(s *graph.Scope) {
			s.State("w", graph.Fill(0), 2)
			s.Update(elsewhere(), s.Input("x", 2))
		}},
		{"teacher without momentum", "the momentum of the twin teacher is nil; want one number",
			func(s *graph.Scope) { s.Twin("teacher", nil) }},
		{"teacher with a momentum of a shape", "the momentum of the twin teacher is [2]; want one number",
			func(s *graph.Scope) { s.Twin("teacher", s.Input("tau", 2)) }},
		{"teacher of another shape", "teacher/w is declared as state [3], its student w as param [2]; want one shape",
			func(s *graph.Scope) {
				s.Param("w", graph.Fill(0), 2)
				s.Twin("teacher", scalar(s)).Param("w", graph.Fill(0), 3)
			}},
		{"teacher of an input", "teacher/x is declared as state [2], its student x as input [2]; want one shape",
			func(s *graph.Scope) {
				s.Input("x", 2)
				s.Twin("teacher", scalar(s)).Param("x", graph.Fill(0), 2)
			}},
		{"output of nothing", "a: output a/y is nil", func(s *graph.Scope) { s.In("a").Output("y", nil) }},
		{"output without a name", "an output without a name", func(s *graph.Scope) { s.Output("", scalar(s)) }},
		{"loss of a shape", "the loss is [2]; want one floating-point number", func(s *graph.Scope) {
			s.Gradients(s.Input("x", 2), nil)
		}},
		{"loss of integers", "the loss is []i32; want one floating-point number", func(s *graph.Scope) {
			s.Gradients(s.IntInput("x"), nil)
		}},
		{"no loss", "the loss is nil; want one floating-point number", func(s *graph.Scope) { s.Gradients(nil, nil) }},
		{"gradient of another shape", "Grad of the operation own returns a gradient [] for operand 0; want [2]",
			func(s *graph.Scope) {
				x := s.Input("x", 2)
				s.Gradients(op.SumAll(op.Apply(own{grad: []*graph.Node{scalar(s)}}, x)), []*graph.Node{x})
			}},
		{"gradient of nothing", "a: Grad of the operation own returns a gradient nil for operand 0; want [2]",
			func(s *graph.Scope) {
				x := s.In("a").Input("x", 2)
				s.Gradients(op.SumAll(op.Apply(own{grad: []*graph.Node{nil}}, x)), []*graph.Node{x})
			}},
		{"too few gradients", "Grad of the operation own returns 0 gradients; want 1, one an operand",
			func(s *graph.Scope) {
				x := s.Input("x", 2)
				s.Gradients(op.SumAll(op.Apply(own{}, x)), []*graph.Node{x})
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

// elsewhere is the parameter w [2] of another graph.
func elsewhere() (w *graph.Node) {
	build(func(s *graph.Scope) { w = s.Param("w", graph.Fill(0), 2) })
	return w
}

// own is an operation of somebody else, x itself, with a gradient that is wrong.
type own struct{ grad []*graph.Node }

func (own) Name() string                        { return "own" }
func (own) Infer(in []ir.Type) (ir.Type, error) { return in[0], nil }
func (own) Ref(in []ir.Tensor, out ir.Tensor)   { copy(out.Data, in[0].Data) }
func (own) Active(n int) []bool                 { return []bool{true} }
func (o own) Grad(op.Grad) []*graph.Node        { return o.grad }

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
	wide, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		for _, name := range []string{"e", "d", "c", "b", "a"} {
			s.Output(name, s.Param(name, graph.Fill(0), 2))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	_, several := wide.CompileOver(ref.Backend{}, empty)
	unfilled, err := graph.Build(graph.Options{}, func(s *graph.Scope) { s.Output("y", s.Param("w", nil, 2)) })
	if err != nil {
		t.Fatal(err)
	}
	_, noInit := unfilled.Compile(ref.Backend{}, graph.NewStore(1))
	_, broken := g.Compile(breaking{}, graph.NewStore(1))
	_, tight := g.CompileWithin(ref.Backend{}, graph.NewStore(1), 1)
	foreign, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		s.Param("w", graph.Fill(0), 2) // not the one that is read
		s.Output("y", op.Relu(elsewhere()))
	})
	if err != nil {
		t.Fatal(err)
	}
	_, strange := foreign.Compile(ref.Backend{}, graph.NewStore(1))
	for _, c := range []struct {
		err  error
		want string
	}{
		{several, "graph: the store has no a, b, c and 2 more"},
		{g.Fill(empty, "v"), "graph: v is not declared"},
		{g.Fill(empty, "x"), "graph: x is not declared"},
		{noInit, "graph: w is not in the store and has a nil Init; want what fills a fresh one, such as graph.Fill(0)"},
		{broken, "graph: backend ref: no memory"},
		{tight, "graph: the step needs at least 0.0 MB (temporaries 0.0 MB, scratch 0.0 MB, state 0.0 MB, " +
			"inputs 0.0 MB), the limit is 0.0 MB"},
		{strange, "graph: values of another graph, or of operations that are not of package op: w"},
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

// breaking is a backend that cannot compile.
type breaking struct{ ref.Backend }

func (breaking) Compile(*ir.Program, func(int) ir.Array) (ir.Executable, error) {
	return nil, errors.New("no memory")
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
