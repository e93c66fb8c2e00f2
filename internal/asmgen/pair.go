package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Offsets of kern's struct pair behind those of tile, which it begins with: k counts pairs, cs is 4.
const (
	pairBands = 104 // bands of 32 rows
	pairRest  = 112 // rows behind them
	pairFull  = 120 // tile configuration of a band
	pairLast  = 184 // and of the rest
)

const (
	pairRows512 = 12
	pairRows256 = 4
)

func pairs() {
	oddHalf := GLOBL("oddHalf", RODATA|NOPTR)
	DATA(0, U32(0xffff0000))
	for mr := 1; mr <= pairRows512; mr++ {
		pairAVX512(mr, oddHalf, true)
		pairAVX512(mr, oddHalf, false)
	}
	for mr := 1; mr <= pairRows256; mr++ {
		pairAVX2(mr, oddHalf)
	}
	pairAMX(1)
	pairAMX(2)
	roundings()
}

// pairAVX512 writes C[mr,32], masked to the tile's columns: 2*mr sums in Z0 to Z23. Without the instruction for pairs,
// both halves of a pair are widened, the even one by a shift, the odd one by clearing what is below it.
func pairAVX512(mr int, oddHalf Mem, dot bool) {
	name := fmt.Sprintf("pair512x%d", mr)
	if dot {
		name = fmt.Sprintf("pairDotx%d", mr)
	}
	tileHead(name)
	Doc(fmt.Sprintf("%s: C[%d,32] (+)= sum over blocks and pairs of k of A*B.", name, mr))
	l := oneTile(mr)
	l.prefetchC(2)
	if !dot {
		VPBROADCASTD(oddHalf, Z31)
	}
	for i := range 2 * mr {
		VPXORD(zmm(i), zmm(i), zmm(i))
	}
	l.emit(func() {
		if dot {
			VMOVDQU32(Mem{Base: tB}, Z24)
			VMOVDQU32(Mem{Base: tB, Disp: 64}, Z25)
			for i := range mr {
				a := 26 + i&1
				VPBROADCASTD(l.row(i), zmm(a))
				dotBF16(24, a, 2*i)
				dotBF16(25, a, 2*i+1)
			}
			return
		}
		for j := range 2 {
			b := Mem{Base: tB, Disp: 64 * j}
			VPSLLD(U8(16), b, zmm(24+j))
			VPANDD(b, Z31, zmm(26+j))
		}
		for i := range mr {
			VPBROADCASTD(l.row(i), Z30)
			VPSLLD(U8(16), Z30, Z28)
			VPANDD(Z30, Z31, Z29)
			for j := range 2 {
				VFMADD231PS(zmm(24+j), Z28, zmm(2*i+j))
			}
			for j := range 2 {
				VFMADD231PS(zmm(26+j), Z29, zmm(2*i+j))
			}
		}
	})
	l.storeMasked(2)
	leave()
}

// pairAVX2 writes all of C[mr,16]; kern lends a full tile where C has fewer columns.
func pairAVX2(mr int, oddHalf Mem) {
	name := fmt.Sprintf("pair256x%d", mr)
	tileHead(name)
	Doc(fmt.Sprintf("%s: C[%d,16] (+)= sum over blocks and pairs of k of A*B.", name, mr))
	l := oneTile(mr)
	l.prefetchC(1)
	VPBROADCASTD(oddHalf, Y15)
	for i := range 2 * mr {
		VXORPS(ymm(i), ymm(i), ymm(i))
	}
	l.emit(func() {
		for j := range 2 {
			VMOVDQU(Mem{Base: tB, Disp: 32 * j}, Y12)
			VPSLLD(U8(16), Y12, ymm(8+j))
			VPAND(Y12, Y15, ymm(10+j))
		}
		for i := range mr {
			VPBROADCASTD(l.row(i), Y12)
			VPSLLD(U8(16), Y12, Y13)
			VPAND(Y12, Y15, Y14)
			for j := range 2 {
				VFMADD231PS(ymm(8+j), Y13, ymm(2*i+j))
			}
			for j := range 2 {
				VFMADD231PS(ymm(10+j), Y14, ymm(2*i+j))
			}
		}
	})
	l.storeFull()
	leave()
}

