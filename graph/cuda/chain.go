package cuda

import (
	"fmt"
	"slices"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// Neighbouring elementwise instructions over one space become one generated kernel, a chain: every number is read once,
// what the instructions hand on stays in registers, and what nobody reads afterwards is never stored. Chains that are
// alike but for their memory, as an optimiser's steps of all parameters, become one launch.

const (
	mostLoads = 24 // of a chain: each takes a parameter
	mostSteps = 32
)

// span is a range of memory.
type span struct{ from, to Ptr }

func (a span) meets(b span) bool { return a.from < b.to && b.from < a.to }

// source is where a value of a chain comes from: memory, or an earlier step.
type source struct {
	load int // of the chain, -1 if it is a step's
	step int
}

// read is a distinct load of a chain.
type read struct {
	at Ptr
	access
}

// written is a result of a chain.
type written struct {
	at Ptr
	access
	step int
	buf  int // the result that it is
}

// step is an instruction of a chain.
type step struct {
	x      []source
	body   func(e *emitter, x []string) string
	placed bool // the body asks for the element's place
}

// chain is a loop over a space.
type chain struct {
	space  ir.Shape
	n      int
	flat   bool // nothing in it looks at the space's axes
	reads  []read
	steps  []step
	writes []written // in order of the steps, one an address
	last   int       // the instruction of the last step
	served int       // the last instruction whose operands all come from the chain's registers, if they are its results
}

// dense reports whether an access goes through memory element by element in the space's order.
func (a access) dense(space ir.Shape) bool {
	if a.bounded || a.start != 0 {
		return false
	}
	axes := op.MergeAxes(space, a.steps)
	return len(axes) == 1 && (axes[0].Step[0] == 1 || axes[0].N == 1)
}

// constant reports whether an access reads one element everywhere.
func (a access) constant(space ir.Shape) bool {
	for d, s := range a.steps {
		if s != 0 && space[d] != 1 {
			return false
		}
	}
	return !a.bounded
}

// extent is the first and the last element of an access.
func (a access) extent(space ir.Shape) (first, last int) {
	first, last = a.start, a.start
	for d, s := range a.steps {
		lo, hi := 0, space[d]-1
		if a.bounded && d == a.axis {
			lo, hi = a.lo, a.hi-1
		}
		first, last = first+lo*s, last+hi*s
	}
	return first, last
}

// reach is the memory of an access at an address.
func reach(at Ptr, a access, space ir.Shape) span {
	first, last := a.extent(space)
	return span{at + Ptr(4*first), at + Ptr(4*(last+1))}
}

// join adds a loop of an instruction to the chain that is being made, or begins a new one.
func (b *binder) join(c *call, w elementwise) {
	if w.space.Size() == 0 {
		return
	}
	addresses := make([]Ptr, len(w.loads))
	if w.before != nil {
		made := w.before(c)
		for i, l := range w.loads {
			if l.operand == settings {
				addresses[i] = made
			}
		}
	}
	for i, l := range w.loads {
		if l.operand != settings {
			addresses[i] = c.x[l.operand]
		}
	}
	if !b.separate && b.chain != nil && b.chain.take(c, w, addresses) {
		return
	}
	b.close()
	b.chain = &chain{space: w.space, n: w.space.Size(), flat: true}
	if !b.chain.take(c, w, addresses) {
		panic(fmt.Sprintf("%s of %d loads fits no chain", c.spec.Name(), len(w.loads)))
	}
}

// take adds a loop to a chain if it can be part of it.
func (ch *chain) take(c *call, w elementwise, at []Ptr) bool {
	n := w.space.Size()
	if n != ch.n || len(ch.steps) >= mostSteps || len(ch.reads)+len(w.loads) > mostLoads && len(ch.steps) > 0 {
		return false
	}
	flat := w.store.dense(w.space)
	for _, l := range w.loads {
		flat = flat && (l.dense(w.space) || l.constant(w.space))
	}
	if !flat && !ch.flat && !w.space.Equal(ch.space) {
		return false
	}
	space := ch.space
	reads, writes := ch.reads, ch.writes
	if ch.flat && !flat {
		space = w.space
		reads, writes = slices.Clone(reads), slices.Clone(writes)
		for i := range reads {
			reads[i].access = within(reads[i].access, ch.space, space)
		}
		for i := range writes {
			writes[i].access = within(writes[i].access, ch.space, space)
		}
	}
	// Where the operands come from.
	var fresh []read
	x := make([]source, len(w.loads))
	for i, l := range w.loads {
		a := l.access
		if flat && !space.Equal(w.space) {
			a = within(a, w.space, space)
		}
		if s, ok := made(writes, at[i], a, space); ok {
			x[i] = source{-1, s}
			continue
		}
		area := reach(at[i], a, space)
		for _, wr := range writes {
			if area.meets(reach(wr.at, wr.access, space)) {
				return false // another thread may have written what this one wants to read
			}
		}
		r := read{at[i], a}
		k := slices.IndexFunc(reads, r.equals)
		if k < 0 {
			if k = slices.IndexFunc(fresh, r.equals); k < 0 {
				fresh, k = append(fresh, r), len(fresh)
			}
			k += len(reads)
		}
		x[i] = source{load: k}
	}
	// Where the result goes.
	store := w.store
	if flat && !space.Equal(w.space) {
		store = within(store, w.space, space)
	}
	area := reach(c.y, store, space)
	for _, r := range slices.Concat(reads, fresh) {
		if area.meets(reach(r.at, r.access, space)) && !(r.at == c.y && r.dense(space) && store.dense(space)) {
			return false // another thread may still have to read there
		}
	}
	replaced := -1
	for i, wr := range writes {
		if !area.meets(reach(wr.at, wr.access, space)) {
			continue
		}
		if wr.at != c.y || !wr.dense(space) || !store.dense(space) {
			return false
		}
		replaced = i
	}
	ch.space, ch.flat, ch.last, ch.served = space, ch.flat && flat, c.at, c.at
	if w.several {
		ch.served--
	}
	ch.reads = append(reads, fresh...)
	ch.steps = append(ch.steps, step{x, w.body, w.placed})
	if replaced >= 0 {
		writes = slices.Delete(writes, replaced, replaced+1)
	}
	ch.writes = append(writes, written{c.y, store, len(ch.steps) - 1, c.buf})
	return true
}

// within is a flat access of one space as an access of another one of as many elements.
func within(a access, from, to ir.Shape) access {
	if a.constant(from) {
		return scalar(to, a.start)
	}
	return same(to)
}

func (r read) equals(s read) bool {
	return r.at == s.at && slices.Equal(r.steps, s.steps) && r.start == s.start && r.bounded == s.bounded &&
		r.axis == s.axis && r.lo == s.lo && r.hi == s.hi
}

// made is the step of a chain whose result an access reads, element by element, by what the chain writes.
func made(writes []written, at Ptr, a access, space ir.Shape) (int, bool) {
	for _, w := range writes {
		if w.at == at && a.dense(space) && w.dense(space) {
			return w.step, true
		}
	}
	return 0, false
}

// close ends the chain that is being made; it waits for others like it.
func (b *binder) close() {
	if b.chain != nil {
		b.chains = append(b.chains, b.chain)
		b.chain = nil
	}
}

// comeBehind launches what waits if an instruction that is no loop must come behind it.
func (b *binder) comeBehind(c *call) {
	if b.waitsFor(c) {
		b.flush()
	}
	if b.squareWaits(c) {
		b.sumSquares()
	}
}

// mostWaiting is how many chains wait at most: looking through them takes time.
const mostWaiting = 256

// waitsFor reports whether an instruction that is no loop must come behind the chains that wait: because it touches
// what one writes, or writes what one reads.
func (b *binder) waitsFor(c *call) bool {
	if b.separate || len(b.chains) >= mostWaiting {
		return true
	}
	result := span{c.y, c.y + Ptr(bytesOf(c.out))}
	for _, ch := range append(b.chains[:len(b.chains):len(b.chains)], b.chain) {
		if ch == nil {
			continue
		}
		for _, r := range ch.reads {
			if result.meets(reach(r.at, r.access, ch.space)) {
				return true
			}
		}
		for _, w := range ch.writes {
			area := reach(w.at, w.access, ch.space)
			if result.meets(area) {
				return true
			}
			for k, x := range c.x {
				if area.meets(span{x, x + Ptr(bytesOf(c.in[k]))}) {
					return true
				}
			}
		}
	}
	return false
}

// flush launches all that waits: sums of squares, and behind them chains. Chains that are alike are one launch, where
// the last of them stands, unless one that stands between them touches what an earlier one does.
func (b *binder) flush() {
	b.sumSquares()
	b.close()
	chains, current := b.chains, b.current
	b.chains = nil
	defer func() { b.current = current }()
	texts := make([]string, len(chains)) // empty: launched by itself
	for i, ch := range chains {
		if len(chains) > 1 && !b.separate {
			texts[i] = ch.listed(b)
		}
	}
	done := make([]bool, len(chains))
	for i, ch := range chains {
		if done[i] {
			continue
		}
		alike := []*chain{ch}
		for k := i + 1; k < len(chains) && texts[i] != ""; k++ {
			next := chains[k]
			if slices.ContainsFunc(alike, next.disturbs) {
				break // also of one that has its launch: it stays behind these
			}
			if !done[k] && texts[k] == texts[i] {
				alike, done[k] = append(alike, next), true
			}
		}
		b.current = max(alike[len(alike)-1].last, b.squaredAt)
		if len(alike) > 1 {
			b.launchList(texts[i], alike)
		} else {
			b.launchChain(ch)
		}
	}
}

// kept are the writes whose value somebody reads behind the chain.
func (ch *chain) kept(b *binder) []written {
	var kept []written
	for _, w := range ch.writes {
		if b.separate || b.needed(w.buf, ch.served) {
			kept = append(kept, w)
		}
	}
	return kept
}

// disturbs reports whether one of two chains writes what the other one touches.
func (ch *chain) disturbs(other *chain) bool {
	meet := func(a, b *chain) bool {
		for _, w := range a.writes {
			area := reach(w.at, w.access, a.space)
			for _, r := range b.reads {
				if area.meets(reach(r.at, r.access, b.space)) {
					return true
				}
			}
			for _, v := range b.writes {
				if area.meets(reach(v.at, v.access, b.space)) {
					return true
				}
			}
		}
		return false
	}
	return meet(ch, other) || meet(other, ch)
}
