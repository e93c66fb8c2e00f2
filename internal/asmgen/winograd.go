package main

import (
	"fmt"
	"math"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// transform is a pair of small matrices applied to both sides of a rectangle of vectors: dst = D src R'. The 2-d
// program applies R along a row of the source for one group of its outputs, for all rows, keeps these at most 12 values
// in registers, and applies D down each of the group's columns. Inputs are read once per group; nothing is spilled.
type transform struct {
	name, doc   string
	down, right matrix
}

// matrix is one of them, of so many columns, as groups of outputs that share work, one or two each.
type matrix struct {
	in        int
	groups    []group
	constants []float64
}

// square is the transform with the same matrix on both sides.
func square(name, doc string, m matrix) transform { return transform{name, doc, m, m} }

type group struct {
	out  []int
	emit func(e emitter, in func(j int) Op, o []VecPhysical, t VecPhysical)
}

// emitter hides where constants live: in registers while inputs are in memory, the other way round in the second pass
// of AVX2.
type emitter struct {
	k func(v float64) Op
}

func isMem(o Op) bool { _, ok := o.(Mem); return ok }

// order puts the operand in memory, if any, where the instruction takes one.
func order(a, b Op) (Op, Op) {
	if isMem(b) {
		return b, a
	}
	return a, b
}

func mov(in Op, o VecPhysical) {
	if !isMem(in) {
		VMOVAPS(in, o)
		return
	}
	VMOVUPS(in, o)
}
func add(in Op, o VecPhysical)        { VADDPS(in, o, o) }
func sub(in Op, o VecPhysical)        { VSUBPS(in, o, o) }
func mul(a, b Op, o VecPhysical)      { a, b = order(a, b); VMULPS(a, b, o) }
func addmul(a, b Op, acc VecPhysical) { a, b = order(a, b); VFMADD231PS(a, b, acc) }
func submul(a, b Op, acc VecPhysical) { a, b = order(a, b); VFNMADD231PS(a, b, acc) }

// The transforms of F(4x4,3x3) with the points 0, 1, -1, 2, -2 and infinity (Lavin and Gray 2015, arXiv:1509.09308).
var denseTransforms = []transform{
	square("winogradInput", "the 6x6 patch of x to 36 points", matrix{
		in: 6, constants: []float64{4, 5, 2},
		groups: []group{
			{[]int{1, 2}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
				mov(in(4), o[0])
				submul(in(2), e.k(4), o[0])
				mov(in(3), t)
				submul(in(1), e.k(4), t)
				VSUBPS(t, o[0], o[1])
				add(t, o[0])
			}},
			{[]int{3, 4}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
				mov(in(4), o[0])
				sub(in(2), o[0])
				mov(in(3), t)
				sub(in(1), t)
				mov(o[0], o[1])
				submul(t, e.k(2), o[1])
				addmul(t, e.k(2), o[0])
			}},
			{[]int{0, 5}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
				mov(in(4), o[0])
				addmul(in(0), e.k(4), o[0])
				submul(in(2), e.k(5), o[0])
				mov(in(5), o[1])
				addmul(in(1), e.k(4), o[1])
				submul(in(3), e.k(5), o[1])
			}},
		},
	}),
	square("winogradOutput", "36 points to the 4x4 patch of y", matrix{
		in: 6, constants: []float64{4, 2, 8},
		groups: []group{
			{[]int{0, 2}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
				mov(in(1), o[1])
				add(in(2), o[1])
				mov(in(3), t)
				add(in(4), t)
				VADDPS(in(0), o[1], o[0])
				add(t, o[0])
				addmul(t, e.k(4), o[1])
			}},
			{[]int{1, 3}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
				mov(in(1), o[1])
				sub(in(2), o[1])
				mov(in(3), t)
				sub(in(4), t)
				mov(o[1], o[0])
				addmul(t, e.k(2), o[0])
				addmul(t, e.k(8), o[1])
				add(in(5), o[1])
			}},
		},
	}),
	square("winogradGradient", "the 4x4 patch of dy to 36 points, the adjoint of winogradOutput", matrix{
		in: 4, constants: []float64{4, 2},
		groups: []group{
			patchAtOnes,
			{[]int{3, 4}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
				mov(in(0), o[0])
				addmul(in(2), e.k(4), o[0])
				mov(in(1), t)
				addmul(in(3), e.k(4), t)
				mov(o[0], o[1])
				submul(t, e.k(2), o[1])
				addmul(t, e.k(2), o[0])
			}},
			{[]int{0, 5}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
				mov(in(0), o[0])
				mov(in(3), o[1])
			}},
		},
	}),
	square("winogradFilter", "the 3x3 weights to 36 points", matrix{
		in: 3, constants: []float64{1. / 4, 1. / 6, -1. / 6, 1. / 12, 1. / 24},
		groups: []group{
			{[]int{1, 2}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
				mov(in(0), o[0])
				add(in(2), o[0])
				mul(e.k(-1./6), o[0], o[0])
				mov(o[0], o[1])
				submul(in(1), e.k(1./6), o[0])
				addmul(in(1), e.k(1./6), o[1])
			}},
			{[]int{3, 4}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
				mul(in(0), e.k(1./24), o[0])
				addmul(in(2), e.k(1./6), o[0])
				mov(o[0], o[1])
				addmul(in(1), e.k(1./12), o[0])
				submul(in(1), e.k(1./12), o[1])
			}},
			{[]int{0, 5}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
				mul(in(0), e.k(1./4), o[0])
				mov(in(2), o[1])
			}},
		},
	}),
	square("winogradWeights", "36 points to the 3x3 gradient, the adjoint of winogradFilter", matrix{
		in: 6, constants: []float64{1. / 4, 1. / 6, 1. / 12, 1. / 24},
		groups: []group{
			{[]int{0}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
				mul(in(0), e.k(1./4), o[0])
				mov(in(1), t)
				add(in(2), t)
				submul(t, e.k(1./6), o[0])
				mov(in(3), t)
				add(in(4), t)
				addmul(t, e.k(1./24), o[0])
			}},
			{[]int{1}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
				mov(in(2), o[0])
				sub(in(1), o[0])
				mul(e.k(1./6), o[0], o[0])
				mov(in(3), t)
				sub(in(4), t)
				addmul(t, e.k(1./12), o[0])
			}},
			{[]int{2}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
				mov(in(3), t)
				add(in(4), t)
				sub(in(1), t)
				sub(in(2), t)
				mov(in(5), o[0])
				addmul(t, e.k(1./6), o[0])
			}},
		},
	}),
}

