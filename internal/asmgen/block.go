package main

import (
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The kernels of this family do to some rows what those of family row do to one, so that the processor works on several at once: rows of n
// elements one after the other, n a multiple of 16. AVX-512 only.

// block is a kernel over rows: results and operands have a row each (elements), or are the same for all (shared), or one number a row
// (numbers, broadcast into registers 15, 14 ...).
type block struct {
	name, doc string
	results   []string
	rows      []string // operands
	shared    []string
	numbers   []string
}

// blockPointers hold results, rows, shared operands and numbers, in this order. RAX is the offset in a row, RBX its length in bytes, R15 and
// RCX count.
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
	TEXT(b.name+"512", NOSPLIT, "func("+strings.Join(b.names(), ", ")+" *float32, rows, n uintptr)")
	Pragma("noescape")
	Doc(b.name + "512: " + b.doc + ", for rows of n elements, a multiple of 16.")
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
		VBROADCASTSS(Mem{Base: b.at(s)}, zmm(15-i))
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

// along runs body for every vector of a row, with the operands' memory by name.
func (b block) along(body func(in func(name string) Mem)) {
	XORL(EAX, EAX)
	Label("next")
	body(func(name string) Mem { return Mem{Base: b.at(name), Index: RAX, Scale: 1} })
	ADDQ(Imm(64), RAX)
	CMPQ(RAX, RBX)
	JB(LabelRef("next"))
}

// sums is a kernel whose results are the sums along every row that the row sum of that name takes.
func (b block) sums(of string) {
	b.head()
	w := widths[0]
	for _, s := range rowSums {
		if s.name != of {
			continue
		}
		b.each(func() {
			for j := range s.sums {
				VPXORD(s.sum(w, j, 0), s.sum(w, j, 0), s.sum(w, j, 0))
			}
			b.along(func(in func(string) Mem) {
				ops := make([]Op, len(s.operands))
				for i, o := range s.operands {
					ops[i] = in(o)
				}
				s.terms(w, ops)
				for j := range s.sums {
					s.join(w.r(j), s.sum(w, j, 0), s.sum(w, j, 0))
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
	w := widths[0]
	for _, p := range rowPasses {
		if p.name != of {
			continue
		}
		b.each(func() {
			b.along(func(in func(string) Mem) {
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
	block{"blockSum", "s = the sum of x", []string{"s"}, []string{"x"}, nil, nil}.sums("rowSum")
	block{"blockSpread", "s = the sum of (x - mean)*(x - mean)", []string{"s"}, []string{"x"}, nil, []string{"mean"}}.sums("rowSpread")
	block{"blockSlopes", "s and q = the sums of dy*gamma and of dy*gamma*(x - mean)", []string{"s", "q"}, []string{"dy", "x"}, []string{"gamma"}, []string{"mean"}}.sums("rowSlopes")
	block{"blockNorm", "y = (x - mean)*rstd*gamma + beta", []string{"y"}, []string{"x"}, []string{"gamma", "beta"}, []string{"mean", "rstd"}}.pass("norm")
	block{"blockNormGrad", "y = rstd*(dy*gamma - a - (x - mean)*b)", []string{"y"}, []string{"dy", "x"}, []string{"gamma"}, []string{"mean", "rstd", "a", "b"}}.pass("normGrad")
	blockColumns()
}

// blockColumns adds down the columns of some rows, a vector at a time.
func blockColumns() {
	b := block{"blockColumns", "s += dy and q += dy*((x - mean)*rstd) of every row in turn", []string{"s", "q"}, []string{"dy", "x"}, nil, []string{"mean", "rstd"}}
	b.head()
	s, q, dy, x, mean, rstd := b.at("s"), b.at("q"), b.at("dy"), b.at("x"), b.at("mean"), b.at("rstd")
	XORL(EAX, EAX)
	Label("strip")
	VMOVUPS(Mem{Base: s, Index: RAX, Scale: 1}, Z0)
	VMOVUPS(Mem{Base: q, Index: RAX, Scale: 1}, Z1)
	LEAQ(Mem{Base: dy, Index: RAX, Scale: 1}, R11)
	LEAQ(Mem{Base: x, Index: RAX, Scale: 1}, R12)
	XORL(EDI, EDI) // counts rows; s comes back below
	Label("down")
	VMOVUPS(Mem{Base: R12}, Z2)
	VSUBPS_BCST(Mem{Base: mean, Index: RDI, Scale: 4}, Z2, Z2)
	VMULPS_BCST(Mem{Base: rstd, Index: RDI, Scale: 4}, Z2, Z2)
	VMOVUPS(Mem{Base: R11}, Z3)
	VADDPS(Z3, Z0, Z0)
	VMULPS(Z3, Z2, Z2)
	VADDPS(Z2, Z1, Z1)
	ADDQ(RBX, R11)
	ADDQ(RBX, R12)
	INCQ(RDI)
	CMPQ(RDI, RCX)
	JB(LabelRef("down"))
	Load(Param("s"), RDI)
	VMOVUPS(Z0, Mem{Base: RDI, Index: RAX, Scale: 1})
	VMOVUPS(Z1, Mem{Base: q, Index: RAX, Scale: 1})
	ADDQ(Imm(64), RAX)
	CMPQ(RAX, RBX)
	JB(LabelRef("strip"))
	leave()
}
