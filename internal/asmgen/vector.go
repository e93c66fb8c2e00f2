package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// transposeAVX512 writes dst[16,16] = src[16,16] transposed; both row strides are in bytes.
func transposeAVX512() {
	TEXT("transpose512", NOSPLIT, "func(dst *float32, ldd uintptr, src *float32, lds uintptr)")
	Doc("transpose512: dst[16,16] = src[16,16] transposed.")
	Pragma("noescape")
	Load(Param("dst"), RDI)
	Load(Param("ldd"), RDX)
	Load(Param("src"), RSI)
	Load(Param("lds"), RCX)
	r := func(i int) VecPhysical { return zmm(i) }
	t := func(i int) VecPhysical { return zmm(16 + i) }
	for i := range 16 {
		VMOVUPS(Mem{Base: RSI}, r(i))
		ADDQ(RCX, RSI)
	}
	for i := 0; i < 16; i += 2 {
		VUNPCKLPS(r(i+1), r(i), t(i))
		VUNPCKHPS(r(i+1), r(i), t(i+1))
	}
	for i := 0; i < 16; i += 4 {
		VUNPCKLPD(t(i+2), t(i), r(i))
		VUNPCKHPD(t(i+2), t(i), r(i+1))
		VUNPCKLPD(t(i+3), t(i+1), r(i+2))
		VUNPCKHPD(t(i+3), t(i+1), r(i+3))
	}
	for _, h := range []int{0, 8} {
		for i := range 4 {
			VSHUFF32X4(U8(0x88), r(h+i+4), r(h+i), t(h+i))
			VSHUFF32X4(U8(0xdd), r(h+i+4), r(h+i), t(h+i+4))
		}
	}
	for i := range 8 {
		VSHUFF32X4(U8(0x88), t(i+8), t(i), r(i))
		VSHUFF32X4(U8(0xdd), t(i+8), t(i), r(i+8))
	}
	for i := range 16 {
		VMOVUPS(r(i), Mem{Base: RDI})
		ADDQ(RDX, RDI)
	}
	VZEROUPPER()
	RET()
}

// transposeAVX2 writes dst[8,8] = src[8,8] transposed; both row strides are in bytes.
func transposeAVX2() {
	TEXT("transpose256", NOSPLIT, "func(dst *float32, ldd uintptr, src *float32, lds uintptr)")
	Doc("transpose256: dst[8,8] = src[8,8] transposed.")
	Pragma("noescape")
	Load(Param("dst"), RDI)
	Load(Param("ldd"), RDX)
	Load(Param("src"), RSI)
	Load(Param("lds"), RCX)
	r := func(i int) VecPhysical { return ymm(i) }
	t := func(i int) VecPhysical { return ymm(8 + i) }
	for i := range 8 {
		VMOVUPS(Mem{Base: RSI}, r(i))
		ADDQ(RCX, RSI)
	}
	for i := 0; i < 8; i += 2 {
		VUNPCKLPS(r(i+1), r(i), t(i))
		VUNPCKHPS(r(i+1), r(i), t(i+1))
	}
	for i := 0; i < 8; i += 4 {
		VUNPCKLPD(t(i+2), t(i), r(i))
		VUNPCKHPD(t(i+2), t(i), r(i+1))
		VUNPCKLPD(t(i+3), t(i+1), r(i+2))
		VUNPCKHPD(t(i+3), t(i+1), r(i+3))
	}
	for i := range 4 {
		VPERM2F128(U8(0x20), r(i+4), r(i), t(i))
		VPERM2F128(U8(0x31), r(i+4), r(i), t(i+4))
	}
	for i := range 8 {
		VMOVUPS(t(i), Mem{Base: RDI})
		ADDQ(RDX, RDI)
	}
	VZEROUPPER()
	RET()
}

// vectorLoop runs body over blocks of lanes*unroll, then lanes, floats at RDI and RSI; RCX counts what is left, down to
// below lanes.
func vectorLoop(lanes, unroll int, body func(disp int)) {
	block := lanes * unroll
	advance := func(n int) {
		ADDQ(U32(4*n), RDI)
		ADDQ(U32(4*n), RSI)
	}
	SUBQ(U32(block), RCX)
	JL(LabelRef("single"))
	Label("blocks")
	for u := range unroll {
		body(4 * lanes * u)
	}
	advance(block)
	SUBQ(U32(block), RCX)
	JGE(LabelRef("blocks"))
	Label("single")
	ADDQ(U32(block-lanes), RCX)
	JL(LabelRef("tail"))
	Label("singles")
	body(0)
	advance(lanes)
	SUBQ(U32(lanes), RCX)
	JGE(LabelRef("singles"))
	Label("tail")
	ADDQ(U32(lanes), RCX)
}

func addHead(name string) {
	TEXT(name, NOSPLIT, "func(y, x *float32, n uintptr)")
	Pragma("noescape")
	Load(Param("y"), RDI)
	Load(Param("x"), RSI)
	Load(Param("n"), RCX)
	enter()
}

// tailMask sets K1 to the first CX < 32 lanes; it uses AX.
func tailMask() {
	MOVL(U32(1), EAX)
	SHLL(CL, EAX)
	DECL(EAX)
	KMOVW(EAX, K1)
}

// addAVX512 writes add512, y += x for any n.
func addAVX512() {
	addHead("add512")
	Doc("add512: y[n] += x[n].")
	vectorLoop(16, 4, func(d int) {
		VMOVUPS(Mem{Base: RDI, Disp: d}, Z0)
		VADDPS(Mem{Base: RSI, Disp: d}, Z0, Z0)
		VMOVUPS(Z0, Mem{Base: RDI, Disp: d})
	})
	JZ(LabelRef("end"))
	tailMask() // the n%16 lanes left
	VMOVUPS_Z(Mem{Base: RDI}, K1, Z0)
	VADDPS_Z(Mem{Base: RSI}, Z0, K1, Z0)
	VMOVUPS(Z0, K1, Mem{Base: RDI})
	Label("end")
	leave()
}

// addAVX2 writes add256; the last n%8 one by one.
func addAVX2() {
	tail := func(body func()) {
		JZ(LabelRef("end"))
		Label("ones")
		body()
		ADDQ(Imm(4), RDI)
		ADDQ(Imm(4), RSI)
		DECQ(RCX)
		JNZ(LabelRef("ones"))
		Label("end")
		leave()
	}
	addHead("add256")
	Doc("add256: y[n] += x[n].")
	vectorLoop(8, 4, func(d int) {
		VMOVUPS(Mem{Base: RDI, Disp: d}, Y0)
		VADDPS(Mem{Base: RSI, Disp: d}, Y0, Y0)
		VMOVUPS(Y0, Mem{Base: RDI, Disp: d})
	})
	tail(func() {
		VMOVSS(Mem{Base: RDI}, X0)
		VADDSS(Mem{Base: RSI}, X0, X0)
		VMOVSS(X0, Mem{Base: RDI})
	})
}

// pause lets a spinning core rest for 10 to 50 ns.
func pause() {
	TEXT("pause", NOSPLIT, "func()")
	Doc("pause rests a spinning core.")
	PAUSE()
	RET()
}