// patchAtOnes takes 4 pixels to the points 1 and -1, in both families.
var patchAtOnes = group{[]int{1, 2}, func(e emitter, in func(int) Op, o []VecPhysical, t VecPhysical) {
	mov(in(0), o[0])
	add(in(2), o[0])
	mov(in(1), t)
	add(in(3), t)
	VSUBPS(t, o[0], o[1])
	add(t, o[0])
}}

// vectors is a register width: AVX2 with 16 registers, AVX-512 with 32.
type vectors struct {
	suffix string
	size   int
	reg    func(int) VecPhysical
	wide   bool
}

var (
	widthAVX512 = vectors{"512", 64, zmm, true}
	widthAVX2   = vectors{"256", 32, ymm, false}
)

// strided addresses base + i*stride, i < 6, with registers for the stride and its multiples 3 and 5.
type strided struct {
	base, s1, s3, s5 GPPhysical
}

func (s strided) at(i int) Mem {
	m := Mem{Base: s.base}
	switch i {
	case 0:
		return m
	case 3:
		return m.Idx(s.s3, 1)
	case 5:
		return m.Idx(s.s5, 1)
	}
	return m.Idx(s.s1, uint8(i))
}

func (s strided) multiples() {
	LEAQ(Mem{Base: s.s1}.Idx(s.s1, 2), s.s3)
	LEAQ(Mem{Base: s.s1}.Idx(s.s1, 4), s.s5)
}

