package plan_test

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"selfsup/graph/cpu"
	"selfsup/graph/ir"
	"selfsup/graph/op"
	"selfsup/graph/plan"
	"selfsup/graph/ref"
)

// builder makes a program by hand.
type builder struct{ ir.Program }

func (b *builder) buf(c ir.Class, name string, s ir.Shape) int {
	i := len(b.Bufs)
	b.Bufs = append(b.Bufs, ir.Buf{Name: name, Class: c, Type: ir.Type{Shape: s}, Root: i, Viewed: -1})
	return i
}

func (b *builder) input(s ...int) int { return b.buf(ir.Input, fmt.Sprintf("input%d", len(b.Bufs)), s) }
func (b *builder) state(s ...int) int { return b.buf(ir.State, fmt.Sprintf("state%d", len(b.Bufs)), s) }

func (b *builder) do(s ir.Spec, in ...int) int {
	instr := ir.Instr{Spec: s, In: in}
	t, err := s.Infer(b.Types(instr))
	if err != nil {
		panic(err)
	}
	instr.Out = b.buf(ir.Temp, s.Name(), t.Shape)
	b.Instrs = append(b.Instrs, instr)
	return instr.Out
}

func (b *builder) output(buf int) {
	b.Outputs = append(b.Outputs, ir.Output{Name: fmt.Sprint(len(b.Outputs)), Buf: buf})
}

func (b *builder) update(state, value int) {
	b.Updates = append(b.Updates, ir.Update{State: state, New: value})
}

// clone is a copy that Plan cannot change.
func (b *builder) clone() *ir.Program {
	p := b.Program
	p.Bufs, p.Updates, p.Outputs = slices.Clone(p.Bufs), slices.Clone(p.Updates), slices.Clone(p.Outputs)
	p.Instrs = slices.Clone(p.Instrs)
	for i := range p.Instrs {
		p.Instrs[i].In = slices.Clone(p.Instrs[i].In)
	}
	return &p
}

var (
	relu = op.Unary{Fn: "relu"}
	neg  = op.Unary{Fn: "neg"}
	add  = op.Binary{Fn: "add"}
	sub  = op.Binary{Fn: "sub"}
)

func reshape(s ...int) ir.Spec  { return op.ReshapeOp{To: op.DimsOf(s)} }
func rows(from, to int) ir.Spec { return op.LeadingSlice{SliceOp: op.SliceOp{From: from, To: to}} }
func matmul() ir.Spec           { return op.MatMulOp{} }

// unset are attributes that an operation does not use.
var unset = regexp.MustCompile(` ?\w+:(false|\{\})| ?Slope:\B|\{\}`)

// listing is the instructions of a program with where operands and results lie: s0+4 is element 4 of state 0, i an
// input, t a temporary, by byte. Buffers keep their numbers.
func listing(p *ir.Program) string {
	place := func(b int) string {
		v := p.Bufs[b]
		r := p.Bufs[v.Root]
		switch {
		case r.Class == ir.Temp:
			return fmt.Sprintf("t%d", r.Offset+4*v.Start)
		case v.Start != 0:
			return fmt.Sprintf("%c%d+%d", r.Class.String()[0], v.Root, v.Start)
		}
		return fmt.Sprintf("%c%d", r.Class.String()[0], v.Root)
	}
	var s []string
	for _, in := range p.Instrs {
		line := place(in.Out) + "=" + unset.ReplaceAllString(op.Key(in.Spec), "") + "("
		for k, b := range in.In {
			if k > 0 {
				line += ","
			}
			line += place(b)
		}
		s = append(s, line+")")
	}
	return strings.Join(s, " ")
}

// compare runs the unplanned program on the reference backend, where every value has memory of its own, and the planned
// one on the cpu in poisoned memory: three steps on whole numbers, which only batch norm makes others.
func (b *builder) compare(t *testing.T, name string) {
	t.Helper()
	b.compareWithin(t, name, 0)
}

