package equivariant

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"selfsup/backbones"
	"selfsup/datasets/feed"
	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/optest"
	"selfsup/graph/ref"
	"selfsup/methods"
	"selfsup/methods/methodtest"
)

// computed is what a graph over inputs of any numbers gives in float64, output by output.
func computed(t *testing.T, build func(s *graph.Scope) []*graph.Node) (out [][]float64) {
	t.Helper()
	n := 0
	g, err := graph.Build(graph.Options{DType: ir.F64, Training: true}, func(s *graph.Scope) {
		for _, y := range build(s) {
			s.Output(fmt.Sprint("y", n), y)
			n++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(ref.Backend{}, graph.NewStore(5))
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range p.Inputs() {
		optest.Fill(a, name)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	for k := range n {
		y, err := p.Output(fmt.Sprint("y", k))
		if err != nil {
			t.Fatal(err)
		}
		values := make([]float64, y.Shape.Size())
		for i := range values {
			values[i] = y.At(i)
		}
		out = append(out, values)
	}
	return out
}

func expectAlike(t *testing.T, what string, got, want []float64, within float64) {
	t.Helper()
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= within) {
			t.Fatalf("%s: entry %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// A turn of the state before the prediction is a turn of the prediction: T(gz, a) = g T(z, a). A network that is not
// equivariant, such as a linear layer on all entries, fails. Turns that move the entries compose and undo each other.
func TestTransitionIsEquivariant(t *testing.T) {
	for _, hidden := range [][]int{nil, {5}, {5, 4}} {
		m := &SEN{Fields: 3, Transition: hidden}
		y := computed(t, func(s *graph.Scope) []*graph.Node {
			z, a := s.Input("z", 2, 4, 3), s.Floats("const/a", []float64{0, 1, 0, 0, 0, 0, 0, 1}, 2, 4)
			after := m.transition(s.In("t"))
			return []*graph.Node{after(rolled(z, 1, 1), a), rolled(after(z, a), 1, 1), after(z, a), z}
		})
		expectAlike(t, fmt.Sprint("hidden ", hidden), y[0], y[1], 1e-12)
		if hidden == nil {
			for i := range 12 { // a quarter, and three quarters, of fields of three
				expectAlike(t, "a quarter", y[2][i:i+1], y[3][(i+3)%12:][:1], 0)
				expectAlike(t, "three quarters", y[2][12+i:13+i], y[3][12+(i+9)%12:][:1], 0)
			}
		}
	}
}

// Four quarter turns by the known action lead back, and images turned by hand are what the views' turns make of them.
func TestTurnsAreAGroup(t *testing.T) {
	y := computed(t, func(s *graph.Scope) []*graph.Node {
		x := s.Input("x", 1, 3, 3, 2)
		turned := methods.QuarterTurns(s, x)
		return []*graph.Node{x, turned[1], methods.QuarterTurns(s, turned[3])[1], methods.QuarterTurns(s, turned[2])[2]}
	})
	expectAlike(t, "three and one", y[2], y[0], 0)
	expectAlike(t, "two and two", y[3], y[0], 0)
	for row := range 3 { // counter-clockwise: the last column becomes the first row
		for column := range 3 {
			for c := range 2 {
				expectAlike(t, "a quarter", y[1][(row*3+column)*2+c:][:1], y[0][(column*3+2-row)*2+c:][:1], 0)
			}
		}
	}
}

// The exponential is a group: exp(sL) exp(tL) = exp((s+t)L), exp(L) exp(-L) = 1, and of a generator of rotations in a
// plane it is the rotation.
func TestExponentialIsAGroup(t *testing.T) {
	y := computed(t, func(s *graph.Scope) []*graph.Node {
		x, w := s.Input("x", 3, 4), op.Scale(s.Input("w", 4, 8), 0.3)
		move := func(x *graph.Node, a, b float64) *graph.Node {
			return exponential(x, s.Floats(fmt.Sprint("const/t", a, b), []float64{a, b, a, b, a, b}, 3, 2), w)
		}
		plane := s.Floats("const/plane", []float64{0, 1, -1, 0}, 2, 2)
		angle := s.Floats("const/angle", []float64{math.Pi / 6}, 1, 1)
		unit := s.Floats("const/unit", []float64{1, 0}, 1, 2)
		return []*graph.Node{x, move(move(x, 0.7, -0.4), -0.7, 0.4), move(move(x, 0.2, 0.4), 0.4, 0.8),
			move(x, 0.6, 1.2), move(x, 0, 0), exponential(unit, angle, plane)}
	})
	expectAlike(t, "there and back", y[1], y[0], 1e-6)
	expectAlike(t, "two steps", y[2], y[3], 1e-6)
	expectAlike(t, "none", y[4], y[0], 0)
	expectAlike(t, "30 degrees", y[5], []float64{math.Sqrt(3) / 2, 0.5}, 1e-9)
}

// The view that ESSL turns is its own: the other method does not see it, and is refused where it asks for it.
func TestOwnView(t *testing.T) {
	crops := methodtest.TwoSizes([]int{6, 6, 2}, []int{4, 4, 2}, 1)
	build := func(d methods.Data, base methods.Method) error {
		_, err := graph.Build(graph.Options{Training: true}, func(s *graph.Scope) {
			b := methods.NewBatch(s, 4, d)
			enc := methods.EncoderOf(&backbones.ConvNet{Widths: []int{4}}, b.Of("view0"))
			sizes := map[int]bool{}
			inner := enc.New
			enc.New = func(s *graph.Scope) func(*graph.Node) *graph.Node {
				encode := inner(s)
				return func(x *graph.Node) *graph.Node {
					sizes[op.ShapeOf(x)[0]*100+op.ShapeOf(x)[1]] = true
					return encode(x)
				}
			}
			esslOn("base", base).Build(s, enc, b)
			if d.Maker != nil && !sizes[1604] && !sizes[1606] || sizes[404] {
				t.Errorf("batches of %v, want the view of its own in four turns and nowhere else", sizes)
			}
		})
		return err
	}
	if err := build(crops, simclr()); err != nil {
		t.Error(err)
	}
	if err := build(data(), simclr()); err != nil {
		t.Error(err)
	}
	greedy := methodtest.TwoSizes([]int{6, 6, 2}, []int{4, 4, 2}, 2)
	for want, err := range map[string]error{
		"[2 2] views by table": build(greedy, simclr()),
		"a method that wraps":  build(data(), threeViews{}),
		"turned by quarters": build(methodtest.Data(feed.Field{Name: "view", Shape: []int{6, 5, 2}}),
			simclr()),
	} {
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "makes [2 2] views", "[2 2] views"), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// threeViews is a method that asks for a third view.
type threeViews struct{}

func (threeViews) Validate() error { return nil }
func (threeViews) Build(s *graph.Scope, enc methods.Encoder, b *methods.Batch) methods.Objective {
	b.Views(3)
	return methods.Objective{}
}
