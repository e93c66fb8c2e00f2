package plan

import (
	"slices"

	"selfsup/graph/ir"
)

// absorb merges an operation into those that read its result, where they can do it in passing: the gradient of a ReLU
// into both passes of the gradient of the batch norm before it, a batch norm into the convolutions of what it makes.
// Where all can, the value is never stored. Where some cannot, those behind the last of these can still shorten its
// life. Readers are tried before what they read: a value that a reader kept is absorbed once that reader is gone. A
// reader whose work the backend has no kernel for, with the other inside, reads the value.
func absorb(p *ir.Program, o Options) error {
	a := newAbsorber(p)
	a.options = o
	for i := len(p.Instrs) - 1; i >= 0; i-- {
		if out := p.Instrs[i].Out; !a.pinned[out] && len(a.readers[out]) > 0 {
			a.value(i)
		}
	}
	remove(p, a.dead)
	return nil
}

// absorber knows who makes and who reads every buffer.
type absorber struct {
	p        *ir.Program
	options  Options
	producer []int   // instruction by buffer, -1 where none is
	readers  [][]int // instructions by buffer, one of them once for every operand
	pinned   []bool  // outputs and new state
	dead     []bool  // instructions that nobody needs any more
}

func newAbsorber(p *ir.Program) *absorber {
	a := &absorber{p: p, producer: make([]int, len(p.Bufs)), readers: make([][]int, len(p.Bufs)),
		pinned: make([]bool, len(p.Bufs)), dead: make([]bool, len(p.Instrs))}
	for i := range a.producer {
		a.producer[i] = -1
	}
	for i, in := range p.Instrs {
		a.producer[in.Out] = i
		for _, b := range in.In {
			a.readers[b] = append(a.readers[b], i)
		}
	}
	for _, o := range p.Outputs {
		a.pinned[o.Buf] = true
	}
	for _, u := range p.Updates {
		a.pinned[u.New] = true
	}
	return a
}

// maker is what ir.Absorber asks.
func (a *absorber) maker(b int) (ir.Spec, []int) {
	if a.producer[b] < 0 {
		return nil, nil
	}
	in := a.p.Instrs[a.producer[b]]
	return in.Spec, in.In
}

// value lets readers of what instruction i makes absorb it.
func (a *absorber) value(i int) {
	in := a.p.Instrs[i]
	offers := map[int]ir.Instr{} // by reader
	last := -1                   // of the readers that need the value
	for _, r := range a.readers[in.Out] {
		offer := a.p.Instrs[r]
		spec, ok := offer.Spec.(ir.Absorber)
		if ok {
			offer.Spec, offer.In, ok = spec.Absorb(offer.In, a.maker)
		}
		if !ok || slices.Contains(offer.In, in.Out) || !a.options.takes(a.p, offer) {
			last = max(last, r)
			continue
		}
		offers[r] = offer
	}
	for _, r := range slices.Clone(a.readers[in.Out]) {
		offer, ok := offers[r]
		if !ok || last >= 0 && (r < last || !a.pays(offer, r, in.Out)) {
			continue
		}
		for _, b := range a.p.Instrs[r].In {
			a.readers[b] = slices.DeleteFunc(a.readers[b], func(x int) bool { return x == r })
		}
		a.p.Instrs[r] = offer
		for _, b := range offer.In {
			a.readers[b] = append(a.readers[b], r)
		}
	}
	if len(a.readers[in.Out]) > 0 {
		return
	}
	for _, b := range in.In {
		a.readers[b] = slices.DeleteFunc(a.readers[b], func(r int) bool { return r == i })
	}
	a.dead[i] = true
}

// pays reports whether instruction r, as offered, lets more memory than it holds: what it would read, and would have
// been free before, is smaller than the value that it no longer reads.
func (a *absorber) pays(offer ir.Instr, r, value int) bool {
	held := 0
	for _, b := range offer.In {
		if a.p.Bufs[b].Class == ir.Temp && slices.Max(append([]int{-1}, a.readers[b]...)) < r {
			held += size(a.p, b)
		}
	}
	return held < size(a.p, value)
}

// size is the bytes of a buffer.
func size(p *ir.Program, b int) int { return p.Bufs[b].Shape.Size() * p.Bufs[b].DType.Size() }
