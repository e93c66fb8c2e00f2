package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// giveLargest writes the gradient of a window's maximum: one walk over the places keeps the largest value and the
// number of its place, a second adds to every place what is its own.
func giveLargest() {
	TEXT("giveLargest256", NOSPLIT, "func(dx, x, d *float32, places *int, k, n uintptr)")
	Doc("giveLargest256 adds d[c] to dx[p+c] for the first of k places p where x[p+c] is largest; n, a multiple " +
		"of 8, and k are not 0.")
	Pragma("noescape")
	dx, x, d, places, k, n := RDI, RSI, RDX, R8, R9, R10
	for _, p := range []struct {
		name string
		r    GPPhysical
	}{{"dx", dx}, {"x", x}, {"d", d}, {"places", places}, {"k", k}, {"n", n}} {
		Load(Param(p.name), p.r)
	}
	largest, place, number, v, above, own, minusOne := Y0, Y1, Y2, Y3, Y4, Y5, Y15
	at, i := R11, RCX
	element := func(base GPPhysical) Mem { return Mem{Base: base, Index: at, Scale: 4} }
	// each does something for every place from the first on; number counts them, from what it is.
	each := func(label string, f func()) {
		Label(label)
		MOVQ(Mem{Base: places, Index: i, Scale: 8}, at)
		f()
		VPSUBD(minusOne, number, number)
		INCQ(i)
		CMPQ(i, k)
		JB(LabelRef(label))
	}
	VPCMPEQD(minusOne, minusOne, minusOne)
	Label("next")
	MOVQ(Mem{Base: places}, at)
	VMOVUPS(element(x), largest)
	VPXOR(place, place, place)
	VPXOR(number, number, number)
	XORL(ECX, ECX)
	each("seek", func() {
		VMOVUPS(element(x), v)
		VCMPPS(Imm(0x1e), largest, v, above) // greater, and neither is NaN
		VBLENDVPS(above, v, largest, largest)
		VBLENDVPS(above, number, place, place)
	})
	VMOVUPS(Mem{Base: d}, own)
	VPXOR(number, number, number)
	XORL(ECX, ECX)
	each("give", func() {
		VPCMPEQD(number, place, above)
		VANDPS(own, above, above)
		VADDPS(element(dx), above, above)
		VMOVUPS(above, element(dx))
	})
	for _, p := range []GPPhysical{dx, x, d} {
		ADDQ(Imm(32), p)
	}
	SUBQ(Imm(8), n)
	JNZ(LabelRef("next"))
	VZEROUPPER()
	RET()
}
