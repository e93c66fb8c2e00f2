package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// widens are the kernels that move bfloat16: to float32, where a number becomes the upper half of four bytes, and to
// pairs; and what a product has to do to its float32 tiles on the way to bfloat16.
func widens() {
	for _, w := range widths {
		w.widenRows()
	}
	zipPanels()
	addRows()
}

// zipPanels writes one row of pairs of several panels: dst[panels][32][2], step bytes apart, from even and odd
// [panels][32].
func zipPanels() {
	TEXT("zipPanels512", NOSPLIT, "func(dst *uint16, step uintptr, even, odd *uint16, panels uintptr)")
	Doc("zipPanels512: dst[q][j] = even[q][j], odd[q][j] for j < 32 and panels q step bytes apart.")
	Pragma("noescape")
	Load(Param("dst"), RDI)
	Load(Param("step"), RBX)
	Load(Param("even"), RSI)
	Load(Param("odd"), RDX)
	Load(Param("panels"), RCX)
	Label("next")
	for i := range 2 {
		VPMOVZXWD(Mem{Base: RSI, Disp: 32 * i}, zmm(i))
		VPMOVZXWD(Mem{Base: RDX, Disp: 32 * i}, zmm(2+i))
		VPSLLD(U8(16), zmm(2+i), zmm(2+i))
		VPORD(zmm(2+i), zmm(i), zmm(i))
		VMOVUPS(zmm(i), Mem{Base: RDI, Disp: 64 * i})
	}
	ADDQ(Imm(64), RSI)
	ADDQ(Imm(64), RDX)
	ADDQ(RBX, RDI)
	DECQ(RCX)
	JNZ(LabelRef("next"))
	VZEROUPPER()
	RET()
}

// addRows adds a row to every row of c; ldc is in bytes.
func addRows() {
	TEXT("addRows512", NOSPLIT, "func(c *float32, ldc uintptr, row *float32, m, n uintptr)")
	Doc("addRows512: c[m][n] += row[n]; n is a multiple of 16.")
	Pragma("noescape")
	Load(Param("c"), RDI)
	Load(Param("ldc"), R8)
	Load(Param("row"), RSI)
	Load(Param("m"), RDX)
	Load(Param("n"), RCX)
	SHLQ(U8(2), RCX)
	enter()
	Label("row")
	XORL(EAX, EAX)
	Label("next")
	VMOVUPS(Mem{Base: RDI, Index: RAX, Scale: 1}, Z0)
	VADDPS(Mem{Base: RSI, Index: RAX, Scale: 1}, Z0, Z0)
	VMOVUPS(Z0, Mem{Base: RDI, Index: RAX, Scale: 1})
	ADDQ(Imm(64), RAX)
	CMPQ(RAX, RCX)
	JB(LabelRef("next"))
	ADDQ(R8, RDI)
	DECQ(RDX)
	JNZ(LabelRef("row"))
	leave()
}

// widenRows writes dst[m][n] = src[m][n], n a multiple of 2*lanes; strides are in bytes. It asks for rows to come.
func (w width) widenRows() {
	TEXT("widenRows"+w.suffix, NOSPLIT, "func(dst *float32, ldd uintptr, src *uint16, lds uintptr, m, n uintptr)")
	Doc("widenRows" + w.suffix + ": dst = src in float32, m rows; n is a multiple of " + map[int]string{16: "32",
		8: "16"}[w.lanes] + ".")
	Pragma("noescape")
	rowsLoop(4, 2*w.lanes, 4*w.lanes, 8*w.lanes, func() {
		for i := range 2 {
			VPMOVZXWD(Mem{Base: R11, Disp: 2 * w.lanes * i}, w.r(i))
			VPSLLD(U8(16), w.r(i), w.r(i))
			VMOVUPS(w.r(i), Mem{Base: R10, Disp: 4 * w.lanes * i})
		}
	})
}
