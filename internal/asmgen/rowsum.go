package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// rowSum adds up terms along a row of n elements, at least 1: element i goes to lane i%16, and the lanes are folded in
// halves at the end. terms leaves a term of each sum in registers 0, 1 ... of which sums there are; 3 is free too.
type rowSum struct {
	name, doc string
	operands  []string
	scalars   []string // broadcast into registers 15, 14 ...
	sums      []string
	largest   bool // the maximum instead of the sum, over -Inf
	terms     func(w width, in []Op)
}

var rowSums = []rowSum{
	{"rowSum", "the sum of x", []string{"x"}, nil, []string{"s"}, false, func(w width, in []Op) {
		VMOVUPS(in[0], w.r(0))
	}},
	{"rowDot", "the sum of x*y", []string{"x", "y"}, nil, []string{"s"}, false, func(w width, in []Op) {
		VMOVUPS(in[0], w.r(0))
		VMULPS(in[1], w.r(0), w.r(0))
	}},
	{"rowSpread", "the sum of (x - mean)*(x - mean)", []string{"x"}, []string{"mean"}, []string{"s"}, false,
		func(w width, in []Op) {
			VMOVUPS(in[0], w.r(0))
			VSUBPS(w.r(15), w.r(0), w.r(0))
			VMULPS(w.r(0), w.r(0), w.r(0))
		}},
	{"rowSlopes", "the sums of dy*gamma and of dy*gamma*(x - mean)", []string{"dy", "x", "gamma"}, []string{"mean"},
		[]string{"s", "q"}, false, func(w width, in []Op) {
			VMOVUPS(in[0], w.r(0))
			VMULPS(in[2], w.r(0), w.r(0))
			VMOVUPS(in[1], w.r(1))
			VSUBPS(w.r(15), w.r(1), w.r(1))
			VMULPS(w.r(1), w.r(0), w.r(1))
		}},
	{"rowNorms", "the sums of p*p, dp*dp and u*u, u = dp + wd*p", []string{"p", "dp"}, []string{"wd"},
		[]string{"pp", "gg", "uu"}, false, func(w width, in []Op) {
			VMOVUPS(in[0], w.r(0))
			VMOVUPS(in[1], w.r(1))
			VMULPS(w.r(0), w.r(15), w.r(2))
			VADDPS(w.r(2), w.r(1), w.r(2))
			VMULPS(w.r(0), w.r(0), w.r(0))
			VMULPS(w.r(1), w.r(1), w.r(1))
			VMULPS(w.r(2), w.r(2), w.r(2))
		}},
	{"rowMax", "the largest of x; NaN is passed over, -Inf where there is nothing else", []string{"x"}, nil,
		[]string{"s"}, true, func(w width, in []Op) {
			VMOVUPS(in[0], w.r(0))
		}},
}

// rowLanes is how many partial sums a row has, at every level.
const rowLanes = 16

// rowConstants are rowLanes of ones followed by as many of zeros, and -Inf.
func rowConstants() (tails, lowest Mem) {
	tails = GLOBL("rowTails", RODATA|NOPTR)
	for i := range 2 * rowLanes {
		bits := uint32(0xffffffff)
		if i >= rowLanes {
			bits = 0
		}
		DATA(4*i, U32(bits))
	}
	lowest = GLOBL("rowLowest", RODATA|NOPTR)
	DATA(0, U32(0xff800000))
	return tails, lowest
}

// sum is the register of sum j, part v of the lanes.
func (s rowSum) sum(w width, j, v int) VecPhysical { return w.r(4 + j*rowLanes/w.lanes + v) }

// join is sum j (+)= term, the maximum being term where it is larger.
func (s rowSum) join(term, sum, to Register) {
	if s.largest {
		VMAXPS(sum, term, to)
	} else {
		VADDPS(term, sum, to)
	}
}

