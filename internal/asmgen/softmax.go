package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// softmaxes writes softmaxRow, y = e^(scale*x - top) over its sum for rows of y and x, top being the largest scale*x:
// the steps of rowMax, expPass and rowSum in one, whose results it has bit for bit. Register 3 is scale, then 1 over
// the sum; 4 and 5 are sums or maxima; y may be x.
func softmaxes(tails, lowest Mem) {
	for _, w := range widths {
		softmaxRow(w, tails, lowest)
	}
}

func softmaxRow(w width, tails, lowest Mem) {
	TEXT("softmaxRow"+w.suffix, NOSPLIT, "func(y, x *float32, ld, rows, n uintptr, scale float32)")
	Pragma("noescape")
	Doc("softmaxRow" + w.suffix + ": y = the softmax of scale*x, rows of n, ld bytes apart; there is at least 1 " +
		"of both.")
	Load(Param("y"), RDI)
	Load(Param("x"), RSI)
	Load(Param("ld"), R8)
	Load(Param("rows"), R9)
	Load(Param("n"), RDX)
	parts := rowLanes / w.lanes
	largest, sum := rowSum{largest: true, sums: []string{"s"}}, rowSum{sums: []string{"s"}}
	maskOf(w, tails)
	enter()
	expHead(w)
	Label("row")
	VBROADCASTSS(address(Param("scale")), w.r(3))
	for v := range parts {
		VBROADCASTSS(lowest, w.r(4+v))
	}
	at := func(base Register, v int) Mem { return Mem{Base: base, Index: RAX, Scale: 1, Disp: 4 * w.lanes * v} }
	// load makes register 0 the elements of part v times register 3; in the rest of a row, 0 behind the end.
	load := func(base Register, v int, rest bool) {
		switch {
		case !rest:
			VMULPS(at(base, v), w.r(3), w.r(0))
			return
		case w.lanes == 16:
			VMOVUPS_Z(at(base, v), K1, w.r(0))
		default:
			VMOVUPS(Mem{Base: R11, Disp: 4 * w.lanes * v}, w.r(12))
			VMASKMOVPS(at(base, v), w.r(12), w.r(0))
		}
		VMULPS(w.r(0), w.r(3), w.r(0))
	}
	// join joins register 0 to the lanes of part v.
	join := func(s rowSum, v int, rest bool) {
		r := w.r(4 + v)
		switch {
		case !rest:
			s.join(w.r(0), r, r)
		case w.lanes == 8:
			s.join(w.r(0), r, w.r(1))
			VBLENDVPS(w.r(12), w.r(1), r, r)
		case s.largest:
			VMAXPS(r, w.r(0), K1, r)
		default:
			VADDPS(w.r(0), r, K1, r)
		}
	}
	stores := 0
	store := func(v int, rest bool) {
		switch {
		case !rest:
			VMOVUPS(w.r(0), at(RDI, v))
		case w.lanes == 16:
			VMOVUPS(w.r(0), K1, at(RDI, v))
		default:
			stores++
			storeFirst(at(RDI, v), w.lanes*v, fmt.Sprint("store", stores))
		}
	}
	// walk runs body over the vectors of a row.
	walk := func(name string, body func(v int, rest bool)) {
		MOVQ(RDX, RCX)
		XORL(EAX, EAX)
		SUBQ(Imm(rowLanes), RCX)
		JL(LabelRef(name + "Rest"))
		Label(name)
		for v := range parts {
			body(v, false)
		}
		ADDQ(Imm(4*rowLanes), RAX)
		SUBQ(Imm(rowLanes), RCX)
		JGE(LabelRef(name))
		Label(name + "Rest")
		ADDQ(Imm(rowLanes), RCX)
		JZ(LabelRef(name + "End"))
		for v := range parts {
			if v > 0 {
				CMPQ(RCX, Imm(uint64(w.lanes*v)))
				JBE(LabelRef(name + "End"))
			}
			body(v, true)
		}
		Label(name + "End")
	}
	walk("max", func(v int, rest bool) {
		load(RSI, v, rest)
		join(largest, v, rest)
	})
	largest.fold(w, 0)
	VBROADCASTSS(w.r(4).AsX(), w.r(15))
	for v := range parts {
		VXORPS(w.r(4+v), w.r(4+v), w.r(4+v))
	}
	walk("exp", func(v int, rest bool) {
		load(RSI, v, rest)
		VSUBPS(w.r(15), w.r(0), w.r(0))
		expBody(w, 0)
		join(sum, v, rest)
		store(v, rest)
	})
	sum.fold(w, 0)
	VMOVSS(constant("vecOne"), X0)
	VDIVSS(X4, X0, X0)
	VBROADCASTSS(X0, w.r(3))
	walk("scale", func(v int, rest bool) {
		load(RDI, v, rest)
		store(v, rest)
	})
	ADDQ(R8, RDI)
	ADDQ(R8, RSI)
	DECQ(R9)
	JNZ(LabelRef("row"))
	leave()
}

// storeFirst stores the first CX-from floats of Y0, at most 8 of them, which it loses; CX is more than from. VMASKMOVPS
// takes dozens of steps to store on some processors.
func storeFirst(to Mem, from int, label string) {
	LEAQ(to, R10)
	LEAQ(Mem{Base: RCX, Disp: -from}, RBX)
	CMPQ(RBX, Imm(8))
	JB(LabelRef(label + "Part"))
	VMOVUPS(Y0, Mem{Base: R10})
	JMP(LabelRef(label + "End"))
	Label(label + "Part")
	for _, part := range []struct {
		floats uint32
		move   func()
	}{
		{4, func() { VMOVUPS(X0, Mem{Base: R10}); VEXTRACTF128(Imm(1), Y0, X0) }},
		{2, func() { VMOVLPS(X0, Mem{Base: R10}); VMOVHLPS(X0, X0, X0) }},
		{1, func() { VMOVSS(X0, Mem{Base: R10}) }},
	} {
		below := fmt.Sprintf("%sBelow%d", label, part.floats)
		TESTL(U32(part.floats), EBX)
		JZ(LabelRef(below))
		part.move()
		ADDQ(Imm(uint64(4*part.floats)), R10)
		Label(below)
	}
	Label(label + "End")
}

// maskOf prepares the mask of the last DX%16 lanes: K1, or at R11 for halves.
func maskOf(w width, tails Mem) {
	MOVQ(RDX, RCX)
	ANDQ(Imm(rowLanes-1), RCX)
	if w.lanes == 16 {
		MOVL(U32(1), R11L)
		SHLL(CL, R11L)
		DECL(R11L)
		KMOVW(R11L, K1)
		return
	}
	LEAQ(tails.Offset(4*rowLanes), R11)
	SHLQ(Imm(2), RCX)
	SUBQ(RCX, R11)
}
