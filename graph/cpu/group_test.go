package cpu

import (
	"fmt"
	"math"
	"testing"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// tape is a list of calls over named memory; operands that are single numbers are settings.
type tape struct {
	values map[string]ir.Array
	calls  []*call
}

func newTape(sizes map[string]int) *tape {
	t := &tape{values: map[string]ir.Array{}}
	for name, n := range sizes {
		shape := ir.Shape{n}
		if n == 0 {
			shape = ir.Shape{}
		}
		a := ir.NewArray(ir.Type{Shape: shape})
		for i := range a.F32 {
			a.F32[i] = 0.3 + 0.1*float32(math.Sin(float64(i*len(name)+int(name[0]))))
		}
		t.values[name] = a
	}
	return t
}

func (t *tape) do(spec ir.Spec, out string, in ...string) {
	c := &call{spec: spec, out: t.values[out].Type, y: t.values[out].F32}
	for _, name := range in {
		c.in, c.x = append(c.in, t.values[name].Type), append(c.x, t.values[name].F32)
	}
	t.calls = append(t.calls, c)
}

// updates are the steps of three parameters, with momentum, with Adam, and with a teacher.
func updates(n1, n2, n3 int) *tape {
	t := newTape(map[string]int{"p": n1, "g": n1, "m": n1, "e": n1, "P": n2, "G": n2, "M": n2, "V": n2, "E": n2,
		"q": n3, "h": n3, "k": n3,
		"rate": 0, "decay": 0, "one": 0, "step": 0, "tau": 0})
	t.values["step"].F32[0] = 3
	t.do(op.Momentum{Mu: 0.9}, "m", "m", "g", "p", "decay", "one")
	t.do(op.Moment{Beta: 0.9}, "M", "M", "G")
	t.do(op.Descend{}, "p", "p", "m", "rate")
	t.do(op.Moment{Beta: 0.999, Square: true}, "V", "V", "G")
	t.do(op.LerpOp{}, "e", "e", "p", "tau")
	t.do(op.Adam{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}, "P", "P", "M", "V", "rate", "decay", "step")
	t.do(op.Momentum{Mu: 0.9}, "k", "k", "h", "q", "decay", "one")
	t.do(op.DescendNesterov{Mu: 0.9}, "q", "q", "k", "h", "rate", "decay", "one")
	t.do(op.LerpOp{}, "E", "E", "P", "tau")
	return t
}

// A group gives the bits of one pass after the other on any number of threads, and allocates nothing.
func TestGroup(t *testing.T) {
	for _, n := range [][3]int{{50007, 3, 4096}, {2, 20001, 4097}, {piece, piece - 1, piece + 1},
		{10 * block, 17, 33}} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			want := updates(n[0], n[1], n[2])
			for range 2 {
				for _, c := range want.calls {
					bindPass(c)()
				}
			}
			for _, threads := range []int{1, 2, 3, 8} {
				setThreads(t, threads)
				got := updates(n[0], n[1], n[2])
				var g group
				for i, c := range got.calls {
					if !g.add(c) {
						t.Fatalf("call %d, %s, does not join", i, c.spec.Name())
					}
				}
				if len(g.chains) != 3 {
					t.Fatalf("%d chains, want one for each parameter", len(g.chains))
				}
				run := g.bind()
				run()
				run()
				for name, v := range got.values {
					same(t, fmt.Sprintf("%d threads: %s", threads, name), v, want.values[name])
				}
				if n := testing.AllocsPerRun(2, run); n != 0 {
					t.Errorf("%d threads: %v allocations a run, want 0", threads, n)
				}
			}
		})
	}
}

// What would read another call's elements at the wrong time does not join.
func TestGroupRefuses(t *testing.T) {
	lerp, sizes := op.LerpOp{}, map[string]int{"a": 100, "b": 100, "c": 100, "x": 1, "y": 1, "s": 0, "t": 0}
	for _, c := range []struct {
		name string
		ok   bool
		do   func(t *tape)
	}{
		{"apart", true, func(t *tape) { t.do(lerp, "a", "a", "b", "s"); t.do(lerp, "c", "c", "b", "s") }},
		{"one after the other", true, func(t *tape) { t.do(lerp, "a", "a", "b", "s"); t.do(lerp, "c", "c", "a", "s") }},
		{"read, then written", true, func(t *tape) { t.do(lerp, "a", "a", "b", "s"); t.do(lerp, "b", "b", "c", "s") }},
		{"a setting that is made", false, func(t *tape) {
			t.do(lerp, "s", "s", "t", "t")
			t.do(lerp, "a", "a", "b", "s")
		}},
		{"a setting that changes", false, func(t *tape) {
			t.do(lerp, "a", "a", "b", "s")
			t.do(lerp, "s", "s", "t", "t")
		}},
		{"a single number", false, func(t *tape) { t.do(lerp, "x", "x", "y", "s"); t.do(lerp, "y", "y", "x", "s") }},
		{"part of what is written", false, func(t *tape) {
			t.values["part"] = ir.Array{Type: ir.Type{Shape: ir.Shape{50}}, F32: t.values["a"].F32[10:60]}
			t.values["half"] = ir.NewArray(ir.Type{Shape: ir.Shape{50}})
			t.do(lerp, "a", "a", "b", "s")
			t.do(lerp, "half", "half", "part", "s")
		}},
		{"another kind", false, func(t *tape) { t.do(lerp, "a", "a", "b", "s"); t.do(op.SumSq{}, "x", "c") }},
	} {
		tape := newTape(sizes)
		c.do(tape)
		var g group
		if !g.add(tape.calls[0]) {
			t.Fatalf("%s: the first call does not join an empty group", c.name)
		}
		if ok := g.add(tape.calls[1]); ok != c.ok {
			t.Errorf("%s: joins is %v, want %v", c.name, ok, c.ok)
		}
	}
}