// compareWithin is compare with a limit for the arena; it returns the planned program.
func (b *builder) compareWithin(t *testing.T, name string, limit int) *ir.Program {
	t.Helper()
	planned := b.clone()
	if err := plan.Plan(planned, plan.Options{Limit: limit, Narrows: cpu.Backend{}.Narrows,
		Supports: cpu.Backend{}.Supports}); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, listing(b.clone()))
	}
	type side struct {
		p     *ir.Program
		e     ir.Executable
		state map[int]ir.Array
	}
	var sides []side
	for _, s := range []struct {
		b ir.Backend
		p *ir.Program
	}{{ref.Backend{}, b.clone()}, {cpu.Backend{Poison: true}, planned}} {
		state := map[int]ir.Array{}
		e, err := s.b.Compile(s.p, func(buf int) ir.Array {
			state[buf] = whole(s.p.Bufs[buf].Type, buf)
			return state[buf]
		})
		if err != nil {
			t.Fatal(err)
		}
		sides = append(sides, side{s.p, e, state})
	}
	for step := range 3 {
		for _, s := range sides {
			for i, buf := range s.p.Bufs {
				if buf.Class == ir.Input {
					s.e.Host(i).Copy(whole(buf.Type, i+step))
				}
			}
			if err := s.e.Run(); err != nil {
				t.Fatal(err)
			}
		}
		fail := func(what string, got, want ir.Array) {
			for i := range want.F32 {
				if g, w := float64(got.F32[i]), float64(want.F32[i]); !(math.Abs(g-w) <= 1e-5*max(1, math.Abs(w))) {
					t.Fatalf("%s: step %d: %s[%d]: got %v, want %v\nas written %s\nplanned %s", name, step, what, i, g,
						w, listing(b.clone()), listing(planned))
				}
			}
		}
		for k, o := range sides[0].p.Outputs {
			fail("output "+o.Name, sides[1].e.Host(sides[1].p.Outputs[k].Buf), sides[0].e.Host(o.Buf))
		}
		for buf, want := range sides[0].state {
			fail(fmt.Sprintf("state %d", buf), sides[1].state[buf], want)
		}
		for i, buf := range planned.Bufs {
			if buf.Class == ir.Input {
				fail(fmt.Sprintf("input %d", i), sides[1].e.Host(i), whole(buf.Type, i+step))
			}
		}
	}
	return planned
}

// whole is an array of small whole numbers, other ones for other seeds.
func whole(t ir.Type, seed int) ir.Array {
	a := ir.NewArray(t)
	for i := range a.F32 {
		a.F32[i] = float32((i*7+seed*5)%9 - 4)
	}
	return a
}

