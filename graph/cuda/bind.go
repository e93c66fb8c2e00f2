package cuda

import (
	"fmt"
	"unsafe"

	"selfsup/graph/ir"
)

// lower makes the launches of all instructions; separate keeps each to launches of its own.
func (e *executable) lower(separate bool) ([]lowered, error) {
	d := e.b.Driver
	b := &binder{needed: e.readers(), errors: e.errors, separate: separate}
	if _, err := e.bind(b); err != nil {
		return nil, err
	}
	words, texts := len(b.tables), len(b.texts)
	at, err := e.alloc(4 * words)
	if err != nil {
		return nil, err
	}
	var generated Module
	if texts > 0 {
		if generated, err = d.Load("generated.ptx", b.module()); err != nil {
			return nil, err
		}
		e.taken.modules = append(e.taken.modules, generated)
	}
	b.kernel = func(name string) (Kernel, error) {
		if _, ok := b.texts[name]; ok {
			return generated.Kernel(name)
		}
		return e.b.kernel(name)
	}
	b.consts, b.tables, b.shared, b.filled = at, nil, nil, true
	calls, err := e.bind(b)
	if err != nil {
		return nil, err
	}
	if len(b.tables) != words || len(b.texts) != texts {
		return nil, fmt.Errorf("bound twice, the program has %d words of tables and %d kernels, then %d and %d", words,
			texts, len(b.tables), len(b.texts))
	}
	if words > 0 {
		mem := unsafe.Slice((*byte)(unsafe.Pointer(&b.tables[0])), 4*words)
		if err := d.Upload(Work, at, mem); err != nil {
			return nil, err
		}
	}
	return calls, d.Synchronize(Work)
}

// readers returns the function that tells whether anybody reads a result behind an instruction: a later instruction,
// the host, or the next step.
func (e *executable) readers() func(buf, after int) bool {
	p := e.p
	last := make([]int, len(p.Bufs))
	for i := range last {
		last[i] = -1
	}
	see := func(buf, at int) {
		for ; buf >= 0; buf = p.Bufs[buf].Viewed {
			last[buf] = max(last[buf], at)
		}
	}
	for i, in := range p.Instrs {
		for _, b := range in.In {
			see(b, i)
		}
	}
	for _, o := range p.Outputs {
		see(o.Buf, len(p.Instrs))
	}
	for _, u := range p.Updates {
		see(u.New, len(p.Instrs))
	}
	return func(buf, after int) bool {
		return last[buf] > after || p.Bufs[p.Bufs[buf].Root].Class != ir.Temp
	}
}

// bind lowers every instruction.
func (e *executable) bind(b *binder) ([]lowered, error) {
	p := e.p
	b.calls, b.squaredAt = make([]lowered, len(p.Instrs)), 0
	for i, in := range p.Instrs {
		c := e.b.call(p, in)
		c.b, c.at, c.buf, c.from, c.y, c.scratch = b, i, in.Out, in.In, e.at[in.Out], e.scratch
		for _, x := range in.In {
			c.x = append(c.x, e.at[x])
		}
		b.current = i
		if !isLoop(in.Spec) {
			b.comeBehind(c)
		}
		lowerings[in.Spec.Name()].bind(c)
		if b.err != nil {
			return nil, fmt.Errorf("%s: %w", e.name(i), b.err)
		}
	}
	b.flush()
	if b.err != nil {
		return nil, b.err
	}
	calls := b.calls
	for _, u := range p.Updates {
		if p.Bufs[u.New].Root != u.State {
			calls = append(calls, lowered{copies: [2]Ptr{e.at[u.State], e.at[u.New]},
				bytes: bytesOf(p.Bufs[u.State].Type)})
		}
	}
	return calls, nil
}
