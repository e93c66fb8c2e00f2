package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Offsets of kern's structs tile and tower, which begins with a tile; all strides are in bytes.
const (
	tileC    = 0
	tileLdc  = 8
	tileA    = 16
	tileRs   = 24
	tileCs   = 32
	tileB    = 40
	tileBs   = 48
	tileK    = 56
	tileAdd  = 64
	tileMask = 72
	tileNb   = 80
	tileAoff = 88
	tileBoff = 96

	towerCount = 104
	towerA     = 112
	towerC     = 120
	towerNext  = 128
	towerLeft  = 136
	towerEach  = 144
)

// tileLoop is the part both vector widths share: the walk over blocks and k, with a step that does one k.
// Rows are addressed from three bases (rows 0-4, 5-9, 10-13) with index rs*{0,1,2,4} and 3*rs. a and c hold the
// addresses of the tile's operands.
type tileLoop struct {
	mr    int
	a, c  Mem
	ahead bool // part of a tower, which may ask for what comes after it

	// step does one k of operands that lie like those packed looks for; nil: packed is left out.
	step func(a func(row int) Mem, b func(vector int) Mem)
}

// oneTile is the loop of a tile alone.
func oneTile(mr int) tileLoop {
	return tileLoop{mr: mr, a: Mem{Base: tArg, Disp: tileA}, c: Mem{Base: tArg, Disp: tileC}}
}

var (
	tArg  = RAX
	tBase = [3]GPPhysical{RSI, RDI, RBX}
	tB    = RDX
	tCnt  = RCX
	tRs   = R8
	tRs3  = R9
	tCs   = R10
	tBs   = R11
	tNb   = R12
	tAoff = R13
	tBoff = R15
)

func (l tileLoop) bases() int { return (l.mr + 4) / 5 }

// row is the address of A's element of row i at the current k.
func (l tileLoop) row(i int) Mem {
	m := Mem{Base: tBase[i/5]}
	switch i % 5 {
	case 0:
		return m
	case 3:
		return m.Idx(tRs3, 1)
	default:
		return m.Idx(tRs, uint8(i%5))
	}
}

func (l tileLoop) emit(step func()) {
	MOVQ(Mem{Base: tArg, Disp: tileRs}, tRs)
	LEAQ(Mem{Base: tRs}.Idx(tRs, 2), tRs3)
	MOVQ(Mem{Base: tArg, Disp: tileCs}, tCs)
	MOVQ(Mem{Base: tArg, Disp: tileBs}, tBs)
	MOVQ(Mem{Base: tArg, Disp: tileNb}, tNb)
	MOVQ(Mem{Base: tArg, Disp: tileAoff}, tAoff)
	MOVQ(Mem{Base: tArg, Disp: tileBoff}, tBoff)

	Label("block")
	TESTQ(tNb, tNb)
	JZ(LabelRef("done"))
	if l.ahead {
		CMPQ(Mem{Base: tArg, Disp: towerLeft}, Imm(0))
		JNE(LabelRef("ahead"))
		Label("asked")
	}
	MOVQ(l.a, tBase[0])
	ADDQ(Mem{Base: tAoff}, tBase[0])
	MOVQ(Mem{Base: tArg, Disp: tileB}, tB)
	ADDQ(Mem{Base: tBoff}, tB)
	for i := 1; i < l.bases(); i++ {
		LEAQ(Mem{Base: tBase[i-1]}.Idx(tRs, 4), tBase[i])
		ADDQ(tRs, tBase[i])
	}
	next := func() {
		for i := range l.bases() {
			ADDQ(tCs, tBase[i])
		}
		ADDQ(tBs, tB)
	}
	MOVQ(Mem{Base: tArg, Disp: tileK}, tCnt)
	if l.step != nil {
		l.packed()
	}
	SUBQ(Imm(2), tCnt)
	JL(LabelRef("odd"))
	Label("pair")
	step()
	next()
	step()
	next()
	SUBQ(Imm(2), tCnt)
	JGE(LabelRef("pair"))
	Label("odd")
	ADDQ(Imm(2), tCnt)
	JZ(LabelRef("blockend"))
	step()
	Label("blockend")
	ADDQ(Imm(8), tAoff)
	ADDQ(Imm(8), tBoff)
	DECQ(tNb)
	JMP(LabelRef("block"))
	Label("done")
}

// lateDepth is how many k come after C is asked for once more: enough to hide a miss of L1, too few to evict it again.
const lateDepth = 16

