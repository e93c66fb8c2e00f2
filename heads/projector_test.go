package heads_test

import (
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/device"
	"selfsup/graph/layer"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/heads"
)

// declared lists what a head from 6 dimensions declares, states in brackets; or says why it does not build.
func declared(o *heads.Projector, plain bool, widths ...int) string {
	build := o.MLP
	if plain {
		build = o.Plain
	}
	return parametersOf(func(s *graph.Scope) layer.Func { return build(s, 6, widths...) }, heads.Width(6, widths))
}

// parametersOf lists what a head from 6 to n dimensions declares, as declared does.
func parametersOf(build func(s *graph.Scope) layer.Func, n int) string {
	var list []string
	_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		y := build(s)(s.Input("x", 8, 6))
		if !op.ShapeOf(y).Equal([]int{8, n}) {
			op.Fail("", "the head gives %v, want [8,%d]", op.ShapeOf(y), n)
		}
		for _, p := range s.Params() {
			list = append(list, s.Name(p)+op.ShapeOf(p).String())
		}
	})
	if err != nil {
		return err.Error()
	}
	return strings.Join(list, " ")
}

// A projector that ends in a norm has it in the form of the settings too, and none where they say so.
func TestNormedProjector(t *testing.T) {
	const hidden = "0/weight[6,4] 0/norm/weight[4] 0/norm/bias[4] 1/weight[4,3]"
	for _, c := range []struct {
		o      *heads.Projector
		affine bool
		want   string
	}{
		{nil, false, hidden}, {&heads.Projector{Norm: "batch"}, false, hidden},
		{nil, true, hidden + " 1/norm/weight[3] 1/norm/bias[3]"},
		{&heads.Projector{Norm: "layer"}, false, hidden + " 1/norm/weight[3] 1/norm/bias[3]"},
		{&heads.Projector{Norm: "none"}, false, "0/weight[6,4] 0/bias[4] 1/weight[4,3] 1/bias[3]"},
		{&heads.Projector{Frozen: true}, false, "0/norm/weight[4] 0/norm/bias[4]"},
	} {
		got := parametersOf(func(s *graph.Scope) layer.Func { return c.o.Normed(s, 6, c.affine, 4, 3) }, 3)
		if got != c.want {
			t.Errorf("%+v has %s, want %s", c.o, got, c.want)
		}
	}
}

