package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// moveRows copies rows of any even number of bytes. Those of strips and panels have loops of their own: 16 to 31 bytes
// one behind the other, of which each row but the last writes 32 that the next one puts right, and one or two lines.
func moveRows() {
	TEXT("moveRows256", NOSPLIT, "func(dst *byte, ldd uintptr, src *byte, lds, m, n uintptr)")
	Doc("moveRows256: dst[m][n] = src[m][n], rows ldd and lds bytes apart; m is at least 1, n bytes are even.")
	Pragma("noescape")
	Load(Param("dst"), RDI)
	Load(Param("ldd"), R8)
	Load(Param("src"), RSI)
	Load(Param("lds"), R9)
	Load(Param("m"), RDX)
	Load(Param("n"), RCX)
	step := func(label string) {
		ADDQ(R8, RDI)
		ADDQ(R9, RSI)
		DECQ(RDX)
		JNZ(LabelRef(label))
	}
	for _, lines := range []int{1, 2} {
		label, other := fmt.Sprintf("lines%d", lines), fmt.Sprintf("notLines%d", lines)
		CMPQ(RCX, Imm(uint64(64*lines)))
		JNE(LabelRef(other))
		Label(label)
		for i := range 2 * lines {
			VMOVUPS(Mem{Base: RSI, Disp: 32 * i}, ymm(i))
		}
		for i := range 2 * lines {
			VMOVUPS(ymm(i), Mem{Base: RDI, Disp: 32 * i})
		}
		step(label)
		VZEROUPPER()
		RET()
		Label(other)
	}
	CMPQ(RCX, R8)
	JNE(LabelRef("any"))
	LEAQ(Mem{Base: RCX, Disp: -16}, R10)
	CMPQ(R10, Imm(16))
	JAE(LabelRef("any"))
	DECQ(RDX)
	JZ(LabelRef("last"))
	Label("dense")
	VMOVUPS(Mem{Base: RSI}, Y0)
	VMOVUPS(Y0, Mem{Base: RDI})
	step("dense")
	Label("last")
	INCQ(RDX)
	Label("any")
	MOVQ(RCX, R10)
	ANDQ(I32(-32), R10)
	from, to := Mem{Base: RSI, Index: RAX, Scale: 1}, Mem{Base: RDI, Index: RAX, Scale: 1}
	Label("row")
	XORL(EAX, EAX)
	TESTQ(R10, R10)
	JZ(LabelRef("rest"))
	Label("next")
	VMOVUPS(from, Y0)
	VMOVUPS(Y0, to)
	ADDQ(Imm(32), RAX)
	CMPQ(RAX, R10)
	JB(LabelRef("next"))
	Label("rest")
	for _, part := range []struct {
		size uint32
		move func()
	}{
		{16, func() { VMOVUPS(from, X0); VMOVUPS(X0, to) }},
		{8, func() { MOVQ(from, RBX); MOVQ(RBX, to) }},
		{4, func() { MOVL(from, EBX); MOVL(EBX, to) }},
		{2, func() { MOVW(from, BX); MOVW(BX, to) }},
	} {
		below := fmt.Sprintf("below%d", part.size)
		TESTL(U32(part.size), ECX)
		JZ(LabelRef(below))
		part.move()
		ADDQ(U32(part.size), RAX)
		Label(below)
	}
	step("row")
	VZEROUPPER()
	RET()
}

// prefetchRows asks for the first lines of rows.
func prefetchRows() {
	TEXT("prefetchRows", NOSPLIT, "func(x *byte, ldx, rows, lines uintptr)")
	Doc("prefetchRows asks for lines of memory at each of some rows, at least 1 of both.")
	Pragma("noescape")
	Load(Param("x"), RSI)
	Load(Param("ldx"), R8)
	Load(Param("rows"), RDX)
	Load(Param("lines"), RCX)
	Label("row")
	MOVQ(RSI, RDI)
	MOVQ(RCX, RAX)
	askLines("next", RDI, RAX)
	ADDQ(R8, RSI)
	DECQ(RDX)
	JNZ(LabelRef("row"))
	RET()
}

// askLines is a loop that asks for at least one line from at on; it moves at behind them and counts lines down to 0.
func askLines(label string, at, lines GPPhysical) {
	Label(label)
	PREFETCHT0(Mem{Base: at})
	ADDQ(Imm(64), at)
	DECQ(lines)
	JNZ(LabelRef(label))
}