// packed takes four k at a time where B is a panel of 64 bytes to a row and A lies in rows or in strips [k][mr]: what
// belongs to the next k is then constants away, which saves additions that compete with the products for the front end.
// Rows of C a power of two apart share sets of L1, from which the operands evict them, so that packed asks for them
// again. The count register is left with the k that remain.
func (l tileLoop) packed() {
	CMPQ(tBs, Imm(64))
	JNE(LabelRef("strided"))
	CMPQ(tCs, Imm(4))
	if l.mr == 1 {
		JNE(LabelRef("strided"))
	} else {
		JE(LabelRef("rows"))
		CMPQ(tCs, Imm(uint64(4*l.mr)))
		JNE(LabelRef("strided"))
		CMPQ(tRs, Imm(4))
		JNE(LabelRef("strided"))
		l.fours("strip", 4*l.mr, func(i int) Mem { return Mem{Base: tBase[0], Disp: 4 * i} })
		JMP(LabelRef("strided"))
	}
	Label("rows")
	l.fours("row", 4, l.row)
	Label("strided")
}

// fours is packed for elements of A that the next k has so many bytes behind.
func (l tileLoop) fours(label string, next int, element func(row int) Mem) {
	const unroll = 4
	SUBQ(Imm(unroll+lateDepth), tCnt)
	JL(LabelRef(label + "End"))
	Label(label)
	for k := range unroll {
		l.step(func(i int) Mem { return element(i).Offset(k * next) },
			func(j int) Mem { return Mem{Base: tB, Disp: 64*k + 32*j} })
	}
	for i := range l.bases() {
		ADDQ(Imm(uint64(unroll*next)), tBase[i])
	}
	ADDQ(U32(64*unroll), tB)
	SUBQ(Imm(unroll), tCnt)
	JGE(LabelRef(label))
	at := RBX // a base that tiles of so few rows do without
	MOVQ(l.c, at)
	for i := range l.mr {
		PREFETCHT0(Mem{Base: at})
		if i < l.mr-1 {
			ADDQ(Mem{Base: tArg, Disp: tileLdc}, at)
		}
	}
	Label(label + "End")
	ADDQ(Imm(unroll+lateDepth), tCnt)
}

// prefetchC asks for the C tile before the k loop, which is long enough to hide the misses.
func (l tileLoop) prefetchC(lines int) {
	MOVQ(l.c, tBase[0])
	MOVQ(Mem{Base: tArg, Disp: tileLdc}, tCnt)
	l.prefetch(lines)
}

// farAhead is the depth from which tiles pay for prefetchA.
const farAhead = 128

// prefetchA asks for the first elements of the rows of A of the next tile.
func (l tileLoop) prefetchA() {
	CMPQ(Mem{Base: tArg, Disp: tileK}, Imm(farAhead))
	JB(LabelRef("near"))
	MOVQ(l.a, tBase[0])
	ADDQ(Mem{Base: tArg, Disp: towerA}, tBase[0])
	MOVQ(Mem{Base: tArg, Disp: tileRs}, tCnt)
	l.prefetch(1)
	Label("near")
}

// prefetch asks for the first lines of the tile's rows from the first base on, which it moves by the count register
// from row to row.
func (l tileLoop) prefetch(lines int) {
	for i := range l.mr {
		for j := range lines {
			PREFETCHT0(Mem{Base: tBase[0], Disp: 64 * j})
		}
		if i < l.mr-1 {
			ADDQ(tCnt, tBase[0])
		}
	}
}

// prefetchAhead asks for some lines of what comes after the tower. It stands behind the function's end, since most
// towers have nothing.
func prefetchAhead() {
	left, next := Mem{Base: tArg, Disp: towerLeft}, Mem{Base: tArg, Disp: towerNext}
	Label("ahead")
	MOVQ(Mem{Base: tArg, Disp: towerEach}, tCnt)
	MOVQ(left, tB)
	CMPQ(tB, tCnt)
	CMOVQCS(tB, tCnt)
	SUBQ(tCnt, left)
	MOVQ(next, tB)
	askLines("ask", tB, tCnt)
	MOVQ(tB, next)
	JMP(LabelRef("asked"))
}

func tileHead(name string) {
	TEXT(name, NOSPLIT, "func(t *byte)")
	Pragma("noescape")
	Load(Param("t"), tArg)
	enter()
}

// tower is a kernel for a tower: tile is the body of one of its tiles, from the sums' clearing to their storing.
func tower(name, doc string, mr int, tile func(l tileLoop)) {
	tileHead(name)
	Doc(fmt.Sprintf("%s: for each tile of a tower, %s (+)= sum over blocks and k of A*B.", name, doc))
	at := AllocLocal(24)
	l := tileLoop{mr: mr, a: at, c: at.Offset(8), ahead: true}
	count := at.Offset(16)
	for _, f := range []struct {
		from int
		to   Mem
	}{{tileA, l.a}, {tileC, l.c}, {towerCount, count}} {
		MOVQ(Mem{Base: tArg, Disp: f.from}, tCnt)
		MOVQ(tCnt, f.to)
	}
	Label("tile")
	tile(l)
	DECQ(count)
	JZ(LabelRef("finish"))
	MOVQ(Mem{Base: tArg, Disp: towerA}, tCnt)
	ADDQ(tCnt, l.a)
	MOVQ(Mem{Base: tArg, Disp: towerC}, tCnt)
	ADDQ(tCnt, l.c)
	JMP(LabelRef("tile"))
	Label("finish")
	leave()
	prefetchAhead()
}

