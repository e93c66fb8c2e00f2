package main

import (
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The kernels of this family do to some rows what those of family row do to one, so that the processor works on several
// at once: rows of n elements one after the other, n a multiple of 16.

// block is a kernel over rows: results and operands have a row each (elements), or are the same for all (shared), or
// one number a row (numbers, broadcast into registers 15, 14 ...).
type block struct {
	width
	name, doc string
	results   []string
	rows      []string // operands
	shared    []string
	numbers   []string
}

// blockPointers hold results, rows, shared operands and numbers, in this order. RAX is the offset in a row, RBX its
// length in bytes, R15 and RCX count.
var blockPointers = []GPPhysical{RDI, RSI, RDX, R8, R9, R10, R11, R12, R13}

func (b block) names() []string {
	return append(append(append(append([]string{}, b.results...), b.rows...), b.shared...), b.numbers...)
}

// at is the pointer of a parameter.
func (b block) at(name string) GPPhysical {
	for i, s := range b.names() {
		if s == name {
			return blockPointers[i]
		}
	}
	panic("asmgen: " + b.name + " has no " + name)
}

func (b block) head() {
	TEXT(b.name+b.suffix, NOSPLIT, "func("+strings.Join(b.names(), ", ")+" *float32, rows, n uintptr)")
	Pragma("noescape")
	Doc(b.name + b.suffix + ": " + b.doc + ", for rows of n elements, a multiple of 16.")
	for _, s := range b.names() {
		Load(Param(s), b.at(s))
	}
	Load(Param("rows"), RCX)
	Load(Param("n"), RBX)
	SHLQ(U8(2), RBX)
	enter()
}

// each runs body for every row.
func (b block) each(body func()) {
	Label("row")
	for i, s := range b.numbers {
		VBROADCASTSS(Mem{Base: b.at(s)}, b.r(15-i))
	}
	body()
	for _, s := range b.rows {
		ADDQ(RBX, b.at(s))
	}
	for _, s := range b.numbers {
		ADDQ(Imm(4), b.at(s))
	}
	DECQ(RCX)
	JNZ(LabelRef("row"))
	leave()
}

// along runs body for every vector of a row, part v of the lanes of a line, with the operands' memory by name.
func (b block) along(body func(v int, in func(name string) Mem)) {
	XORL(EAX, EAX)
	Label("next")
	for v := range rowLanes / b.lanes {
		body(v, func(name string) Mem { return Mem{Base: b.at(name), Index: RAX, Scale: 1, Disp: 4 * b.lanes * v} })
	}
	ADDQ(Imm(4*rowLanes), RAX)
	CMPQ(RAX, RBX)
	JB(LabelRef("next"))
}

// sums is a kernel whose results are the sums along every row that the row sum of that name takes.
func (b block) sums(of string) {
	b.head()
	w := b.width
	for _, s := range rowSums {
		if s.name != of {
			continue
		}
		b.each(func() {
			for j := range s.sums {
				for v := range rowLanes / w.lanes {
					r := s.sum(w, j, v)
					VXORPS(r, r, r)
				}
			}
			b.along(func(v int, in func(string) Mem) {
				ops := make([]Op, len(s.operands))
				for i, o := range s.operands {
					ops[i] = in(o)
				}
				s.terms(w, ops)
				for j := range s.sums {
					s.join(w.r(j), s.sum(w, j, v), s.sum(w, j, v))
				}
			})
			for j, r := range b.results {
				s.fold(w, j)
				VMOVSS(s.sum(w, j, 0).AsX(), Mem{Base: b.at(r)})
				ADDQ(Imm(4), b.at(r))
			}
		})
	}
}

// pass is a kernel that does to every row what the row pass of that name does.
func (b block) pass(of string) {
	b.head()
	w := b.width
	for _, p := range rowPasses {
		if p.name != of {
			continue
		}
		b.each(func() {
			b.along(func(_ int, in func(string) Mem) {
				ops := make([]Op, len(p.operands))
				for i, o := range p.operands {
					ops[i] = in(o)
				}
				p.body(w, ops)
				VMOVUPS(w.r(0), in("y"))
			})
			ADDQ(RBX, b.at("y"))
		})
	}
}

func blocks() {
	for _, w := range widths {
		block{w, "blockSum", "s = the sum of x", []string{"s"}, []string{"x"}, nil, nil}.sums("rowSum")
		block{w, "blockSpread", "s = the sum of (x - mean)*(x - mean)", []string{"s"}, []string{"x"}, nil,
			[]string{"mean"}}.sums("rowSpread")
		block{w, "blockSlopes", "s and q = the sums of dy*gamma and of dy*gamma*(x - mean)", []string{"s", "q"},
			[]string{"dy", "x"}, []string{"gamma"}, []string{"mean"}}.sums("rowSlopes")
		block{w, "blockNorm", "y = (x - mean)*rstd*gamma + beta", []string{"y"}, []string{"x"},
			[]string{"gamma", "beta"}, []string{"mean", "rstd"}}.pass("norm")
		block{w, "blockNormGrad", "y = rstd*(dy*gamma - a - (x - mean)*b)", []string{"y"}, []string{"dy", "x"},
			[]string{"gamma"}, []string{"mean", "rstd", "a", "b"}}.pass("normGrad")
		blockColumns(w)
	}
}

// blockColumns adds down the columns of some rows, a line at a time: sums s of part v in register v, sums q in 2 and 3.
func blockColumns(w width) {
	b := block{w, "blockColumns", "s += dy and q += dy*((x - mean)*rstd) of every row in turn", []string{"s", "q"},
		[]string{"dy", "x"}, nil, []string{"mean", "rstd"}}
	b.head()
	s, q, dy, x, mean, rstd := b.at("s"), b.at("q"), b.at("dy"), b.at("x"), b.at("mean"), b.at("rstd")
	parts := rowLanes / w.lanes
	at := func(base Register, v int) Mem { return Mem{Base: base, Index: RAX, Scale: 1, Disp: 4 * w.lanes * v} }
	XORL(EAX, EAX)
	Label("strip")
	for v := range parts {
		VMOVUPS(at(s, v), w.r(v))
		VMOVUPS(at(q, v), w.r(2+v))
	}
	LEAQ(at(dy, 0), R11)
	LEAQ(at(x, 0), R12)
	XORL(EDI, EDI) // counts rows; s comes back below
	Label("down")
	VBROADCASTSS(Mem{Base: mean, Index: RDI, Scale: 4}, w.r(4))
	VBROADCASTSS(Mem{Base: rstd, Index: RDI, Scale: 4}, w.r(5))
	for v := range parts {
		VMOVUPS(Mem{Base: R12, Disp: 4 * w.lanes * v}, w.r(6))
		VSUBPS(w.r(4), w.r(6), w.r(6))
		VMULPS(w.r(5), w.r(6), w.r(6))
		VMOVUPS(Mem{Base: R11, Disp: 4 * w.lanes * v}, w.r(7))
		VADDPS(w.r(7), w.r(v), w.r(v))
		VMULPS(w.r(7), w.r(6), w.r(6))
		VADDPS(w.r(6), w.r(2+v), w.r(2+v))
	}
	ADDQ(RBX, R11)
	ADDQ(RBX, R12)
	INCQ(RDI)
	CMPQ(RDI, RCX)
	JB(LabelRef("down"))
	Load(Param("s"), RDI)
	for v := range parts {
		VMOVUPS(w.r(v), at(RDI, v))
		VMOVUPS(w.r(2+v), at(q, v))
	}
	ADDQ(Imm(4*rowLanes), RAX)
	CMPQ(RAX, RBX)
	JB(LabelRef("strip"))
	leave()
}
