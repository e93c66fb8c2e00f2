package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// attentions are the passes over the matrices of an attention head, in bfloat16 or on the way to it. AVX-512 and AMX
// only. Matrices are padded to whole vectors and tiles; strides are in bytes.
func attentions() {
	pairRows()
	headTiles()
	softmaxRows()
	softmaxGradRows()
}

// pairRows writes pairs of rows of 32 elements, element by element.
func pairRows() {
	TEXT("pairRows512", NOSPLIT, "func(dst *uint16, ldd uintptr, src *uint16, lds, pairs uintptr)")
	Doc("pairRows512: dst[i][j] = src[2i][j], src[2i+1][j] for j < 32.")
	Pragma("noescape")
	Load(Param("dst"), RDI)
	Load(Param("ldd"), R9)
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
	ADDQ(R9, RDI)
	DECQ(RCX)
	JNZ(LabelRef("next"))
	VZEROUPPER()
	RET()
}

// headTiles is a product of whole tiles under one configuration: a head is too small to pay for more. Registers: RDI,
// RSI and RBX are the first row of C, of A, and of B at the column at hand; R12 and RDX are C and A at the row at hand.
func headTiles() {
	config := GLOBL("headConfig", RODATA|NOPTR)
	DATA(0, U8(1)) // the palette
	for i := range 8 {
		DATA(16+2*i, U16(64)) // bytes of a row
	}
	for i := range 8 {
		DATA(48+i, U8(16)) // rows
	}
	DATA(63, U8(0))
	TEXT("headTiles", NOSPLIT, "func(c *float32, ldc uintptr, a *uint16, lda uintptr, b *uint16, ldb, m, n, k uintptr)")
	Doc("headTiles: C[16*m,16*n] = A[16*m,32*k]*B, B in pairs of rows.")
	Pragma("noescape")
	Load(Param("c"), RDI)
	Load(Param("ldc"), R8)
	Load(Param("a"), RSI)
	Load(Param("lda"), R9)
	Load(Param("b"), RBX)
	Load(Param("ldb"), R11)
	Load(Param("n"), RCX)
	LEAQ(config, RAX)
	tileConfigure(RAX, 0)
	for _, cols := range []int{2, 1} {
		s := map[int]string{1: "One", 2: "Two"}[cols]
		Label("columns" + s)
		CMPQ(RCX, Imm(uint64(cols)))
		JB(LabelRef("end" + s))
		MOVQ(RDI, R12)
		MOVQ(RSI, RDX)
		Load(Param("m"), R10)
		for _, rows := range []int{2, 1} {
			r := map[int]string{1: "One", 2: "Two"}[rows] + s
			Label("rows" + r)
			CMPQ(R10, Imm(uint64(rows)))
			JB(LabelRef("rowsEnd" + r))
			headBlock("step"+r, rows, cols)
			SUBQ(Imm(uint64(rows)), R10)
			if rows == 2 {
				JMP(LabelRef("rows" + r))
			}
			Label("rowsEnd" + r)
		}
		ADDQ(U32(64*cols), RDI)
		ADDQ(U32(64*cols), RBX)
		SUBQ(Imm(uint64(cols)), RCX)
		if cols == 2 {
			JMP(LabelRef("columns" + s))
		}
		Label("end" + s)
	}
	tileRelease()
	RET()
}

// headBlock is one block of tiles and moves R12 and RDX behind it.
func headBlock(step string, rows, cols int) {
	acc := func(i, j int) byte { return byte(2*i + j) }
	for i := range rows {
		for j := range cols {
			tileZero(acc(i, j))
		}
	}
	MOVQ(R9, R13)
	SHLQ(U8(4), R13)
	ADDQ(RDX, R13)
	MOVQ(RBX, RAX)
	Load(Param("k"), R15)
	Label(step)
	tileLoad(6, RAX, R11, 0)
	tileLoad(4, RDX, R9, 0)
	tileDot(acc(0, 0), 4, 6)
	if cols == 2 {
		tileLoad(7, RAX, R11, 64)
		tileDot(acc(0, 1), 4, 7)
	}
	if rows == 2 {
		tileLoad(5, R13, R9, 0)
		tileDot(acc(1, 0), 5, 6)
		if cols == 2 {
			tileDot(acc(1, 1), 5, 7)
		}
	}
	ADDQ(Imm(64), RDX)
	ADDQ(Imm(64), R13)
	MOVQ(R11, R14)
	SHLQ(U8(4), R14)
	ADDQ(R14, RAX)
	DECQ(R15)
	JNZ(LabelRef(step))
	for i := range rows {
		for j := range cols {
			tileStore(acc(i, j), R12, R8, int8(64*j))
		}
		MOVQ(R8, R14)
		SHLQ(U8(4), R14)
		ADDQ(R14, R12)
	}
	// Back to the first of the columns of A, rows further down.
	Load(Param("k"), R15)
	SHLQ(U8(6), R15)
	SUBQ(R15, RDX)
	MOVQ(R9, R14)
	SHLQ(U8(map[int]uint8{1: 4, 2: 5}[rows]), R14)
	ADDQ(R14, RDX)
}
