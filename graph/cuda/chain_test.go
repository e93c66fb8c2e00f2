package cuda

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// compiled is a program over a recorder, after one step.
func compiled(t *testing.T, r *recorder, build func(s *graph.Scope)) *graph.Program {
	t.Helper()
	g, err := graph.Build(graph.Options{Training: true}, build)
	if err != nil {
		t.Fatal(err)
	}
	p, err := g.Compile(New(r), graph.NewStore(1))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func names(ls []Launch) string {
	var all []string
	for _, l := range ls {
		all = append(all, l.Name)
	}
	return strings.Join(all, " ")
}

// Neighbouring elementwise operations are one launch, which reads every operand once and stores what is read behind it.
func TestChains(t *testing.T) {
	for _, c := range []struct {
		name   string
		build  func(s *graph.Scope)
		n      int
		loads  int
		stores int
	}{
		{"one after the other", func(s *graph.Scope) {
			x := s.Input("x", 4, 6)
			s.Output("y", op.Exp(op.Mul(op.Tanh(x), op.Sigmoid(x))))
		}, 1, 1, 1},
		{"wide", func(s *graph.Scope) {
			x, b := s.Input("x", 4, 8), s.Input("b", 8)
			s.Output("y", op.Exp(op.Mul(x, b)))
		}, 1, 2, 1},
		{"two results", func(s *graph.Scope) {
			x := s.Input("x", 5)
			y := op.Exp(x)
			s.Output("y", y)
			s.Output("z", op.Neg(y))
		}, 1, 1, 2},
		{"element by element, then along axes of another rank", func(s *graph.Scope) {
			y := op.Exp(s.Input("x", 4, 6))
			s.Output("z", op.Mul(op.Reshape(y, 4, 1, 6), s.Input("b", 4, 1, 1)))
		}, 1, 2, 1},
		{"what others broadcast is read from memory", func(s *graph.Scope) {
			x := s.Input("x", 3)
			s.Output("y", op.Mul(op.Exp(x), s.Input("z", 7, 3)))
		}, 2, 3, 2},
		{"what is joined is stored where only one of the loops reads it from registers", func(s *graph.Scope) {
			x := s.Input("x", 8, 1)
			s.Output("y", op.Concat(1, op.Exp(x), op.Tanh(x), op.Sigmoid(x)))
		}, 3, 3, 6},
		{"reshaped between", func(s *graph.Scope) {
			x := s.Input("x", 3, 5)
			s.Output("y", op.Exp(op.Reshape(op.Tanh(x), 15)))
		}, 1, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRecorder(t)
			compiled(t, r, c.build)
			text := r.Modules["generated.ptx"]
			if len(r.launches) != c.n {
				t.Errorf("the launches are %s, want %d", names(r.launches), c.n)
			}
			if n := strings.Count(text, "ld.global"); n != c.loads {
				t.Errorf("%d loads, want %d:\n%s", n, c.loads, text)
			}
			if n := strings.Count(text, "st.global"); n != c.stores {
				t.Errorf("%d stores, want %d:\n%s", n, c.stores, text)
			}
			declared(t, text)
		})
	}
}

// The optimiser's steps of all parameters are few launches.
func TestListsOfParameters(t *testing.T) {
	r := newRecorder(t)
	compiled(t, r, func(s *graph.Scope) {
		lr, wd, step := s.Input("lr"), s.Input("wd"), s.Input("step")
		for _, shape := range []ir.Shape{{3, 5}, {5}, {70, 100}} {
			s := s.In(fmt.Sprint("p", len(shape), shape[0]))
			p := s.Param("p", graph.Fill(1), shape...)
			m, v := s.State("m", graph.Fill(0), shape...), s.State("v", graph.Fill(0), shape...)
			g := s.Input("g", shape...)
			next := op.FirstMoment(m, g, .9)
			square := op.SecondMoment(v, g, .99)
			s.Update(m, next)
			s.Update(v, square)
			s.Update(p, op.AdamStep(p, next, square, lr, wd, step, op.Adam{Beta1: .9, Beta2: .99, Eps: 1e-8}))
		}
	})
	if len(r.launches) > 4 {
		t.Errorf("%d launches: %s", len(r.launches), names(r.launches))
	}
	declared(t, r.Modules["generated.ptx"])
}

// declared wants every register of generated PTX in a declaration of its kernel.
func declared(t *testing.T, text string) {
	t.Helper()
	used := regexp.MustCompile(`%(?:i\d+_)?[a-z]+\d+`)
	decl := regexp.MustCompile(`\.reg \.\w+ %(\S+)<(\d+)>;`)
	for _, k := range strings.Split(text, ".visible .entry ")[1:] {
		prefixes := map[string]bool{}
		for _, d := range decl.FindAllStringSubmatch(k, -1) {
			prefixes[d[1]] = true
		}
		for _, u := range used.FindAllString(decl.ReplaceAllString(k, ""), -1) {
			if name := strings.TrimRight(u[1:], "0123456789"); !prefixes[name] {
				t.Errorf("%s is not declared in\n%s", u, k)
				return
			}
		}
	}
}

// The steps of all parameters stand side by side at the end of a program, behind the last gradient.
func TestUpdatesLast(t *testing.T) {
	p := compiled(t, newRecorder(t), func(s *graph.Scope) {
		lr := s.Input("lr")
		a, b := s.Param("a", graph.Fill(1), 5), s.Param("b", graph.Fill(1), 5)
		loss := op.SumAll(op.Square(op.Mul(op.Exp(op.Mul(s.Input("x", 5), a)), b)))
		for i, g := range s.Gradients(loss, []*op.Node{a, b}) {
			s.Update([]*op.Node{a, b}[i], op.Step([]*op.Node{a, b}[i], g, lr))
		}
	})
	n := len(p.IR.Instrs)
	for i, in := range p.IR.Instrs {
		if is := in.Spec.Name() == "descend"; is != (i >= n-2) {
			t.Errorf("instruction %d of %d is %s", i, n, in.Spec.Name())
		}
	}
}

// Chains that are alike are not put together past one that reads what they make, even where that one was put to others
// like itself.
func TestListsKeepTheOrder(t *testing.T) {
	r := newRecorder(t)
	compiled(t, r, func(s *graph.Scope) {
		scaled := func(name string, n int, by *op.Node) { s.Output(name, op.Exp(op.Mul(s.Input("x"+name, n), by))) }
		scaled("first", 5, s.Input("by", 1))
		made := op.Neg(s.Input("v", 3))
		s.Output("made", made)
		scaled("second", 7, op.Slice(made, 0, 0, 1))
		s.Output("alike", op.Neg(s.Input("w", 3)))
	})
	const made, list = 0, 1 // in order: what makes, both that scale in one list, and what is like the first
	if len(r.launches) != 3 || len(r.launches[made].Args) == 1 || len(r.launches[list].Args) != 1 {
		t.Errorf("the launches are %s with %v", names(r.launches), r.launches)
	}
}
