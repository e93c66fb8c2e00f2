package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Offsets of kern's struct channelSum; strides and offsets are in bytes.
const (
	lanesDst     = 0
	lanesSrc     = 8
	lanesW       = 16
	lanesSoff    = 24
	lanesWoff    = 32
	lanesTerms   = 40
	lanesN       = 48
	lanesAdd     = 56
	lanesPixels  = 64
	lanesDstStep = 72
	lanesSrcStep = 80
)

// depthLoop walks pixels, blocks of channels and terms. sizes are the channel counts of a block, falling; body loads,
// multiplies and adds one term of a block from (RBX) and (R15); begin and end load or clear and store the sums of a
// block at (R13). R11 is the byte offset of the block, R12 the channels left.
func depthLoop(name string, sizes []int, begin, body, end func(size int)) {
	TEXT(name, NOSPLIT, "func(l *byte)")
	Pragma("noescape")
	Doc(name + ": dst[n] (+)= sum over terms of src[n]*w[n], for a run of pixels.")
	Load(Param("l"), RAX)
	enter()
	MOVQ(Mem{Base: RAX, Disp: lanesDst}, RDI)
	MOVQ(Mem{Base: RAX, Disp: lanesSrc}, RSI)
	MOVQ(Mem{Base: RAX, Disp: lanesW}, RDX)
	MOVQ(Mem{Base: RAX, Disp: lanesSoff}, R8)
	MOVQ(Mem{Base: RAX, Disp: lanesWoff}, R9)
	MOVQ(Mem{Base: RAX, Disp: lanesPixels}, R10)

	Label("pixel")
	XORQ(R11, R11)
	MOVQ(Mem{Base: RAX, Disp: lanesN}, R12)
	for i, size := range sizes {
		l := func(s string) string { return fmt.Sprintf("%s%d", s, size) }
		Label(l("block"))
		last := i == len(sizes)-1
		if last && size == 16 { // the mask takes any rest
			TESTQ(R12, R12)
			JLE(LabelRef("next"))
			MOVQ(R12, RCX)
			CMPQ(RCX, Imm(16))
			JLE(LabelRef("masked"))
			MOVQ(U32(16), RCX)
			Label("masked")
			MOVL(U32(1), EBX)
			SHLL(CL, EBX)
			DECL(EBX)
			KMOVW(EBX, K1)
		} else {
			CMPQ(R12, Imm(uint64(size)))
			JL(LabelRef(l("below")))
		}
		LEAQ(Mem{Base: RDI}.Idx(R11, 1), R13)
		begin(size)
		XORQ(RCX, RCX)
		Label(l("term"))
		CMPQ(RCX, Mem{Base: RAX, Disp: lanesTerms})
		JGE(LabelRef(l("sum")))
		MOVQ(Mem{Base: R8}.Idx(RCX, 8), RBX)
		MOVQ(Mem{Base: R9}.Idx(RCX, 8), R15)
		ADDQ(R11, RBX)
		ADDQ(R11, R15)
		ADDQ(RSI, RBX)
		ADDQ(RDX, R15)
		body(size)
		INCQ(RCX)
		JMP(LabelRef(l("term")))
		Label(l("sum"))
		end(size)
		ADDQ(U32(4*size), R11)
		SUBQ(Imm(uint64(size)), R12)
		JMP(LabelRef(l("block")))
		Label(l("below"))
	}
	Label("next")
	ADDQ(Mem{Base: RAX, Disp: lanesDstStep}, RDI)
	ADDQ(Mem{Base: RAX, Disp: lanesSrcStep}, RSI)
	DECQ(R10)
	JNZ(LabelRef("pixel"))
	leave()
}

// depthAVX512 takes 64 channels at a time, then up to 16 under a mask.
func depthAVX512() {
	at := func(base Register, i int) Mem { return Mem{Base: base, Disp: 64 * i} }
	depthLoop("depth512", []int{64, 16}, func(size int) {
		for i := range size / 16 {
			VPXORD(zmm(i), zmm(i), zmm(i))
		}
		CMPQ(Mem{Base: RAX, Disp: lanesAdd}, Imm(0))
		JE(LabelRef(fmt.Sprintf("clear%d", size)))
		for i := range size / 16 {
			if size == 16 {
				VMOVUPS_Z(at(R13, i), K1, zmm(i))
			} else {
				VMOVUPS(at(R13, i), zmm(i))
			}
		}
		Label(fmt.Sprintf("clear%d", size))
	}, func(size int) {
		for i := range size / 16 {
			if size == 16 {
				VMOVUPS_Z(at(RBX, i), K1, zmm(4+i))
				VMOVUPS_Z(at(R15, i), K1, zmm(8+i))
				VFMADD231PS(zmm(8+i), zmm(4+i), zmm(i))
			} else {
				VMOVUPS(at(RBX, i), zmm(4+i))
				VFMADD231PS(at(R15, i), zmm(4+i), zmm(i))
			}
		}
	}, func(size int) {
		for i := range size / 16 {
			if size == 16 {
				VMOVUPS(zmm(i), K1, at(R13, i))
			} else {
				VMOVUPS(zmm(i), at(R13, i))
			}
		}
	})
}

// depthAVX2 takes 32 channels at a time, then 8, then one.
func depthAVX2() {
	at := func(base Register, i int) Mem { return Mem{Base: base, Disp: 32 * i} }
	count := func(size int) int { return max(1, size/8) }
	depthLoop("depth256", []int{32, 8, 1}, func(size int) {
		for i := range count(size) {
			VXORPS(ymm(i), ymm(i), ymm(i))
		}
		CMPQ(Mem{Base: RAX, Disp: lanesAdd}, Imm(0))
		JE(LabelRef(fmt.Sprintf("clear%d", size)))
		for i := range count(size) {
			if size == 1 {
				VMOVSS(at(R13, i), X0)
			} else {
				VMOVUPS(at(R13, i), ymm(i))
			}
		}
		Label(fmt.Sprintf("clear%d", size))
	}, func(size int) {
		for i := range count(size) {
			if size == 1 {
				VMOVSS(at(RBX, i), X4)
				VFMADD231SS(at(R15, i), X4, X0)
			} else {
				VMOVUPS(at(RBX, i), ymm(4+i))
				VFMADD231PS(at(R15, i), ymm(4+i), ymm(i))
			}
		}
	}, func(size int) {
		for i := range count(size) {
			if size == 1 {
				VMOVSS(X0, at(R13, i))
			} else {
				VMOVUPS(ymm(i), at(R13, i))
			}
		}
	})
}