// What the passes make of small programs, and that these still compute the same.
func TestPlan(t *testing.T) {
	bn := op.BN{Eps: 100}
	for _, c := range []struct {
		name  string
		build func(b *builder)
		want  string // empty: batch norm's gradient with ReLU's apart
	}{
		{"views cost nothing", func(b *builder) {
			x := b.do(neg, b.input(4, 6))
			b.output(b.do(neg, b.do(rows(1, 2), b.do(reshape(6, 4), x))))
			b.output(b.do(relu, x)) // the view does not keep this from x
		}, "t0=unary{Fn:neg}(i0) t128=unary{Fn:neg}(t16) t0=unary{Fn:relu}(t0)"},
		{"a view of an input", func(b *builder) { b.output(b.do(relu, b.do(rows(2, 3), b.input(4, 6)))) },
			"t0=unary{Fn:relu}(i0+12)"},
		{"in place down a chain", func(b *builder) {
			b.output(b.do(relu, b.do(neg, b.do(matmul(), b.input(4, 4), b.input(4, 4)))))
		}, "t0=matmul{}(i0,i1) t0=unary{Fn:neg}(t0) t0=unary{Fn:relu}(t0)"},
		{"not in place while somebody reads", func(b *builder) {
			x := b.do(neg, b.input(16))
			y := b.do(relu, x)
			b.output(b.do(sub, x, y))
		}, "t0=unary{Fn:neg}(i0) t64=unary{Fn:relu}(t0) t0=binary{Fn:sub}(t0,t64)"},
		{"the second operand's memory", func(b *builder) {
			x, y := b.do(neg, b.input(16)), b.do(neg, b.input(16))
			b.output(b.do(sub, x, y))
			b.output(x)
		}, "t0=unary{Fn:neg}(i0) t64=unary{Fn:neg}(i2) t64=binary{Fn:sub}(t0,t64)"},
		{"an operand twice is not overwritten", func(b *builder) {
			x := b.do(neg, b.input(16))
			b.output(b.do(sub, x, x))
		}, "t0=unary{Fn:neg}(i0) t64=binary{Fn:sub}(t0,t0)"},
		{"memory is used again", func(b *builder) {
			w := b.input(4, 4)
			b.output(b.do(matmul(), w, b.do(matmul(), w, b.do(matmul(), w, w))))
		}, "t0=matmul{}(i0,i0) t64=matmul{}(i0,t0) t0=matmul{}(i0,t64)"},
		{"state overwritten", func(b *builder) {
			s := b.state(16)
			b.update(s, b.do(add, s, b.input(16)))
		}, "s0=binary{Fn:add}(s0,i1)"},
		{"state waits for a reader that was made later", func(b *builder) {
			s := b.state(16)
			n := b.do(neg, s)
			b.output(b.do(relu, s))
			b.update(s, n)
		}, "t0=unary{Fn:relu}(s0) s0=unary{Fn:neg}(s0)"},
		{"state that its own product cannot overwrite", func(b *builder) {
			s := b.state(4, 4)
			b.update(s, b.do(matmul(), s, s))
		}, "t0=matmul{}(s0,s0)"},
		{"a new value that others read", func(b *builder) {
			s := b.state(16)
			n := b.do(neg, s)
			b.update(s, n)
			b.output(b.do(relu, n))
		}, "s0=unary{Fn:neg}(s0) t0=unary{Fn:relu}(s0)"},
		{"states that change places", func(b *builder) {
			x, y := b.state(16), b.state(16)
			b.update(x, y)
			b.update(y, x)
		}, "t0=copy(s1) s1=copy(s0)"},
		{"one value for two states", func(b *builder) {
			x, y := b.state(16), b.state(16)
			n := b.do(neg, b.input(16))
			b.update(x, n)
			b.update(y, n)
		}, "s0=unary{Fn:neg}(i2) s1=copy(s0)"},
		{"outputs that are not results", func(b *builder) {
			x, s := b.input(16), b.state(16)
			b.output(x)
			b.output(s)
			b.output(b.do(reshape(4, 4), s))
			b.update(s, b.do(neg, s))
		}, "t0=copy(i0) t64=copy(s1) t128=copy(s1) s1=unary{Fn:neg}(s1)"},
		{"updates come side by side", func(b *builder) {
			s, r, x, rate := b.state(16), b.state(16), b.input(16), b.input()
			g := b.do(neg, x)
			b.update(s, b.do(op.Descend{}, s, g, rate))
			b.output(b.do(op.SumSq{}, g))
			b.update(r, b.do(op.Descend{}, r, g, rate))
		}, "t0=unary{Fn:neg}(i2) t64=sum_squares(t0) s0=descend(s0,t0,i3) s1=descend(s1,t0,i3)"},
		{"updates and scalars move up", func(b *builder) {
			s, x, rate := b.state(16), b.input(16), b.input()
			g := b.do(neg, x)
			h := b.do(matmul(), b.do(reshape(4, 4), s), b.do(reshape(4, 4), x))
			b.output(b.do(matmul(), h, h))
			b.update(s, b.do(op.Descend{}, s, g, b.do(neg, rate)))
		},
			"t128=unary{Fn:neg}(i2) t0=unary{Fn:neg}(i1) t64=matmul{}(s0,i1) s0=descend(s0,t0,t128) " +
				"t0=matmul{}(t64,t64)"},
		{"relu within the sum", func(b *builder) {
			b.output(b.do(relu, b.do(add, b.input(16), b.input(16))))
		}, "t0=binary{Fn:add Relu:true}(i0,i1)"},
		{"no relu within a sum that is an output", func(b *builder) {
			s := b.do(add, b.input(16), b.input(16))
			b.output(s)
			b.output(b.do(relu, s))
		}, "t0=binary{Fn:add}(i0,i1) t64=unary{Fn:relu}(t0)"},
		{"the later product takes the sum in", func(b *builder) {
			x, y := b.input(4, 4), b.input(4, 4)
			first := b.do(matmul(), b.do(neg, x), y)
			second := b.do(matmul(), b.do(relu, x), y)
			b.output(b.do(neg, y))
			b.output(b.do(op.AddN{}, first, second))
		}, "t0=unary{Fn:neg}(i0) t64=matmul{}(t0,i1) t0=unary{Fn:relu}(i0) t128=matmul{ Plus:true}(t0,i1,t64) " +
			"t0=unary{Fn:neg}(i1)"},
		{"no product waits for the sum, to keep what it reads", func(b *builder) {
			x, y := b.input(4, 4), b.input(4, 4)
			first := b.do(matmul(), b.do(neg, x), y)
			b.output(b.do(op.AddN{}, first, b.do(relu, b.do(matmul(), x, y))))
		}, "t0=unary{Fn:neg}(i0) t64=matmul{}(t0,i1) t0=matmul{ Relu:true}(i0,i1) t64=add_n(t64,t0)"},
		{"relu's gradient within batch norm's", func(b *builder) {
			normGradient(b, bn, false)
		},
			"t0=batch_norm{BN:{Eps:100} Relu:true}(i0,s1,s2,s3) " +
				"t64=batch_norm_sums{Eps:100 Relu:true}(i6,i0,s1,s2,s3) " +
				"t128=batch_norm_dx{BN:{Eps:100} Relu:true}(i6,i0,s1,t64,s2,s3)"},
		{"unless it is wanted", func(b *builder) {
			b.output(normGradient(b, bn, false))
		}, ""},
		{"or of another norm", func(b *builder) { normGradient(b, bn, true) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b builder
			c.build(&b)
			p := b.clone()
			if err := plan.Plan(p, plan.Options{}); err != nil {
				t.Fatal(err)
			}
			got := listing(p)
			if c.want != "" && got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if keeps := strings.Contains(got, "unary_grad"); keeps != (c.want == "") {
				t.Errorf("relu's gradient is an operation of its own: %v, want %v: %s", keeps, c.want == "", got)
			}
			b.compare(t, c.name)
		})
	}
}