// A projector has the parameters that the recipe's settings say; nothing said, and nil, are the heads as they are.
func TestProjector(t *testing.T) {
	const mlp = "0/weight[6,4] 0/norm/weight[4] 0/norm/bias[4] 1/weight[4,3] 1/bias[3]"
	const plain = "0/weight[6,4] 0/bias[4] 1/weight[4,3] 1/bias[3]"
	for _, c := range []struct {
		o     *heads.Projector
		plain bool
		want  string
	}{
		{nil, false, mlp}, {&heads.Projector{}, false, mlp}, {&heads.Projector{Form: "full"}, false, mlp},
		{nil, true, plain}, {&heads.Projector{Norm: "none"}, false, plain},
		{&heads.Projector{Norm: "batch"}, true, mlp},
		{&heads.Projector{Norm: "layer"}, false, mlp}, {&heads.Projector{Norm: "decorrelated"}, false, mlp},
		{&heads.Projector{Form: "low_rank", Rank: 2}, false, "0/down/weight[6,2] 0/up/weight[2,4] 0/norm/weight[4] " +
			"0/norm/bias[4] 1/down/weight[4,2] 1/up/weight[2,3] 1/bias[3]"},
		{&heads.Projector{Form: "low_rank", Rank: 3}, false, "rank = 3 is not below the full rank of a layer from 4"},
		{&heads.Projector{Form: "diagonal"}, false, "want projector = [6]"},
		{&heads.Projector{Frozen: true}, false, "0/norm/weight[4] 0/norm/bias[4]"},
		{&heads.Projector{Frozen: true}, true, ""},
	} {
		if got := declared(c.o, c.plain, 4, 3); got != c.want && !strings.Contains(got, "graph: ") ||
			!strings.Contains(got, c.want) {
			t.Errorf("%+v has %s, want %s", c.o, got, c.want)
		}
	}
	if got, want := declared(&heads.Projector{Form: "diagonal"}, true, 6, 6),
		"0/scale[6] 1/scale[6]"; got != want {
		t.Errorf("a diagonal projector has %s, want %s", got, want)
	}
	if got := declared(&heads.Projector{Form: "diagonal", Rank: 6}, true, 6); !strings.Contains(got,
		"rank = 6 is all of 6") {
		t.Errorf("a diagonal of full rank gives %s", got)
	}
	o := &heads.Projector{Norm: "layer"}
	if declared(o, false); o.Used() {
		t.Error("a projector without widths was used")
	}
	if declared(o, false, 4); !o.Used() {
		t.Error("a projector of one width was not used")
	}
	for want, o := range map[string]*heads.Projector{
		`norm: "instance": want "batch"`: {Norm: "instance"}, `form: "square": want "full"`: {Form: "square"},
		"rank: 0: want at least 1": {Form: "low_rank"}, `rank: 2: only form = "low_rank"`: {Rank: 2},
		"a diagonal that is frozen does nothing": {Form: "diagonal", Frozen: true},
	} {
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Weights that are frozen are the ones that would be trained, as they are drawn, also for a teacher; the gradient goes
// through them.
func TestFrozenProjector(t *testing.T) {
	g, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
		o := &heads.Projector{Frozen: true}
		x := s.Param("x", graph.Normal(1), 8, 6)
		y := o.Plain(s.In("projector"), 6, 4, 3)(x)
		s.Output("dx", s.Gradients(op.SumAll(op.Square(y)), []*graph.Node{x})[0])
		s.Output("teacher", o.Plain(s.Twin("teacher", s.Constant(0.5)).In("projector"), 6, 4, 3)(x))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range g.States() {
		if l.Name != "x" && (l.Kind != graph.State || !strings.HasPrefix(l.Name, "projector/")) {
			t.Errorf("the store has %s (%v), want only the student's frozen weights", l.Name, l.Kind)
		}
	}
}

// The gradients of the forms against central differences.
func TestProjectorGradient(t *testing.T) {
	for name, o := range map[string]*heads.Projector{
		"low rank": {Form: "low_rank", Rank: 2}, "diagonal": {Form: "diagonal"}, "short": {Form: "diagonal", Rank: 3},
		"layer norm":   {Norm: "layer"},
		"decorrelated": {Norm: "decorrelated"},
	} {
		t.Run(name, func(t *testing.T) {
			optest.CheckGradients(t, func(s *graph.Scope) *graph.Node {
				x := s.Param("x", graph.Normal(1), 9, 4)
				return op.SumAll(op.Mul(op.Square(o.MLP(s.In("projector"), 4, 4, 4)(x)), s.Input("w", 9, 4)))
			}, nil, 8, 5e-5)
		})
	}
}

// A diagonal of a rank that is frozen keeps the first dimensions as they are, and leaves out the others: DirectCLR's.
func TestShortDiagonal(t *testing.T) {
	g, err := graph.Build(graph.Options{}, func(s *graph.Scope) {
		o := &heads.Projector{Form: "diagonal", Rank: 2, Frozen: true}
		x := s.Input("x", 3, 5)
		y := o.MLP(s.In("projector"), 5, 5)(x)
		s.Output("kept", op.SumSquares(op.Sub(op.Slice(y, 1, 0, 2), op.Slice(x, 1, 0, 2))))
		s.Output("left", op.SumSquares(op.Slice(y, 1, 2, 5)))
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(device.Host(), graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range p.Inputs() {
		optest.Fill(a, name)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kept", "left"} {
		if v, err := p.Output(name); err != nil || v.At(0) > 1e-10 {
			t.Errorf("%s: the squared difference is %v (%v), want 0", name, v.At(0), err)
		}
	}
}
