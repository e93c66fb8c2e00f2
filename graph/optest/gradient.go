// Package optest is the conformance suite of operations: one table of cases that gradient checks, backend comparisons
// and speed tests share, and the checks themselves.
package optest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"selfsup/graph"
	"selfsup/graph/ir"
	"selfsup/graph/ref"
)

// Fill puts seeded values into an input: normal floats, and integers of 0, 1 and 2 in turn.
func Fill(a ir.Array, name string) {
	r := graph.Rand(7, name)
	for i := range a.Shape.Size() {
		if a.DType == ir.I32 {
			a.I32[i] = int32(i % 3)
		} else {
			a.Set(i, r.NormFloat64())
		}
	}
}

// CheckGradients compares the symbolic gradients of a loss by all its parameters with central differences, in float64
// on the reference backend, at up to samples elements of each. build declares parameters and inputs and returns the
// loss; adjust may change the Store before the check (nil: leave it as initialised). Every run of the loss sees the
// same state, such as a queue, and what is scheduled for the first step. tol is relative to the largest gradient of the
// parameter. Where scopes are given, only the parameters below them are checked: a player's.
func CheckGradients(t *testing.T, build func(s *graph.Scope) *graph.Node, adjust func(*graph.Store), samples int,
	tol float64, scopes ...string) {
	t.Helper()
	var names []string
	g, err := graph.Build(graph.Options{DType: ir.F64, Training: true}, func(s *graph.Scope) {
		loss := build(s)
		s.Output("loss", loss)
		params := slices.DeleteFunc(s.Params(), func(p *graph.Node) bool {
			return len(scopes) > 0 && !below(s.Name(p), scopes)
		})
		for i, d := range s.Gradients(loss, params) {
			if d == nil {
				t.Fatalf("the loss does not reach %s", s.Name(params[i]))
			}
			s.Output("gradient/"+s.Name(params[i]), d)
			names = append(names, s.Name(params[i]))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	st := graph.NewStore(3)
	full, err := g.Compile(ref.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	forward, err := graph.Build(graph.Options{DType: ir.F64, Training: true}, func(s *graph.Scope) {
		s.Output("loss", build(s))
	})
	if err != nil {
		t.Fatal(err)
	}
	probe, err := forward.Compile(ref.Backend{}, st)
	if err != nil {
		t.Fatal(err)
	}
	if adjust != nil {
		adjust(st)
	}
	for _, p := range []*graph.Program{full, probe} {
		for _, b := range p.IR.Bufs {
			if b.Class == ir.Input {
				in, err := p.Input(b.Name)
				if err != nil {
					t.Fatal(err)
				}
				Fill(in, b.Name)
			}
		}
		p.Schedule(graph.Time{Steps: 1})
	}
	run := func(p *graph.Program) {
		back := keepState(st)
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		back()
	}
	lossOf := func() float64 {
		run(probe)
		out, _ := probe.Output("loss")
		return out.At(0)
	}
	run(full)
	for _, name := range names {
		d, _ := full.Output("gradient/" + name)
		e := st.Get(name)
		n := e.Shape.Size()
		largest := 0.0
		for i := range n {
			largest = max(largest, math.Abs(d.At(i)))
		}
		stride := max(1, n/samples)
		for i := 0; i < n; i += stride {
			x := e.At(i)
			h := 1e-5 * max(1, math.Abs(x))
			e.Set(i, x+h)
			up := lossOf()
			e.Set(i, x-h)
			down := lossOf()
			e.Set(i, x)
			want := (up - down) / (2 * h)
			if got := d.At(i); !(math.Abs(got-want) <= tol*max(largest, 1e-3)) {
				t.Errorf("%s: d loss / d %s: got %v, central difference %v (largest %v)", t.Name(), at(name, i), got,
					want, largest)
			}
		}
	}
}

func at(name string, i int) string { return fmt.Sprintf("%s[%d]", name, i) }

// keepState returns a function that puts everything back that a run of a program may change.
func keepState(st *graph.Store) (back func()) {
	kept := map[string][]float64{}
	for _, name := range st.Names() {
		e := st.Get(name)
		if e.Kind == graph.Param {
			continue
		}
		v := make([]float64, e.Shape.Size())
		for i := range v {
			v[i] = e.At(i)
		}
		kept[name] = v
	}
	return func() {
		for name, v := range kept {
			for i, x := range v {
				st.Get(name).Set(i, x)
			}
		}
	}
}

// below reports whether a name is in one of some scopes.
func below(name string, scopes []string) bool {
	return slices.ContainsFunc(scopes, func(scope string) bool { return strings.HasPrefix(name, scope+"/") })
}