// tileAVX512 writes C[mr,16*cols], cols 1 or 2, with cols*mr accumulators, cols vectors of B and two broadcasts in
// turn; C is masked to the tile's columns.
func tileAVX512(mr, cols int) {
	acc := func(i, j int) VecPhysical { return zmm(cols*i + j) }
	tower(fmt.Sprintf("tile512x%dx%d", mr, cols), fmt.Sprintf("C[%d,%d]", mr, 16*cols), mr, func(l tileLoop) {
		l.prefetchC(cols)
		for i := range cols * mr {
			VPXORD(zmm(i), zmm(i), zmm(i))
		}
		l.emit(func() {
			for j := range cols {
				VMOVUPS(Mem{Base: tB, Disp: 64 * j}, zmm(28+j))
			}
			for i := range mr {
				a := zmm(30 + i&1)
				VBROADCASTSS(l.row(i), a)
				for j := range cols {
					VFMADD231PS(zmm(28+j), a, acc(i, j))
				}
			}
		})
		l.storeMasked(cols)
	})
}

// tileAVX2 writes all of C[mr,16]; kern lends a full tile where C has fewer columns.
func tileAVX2(mr int) {
	acc := func(i, j int) VecPhysical { return ymm(2*i + j) }
	tower(fmt.Sprintf("tile256x%d", mr), fmt.Sprintf("C[%d,16]", mr), mr, func(l tileLoop) {
		l.prefetchC(1)
		l.prefetchA()
		for i := range 2 * mr {
			VXORPS(ymm(i), ymm(i), ymm(i))
		}
		l.step = func(a, b func(int) Mem) {
			VMOVUPS(b(0), Y12)
			VMOVUPS(b(1), Y13)
			for i := range mr {
				x := ymm(14 + i&1)
				VBROADCASTSS(a(i), x)
				VFMADD231PS(Y12, x, acc(i, 0))
				VFMADD231PS(Y13, x, acc(i, 1))
			}
		}
		l.emit(func() { l.step(l.row, func(j int) Mem { return Mem{Base: tB, Disp: 32 * j} }) })
		l.storeFull()
	})
}

// storeMasked stores or adds the sums of C[mr,16*cols], Z0 on row by row, in the columns that exist.
func (l tileLoop) storeMasked(cols int) {
	acc := func(i, j int) VecPhysical { return zmm(cols*i + j) }
	masks := []OpmaskPhysical{K1, K2}
	MOVQ(l.c, tBase[0])
	MOVQ(Mem{Base: tArg, Disp: tileLdc}, tRs)
	MOVQ(Mem{Base: tArg, Disp: tileMask}, tCnt)
	for j := range cols {
		KMOVW(tCnt.As32(), masks[j])
		SHRQ(Imm(16), tCnt)
	}
	CMPQ(Mem{Base: tArg, Disp: tileAdd}, Imm(0))
	JE(LabelRef("store"))
	MOVQ(tBase[0], tBase[1])
	for i := range l.mr {
		for j := range cols {
			VADDPS_Z(Mem{Base: tBase[1], Disp: 64 * j}, acc(i, j), masks[j], acc(i, j))
		}
		ADDQ(tRs, tBase[1])
	}
	Label("store")
	for i := range l.mr {
		for j := range cols {
			VMOVUPS(acc(i, j), masks[j], Mem{Base: tBase[0], Disp: 64 * j})
		}
		ADDQ(tRs, tBase[0])
	}
}

// storeFull stores or adds the sums of C[mr,16], Y0 on row by row.
func (l tileLoop) storeFull() {
	acc := func(i, j int) VecPhysical { return ymm(2*i + j) }
	MOVQ(l.c, tBase[0])
	MOVQ(Mem{Base: tArg, Disp: tileLdc}, tRs)
	CMPQ(Mem{Base: tArg, Disp: tileAdd}, Imm(0))
	JE(LabelRef("store"))
	MOVQ(tBase[0], tBase[1])
	for i := range l.mr {
		VADDPS(Mem{Base: tBase[1]}, acc(i, 0), acc(i, 0))
		VADDPS(Mem{Base: tBase[1], Disp: 32}, acc(i, 1), acc(i, 1))
		ADDQ(tRs, tBase[1])
	}
	Label("store")
	for i := range l.mr {
		VMOVUPS(acc(i, 0), Mem{Base: tBase[0]})
		VMOVUPS(acc(i, 1), Mem{Base: tBase[0], Disp: 32})
		ADDQ(tRs, tBase[0])
	}
}

var zmms = []VecPhysical{Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15,
	Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31}

var ymms = []VecPhysical{Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y15}

func zmm(i int) VecPhysical { return zmms[i] }
func ymm(i int) VecPhysical { return ymms[i] }