// pairAMX writes C[32*bands+rest, up to 16*cols] with tiles: 0 to 3 are sums, [row][column]; 4 and 5 rows of A; 6 and 7
// columns of B.
func pairAMX(cols int) {
	TEXT(fmt.Sprintf("pairTilesx%d", cols), NOSPLIT, "func(t *byte)")
	Doc(fmt.Sprintf("pairTilesx%d: C[32*bands+rest, up to %d] (+)= sum over blocks and pairs of k of A*B.", cols,
		16*cols))
	Pragma("noescape")
	Load(Param("t"), RAX)
	MOVQ(Mem{Base: RAX, Disp: tileC}, RDI)
	MOVQ(Mem{Base: RAX, Disp: tileLdc}, R8)
	MOVQ(Mem{Base: RAX, Disp: tileA}, RSI)
	MOVQ(Mem{Base: RAX, Disp: tileRs}, R9)
	MOVQ(R9, RCX)
	SHLQ(U8(4), RCX) // 16 rows of A
	MOVQ(Mem{Base: RAX, Disp: tileBs}, R11)
	MOVQ(R11, R15)
	SHLQ(U8(4), R15) // 16 pairs of B
	CMPQ(Mem{Base: RAX, Disp: pairBands}, Imm(0))
	JE(LabelRef("rest"))
	tileConfigure(RAX, pairFull)
	Label("band")
	amxBand("full", 2, cols)
	LEAQ(Mem{Base: RSI}.Idx(RCX, 2), RSI)
	MOVQ(R8, RDX)
	SHLQ(U8(5), RDX)
	ADDQ(RDX, RDI)
	DECQ(Mem{Base: RAX, Disp: pairBands})
	JNZ(LabelRef("band"))
	Label("rest")
	CMPQ(Mem{Base: RAX, Disp: pairRest}, Imm(0))
	JE(LabelRef("end"))
	tileConfigure(RAX, pairLast)
	CMPQ(Mem{Base: RAX, Disp: pairRest}, Imm(16))
	JBE(LabelRef("low"))
	amxBand("high", 2, cols)
	JMP(LabelRef("end"))
	Label("low")
	amxBand("low", 1, cols)
	Label("end")
	tileRelease()
	RET()
}

// amxBand is one band of up to 16*rows rows.
func amxBand(label string, rows, cols int) {
	l := func(s string) string { return label + s }
	acc := func(i, j int) byte { return byte(2*i + j) }
	eachSum := func(f func(tmm byte, base GPPhysical, disp int8)) {
		MOVQ(R8, R13)
		SHLQ(U8(4), R13)
		ADDQ(RDI, R13)
		for i := range rows {
			for j := range cols {
				f(acc(i, j), []GPPhysical{RDI, R13}[i], int8(64*j))
			}
		}
	}
	CMPQ(Mem{Base: RAX, Disp: tileAdd}, Imm(0))
	JE(LabelRef(l("Zero")))
	eachSum(func(tmm byte, base GPPhysical, disp int8) { tileLoad(tmm, base, R8, disp) })
	JMP(LabelRef(l("Begin")))
	Label(l("Zero"))
	for i := range rows {
		for j := range cols {
			tileZero(acc(i, j))
		}
	}
	amxPrefetch(label, rows, cols)
	Label(l("Begin"))
	XORL(R10L, R10L)
	Label(l("Block"))
	CMPQ(R10, Mem{Base: RAX, Disp: tileNb})
	JAE(LabelRef(l("Store")))
	INCQ(R10)
	CMPQ(R10, Mem{Base: RAX, Disp: tileNb})
	JNE(LabelRef(l("Offsets")))
	amxPrefetch(l("Last"), rows, cols)
	Label(l("Offsets"))
	MOVQ(Mem{Base: RAX, Disp: tileAoff}, R12)
	MOVQ(Mem{Base: R12, Disp: -8}.Idx(R10, 8), R12)
	ADDQ(RSI, R12)
	if rows == 2 {
		LEAQ(Mem{Base: R12}.Idx(RCX, 1), R13)
	}
	MOVQ(Mem{Base: RAX, Disp: tileBoff}, RBX)
	MOVQ(Mem{Base: RBX, Disp: -8}.Idx(R10, 8), RBX)
	ADDQ(Mem{Base: RAX, Disp: tileB}, RBX)
	MOVQ(Mem{Base: RAX, Disp: tileK}, RDX)
	SUBQ(Imm(16), RDX)
	JB(LabelRef(l("Block")))
	Label(l("Step"))
	tileLoad(6, RBX, R11, 0)
	tileLoad(4, R12, R9, 0)
	tileDot(acc(0, 0), 4, 6)
	if cols == 2 {
		tileLoad(7, RBX, R11, 64)
		tileDot(acc(0, 1), 4, 7)
	}
	if rows == 2 {
		tileLoad(5, R13, R9, 0)
		tileDot(acc(1, 0), 5, 6)
		if cols == 2 {
			tileDot(acc(1, 1), 5, 7)
		}
		ADDQ(Imm(64), R13)
	}
	ADDQ(Imm(64), R12)
	ADDQ(R15, RBX)
	SUBQ(Imm(16), RDX)
	JAE(LabelRef(l("Step")))
	JMP(LabelRef(l("Block")))
	Label(l("Store"))
	eachSum(func(tmm byte, base GPPhysical, disp int8) { tileStore(tmm, base, R8, disp) })
}

// amxPrefetch asks for the lines of C to be written: the loop over k is long enough to hide the misses, and stores of
// whole tiles are not.
func amxPrefetch(label string, rows, cols int) {
	MOVQ(RDI, R13)
	MOVL(U32(16*rows), R12L)
	Label(label + "Prefetch")
	for j := range cols {
		prefetchWrite(R13, int8(64*j))
	}
	ADDQ(R8, R13)
	DECL(R12L)
	JNZ(LabelRef(label + "Prefetch"))
}
