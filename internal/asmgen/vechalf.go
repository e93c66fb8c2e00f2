package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// half is a pass with some operands, or its result, in bfloat16; for AVX-512 only.
type half struct {
	pass, kind string
	in         []string // operands in bfloat16, y the result
}

var halves = []half{
	{"reluGrad", "Half", []string{"v"}},
	{"scaleShift", "Half", []string{"x"}},
	{"scaleShiftRelu", "Half", []string{"x"}},
	{"combine", "Half", []string{"q"}},
	{"combineRelu", "Half", []string{"x"}},
	{"scaleShiftAddRelu", "Half", []string{"y", "x"}},
	{"scaleShiftAddRelu", "Halves", []string{"y", "x", "r"}},
	{"combine", "Halves", []string{"y", "q"}},
	{"combineRelu", "Halves", []string{"y", "x"}},
	{"gelu", "Half", []string{"y"}},
	{"gelu", "Halves", []string{"y", "x"}},
	{"geluGrad", "Half", []string{"x"}},
}

func (h half) emit(w width) {
	for _, p := range passes {
		if p.name == h.pass {
			p.emit(w, h.kind, h.in)
			return
		}
	}
	panic(fmt.Sprintf("asmgen: no pass %s", h.pass))
}

// roundResult leaves register 0, rounded to bfloat16, in the lower half of each of its elements. Registers 1 and 2 are lost.
func roundResult(w width) {
	VPSRLD(U8(16), w.r(0), w.r(1))
	VPANDD(constant("vecRoundOne"), w.r(1), w.r(1))
	VPADDD(constant("vecRoundHalf"), w.r(1), w.r(1))
	VPADDD(w.r(1), w.r(0), w.r(1))
	VCMPPS(U8(3), w.r(0), w.r(0), K1) // unordered: NaN
	VPORD(constant("vecRoundQuiet"), w.r(0), K1, w.r(1))
	VPSRLD(U8(16), w.r(1), w.r(0))
}
