package cuda

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"selfsup/graph/ir"
	"selfsup/graph/op"
)

// wide reports whether a thread can take four neighbouring elements at a time, in loads and stores of 16 bytes.
func (ch *chain) wide(kept []written) bool {
	accesses := make([]access, 0, len(ch.reads)+len(kept))
	ok := ch.n%4 == 0
	check := func(at Ptr, a access) {
		ok = ok && !a.bounded && (a.constant(ch.space) || at%16 == 0 && a.start%4 == 0)
		accesses = append(accesses, a)
	}
	for _, r := range ch.reads {
		check(r.at, r.access)
	}
	for _, w := range kept {
		check(w.at, w.access)
	}
	if !ok {
		return false
	}
	axes := merged(ch.space, accesses)
	last := axes[len(axes)-1]
	if last.N%4 != 0 {
		return false
	}
	for k := range accesses {
		if s := last.Step[k]; s != 0 && s != 1 {
			return false
		}
		for _, a := range axes[:len(axes)-1] {
			if last.Step[k] == 1 && a.Step[k]%4 != 0 {
				return false
			}
		}
	}
	return true
}

// merged are the axes of a space as all accesses go through them. A bounded axis stays by itself: an operand that is
// added behind the accesses goes along it alone.
func merged(space ir.Shape, accesses []access) []op.Axis {
	var steps [][]int
	for _, a := range accesses {
		steps = append(steps, a.steps)
	}
	for _, a := range accesses {
		if a.bounded {
			mark := make([]int, len(space))
			mark[a.axis] = 1
			steps = append(steps, mark)
		}
	}
	return op.MergeAxes(space, steps...)
}

// launchChain launches one chain.
func (b *binder) launchChain(ch *chain) {
	kept := ch.kept(b)
	if len(kept) == 0 {
		return
	}
	width := 1
	if ch.wide(kept) {
		width = 4
	}
	name := b.generate(ch.text(kept, width))
	args := make([]any, 0, len(ch.reads)+len(kept)+1)
	for _, r := range ch.reads {
		args = append(args, r.at)
	}
	for _, w := range kept {
		args = append(args, w.at)
	}
	args = append(args, ch.n/width)
	b.launch(name, [3]int{(ch.n/width + threads - 1) / threads, 1, 1}, [3]int{threads, 1, 1}, 0, args...)
}

// generate adds a kernel to those that are compiled for the program, and names it by its text.
func (b *binder) generate(text string) (name string) {
	sum := sha256.Sum256([]byte(text))
	name = "chain_" + hex.EncodeToString(sum[:8])
	if b.texts == nil {
		b.texts = map[string]string{}
	}
	b.texts[name] = strings.Replace(text, unnamed, name, 1)
	return name
}

// module is the text of all generated kernels.
func (b *binder) module() string {
	var s strings.Builder
	s.WriteString(".version 6.0\n.target sm_70\n.address_size 64\n\n")
	for _, n := range slices.Sorted(maps.Keys(b.texts)) {
		s.WriteString(b.texts[n])
		s.WriteString("\n")
	}
	return s.String()
}

// text is the kernel of a chain in which a thread makes width elements. Its parameters are the addresses of the reads
// and of what is kept, and the number of threads that have work.
func (ch *chain) text(kept []written, width int) string {
	e := &emitter{}
	params, base := pointers(e, len(ch.reads)+len(kept))
	params = append(params, ".param .u32 count")
	i, p, n, block := e.word(), e.pred(), e.word(), e.word()
	e.line("mov.u32 %s, %%ctaid.x;", block)
	e.line("mov.u32 %s, %%tid.x;", i)
	e.line("mad.lo.u32 %s, %s, %d, %s;", i, block, threads, i)
	e.line("ld.param.u32 %s, [count];", n)
	e.line("setp.ge.u32 %s, %s, %s;", p, i, n)
	e.line("@%s bra $DONE;", p)
	if width > 1 {
		e.line("mul.lo.u32 %s, %s, %d;", i, i, width)
	}
	ch.elements(e, i, base, kept, width)
	e.body.WriteString("$DONE:\n")
	e.line("ret;")
	return e.entry(params)
}

// pointers declares n parameters of addresses and loads them.
func pointers(e *emitter, n int) (params, base []string) {
	for k := range n {
		params = append(params, fmt.Sprintf(".param .u64 p%d", k))
		l := e.long()
		e.line("ld.param.u64 %s, [p%d];", l, k)
		e.line("cvta.to.global.u64 %s, %s;", l, l)
		base = append(base, l)
	}
	return params, base
}

