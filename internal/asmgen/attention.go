package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// attentions are the passes over the matrices of an attention head. AVX-512 only.
func attentions() {
	pairRows()
}

// pairRows writes pairs of rows of 32 elements, lds bytes apart, element by element: dst[pairs][32][2].
func pairRows() {
	TEXT("pairRows512", NOSPLIT, "func(dst, src *uint16, lds, pairs uintptr)")
	Doc("pairRows512: dst[i][j] = src[2i][j], src[2i+1][j] for j < 32.")
	Pragma("noescape")
	Load(Param("dst"), RDI)
	Load(Param("src"), RSI)
	Load(Param("lds"), R8)
	Load(Param("pairs"), RCX)
	Label("next")
	for i := range 2 {
		VPMOVZXWD(Mem{Base: RSI, Disp: 32 * i}, zmm(i))
		VPMOVZXWD(Mem{Base: RSI, Index: R8, Scale: 1, Disp: 32 * i}, zmm(2+i))
		VPSLLD(U8(16), zmm(2+i), zmm(2+i))
		VPORD(zmm(2+i), zmm(i), zmm(i))
		VMOVUPS(zmm(i), Mem{Base: RDI, Disp: 64 * i})
	}
	LEAQ(Mem{Base: RSI}.Idx(R8, 2), RSI)
	ADDQ(U32(128), RDI)
	DECQ(RCX)
	JNZ(LabelRef("next"))
	VZEROUPPER()
	RET()
}
