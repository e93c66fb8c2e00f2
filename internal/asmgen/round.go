package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Float32 to bfloat16 in integers, to the nearest, ties to even: add 0x7fff and the bit that becomes the last, keep the
// upper half. A NaN keeps its upper half and becomes quiet.

var roundConstants = map[string]uint32{"roundHalf": 0x7fff, "roundOne": 1, "roundQuiet": 1 << 22,
	"roundUpper": 0xffff0000}

// Registers of every rounding kernel.
const (
	regHalf  = 15
	regOne   = 14
	regQuiet = 13
	regUpper = 12
)

func roundings() {
	constants := map[string]Mem{}
	for _, name := range []string{"roundHalf", "roundOne", "roundQuiet", "roundUpper"} {
		constants[name] = GLOBL(name, RODATA|NOPTR)
		DATA(0, U32(roundConstants[name]))
	}
	for _, w := range widths {
		head := func() {
			VPBROADCASTD(constants["roundHalf"], w.r(regHalf))
			VPBROADCASTD(constants["roundOne"], w.r(regOne))
			VPBROADCASTD(constants["roundQuiet"], w.r(regQuiet))
			VPBROADCASTD(constants["roundUpper"], w.r(regUpper))
		}
		w.roundRows(head)
		w.roundPairs(head)
		w.roundPanels(head)
	}
	narrowings()
}

// narrowings are the same with the machine's own instruction, for which subnormals are 0.
func narrowings() {
	TEXT("narrowRows512", NOSPLIT, "func(dst *uint16, ldd uintptr, src *float32, lds uintptr, m, n uintptr)")
	Doc("narrowRows512 is roundRows512 by VCVTNE2PS2BF16.")
	Pragma("noescape")
	rowsLoop(4, 32, 128, 64, func() {
		VMOVUPS(Mem{Base: R11}, Z0)
		VMOVUPS(Mem{Base: R11, Disp: 64}, Z1)
		narrowBF16(0, 1, 0)
		VMOVUPS(Z0, Mem{Base: R10})
	})
	index := GLOBL("narrowZip", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(uint32(i)|uint32(16+i)<<16))
	}
	pair := func(disp int) {
		VMOVUPS(Mem{Base: RSI, Disp: disp}, Z0)
		VMOVUPS(Mem{Base: RDX, Disp: disp}, Z1)
		narrowBF16(0, 1, 0)
		VPERMW(Z0, Z15, Z0)
		VMOVUPS(Z0, Mem{Base: RDI, Disp: disp})
	}
	TEXT("narrowPairs512", NOSPLIT, "func(dst *uint16, even, odd *float32, n uintptr)")
	Doc("narrowPairs512 is roundPairs512 by VCVTNE2PS2BF16.")
	Pragma("noescape")
	pairsLoop(16, func() { VMOVUPS(index, Z15) }, func() { pair(0) })
	TEXT("narrowPanels512", NOSPLIT, "func(dst *uint16, step uintptr, even, odd *float32, panels uintptr)")
	Doc("narrowPanels512 is roundPanels512 by VCVTNE2PS2BF16.")
	Pragma("noescape")
	panelsLoop(func() { VMOVUPS(index, Z15) }, func() {
		pair(0)
		pair(64)
	})
}

func (w width) and(a, b Op, to Op) {
	if w.lanes == 16 {
		VPANDD(a, b, to)
	} else {
		VPAND(a, b, to)
	}
}

func (w width) or(a, b Op, to Op) {
	if w.lanes == 16 {
		VPORD(a, b, to)
	} else {
		VPOR(a, b, to)
	}
}

// round makes register i, loaded from x, a number whose upper half is the rounded one. Register t is lost.
func (w width) round(x Op, i, t int) {
	v, u := w.r(i), w.r(t)
	VMOVUPS(x, v)
	VPSRLD(U8(16), v, u)
	w.and(u, w.r(regOne), u)
	VPADDD(w.r(regHalf), u, u)
	if w.lanes == 16 {
		VCMPPS(U8(3), v, v, K1) // unordered: NaN
		VPADDD(u, v, u)
		VPORD(w.r(regQuiet), v, K1, u)
		VMOVDQA32(u, v)
		return
	}
	VPADDD(u, v, u)
	nan := w.r(11)
	VCMPPS(U8(3), v, v, nan)
	VPOR(w.r(regQuiet), v, v)
	VBLENDVPS(nan, v, u, v)
}

