package spread

import (
	"cmp"
	"slices"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// SliceBytes is how much is summed over the ranks at once. With Open MPI over shared memory 45 MB take twice as long in
// one piece as in pieces of 4 to 16 MB.
const SliceBytes = 4 << 20

// slice is a number of sums over the ranks that are done at once, by their places in the program.
type slice struct {
	reduces     []int
	last, first int // the last operation that makes one of the values, and the first that reads one of the sums
	bytes       int
}

// gather puts sums that only updates and outputs wait for, those of gradients most of all, into slices of SliceBytes.
// Each begins as soon as the last of its values is there, and is waited for before the first reader of any: between the
// two, the backward pass goes on.
func gather(p *ir.Program) {
	maker := map[int]int{}
	readers := make([][]int, len(p.Bufs))
	for i, in := range p.Instrs {
		maker[in.Out] = i
		for _, b := range in.In {
			readers[b] = append(readers[b], i)
		}
	}
	// What leads to another collective is not put off.
	leads := make([]bool, len(p.Instrs))
	var sums []int
	for i := len(p.Instrs) - 1; i >= 0; i-- {
		in := p.Instrs[i]
		for _, r := range readers[in.Out] {
			_, together := p.Instrs[r].Spec.(Collective)
			leads[i] = leads[i] || leads[r] || together
		}
		if _, sum := in.Spec.(Reduce); sum && !leads[i] {
			sums = append(sums, i)
		}
	}
	made := func(i int) int { return maker[p.Instrs[i].In[0]] }
	slices.SortStableFunc(sums, func(a, b int) int { return cmp.Compare(made(a), made(b)) })
	begins, ends := map[int][]slice{}, map[int][]slice{}
	var now slice
	flush := func() {
		if len(now.reduces) > 0 {
			begins[now.last] = append(begins[now.last], now)
			ends[now.first] = append(ends[now.first], now)
		}
		now = slice{first: len(p.Instrs)}
	}
	flush()
	within := map[int]bool{}
	for _, i := range sums {
		if made(i) >= now.first || now.bytes >= SliceBytes {
			flush()
		}
		t := p.Bufs[p.Instrs[i].Out].Type
		now.reduces, now.last = append(now.reduces, i), made(i)
		now.bytes += Lanes(t.Shape.Size()) * t.DType.Size()
		for _, r := range readers[p.Instrs[i].Out] {
			now.first = min(now.first, r)
		}
		within[i] = true
	}
	flush()

	old, under := p.Instrs, map[int]int{} // first of a slice -> its buffer
	p.Instrs = nil
	for i := range len(old) + 1 {
		for _, s := range ends[i] {
			s.end(p, old, under[s.reduces[0]])
		}
		if i < len(old) && !within[i] {
			p.Instrs = append(p.Instrs, old[i])
		}
		for _, s := range begins[i] {
			under[s.reduces[0]] = s.begin(p, old)
		}
	}
}

// begin adds the Begin of a slice and returns its buffer.
func (s slice) begin(p *ir.Program, old []ir.Instr) int {
	of := p.Bufs[old[s.reduces[0]].Out]
	in := ir.Instr{Scope: old[s.reduces[0]].Scope}
	n := 0
	for _, i := range s.reduces {
		in.In = append(in.In, old[i].In[0])
		n += Lanes(p.Bufs[old[i].Out].Shape.Size())
	}
	in.Spec, in.Out = Begin{n}, temp(p, "all_reduce_begin", ir.Type{Shape: ir.Shape{n}, DType: of.DType}, of.Node)
	p.Instrs = append(p.Instrs, in)
	return in.Out
}

// end adds the End of a slice, and the views of it that are the sums.
func (s slice) end(p *ir.Program, old []ir.Instr, buf int) {
	of := p.Bufs[buf]
	all := temp(p, "all_reduce_end", of.Type, of.Node)
	p.Instrs = append(p.Instrs, ir.Instr{Spec: End{}, In: []int{buf}, Out: all, Scope: old[s.reduces[0]].Scope})
	at := 0
	for _, i := range s.reduces {
		sum := p.Bufs[old[i].Out]
		n := sum.Shape.Size()
		cut := op.LeadingSlice{SliceOp: op.SliceOp{From: at, To: at + n}}
		piece := temp(p, cut.Name(), ir.Type{Shape: ir.Shape{n}, DType: sum.DType}, sum.Node)
		p.Instrs = append(p.Instrs, ir.Instr{Spec: cut, In: []int{all}, Out: piece, Scope: old[i].Scope},
			ir.Instr{Spec: op.ReshapeOp{To: op.DimsOf(sum.Shape)}, In: []int{piece}, Out: old[i].Out,
				Scope: old[i].Scope})
		at += Lanes(n)
	}
}

func temp(p *ir.Program, name string, t ir.Type, node int64) int {
	out := len(p.Bufs)
	p.Bufs = append(p.Bufs, ir.Buf{Name: name, Type: t, Root: out, Viewed: -1, Node: node})
	return out
}
