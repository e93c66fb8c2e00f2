package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// columnKernel adds up columns of a strip that is some vectors wide: RDI and RSI are the sums, RCX counts rows, RAX is
// the step from row to row in bytes. A strip of four vectors reads whole lines of memory one after the other, which the
// processor sees coming.
type columnKernel struct {
	width
	vectors int
}

// columns writes all kernels over the rows of a strip.
func columns() {
	for _, k := range []columnKernel{{widths[0], 4}, {widths[0], 1}, {widths[1], 4}, {widths[1], 1}} {
		k.sum()
		k.spread()
		k.centred(false)
		k.centred(true)
	}
}

// reg is register j of vector v, which has per of them. 0, 1 and 2 are for passing use, 15 for a constant.
func (k columnKernel) reg(v, j, per int) VecPhysical {
	if k.inMemory(per) {
		per = 2 // the sums
	}
	i := 3 + v*per + j
	if i >= 15 {
		i++
	}
	return k.r(i)
}

func (k columnKernel) at(base Register, v int) Mem { return Mem{Base: base, Disp: 4 * k.lanes * v} }

// bytes is the width of a strip.
func (k columnKernel) bytes() int { return 4 * k.lanes * k.vectors }

// constants are registers j on of every vector, filled from bases: or memory, where registers do not suffice.
func (k columnKernel) constants(j, per int, bases ...Register) func(v, i int) Op {
	if k.inMemory(per) {
		return func(v, i int) Op { return k.at(bases[i], v) }
	}
	for i, base := range bases {
		k.load(base, j+i, per)
	}
	return func(v, i int) Op { return k.reg(v, j+i, per) }
}

// inMemory says whether per registers a vector are too many.
func (k columnKernel) inMemory(per int) bool { return k.lanes == 8 && 3+k.vectors*per > 15 }

// head begins a kernel whose first sums registers of each vector are sums, cleared here.
func (k columnKernel) head(name, doc, signature string, sums, per int) {
	name += k.suffix
	if k.vectors > 1 {
		name += fmt.Sprintf("x%d", k.vectors)
	}
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(fmt.Sprintf("%s: %s Strips of %d columns; rows is at least 1.", name, doc, k.lanes*k.vectors))
	Load(Param("s"), RDI)
	Load(Param("stride"), RAX)
	Load(Param("rows"), RCX)
	enter()
	for v := range k.vectors {
		for j := range sums {
			r := k.reg(v, j, per)
			if k.lanes == 16 {
				VPXORD(r, r, r)
			} else {
				VXORPS(r, r, r)
			}
		}
	}
}

// load fills register j of every vector.
func (k columnKernel) load(base Register, j, per int) {
	for v := range k.vectors {
		VMOVUPS(k.at(base, v), k.reg(v, j, per))
	}
}

// rows runs body for every vector of every row; steps are moved from row to row.
func (k columnKernel) rows(body func(v int), steps ...GPPhysical) {
	Label("row")
	for v := range k.vectors {
		body(v)
	}
	for _, r := range steps {
		for at := k.bytes(); at < 2*k.bytes() && k.vectors > 1; at += 64 {
			PREFETCHT0(Mem{Base: r, Disp: at}) // the next strip
		}
	}
	for _, r := range steps {
		ADDQ(RAX, r)
	}
	DECQ(RCX)
	JNZ(LabelRef("row"))
}

// end stores the sums, register j of each vector to the j-th base.
func (k columnKernel) end(per int, bases ...Register) {
	for j, base := range bases {
		for v := range k.vectors {
			VMOVUPS(k.reg(v, j, per), k.at(base, v))
		}
	}
	leave()
}

func (k columnKernel) sum() {
	const per = 1
	k.head("columnSum", "s = the sums of x.", "func(s, x *float32, stride, rows uintptr)", 1, per)
	Load(Param("x"), RDX)
	k.rows(func(v int) {
		s := k.reg(v, 0, per)
		VADDPS(k.at(RDX, v), s, s)
	}, RDX)
	k.end(per, RDI)
}

func (k columnKernel) spread() {
	const per = 3 // sum, sum of squares, pivot
	k.head("columnSpread", "s and q = the sums of d and d*d, d = x - pivot.",
		"func(s, q, x, pivot *float32, stride, rows uintptr)", 2, per)
	Load(Param("q"), RSI)
	Load(Param("x"), RDX)
	Load(Param("pivot"), R8)
	k.load(R8, 2, per)
	k.rows(func(v int) {
		s, q, d := k.reg(v, 0, per), k.reg(v, 1, per), k.r(0)
		VMOVUPS(k.at(RDX, v), d)
		VSUBPS(k.reg(v, 2, per), d, d)
		VADDPS(d, s, s)
		VMULPS(d, d, d)
		VADDPS(d, q, q)
	}, RDX)
	k.end(per, RDI, RSI)
}

func (k columnKernel) centred(relu bool) {
	per, constants := 3, []Register{R9} // two sums, mean
	if relu {
		per, constants = 5, []Register{R9, R10, R11} // and a, b
		k.head("columnCentredRelu", "columnCentred of dy where x*a + b > 0, else 0.",
			"func(s, q, dy, x, mean, a, b *float32, stride, rows uintptr)", 2, per)
		Load(Param("a"), R10)
		Load(Param("b"), R11)
		zero(k.width)
	} else {
		k.head("columnCentred", "s and q = the sums of dy and dy*(x - mean).",
			"func(s, q, dy, x, mean *float32, stride, rows uintptr)", 2, per)
	}
	Load(Param("q"), RSI)
	Load(Param("dy"), RDX)
	Load(Param("x"), R8)
	Load(Param("mean"), R9)
	constant := k.constants(2, per, constants...)
	k.rows(func(v int) {
		s, q, d, x := k.reg(v, 0, per), k.reg(v, 1, per), k.r(0), k.r(2)
		VMOVUPS(k.at(R8, v), x)
		if relu {
			VMULPS(constant(v, 1), x, d)
			VADDPS(constant(v, 2), d, d)
			keepPositive(k.width, k.at(RDX, v))
		} else {
			VMOVUPS(k.at(RDX, v), d)
		}
		VADDPS(d, s, s)
		VSUBPS(constant(v, 0), x, x)
		VMULPS(d, x, x)
		VADDPS(x, q, q)
	}, RDX, R8)
	k.end(per, RDI, RSI)
}