func (s rowSum) emit(w width, tails, lowest Mem) {
	signature := "func("
	for i, o := range s.operands {
		if i > 0 {
			signature += ", "
		}
		signature += o
	}
	signature += " *float32, n uintptr"
	for _, k := range s.scalars {
		signature += ", " + k + " float32"
	}
	signature += ") ("
	for i, k := range s.sums {
		if i > 0 {
			signature += ", "
		}
		signature += k
	}
	TEXT(s.name+w.suffix, NOSPLIT, signature+" float32)")
	Pragma("noescape")
	Doc(s.name + w.suffix + ": " + s.doc + "; n is at least 1.")
	for i, o := range s.operands {
		Load(Param(o), pointers[i])
	}
	Load(Param("n"), RCX)
	for i, k := range s.scalars {
		VBROADCASTSS(address(Param(k)), w.r(15-i))
	}
	parts := rowLanes / w.lanes
	for j := range s.sums {
		for v := range parts {
			r := s.sum(w, j, v)
			if s.largest {
				VBROADCASTSS(lowest, r)
			} else {
				VXORPS(r, r, r)
			}
		}
	}
	enter()
	XORL(EAX, EAX)
	SUBQ(Imm(rowLanes), RCX)
	JL(LabelRef("rest"))
	Label("next")
	in := make([]Op, len(s.operands))
	for v := range parts {
		for i := range in {
			in[i] = Mem{Base: pointers[i], Index: RAX, Scale: 1, Disp: 4 * w.lanes * v}
		}
		s.terms(w, in)
		for j := range s.sums {
			s.join(w.r(j), s.sum(w, j, v), s.sum(w, j, v))
		}
	}
	ADDQ(Imm(4*rowLanes), RAX)
	SUBQ(Imm(rowLanes), RCX)
	JGE(LabelRef("next"))
	Label("rest")
	ADDQ(Imm(rowLanes), RCX)
	JZ(LabelRef("fold"))
	if w.lanes == 16 {
		s.rest512(w, in)
	} else {
		s.rest256(w, in, tails)
	}
	Label("fold")
	for j := range s.sums {
		s.fold(w, j)
		VMOVSS(s.sum(w, j, 0).AsX(), address(ReturnIndex(j)))
	}
	leave()
}

// rest512 takes the last CX < 16 elements.
func (s rowSum) rest512(w width, in []Op) {
	for i := range in {
		in[i] = Mem{Base: pointers[i], Index: RAX, Scale: 1}
	}
	free := []VecPhysical{w.r(10), w.r(11), w.r(3)}
	MOVL(U32(1), R11L)
	SHLL(CL, R11L)
	DECL(R11L)
	KMOVW(R11L, K1) // masked loads leave 0 behind the end; what that makes of a term does not reach the sum
	for i := range in {
		VMOVUPS_Z(in[i], K1, free[i])
		in[i] = free[i]
	}
	s.terms(w, in)
	for j := range s.sums {
		r := s.sum(w, j, 0)
		if s.largest {
			VMAXPS(r, w.r(j), K1, r)
		} else {
			VADDPS(w.r(j), r, K1, r)
		}
	}
}

// rest256 takes the last CX < 16 elements, in two halves.
func (s rowSum) rest256(w width, in []Op, tails Mem) {
	free := []VecPhysical{w.r(10), w.r(11), w.r(3)}
	LEAQ(tails.Offset(4*rowLanes), R11)
	SHLQ(Imm(2), RCX)
	SUBQ(RCX, R11) // ones for CX lanes, then zeros
	for v := range rowLanes / w.lanes {
		mask := w.r(12)
		VMOVUPS(Mem{Base: R11, Disp: 4 * w.lanes * v}, mask)
		for i := range in {
			VMASKMOVPS(Mem{Base: pointers[i], Index: RAX, Scale: 1, Disp: 4 * w.lanes * v}, mask, free[i])
			in[i] = free[i]
		}
		s.terms(w, in)
		for j := range s.sums {
			r := s.sum(w, j, v)
			s.join(w.r(j), r, w.r(j))
			VBLENDVPS(mask, w.r(j), r, r)
		}
	}
}

// fold leaves sum j in lane 0 of its first register: 16 lanes to 8, 4, 2 and 1.
func (s rowSum) fold(w width, j int) {
	a, t := s.sum(w, j, 0), w.r(0)
	if w.lanes == 16 {
		VEXTRACTF64X4(U8(1), a, t.AsY())
		s.join(t.AsY(), a.AsY(), a.AsY())
	} else {
		s.join(s.sum(w, j, 1), a, a)
	}
	VEXTRACTF128(U8(1), a.AsY(), t.AsX())
	s.join(t.AsX(), a.AsX(), a.AsX())
	VMOVHLPS(a.AsX(), a.AsX(), t.AsX())
	s.join(t.AsX(), a.AsX(), a.AsX())
	VMOVSHDUP(a.AsX(), t.AsX())
	s.join(t.AsX(), a.AsX(), a.AsX())
}

func address(c gotypes.Component) Mem {
	b, err := c.Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}