// elements writes the work of one thread: width elements from number i on.
func (ch *chain) elements(e *emitter, i string, base []string, kept []written, width int) {
	accesses := make([]access, 0, len(base))
	for _, r := range ch.reads {
		accesses = append(accesses, r.access)
	}
	for _, w := range kept {
		accesses = append(accesses, w.access)
	}
	axes := merged(ch.space, accesses)
	coordinates := coordinatesOf(e, i, axes)
	marks := len(accesses) // of bounded accesses, behind the others
	values := make([][]string, len(ch.reads))
	for k, r := range ch.reads {
		inside := ""
		if r.bounded {
			inside = insideOf(e, r.access, axes, marks, coordinates, ch.space)
			marks++
		}
		at := address(e, base[k], r.access, axes, k, coordinates)
		values[k] = elementsAt(e, at, width, r.constant(ch.space) || axes[len(axes)-1].Step[k] == 0, inside)
	}
	results := make([][]string, len(ch.steps))
	for v := range width {
		e.index = e.long()
		e.line("cvt.u64.u32 %s, %s;", e.index, i)
		if v > 0 {
			e.line("add.u64 %s, %s, %d;", e.index, e.index, v)
		}
		for s, st := range ch.steps {
			x := make([]string, len(st.x))
			for k, src := range st.x {
				if src.load >= 0 {
					x[k] = values[src.load][v]
				} else {
					x[k] = results[src.step][v]
				}
			}
			results[s] = append(results[s], st.body(e, x))
		}
	}
	for k, w := range kept {
		at := address(e, base[len(ch.reads)+k], w.access, axes, len(ch.reads)+k, coordinates)
		y := results[w.step]
		if width == 4 {
			e.line("st.global.v4.f32 [%s], {%s};", at, strings.Join(y, ", "))
		} else {
			e.line("st.global.f32 [%s], %s;", at, y[0])
		}
	}
}

// coordinatesOf are the registers of an element's place on every axis; the first and only axis needs no division.
func coordinatesOf(e *emitter, i string, axes []op.Axis) []string {
	at := make([]string, len(axes))
	rest := i
	for d := len(axes) - 1; d > 0; d-- {
		q, c := e.word(), e.word()
		e.line("div.u32 %s, %s, %d;", q, rest, axes[d].N)
		e.line("mul.lo.u32 %s, %s, %d;", c, q, axes[d].N)
		e.line("sub.u32 %s, %s, %s;", c, rest, c)
		at[d], rest = c, q
	}
	at[0] = rest
	return at
}

// address is the register of an element's address.
func address(e *emitter, base string, a access, axes []op.Axis, k int, coordinates []string) string {
	var offset string
	for d, ax := range axes {
		if ax.Step[k] == 0 || ax.N == 1 {
			continue
		}
		o := e.long()
		if offset == "" {
			e.line("mul.wide.u32 %s, %s, %d;", o, coordinates[d], 4*ax.Step[k])
		} else {
			e.line("mad.wide.u32 %s, %s, %d, %s;", o, coordinates[d], 4*ax.Step[k], offset)
		}
		offset = o
	}
	if offset == "" && a.start == 0 {
		return base
	}
	l := e.long()
	switch {
	case offset == "":
		e.line("add.s64 %s, %s, %d;", l, base, 4*a.start)
	case a.start == 0:
		e.line("add.s64 %s, %s, %s;", l, base, offset)
	default:
		e.line("add.s64 %s, %s, %s;", l, base, offset)
		e.line("add.s64 %s, %s, %d;", l, l, 4*a.start)
	}
	return l
}

// insideOf is a predicate that holds where a bounded access has an element.
func insideOf(e *emitter, a access, axes []op.Axis, mark int, coordinates []string, space ir.Shape) string {
	p, q := e.pred(), e.pred()
	if space[a.axis] == 1 { // no axis is left: the only coordinate is 0
		inside := a.lo <= 0 && a.hi > 0
		w := e.word()
		e.line("mov.u32 %s, %d;", w, btoi(inside))
		e.line("setp.ne.u32 %s, %s, 0;", p, w)
		return p
	}
	d := slices.IndexFunc(axes, func(ax op.Axis) bool { return ax.Step[mark] == 1 })
	e.line("setp.ge.u32 %s, %s, %d;", p, coordinates[d], a.lo)
	e.line("setp.lt.u32 %s, %s, %d;", q, coordinates[d], a.hi)
	e.line("and.pred %s, %s, %s;", p, p, q)
	return p
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// elementsAt loads width elements from an address: one that stands for all where the operand repeats along the last
// axis. Where inside is a predicate that does not hold, they are 0.
func elementsAt(e *emitter, at string, width int, repeats bool, inside string) []string {
	if width == 4 && !repeats {
		v := []string{e.float(), e.float(), e.float(), e.float()}
		e.line("ld.global.v4.f32 {%s}, [%s];", strings.Join(v, ", "), at)
		return v
	}
	v := e.float()
	if inside != "" {
		e.line("mov.f32 %s, %s;", v, immediate(0))
		e.line("@%s ld.global.f32 %s, [%s];", inside, v, at)
	} else {
		e.line("ld.global.f32 %s, [%s];", v, at)
	}
	all := make([]string, width)
	for i := range all {
		all[i] = v
	}
	return all
}
