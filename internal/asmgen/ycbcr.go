package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The kernels of this file work on bytes, sixteen at a time, in 16-bit lanes; they give what the plain Go beside them
// gives.

// words is a vector that repeats a pattern of 16-bit numbers.
func words(name string, pattern ...int16) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 16 {
		DATA(2*i, U16(uint16(pattern[i%len(pattern)])))
	}
	return m
}

// shuffle is a pattern of VPSHUFB for each half; -1 is a zero.
func shuffle(name string, index [16]int) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 32 {
		DATA(i, U8(uint8(index[i%16])))
	}
	return m
}

// rasterYCbCr uses that the coefficients are whole numbers of 2^16 and a rest of 16 bits, which leave the rounding
// alone.
func rasterYCbCr() {
	middle := words("ycbcrMiddle", 128)
	red := words("ycbcrRed", 91881-1<<16)
	blue := words("ycbcrBlue", 116130-2<<16)
	green := words("ycbcrGreen", -22554, 1<<16-46802)
	half := GLOBL("ycbcrHalf", RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, U32(1<<15))
	}
	var first, firstBlue, last, lastBlue [16]int // byte i of three channels, red and green in one vector
	for i := range 16 {
		at := func(i int) (rg, b int) {
			switch p := i / 3; {
			case i >= 24:
				return -1, -1
			case i%3 == 2:
				return -1, p
			default:
				return p + i%3*8, -1
			}
		}
		first[i], firstBlue[i] = at(i)
		last[i], lastBlue[i] = at(16 + i)
	}
	masks := [2][2]Mem{{shuffle("ycbcrFirst", first), shuffle("ycbcrFirstBlue", firstBlue)},
		{shuffle("ycbcrLast", last), shuffle("ycbcrLastBlue", lastBlue)}}

	TEXT("ycbcr256", NOSPLIT, "func(to *byte, luma *byte, cb *byte, cr *byte, blocks uintptr)")
	Doc("ycbcr256: to = red, green and blue of 16 pixels a block; at least one block.")
	Pragma("noescape")
	to, luma, cb, cr, n := Load(Param("to"), GP64()), Load(Param("luma"), GP64()), Load(Param("cb"), GP64()),
		Load(Param("cr"), GP64()), Load(Param("blocks"), GP64())
	mid := YMM()
	VMOVDQU(middle, mid)
	loop("block", n, func() {
		y, b, r := YMM(), YMM(), YMM()
		VPMOVZXBW(Mem{Base: luma}, y)
		VPMOVZXBW(Mem{Base: cb}, b)
		VPMOVZXBW(Mem{Base: cr}, r)
		VPSUBW(mid, b, b)
		VPSUBW(mid, r, r)
		// scaled is y + v*factor/2^16, rounded.
		scaled := func(v VecVirtual, factor Mem) VecVirtual {
			high, low := YMM(), YMM()
			VPMULHW(factor, v, high)
			VPMULLW(factor, v, low)
			VPSRLW(U8(15), low, low)
			VPADDW(low, high, high)
			VPADDW(y, high, high)
			return high
		}
		red := scaled(r, red)
		VPADDW(r, red, red)
		blue := scaled(b, blue)
		VPADDW(b, blue, blue)
		VPADDW(b, blue, blue)
		g, other := YMM(), YMM()
		VPUNPCKLWD(r, b, g)
		VPUNPCKHWD(r, b, other)
		for _, v := range []VecVirtual{g, other} {
			VPMADDWD(green, v, v)
			VPADDD(half, v, v)
			VPSRAD(U8(16), v, v)
		}
		VPACKSSDW(other, g, g)
		VPSUBW(r, g, g)
		VPADDW(y, g, g)
		VPACKUSWB(g, red, red) // of each half: 8 red, 8 green
		VPACKUSWB(blue, blue, blue)
		for i, m := range masks {
			part, rest := YMM(), YMM()
			VPSHUFB(m[0], red, part)
			VPSHUFB(m[1], blue, rest)
			VPOR(rest, part, part)
			for half := range 2 {
				at := Mem{Base: to, Disp: 24*half + 16*i}
				x := part.AsX()
				if half == 1 {
					x = XMM()
					VEXTRACTI128(U8(1), part, x)
				}
				if i == 0 {
					VMOVDQU(x, at)
				} else {
					VMOVQ(x, at)
				}
			}
		}
		ADDQ(Imm(48), to)
		for _, p := range []Register{luma, cb, cr} {
			ADDQ(Imm(16), p)
		}
	})
	VZEROUPPER()
	RET()
}

// rasterDouble is the triangle filter within a row, or within two rows: a neighbour's part is a quarter along each
// axis.
func rasterDouble() {
	one, two := words("doubleOne", 1), words("doubleTwo", 2)
	seven, eight := words("doubleSeven", 7), words("doubleEight", 8)
	TEXT("double256", NOSPLIT, "func(to *byte, from *byte, blocks uintptr)")
	Doc("double256: 32 bytes of to for 16 of from a block, of which it reads one byte before and one after; at " +
		"least one block.")
	Pragma("noescape")
	to, from, n := Load(Param("to"), GP64()), Load(Param("from"), GP64()), Load(Param("blocks"), GP64())
	loop("block", n, func() {
		doubled(to, 2, one, two, func(at int) VecVirtual {
			v := YMM()
			VPMOVZXBW(Mem{Base: from, Disp: at}, v)
			return v
		})
		ADDQ(Imm(32), to)
		ADDQ(Imm(16), from)
	})
	VZEROUPPER()
	RET()

	TEXT("between256", NOSPLIT, "func(to *byte, near *byte, far *byte, blocks uintptr)")
	Doc("between256: the same of two rows.")
	Pragma("noescape")
	to, near, far, n := Load(Param("to"), GP64()), Load(Param("near"), GP64()), Load(Param("far"), GP64()),
		Load(Param("blocks"), GP64())
	loop("block", n, func() {
		doubled(to, 4, eight, seven, func(at int) VecVirtual {
			v, w := YMM(), YMM()
			VPMOVZXBW(Mem{Base: near, Disp: at}, v)
			VPMOVZXBW(Mem{Base: far, Disp: at}, w)
			VPADDW(v, w, w)
			VPADDW(v, v, v)
			VPADDW(w, v, v)
			return v
		})
		ADDQ(Imm(32), to)
		ADDQ(Imm(16), near)
		ADDQ(Imm(16), far)
	})
	VZEROUPPER()
	RET()
}

// doubled writes (3*here + before + low) >> shift and (3*here + after + high) >> shift in turn.
func doubled(to Register, shift int, low, high Mem, load func(at int) VecVirtual) {
	here, before, after, thrice := load(0), load(-1), load(1), YMM()
	VPADDW(here, here, thrice)
	VPADDW(here, thrice, thrice)
	for _, side := range []struct {
		v     VecVirtual
		round Mem
	}{{before, low}, {after, high}} {
		VPADDW(thrice, side.v, side.v)
		VPADDW(side.round, side.v, side.v)
		VPSRLW(U8(shift), side.v, side.v)
	}
	VPSLLW(U8(8), after, after)
	VPOR(before, after, after)
	VMOVDQU(after, Mem{Base: to})
}
