package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// exp2Coefficients are those of 2^f for |f| <= 1/2 by powers of f, the highest first (Cephes' exp2f); within 1e-7,
// relatively.
var exp2Coefficients = []float64{1.535336188319500e-4, 1.339887440266574e-3, 9.618437357674640e-3, 5.550332471162809e-2,
	2.402264791363012e-1, 6.931472028550421e-1, 1}

// Registers of the passes over rows of scores, beside those of rounding.
const (
	regScale  = 31
	regLeast  = 30 // the least exponent
	regTop    = 29 // the largest element of a row, or the mean
	regNumber = 28 // 1 over the sum
	regPower  = 20 // the coefficients, seven
)

var w512 = widths[0]

// number32 puts a float32 into all lanes of a register.
func number32(name string, v float64, i int) {
	m := GLOBL(name, RODATA|NOPTR)
	DATA(0, U32(f32(name, v).bits))
	VBROADCASTSS(m, zmm(i))
}

// roundHead sets the registers that rounding wants.
func roundHead(prefix string) {
	for i, name := range []string{"roundHalf", "roundOne", "roundQuiet"} {
		m := GLOBL(prefix+name, RODATA|NOPTR)
		DATA(0, U32(roundConstants[name]))
		VPBROADCASTD(m, zmm(regHalf-i))
	}
}

// rowsHead prepares rows of RCX elements: RBX is where in a row its last vector begins, K2 which lanes of it count, R13
// whether there is an odd number of vectors.
func rowsHead() {
	LEAQ(Mem{Base: RCX, Disp: -1}, RBX)
	SHRQ(U8(4), RBX)
	MOVQ(RBX, R13)
	NOTQ(R13)
	ANDQ(Imm(1), R13)
	SHLQ(U8(6), RBX)
	DECQ(RCX)
	ANDQ(Imm(15), RCX)
	MOVL(U32(2), EAX)
	SHLL(CL, EAX)
	DECL(EAX)
	KMOVW(EAX, K2)
}

// along runs body for the vectors of a row, RAX bytes from its start; the last one apart.
func along(name string, body func(last bool)) {
	XORL(EAX, EAX)
	CMPQ(RAX, RBX)
	JAE(LabelRef(name + "Last"))
	Label(name)
	body(false)
	ADDQ(Imm(64), RAX)
	CMPQ(RAX, RBX)
	JB(LabelRef(name))
	Label(name + "Last")
	body(true)
}

func onRow(base GPPhysical) Mem { return Mem{Base: base, Index: RAX, Scale: 1} }

// storeRounded writes Z0 to the row of bfloat16 at R10.
func storeRounded() {
	w512.round(Z0, 1, 2)
	VPSRLD(U8(16), Z1, Z1)
	MOVQ(RAX, R12)
	SHRQ(U8(1), R12)
	VPMOVDW(Z1, Mem{Base: R10, Index: R12, Scale: 1})
}

// fill writes zeros behind an odd number of vectors of the row at R10.
func fill() {
	TESTQ(R13, R13)
	JZ(LabelRef("even"))
	VPXOR(Y1, Y1, Y1)
	MOVQ(RBX, R12)
	SHRQ(U8(1), R12)
	VMOVDQU(Y1, Mem{Base: R10, Index: R12, Scale: 1, Disp: 32})
	Label("even")
}