// roundRows writes dst[m][n] = src[m][n] rounded, n a multiple of 2*lanes; strides are in bytes. It asks for rows to
// come: those of an attention head are too short and far apart for the hardware to see.
func (w width) roundRows(head func()) {
	TEXT("roundRows"+w.suffix, NOSPLIT, "func(dst *uint16, ldd uintptr, src *float32, lds uintptr, m, n uintptr)")
	Doc("roundRows" + w.suffix + ": dst = src in bfloat16, m rows; n is a multiple of " + map[int]string{16: "32",
		8: "16"}[w.lanes] + ".")
	Pragma("noescape")
	head()
	rowsLoop(4, 2*w.lanes, 8*w.lanes, 4*w.lanes, func() {
		for i := range 2 {
			w.round(Mem{Base: R11, Disp: 4 * w.lanes * i}, i, 2+i)
			VPSRLD(U8(16), w.r(i), w.r(i))
		}
		if w.lanes == 16 {
			VPMOVDW(Z0, Mem{Base: R10})
			VPMOVDW(Z1, Mem{Base: R10, Disp: 32})
		} else {
			VPACKUSDW(Y1, Y0, Y0)
			VPERMQ(U8(0xd8), Y0, Y0)
			VMOVDQU(Y0, Mem{Base: R10})
		}
	})
}

// rowsLoop runs body over rows from src to dst: for so many elements of n it takes some bytes at R11 and makes some at
// R10. It asks for the row that comes ahead rows later.
func rowsLoop(ahead uint8, elements, from, to int, body func()) {
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
	for i := range from / 64 {
		PREFETCHT0(Mem{Base: R12, Disp: 64 * i})
	}
	body()
	ADDQ(U32(from), R11)
	ADDQ(U32(from), R12)
	ADDQ(U32(to), R10)
	SUBQ(U32(elements), RBX)
	JNZ(LabelRef("next"))
	ADDQ(R8, RDI)
	ADDQ(R9, RSI)
	DECQ(RDX)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// pair writes the pairs of one vector of even (RSI) and odd (RDX) to dst (RDI), disp bytes on.
func (w width) pair(disp int) {
	w.round(Mem{Base: RSI, Disp: disp}, 0, 2)
	w.round(Mem{Base: RDX, Disp: disp}, 1, 3)
	VPSRLD(U8(16), w.r(0), w.r(0))
	w.and(w.r(1), w.r(regUpper), w.r(1))
	w.or(w.r(0), w.r(1), w.r(0))
	VMOVUPS(w.r(0), Mem{Base: RDI, Disp: disp})
}

// roundPanels writes one row of pairs of several panels: dst[panels][32][2], step bytes apart, from even and odd
// [panels][32].
func (w width) roundPanels(head func()) {
	TEXT("roundPanels"+w.suffix, NOSPLIT, "func(dst *uint16, step uintptr, even, odd *float32, panels uintptr)")
	Doc("roundPanels" + w.suffix + ": dst[q][j] = even[q][j], odd[q][j] in bfloat16 for j < 32 and panels q " +
		"step bytes apart.")
	Pragma("noescape")
	panelsLoop(head, func() {
		for i := range 32 / w.lanes {
			w.pair(4 * w.lanes * i)
		}
	})
}

// panelsLoop runs body, behind head, for every panel of 32 floats at RSI and RDX and as many pairs at RDI.
func panelsLoop(head, body func()) {
	Load(Param("dst"), RDI)
	Load(Param("step"), RBX)
	Load(Param("even"), RSI)
	Load(Param("odd"), RDX)
	Load(Param("panels"), RCX)
	head()
	Label("next")
	body()
	ADDQ(U32(128), RSI)
	ADDQ(U32(128), RDX)
	ADDQ(RBX, RDI)
	DECQ(RCX)
	JNZ(LabelRef("next"))
	VZEROUPPER()
	RET()
}

// roundPairs writes dst[n][2] = rounded even[n], odd[n], n a multiple of lanes.
func (w width) roundPairs(head func()) {
	TEXT("roundPairs"+w.suffix, NOSPLIT, "func(dst *uint16, even, odd *float32, n uintptr)")
	Doc("roundPairs" + w.suffix + ": dst[j] = even[j], odd[j] in bfloat16; n is a multiple of " +
		map[int]string{16: "16", 8: "8"}[w.lanes] + ".")
	Pragma("noescape")
	pairsLoop(w.lanes, head, func() { w.pair(0) })
}

// pairsLoop runs body, behind head, for every vector of so many floats at RSI and RDX and as many pairs at RDI.
func pairsLoop(lanes int, head, body func()) {
	Load(Param("dst"), RDI)
	Load(Param("even"), RSI)
	Load(Param("odd"), RDX)
	Load(Param("n"), RCX)
	head()
	Label("next")
	body()
	for _, p := range []Register{RSI, RDX, RDI} {
		ADDQ(U32(4*lanes), p)
	}
	SUBQ(U32(lanes), RCX)
	JNZ(LabelRef("next"))
	VZEROUPPER()
	RET()
}
