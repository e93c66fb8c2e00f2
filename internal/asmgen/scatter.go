package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// scatterAVX512 copies rows of 32 floats to where kern's struct scatter says.
func scatterAVX512() {
	TEXT("scatter512", NOSPLIT, "func(s *byte)")
	Doc("scatter512: dst[p*pixelStep + i*imageStep + 0..31] = src[p*images + i], rows of 32 floats.")
	Pragma("noescape")
	Load(Param("s"), RAX)
	MOVQ(Mem{Base: RAX}, RDI)
	MOVQ(Mem{Base: RAX, Disp: 8}, RSI)
	MOVQ(Mem{Base: RAX, Disp: 24}, RCX)
	MOVQ(Mem{Base: RAX, Disp: 32}, R8)
	MOVQ(Mem{Base: RAX, Disp: 40}, R9)
	Label("pixel")
	MOVQ(RDI, R10)
	MOVQ(Mem{Base: RAX, Disp: 16}, RDX)
	Label("image")
	VMOVUPS(Mem{Base: RSI}, Z0)
	VMOVUPS(Mem{Base: RSI, Disp: 64}, Z1)
	VMOVUPS(Z0, Mem{Base: R10})
	VMOVUPS(Z1, Mem{Base: R10, Disp: 64})
	ADDQ(Imm(128), RSI)
	ADDQ(R8, R10)
	DECQ(RDX)
	JNZ(LabelRef("image"))
	ADDQ(R9, RDI)
	DECQ(RCX)
	JNZ(LabelRef("pixel"))
	VZEROUPPER()
	RET()
}
