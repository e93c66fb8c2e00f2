package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// widens writes bfloat16 to float32: a number becomes the upper half of four bytes.
func widens() {
	for _, w := range widths {
		w.widenRows()
	}
}

// widenRows writes dst[m][n] = src[m][n], n a multiple of 2*lanes; strides are in bytes. It asks for rows to come.
func (w width) widenRows() {
	const ahead = 4
	TEXT("widenRows"+w.suffix, NOSPLIT, "func(dst *float32, ldd uintptr, src *uint16, lds uintptr, m, n uintptr)")
	Doc("widenRows" + w.suffix + ": dst = src in float32, m rows; n is a multiple of " + map[int]string{16: "32", 8: "16"}[w.lanes] + ".")
	Pragma("noescape")
	Load(Param("dst"), RDI)
	Load(Param("ldd"), R8)
	Load(Param("src"), RSI)
	Load(Param("lds"), R9)
	Load(Param("m"), RDX)
	Load(Param("n"), RCX)
	Label("row")
	MOVQ(RDI, R10)
	MOVQ(RSI, R11)
	LEAQ(Mem{Base: RSI}.Idx(R9, ahead), R12)
	MOVQ(RCX, RBX)
	Label("next")
	PREFETCHT0(Mem{Base: R12})
	for i := range 2 {
		VPMOVZXWD(Mem{Base: R11, Disp: 2 * w.lanes * i}, w.r(i))
		VPSLLD(U8(16), w.r(i), w.r(i))
		VMOVUPS(w.r(i), Mem{Base: R10, Disp: 4 * w.lanes * i})
	}
	ADDQ(U32(4*w.lanes), R11)
	ADDQ(U32(4*w.lanes), R12)
	ADDQ(U32(8*w.lanes), R10)
	SUBQ(U32(2*w.lanes), RBX)
	JNZ(LabelRef("next"))
	ADDQ(R8, RDI)
	ADDQ(R9, RSI)
	DECQ(RDX)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}