// softmaxRows is the softmax of rows, in base 2, with the products and sums of the power in one step each.
func softmaxRows() {
	lowest := GLOBL("headLowest", RODATA|NOPTR)
	DATA(0, U32(0xff800000))
	TEXT("softmaxRows512", NOSPLIT, "func(w *uint16, ldw uintptr, p *float32, ldp, rows, n uintptr, scale float32)")
	Doc("softmaxRows512: p = 2^(scale*p) over its sum along rows of n, 0 up to whole vectors; w = p in " +
		"bfloat16, 0 up to whole pairs of vectors.")
	Pragma("noescape")
	Load(Param("w"), R10)
	Load(Param("ldw"), R11)
	Load(Param("p"), RDI)
	Load(Param("ldp"), R8)
	Load(Param("rows"), RDX)
	Load(Param("n"), RCX)
	VBROADCASTSS(address(Param("scale")), zmm(regScale))
	number32("headLeast", -126, regLeast)
	for i, c := range exp2Coefficients {
		number32("headPower"+string(rune('6'-i)), c, regPower+i)
	}
	roundHead("softmax")
	rowsHead()
	enter()
	largest, sum := rowSum{largest: true}, rowSum{}
	Label("row")
	VBROADCASTSS(lowest, Z4)
	along("max", func(last bool) {
		VMULPS(onRow(RDI), zmm(regScale), Z0)
		if last {
			VMAXPS(Z4, Z0, K2, Z4)
		} else {
			VMAXPS(Z4, Z0, Z4)
		}
	})
	largest.fold(w512, 0)
	VBROADCASTSS(X4, zmm(regTop))
	VXORPS(Z5, Z5, Z5)
	along("exp", func(last bool) {
		t, whole, rest, p := Z0, Z1, Z2, Z3
		VMULPS(onRow(RDI), zmm(regScale), t)
		VSUBPS(zmm(regTop), t, t)   // in two steps, so that the largest becomes 0
		VMAXPS(t, zmm(regLeast), t) // NaN stays NaN
		VRNDSCALEPS(U8(0), t, whole)
		VSUBPS(whole, t, rest)
		VMOVAPS(zmm(regPower), p)
		for i := range exp2Coefficients[1:] {
			VFMADD213PS(zmm(regPower+1+i), rest, p)
		}
		if last {
			VSCALEFPS_Z(whole, p, K2, t)
		} else {
			VSCALEFPS(whole, p, t)
		}
		VMOVUPS(t, onRow(RDI))
		VADDPS(t, Z5, Z5)
	})
	sum.fold(w512, 1)
	VMOVAPS(zmm(regPower+6), Z0) // 1
	VDIVSS(X5, X0, X0)
	VBROADCASTSS(X0, zmm(regNumber))
	along("scale", func(bool) {
		VMULPS(onRow(RDI), zmm(regNumber), Z0)
		VMOVUPS(Z0, onRow(RDI))
		storeRounded()
	})
	fill()
	ADDQ(R8, RDI)
	ADDQ(R11, R10)
	DECQ(RDX)
	JNZ(LabelRef("row"))
	leave()
}

// softmaxGradRows is the gradient of rows of a softmax.
func softmaxGradRows() {
	TEXT("softmaxGradRows512", NOSPLIT, "func(w *uint16, ldw uintptr, p, d *float32, ldp, rows, n uintptr, "+
		"scale float32)")
	Doc("softmaxGradRows512: w = scale*p*(d - the sum of p*d along the row) in bfloat16, for rows of n, 0 up to " +
		"whole pairs of vectors. p is 0 up to whole vectors.")
	Pragma("noescape")
	Load(Param("w"), R10)
	Load(Param("ldw"), R11)
	Load(Param("p"), RDI)
	Load(Param("d"), RSI)
	Load(Param("ldp"), R8)
	Load(Param("rows"), RDX)
	Load(Param("n"), RCX)
	VBROADCASTSS(address(Param("scale")), zmm(regScale))
	roundHead("softmaxGrad")
	rowsHead()
	enter()
	load := func(last bool, z VecPhysical) {
		if last {
			VMOVUPS_Z(onRow(RSI), K2, z)
		} else {
			VMOVUPS(onRow(RSI), z)
		}
	}
	Label("row")
	VXORPS(Z4, Z4, Z4)
	along("dot", func(last bool) {
		load(last, Z0)
		VFMADD231PS(onRow(RDI), Z0, Z4)
	})
	rowSum{}.fold(w512, 0)
	VBROADCASTSS(X4, zmm(regTop))
	along("grad", func(last bool) {
		load(last, Z0)
		VSUBPS(zmm(regTop), Z0, Z0)
		VMULPS(onRow(RDI), zmm(regScale), Z3)
		VMULPS(Z3, Z0, Z0)
		storeRounded()
	})
	fill()
	ADDQ(R8, RDI)
	ADDQ(R8, RSI)
	ADDQ(R11, R10)
	DECQ(RDX)
	JNZ(LabelRef("row"))
	leave()
}
