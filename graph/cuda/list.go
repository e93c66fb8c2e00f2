package cuda

import (
	"fmt"
	"slices"

	"selfsup/graph/ir"
)

// A list is a launch of many chains that are alike: every block reads its addresses and its number of elements from a
// row of a table.

// perBlock is how many elements of a list a block makes.
const perBlock = 16 * threads

// listed is the text of the kernel of lists of a chain, empty if it takes more than addresses that all go along, and
// single numbers.
func (ch *chain) listed(b *binder) string {
	kept := ch.kept(b)
	for _, r := range ch.reads {
		if !r.dense(ch.space) && !r.constant(ch.space) {
			return ""
		}
	}
	for _, w := range kept {
		if !w.dense(ch.space) {
			return ""
		}
	}
	if slices.ContainsFunc(ch.steps, func(s step) bool { return s.placed }) {
		return "" // a list does not know the place in the whole
	}
	return ch.listText(kept)
}

func (ch *chain) listText(kept []written) string {
	flat := *ch
	flat.space, flat.reads = ir.Shape{perBlock}, slices.Clone(ch.reads)
	for k, r := range flat.reads {
		if r.constant(ch.space) {
			flat.reads[k].access = scalar(flat.space, r.start)
		} else {
			flat.reads[k].access = same(flat.space)
		}
	}
	kept = slices.Clone(kept)
	for k := range kept {
		kept[k].access = same(flat.space)
	}
	e := &emitter{}
	pointers := len(flat.reads) + len(kept)
	row, block := e.long(), e.word()
	e.line("ld.param.u64 %s, [rows];", row)
	e.line("cvta.to.global.u64 %s, %s;", row, row)
	e.line("mov.u32 %s, %%ctaid.x;", block)
	e.line("mad.wide.u32 %s, %s, %d, %s;", row, block, 8*(pointers+1), row)
	base := make([]string, pointers)
	for k := range base {
		base[k] = e.long()
		e.line("ld.global.u64 %s, [%s+%d];", base[k], row, 8*k)
	}
	n, i, p := e.word(), e.word(), e.pred()
	e.line("ld.global.u32 %s, [%s+%d];", n, row, 8*pointers)
	e.line("mov.u32 %s, %%tid.x;", i)
	e.body.WriteString("$NEXT:\n")
	e.line("setp.ge.u32 %s, %s, %s;", p, i, n)
	e.line("@%s bra $DONE;", p)
	flat.elements(e, i, base, kept, 1)
	e.line("add.u32 %s, %s, %d;", i, i, threads)
	e.line("bra.uni $NEXT;")
	e.body.WriteString("$DONE:\n")
	e.line("ret;")
	return e.entry([]string{".param .u64 rows"})
}

// launchList launches chains that are alike.
func (b *binder) launchList(like string, chains []*chain) {
	name := b.generate(like)
	var rows []int32
	blocks := 0
	for _, ch := range chains {
		for from := 0; from < ch.n; from += perBlock {
			blocks++
			move := func(at Ptr, a access) {
				if !a.constant(ch.space) {
					at += Ptr(4 * from)
				}
				rows = append(rows, at.words()...)
			}
			for _, r := range ch.reads {
				move(r.at, r.access)
			}
			for _, w := range ch.kept(b) {
				move(w.at, w.access)
			}
			rows = append(rows, int32(min(perBlock, ch.n-from)), 0)
		}
	}
	at := b.table(rows...)
	b.launch(name, [3]int{blocks, 1, 1}, [3]int{threads, 1, 1}, 0, at)
}

// prepared is memory of n numbers that make has the device fill with what it makes of some operands of an instruction.
// All instructions that make the same of the same values share it.
func (c *call) prepared(key string, operands []int, n int, make func(to Ptr)) Ptr {
	b := c.b
	for _, k := range operands {
		key += fmt.Sprint(" ", c.from[k])
	}
	if at, ok := b.shared[key]; ok {
		return at
	}
	settings := &call{b: b, out: ir.Type{Shape: ir.Shape{0}}}
	for _, k := range operands {
		settings.x, settings.in = append(settings.x, c.x[k]), append(settings.in, c.in[k])
	}
	b.comeBehind(settings)
	at := b.table(slices.Repeat([]int32{0}, n)...)
	make(at)
	if b.shared == nil {
		b.shared = map[string]Ptr{}
	}
	b.shared[key] = at
	return at
}