// table declares the constants, one vector of 32 bytes each.
func table(name string, constants []float64) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i, v := range constants {
		for l := range 8 {
			DATA(32*i+4*l, U32(math.Float32bits(float32(v))))
		}
	}
	return m
}

// constants are those of both matrices.
func (tr transform) constants() []float64 {
	all := slices.Clone(tr.right.constants)
	for _, v := range tr.down.constants {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

func (tr transform) emit(w vectors) {
	name := tr.name + w.suffix
	all := tr.constants()
	constants := table(name+"_constants", all)
	TEXT(name, NOSPLIT, "func(dst *float32, drow, dcol, dnext uintptr, src *float32, srow, scol, snext, n, "+
		"count uintptr)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s transforms %s, n vectors of %d channels, count times over.", name, tr.doc, w.size/4),
		"Element (i,j) lies at i*row + j*col bytes; the next begins next bytes behind the vectors of the one before.")
	Load(Param("dst"), RDI)
	Load(Param("drow"), R8)
	Load(Param("src"), RSI)
	Load(Param("srow"), R11)
	Load(Param("scol"), R12)
	Load(Param("count"), RAX)
	enter()
	argument := func(name string) Mem {
		p, err := Param(name).Resolve()
		if err != nil {
			panic(err)
		}
		return p.Addr
	}
	dcol := argument("dcol")
	to := strided{RDX, R8, R9, R10}
	from := strided{RBX, R12, R13, R15}
	to.multiples()
	from.multiples()

	inReg := map[float64]Op{}
	inMem := map[float64]Op{}
	load := func() {
		for i, v := range all {
			m := constants.Offset(32 * i)
			r := w.reg(15 - i)
			if w.wide {
				r = w.reg(31 - i)
			}
			VBROADCASTSS(m, r)
			inReg[v], inMem[v] = r, m
		}
	}
	first := emitter{func(v float64) Op { return inReg[v] }}
	second := first // AVX-512 keeps its constants in registers throughout
	if w.wide {
		load()
	} else {
		second = emitter{func(v float64) Op { return inMem[v] }}
	}

	Label("next")
	MOVQ(argument("n"), RCX)
	Label("vector")
	for _, g := range tr.right.groups {
		if !w.wide {
			load()
		}
		live := func(r, c int) VecPhysical { return w.reg(r*len(g.out) + c) }
		temp := w.reg(tr.down.in * len(g.out))
		MOVQ(RSI, RBX)
		for r := range tr.down.in {
			o := make([]VecPhysical, len(g.out))
			for c := range o {
				o[c] = live(r, c)
			}
			g.emit(first, func(j int) Op { return from.at(j) }, o, temp)
			if r < tr.down.in-1 {
				ADDQ(R11, RBX)
			}
		}
		for c, column := range g.out {
			MOVQ(RDI, RDX)
			for range column {
				ADDQ(dcol, RDX)
			}
			for i, down := range tr.down.groups {
				o := []VecPhysical{w.reg(13), w.reg(14)}
				t := w.reg(15)
				if w.wide { // two sets in turn: groups do not wait for each other
					o = []VecPhysical{w.reg(16 + 3*(i%2)), w.reg(17 + 3*(i%2))}
					t = w.reg(18 + 3*(i%2))
				}
				down.emit(second, func(j int) Op { return live(j, c) }, o[:len(down.out)], t)
				for k, row := range down.out {
					VMOVUPS(o[k], to.at(row))
				}
			}
		}
	}
	ADDQ(U32(w.size), RSI)
	ADDQ(U32(w.size), RDI)
	DECQ(RCX)
	JNZ(LabelRef("vector"))
	ADDQ(argument("snext"), RSI)
	ADDQ(argument("dnext"), RDI)
	DECQ(RAX)
	JNZ(LabelRef("next"))
	leave()
}
