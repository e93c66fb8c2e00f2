package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// half is a pass with some operands, or its result, in bfloat16; for AVX-512 only.
type half struct {
	pass, kind string
	in         []string // operands in bfloat16, y the result
}

var halves = []half{
	{"reluGrad", "Half", []string{"v"}},
	{"scaleShift", "Half", []string{"x"}},
	{"scaleShiftRelu", "Half", []string{"x"}},
	{"combine", "Half", []string{"q"}},
	{"combineRelu", "Half", []string{"x"}},
	{"scaleShiftAddRelu", "Half", []string{"y", "x"}},
	{"scaleShiftAddRelu", "Halves", []string{"y", "x", "r"}},
	{"combine", "Halves", []string{"y", "q"}},
	{"combineRelu", "Halves", []string{"y", "x"}},
	{"gelu", "Half", []string{"y"}},
}

func (h half) emit(w width) {
	for _, p := range passes {
		if p.name == h.pass {
			p.emit(w, h.kind, h.in)
			return
		}
	}
	panic(fmt.Sprintf("asmgen: no pass %s", h.pass))
}

// roundResult leaves register 0, rounded to bfloat16, in the lower half of each of its elements. Registers 1 and 2 are
// lost.
func roundResult(w width) {
	VPSRLD(U8(16), w.r(0), w.r(1))
	VPANDD(constant("vecRoundOne"), w.r(1), w.r(1))
	VPADDD(constant("vecRoundHalf"), w.r(1), w.r(1))
	VPADDD(w.r(1), w.r(0), w.r(1))
	VCMPPS(U8(3), w.r(0), w.r(0), K1) // unordered: NaN
	VPORD(constant("vecRoundQuiet"), w.r(0), K1, w.r(1))
	VPSRLD(U8(16), w.r(1), w.r(0))
}

// lookups are functions of a bfloat16 by a table of all of them: gathered, 16 at a time.
func lookups() {
	gather := func(name, signature, doc string, y bool, body func()) {
		TEXT(name, NOSPLIT, signature)
		Pragma("noescape")
		Doc(name + ": " + doc + "; n is a multiple of 16.")
		Load(Param("y"), RDI)
		Load(Param("x"), RSI)
		Load(Param("table"), R8)
		Load(Param("n"), RCX)
		if y {
			Load(Param("dy"), RDX)
		}
		enter()
		Label("next")
		VPMOVZXWD(Mem{Base: RSI}, Z1)
		KXNORW(K1, K1, K1)
		body()
		ADDQ(Imm(32), RSI)
		SUBQ(Imm(16), RCX)
		JNZ(LabelRef("next"))
		leave()
	}
	gather("lookup512", "func(y, x, table *uint16, n uintptr)", "y = table[x]; four bytes are read at every entry",
		false, func() {
			VPGATHERDD(Mem{Base: R8, Index: Z1, Scale: 2}, K1, Z0)
			VPMOVDW(Z0, Mem{Base: RDI})
			ADDQ(Imm(32), RDI)
		})
	gather("lookupTimes512", "func(y, dy *float32, x *uint16, table *float32, n uintptr)", "y = dy*table[x]", true,
		func() {
			VGATHERDPS(Mem{Base: R8, Index: Z1, Scale: 4}, K1, Z0)
			VMULPS(Mem{Base: RDX}, Z0, Z0)
			VMOVUPS(Z0, Mem{Base: RDI})
			ADDQ(Imm(64), RDI)
			ADDQ(Imm(64), RDX)
		})
}
