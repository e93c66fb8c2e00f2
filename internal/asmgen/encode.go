package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Instructions that neither avo nor Go's assembler knows, as bytes. Intel 64 and IA-32 Architectures Software
// Developer's Manual, volume 2, sections 2.3 (VEX) and 2.7 (EVEX) and the pages of the instructions.

// Opcode prefixes as VEX and EVEX spell them.
const (
	prefixNone = 0
	prefixF3   = 2
	prefixF2   = 3
)

func emitBytes(bytes ...byte) {
	for _, b := range bytes {
		Instruction(&ir.Instruction{Opcode: "BYTE", Operands: []Op{U8(b)}})
	}
}

// number is the number of a register in machine code, which for general registers is not that of Go's names.
func number(r GPPhysical) byte {
	for i, x := range []GPPhysical{RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15} {
		if x == r {
			return byte(i)
		}
	}
	panic("asmgen: not a 64-bit register")
}

// vex38 is a VEX.128.0F38.W0 instruction up to its opcode; x and b are the high bits of index and base.
func vex38(prefix, opcode, vvvv, x, b byte) []byte {
	return []byte{0xc4, 0x80 | (1-x)<<6 | (1-b)<<5 | 2, (^vvvv&15)<<3 | prefix, opcode}
}

// memory is ModRM, SIB and displacement of [base + index + disp].
func memory(reg byte, base, index GPPhysical, disp int8) []byte {
	return []byte{0x44 | reg<<3, number(index)&7<<3 | number(base)&7, byte(disp)}
}

func tileMemory(prefix byte, tmm byte, base, stride GPPhysical, disp int8) {
	head := vex38(prefix, 0x4b, 0, number(stride)>>3, number(base)>>3)
	emitBytes(append(head, memory(tmm, base, stride, disp)...)...)
}

// tileLoad is TILELOADD tmm, [base + disp] with rows stride bytes apart.
func tileLoad(tmm byte, base, stride GPPhysical, disp int8) {
	tileMemory(prefixF2, tmm, base, stride, disp)
}

// tileStore is TILESTORED.
func tileStore(tmm byte, base, stride GPPhysical, disp int8) {
	tileMemory(prefixF3, tmm, base, stride, disp)
}

// tileDot is TDPBF16PS: c[m,n] += a[m,pairs] b[pairs,n].
func tileDot(c, a, b byte) { emitBytes(append(vex38(prefixF3, 0x5c, b, 0, 0), 0xc0|c<<3|a)...) }

// tileZero is TILEZERO.
func tileZero(tmm byte) { emitBytes(append(vex38(prefixF2, 0x49, 0, 0, 0), 0xc0|tmm<<3)...) }

// tileConfigure is LDTILECFG [base + disp].
func tileConfigure(base GPPhysical, disp uint32) {
	head := vex38(prefixNone, 0x49, 0, 0, number(base)>>3)
	emitBytes(append(head, 0x80|number(base)&7, byte(disp), byte(disp>>8), byte(disp>>16), byte(disp>>24))...)
}

// tileRelease is TILERELEASE.
func tileRelease() { emitBytes(append(vex38(prefixNone, 0x49, 0, 0, 0), 0xc0)...) }

// dotBF16 is VDPBF16PS on Z registers: acc[j] += a[2j]*b[2j] + a[2j+1]*b[2j+1].
func dotBF16(b, a, acc int) { evex38(prefixF3, 0x52, acc, a, b) }

// narrowBF16 is VCVTNE2PS2BF16 on Z registers: to = the 16 floats of low rounded to bfloat16, then those of high.
func narrowBF16(low, high, to int) { evex38(prefixF2, 0x72, to, high, low) }

// evex38 is an EVEX.512.0F38.W0 instruction on Z registers.
func evex38(prefix, opcode byte, reg, vvvv, rm int) {
	inverse := func(r, bit int) byte { return byte(1 - r>>bit&1) }
	emitBytes(0x62,
		inverse(reg, 3)<<7|inverse(rm, 4)<<6|inverse(rm, 3)<<5|inverse(reg, 4)<<4|2,
		byte(^vvvv&15)<<3|4|prefix,
		2<<5|inverse(vvvv, 4)<<3,
		opcode, 0xc0|byte(reg&7)<<3|byte(rm&7))
}

// prefetchWrite is PREFETCHW [base + disp].
func prefetchWrite(base GPPhysical, disp int8) {
	if high := number(base) >> 3; high > 0 {
		emitBytes(0x40 | high)
	}
	emitBytes(0x0f, 0x0d, 0x48|number(base)&7, byte(disp))
}
