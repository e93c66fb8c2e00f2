// Package spread deals a lowered program out over ranks: each rank runs the same operations on its own rows of the
// batch, and operations that need more than a rank's rows get it by collectives.
//
// A program is written for the whole batch. Every value of it is, on a rank, one of three: whole (every rank has all
// of it), rows (a rank has those of its samples), or part (the value is the sum of what the ranks have). An operation
// whose results for a sample depend on that sample alone keeps rows; a sum over samples of rows is a part; a part
// becomes whole by an all-reduce, rows become whole by an all-gather, and a part becomes rows by a reduce-scatter. An
// operation without a rule here is run by every rank on whole values. So whatever a method does with its batch
// (statistics, negatives, Sinkhorn sums, queues, whitening), the numbers are those of one process, up to the order of
// sums, and the same on every rank; a rule makes an operation cheaper and nothing else.
//
// That is how GSPMD partitions programs (Xu et al. 2021, arXiv:2105.04663), for one axis, the batch.
package spread

import (
	"fmt"
	"slices"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// Ranks is how many processes share a batch, and which of them this is. The zero value is one process alone.
type Ranks struct{ Rank, Size int }

// form is what of a value a rank has.
type form uint8

const (
	whole form = iota // all
	rows              // what belongs to its samples
	part              // a summand
)

// layout is a form with, of rows, where the samples are: the elements of the whole value are [k,n,u] in order, n the
// samples of the batch, whatever its shape.
type layout struct {
	form
	k, u int
}

// cut is where the samples are in a shape: its axis has k*n*u entries.
type cut struct{ axis, k, u int }

// value is a buffer of the program that was given.
type value struct {
	ir.Type // of the whole value
	layout
	buf   int // in the layout
	all   int // the whole value; -1: nobody has asked for it
	dealt map[layout]int
	made  ir.Instr // by which operation, where it is whole
}

type spreader struct {
	Ranks
	n    int // samples of the whole batch
	p    *ir.Program
	vals []value
	from map[int]ir.Instr // what makes a value of the program that was given
	at   ir.Instr         // that is being dealt out
}

// Given is what a rank is given of an input. The zero value is an input that is no rows of samples.
type Given struct {
	// Blocks of the first axis, one behind the other, have a row for every sample each; 0: they are no samples.
	Blocks int
	// Parts is how many even parts of the batch a rank has its rows of, one part behind the other; 0 is one.
	Parts int
	Whole bool // every rank is given all rows
}

// Program deals out a lowered program, which is not changed. Its buffers keep their numbers; given says which of the
// inputs are rows of samples. Where none is, the program stays as it is.
func Program(from *ir.Program, r Ranks, given func(buf int) Given) (*ir.Program, error) {
	s := &spreader{Ranks: r, p: &ir.Program{Bufs: slices.Clone(from.Bufs)}, vals: make([]value, len(from.Bufs)),
		from: map[int]ir.Instr{}}
	for i, b := range from.Bufs {
		s.vals[i] = value{Type: b.Type, buf: i, all: i, dealt: map[layout]int{}}
		if b.Class != ir.Input {
			continue
		}
		if g := given(i); g.Blocks > 0 {
			if err := s.input(i, g); err != nil {
				return nil, err
			}
		}
	}
	if s.n == 0 || r.Size < 2 {
		return from, nil
	}
	for _, in := range from.Instrs {
		s.at, s.from[in.Out] = in, in
		if err := s.deal(in); err != nil {
			return nil, fmt.Errorf("operation %s%v in %q: %w", in.Spec.Name(), from.Types(in), in.Scope, err)
		}
	}
	s.at = ir.Instr{}
	for _, u := range from.Updates {
		s.p.Updates = append(s.p.Updates, ir.Update{State: u.State, New: s.whole(u.New)})
	}
	for _, o := range from.Outputs {
		s.p.Outputs = append(s.p.Outputs, ir.Output{Name: o.Name, Buf: s.whole(o.Buf)})
	}
	prune(s.p)
	gather(s.p)
	return s.p, nil
}

// input is an input that is rows of samples.
func (s *spreader) input(i int, g Given) error {
	v, parts := &s.vals[i], max(g.Parts, 1)
	n := v.Shape[0] / g.Blocks
	switch {
	case n%(s.Size*parts) != 0:
		in := ""
		if parts > 1 {
			in = fmt.Sprintf(" in each of %d parts", parts)
		}
		return fmt.Errorf("a batch of %d samples does not divide by %d ranks%s", n, s.Size, in)
	case s.n != 0 && s.n != n:
		return fmt.Errorf("input %s has %d samples, others have %d", s.p.Bufs[i].Name, n, s.n)
	}
	s.n = n
	at := cut{0, g.Blocks, 1}
	v.layout = s.flat(v.Shape, at)
	if !g.Whole {
		v.all, s.p.Bufs[i].Shape = -1, s.local(v.Shape, at)
	}
	if parts > 1 && !g.Whole {
		each := Place{K: g.Blocks * parts, N: n / parts, U: v.Shape[1:].Size(), Rank: s.Rank, Size: s.Size}
		v.all = s.emit(Gather{each, op.DimsOf(v.Shape)}, v.Type, s.p.Bufs[i].Node, i)
	}
	if v.all >= 0 {
		t := ir.Type{Shape: s.local(v.Shape, at), DType: v.DType}
		v.buf = s.emit(Mine{s.place(v.layout), op.DimsOf(t.Shape)}, t, s.p.Bufs[i].Node, v.all)
	}
	return nil
}

// cutOf finds the axis of a shape in which the samples of a layout are; ok is false where they are in none.
func (s *spreader) cutOf(shape ir.Shape, l layout) (c cut, ok bool) {
	outer, total := 1, shape.Size()
	for a, d := range shape {
		inner := total / (outer * d)
		if l.form == rows && l.k*s.n*l.u == total && l.k%outer == 0 && l.u%inner == 0 {
			return cut{a, l.k / outer, l.u / inner}, true
		}
		outer *= d
	}
	return cut{}, false
}

// cut is where the samples of an operand are, if it is made as rows.
func (s *spreader) cut(buf int) (cut, bool) { return s.cutOf(s.vals[buf].Shape, s.vals[buf].layout) }

func (s *spreader) flat(shape ir.Shape, c cut) layout {
	return layout{rows, shape[:c.axis].Size() * c.k, c.u * shape[c.axis+1:].Size()}
}

// local is the shape of a rank's rows.
func (s *spreader) local(shape ir.Shape, c cut) ir.Shape {
	own := slices.Clone(shape)
	own[c.axis] /= s.Size
	return own
}

// localOf is the shape of a rank's rows in a layout; ok is false where no axis has the samples.
func (s *spreader) localOf(shape ir.Shape, l layout) (ir.Shape, bool) {
	c, ok := s.cutOf(shape, l)
	if !ok {
		return nil, false
	}
	return s.local(shape, c), true
}

// emit adds an operation and returns the buffer of its result.
func (s *spreader) emit(spec ir.Spec, t ir.Type, node int64, in ...int) int {
	out := len(s.p.Bufs)
	s.p.Bufs = append(s.p.Bufs, ir.Buf{Name: spec.Name(), Type: t, Root: out, Viewed: -1, Node: node})
	s.p.Instrs = append(s.p.Instrs, ir.Instr{Spec: spec, In: in, Out: out, Scope: s.at.Scope})
	return out
}

// whole is the buffer with all of a value.
func (s *spreader) whole(i int) int {
	v := &s.vals[i]
	if v.all >= 0 {
		return v.all
	}
	node := s.p.Bufs[v.buf].Node
	if v.form == part {
		v.all = s.emit(Reduce{}, v.Type, node, v.buf)
	} else {
		v.all = s.emit(Gather{s.place(v.layout), op.DimsOf(v.Shape)}, v.Type, node, v.buf)
	}
	return v.all
}

func (s *spreader) place(l layout) Place {
	return Place{K: l.k, N: s.n, U: l.u, Rank: s.Rank, Size: s.Size}
}

// rowsOf is the buffer with this rank's rows of a value, in a layout.
func (s *spreader) rowsOf(i int, l layout) int {
	v := &s.vals[i]
	if v.layout == l {
		return v.buf
	}
	if b, ok := v.dealt[l]; ok {
		return b
	}
	shape, _ := s.localOf(v.Shape, l)
	t, node := ir.Type{Shape: shape, DType: v.DType}, s.p.Bufs[v.buf].Node
	b := -1
	switch o := v.made.Spec.(type) {
	case op.BroadcastOp:
		c, _ := s.cutOf(v.Shape, l)
		x := s.vals[v.made.In[0]].Shape
		if a := c.axis - (len(v.Shape) - len(x)); v.form == whole && (a < 0 || x[a] == 1) {
			b = s.emit(op.BroadcastOp{To: op.DimsOf(shape)}, t, node, s.whole(v.made.In[0]))
		}
	case op.RandomOp:
		if v.form == whole {
			b = s.emit(Random{o, op.DimsOf(shape), s.place(l)}, t, node, s.whole(v.made.In[0]), s.whole(v.made.In[1]))
		}
	}
	switch {
	case b >= 0:
	case v.form == part && v.all < 0:
		b = s.emit(Scatter{s.place(l), op.DimsOf(shape)}, t, node, v.buf)
	default:
		b = s.emit(Mine{s.place(l), op.DimsOf(shape)}, t, node, s.whole(i))
	}
	v.dealt[l] = b
	return b
}

// choice is how an operation is dealt out: the axes of its operands that have the samples (-1: the operand is whole),
// k and u of each, and of the result.
type choice struct {
	spec ir.Spec
	k, u int
	axes []int // of the operands
	out  int   // axis of the result
	part bool  // the result is a summand
}

// take emits an operation as it was chosen.
func (s *spreader) take(in ir.Instr, c choice) error {
	bufs := make([]int, len(in.In))
	for i, b := range in.In {
		if a := c.axes[i]; a < 0 {
			bufs[i] = s.whole(b)
		} else {
			shape := s.vals[b].Shape // of values that are joined, each has as many blocks as it is long
			bufs[i] = s.rowsOf(b, s.flat(shape, cut{a, shape[a] / (s.n * c.u), c.u}))
		}
	}
	v := &s.vals[in.Out]
	t, l := v.Type, layout{form: part}
	if !c.part {
		k := v.Shape[c.out] / (s.n * c.u)
		at := cut{c.out, k, c.u}
		l, t.Shape = s.flat(v.Shape, at), s.local(v.Shape, at)
	}
	return s.put(in, c.spec, t, l, bufs)
}

// put emits an operation that makes a value of the program in a layout.
func (s *spreader) put(in ir.Instr, spec ir.Spec, t ir.Type, l layout, bufs []int) error {
	types := make([]ir.Type, len(bufs))
	for i, b := range bufs {
		types[i] = s.p.Bufs[b].Type
	}
	if made, err := spec.Infer(types); err != nil || !made.Shape.Equal(t.Shape) {
		return fmt.Errorf("dealt out as %s%v it makes %v, want %v (%v)", spec.Name(), types, made, t, err)
	}
	v := &s.vals[in.Out]
	v.layout, v.buf, v.all = l, in.Out, -1
	if l.form == whole {
		v.all, v.made = in.Out, in
	}
	s.p.Bufs[in.Out].Type = t
	s.p.Instrs = append(s.p.Instrs, ir.Instr{Spec: spec, In: bufs, Out: in.Out, Scope: in.Scope})
	return nil
}

// deal deals out one operation.
func (s *spreader) deal(in ir.Instr) error {
	if s.linear(in) {
		bufs := make([]int, len(in.In))
		for i, b := range in.In {
			if bufs[i] = s.vals[b].buf; !s.isPart(b) {
				bufs[i] = s.whole(b)
			}
		}
		return s.put(in, in.Spec, s.vals[in.Out].Type, layout{form: part}, bufs)
	}
	if done, err := s.special(in); done || err != nil {
		return err
	}
	if c, ok := s.choose(in); ok {
		return s.take(in, c)
	}
	bufs := make([]int, len(in.In))
	for i, b := range in.In {
		bufs[i] = s.whole(b)
	}
	return s.put(in, in.Spec, s.vals[in.Out].Type, layout{form: whole}, bufs)
}

// isPart reports whether a value is a summand of which nobody has asked for the sum.
func (s *spreader) isPart(i int) bool { return s.vals[i].form == part && s.vals[i].all < 0 }

// linear reports whether an operation on summands makes a summand of the result.
func (s *spreader) linear(in ir.Instr) bool {
	if !s.isPart(in.In[0]) {
		return false
	}
	all := true
	for _, b := range in.In {
		all = all && s.isPart(b)
	}
	switch o := in.Spec.(type) {
	case op.ReshapeOp, op.StopOp, op.TransposeOp, op.SliceOp, op.LeadingSlice, op.PadOp:
		return true
	case op.AffineOp:
		return o.B == 0
	case op.Unary:
		return o.Fn == "neg"
	case op.SumToOp:
		return !o.Squares
	case op.AddN:
		return all
	case op.Binary:
		switch o.Fn {
		case "add", "sub":
			return all
		case "mul", "div":
			other := s.vals[in.In[1]]
			return other.form == whole && s.vals[in.Out].Shape.Size() <= s.vals[in.In[0]].Shape.Size()
		}
	}
	return false
}

// prune removes what neither outputs nor updates need. What it made is left as buffers without elements: nothing places
// them.
func prune(p *ir.Program) {
	need := map[int]bool{}
	for _, u := range p.Updates {
		need[u.New], need[u.State] = true, true
	}
	for _, o := range p.Outputs {
		need[o.Buf] = true
	}
	for i := len(p.Instrs) - 1; i >= 0; i-- {
		if need[p.Instrs[i].Out] {
			for _, b := range p.Instrs[i].In {
				need[b] = true
			}
		}
	}
	p.Instrs = slices.DeleteFunc(p.Instrs, func(in ir.Instr) bool {
		if !need[in.Out] {
			p.Bufs[in.Out].Shape = ir.Shape{0}
		}
		return !need[in.Out]
	})
}