// normGradient is a norm with ReLU and its gradient by x; statistics are a state. The gradient before the ReLU is
// returned.
func normGradient(b *builder, bn op.BN, other bool) int {
	x, stats, gamma, beta := b.input(4, 4), b.state(2, 4), b.state(4), b.state(4)
	y := b.do(relu, b.do(op.BatchNormOp{BN: bn}, x, stats, gamma, beta))
	g := b.do(op.UnaryGrad{Fn: "relu"}, b.input(4, 4), y)
	if other {
		x = b.do(neg, x)
	}
	sums := b.do(op.NormSums{Eps: bn.Eps}, g, x, stats)
	b.output(y)
	b.output(b.do(op.NormBackward{BN: bn}, g, x, stats, sums, gamma))
	return g
}

// A program that contradicts itself is an error.
func TestPlanErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(b *builder)
		want  string
	}{
		{"order", func(b *builder) {
			b.output(b.do(matmul(), b.do(neg, b.input(4, 4)), b.input(4, 4)))
			b.Instrs[0], b.Instrs[1] = b.Instrs[1], b.Instrs[0]
		}, "instruction 0 (matmul) reads unary before it is made"},
		{"writes an input", func(b *builder) {
			x := b.input(4, 4)
			b.output(b.do(matmul(), b.input(4, 4), b.input(4, 4)))
			b.Instrs = append(b.Instrs, ir.Instr{Spec: matmul(), In: []int{1, 2}, Out: x})
		}, "instruction 1 (matmul) would overwrite input0"},
	} {
		var b builder
		c.build(&b)
		if err := plan.Plan(b.clone(), plan.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one that says %q", c.name, err, c.want)
		}
	}
}
