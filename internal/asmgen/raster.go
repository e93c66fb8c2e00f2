package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The kernels of this family work on images of interleaved float32 pixels, in AVX2, and weighted sums in AVX-512 too.
// They multiply and add in separate instructions and in the order of the plain Go beside them, so that the results are
// the same, bit for bit.

// rasterConstants are vectors of eight equal numbers.
var rasterConstants = map[string]Mem{}

func raster() {
	for _, c := range []struct {
		name  string
		value float32
	}{{"rasterRed", 0.2989}, {"rasterGreen", 0.587}, {"rasterBlue", 0.114}, {"rasterOne", 1}, {"rasterTwo", 2},
		{"rasterThree", 3},
		{"rasterFour", 4}, {"rasterFive", 5}, {"rasterSix", 6}, {"rasterByteHigh", byteHigh},
		{"rasterByteLow", byteLow}} {
		m := GLOBL(c.name, RODATA|NOPTR)
		for i := range 8 {
			DATA(4*i, U32(math.Float32bits(c.value)))
		}
		rasterConstants[c.name] = m
	}
	rasterBytes()
	rasterWeighted(256)
	rasterWeighted(512)
	rasterAlong()
	rasterAlong4()
	rasterYCbCr()
	rasterDouble()
	rasterClip()
	rasterSolarize()
	rasterNormalize()
	rasterGrays()
	colour("saturate256", "moves every pixel away from its gray by factor; rest is 1 - factor",
		[]string{"factor", "rest"}, func(c *rgb, s []VecVirtual) {
			g := c.gray()
			VMULPS(s[1], g, g)
			for _, v := range c.all() {
				VMULPS(s[0], v, v)
				VADDPS(g, v, v)
				clip(v)
			}
		})
	colour("grayscale256", "gives every channel the gray", nil, func(c *rgb, _ []VecVirtual) {
		g := c.gray()
		c.r, c.g, c.b = g, g, g
	})
	colour("hue256", "turns the colour circle by shift", []string{"shift"}, hue)
}

func constant8(name string) Mem { return rasterConstants[name] }

// clip limits v to [0,1]; of two zeros v stays.
func clip(v VecVirtual) {
	z := YMM()
	VXORPS(z, z, z)
	VMAXPS(v, z, v)
	VMOVUPS(constant8("rasterOne"), z)
	VMINPS(v, z, v)
}

// loop repeats body n times, for n above 0.
func loop(name string, n Register, body func()) {
	Label(name)
	body()
	DECQ(n)
	JNZ(LabelRef(name))
}

// rgb is eight pixels, one register a channel.
type rgb struct{ r, g, b VecVirtual }

func (c *rgb) all() []VecVirtual { return []VecVirtual{c.r, c.g, c.b} }

// load takes eight pixels apart: of each half a = x0 y0 z0 x1, b = y1 z1 x2 y2, c = z2 x3 y3 z3.
func (c *rgb) load(p Register) {
	var m [3]VecVirtual
	for i := range m {
		m[i] = YMM()
		VMOVUPS(Mem{Base: p, Disp: 16 * i}, m[i].AsX())
		VINSERTF128(U8(1), Mem{Base: p, Disp: 48 + 16*i}, m[i], m[i])
	}
	xy, yz := YMM(), YMM()
	c.r, c.g, c.b = YMM(), YMM(), YMM()
	VSHUFPS(U8(0x9e), m[2], m[1], xy) // x2 y2 x3 y3
	VSHUFPS(U8(0x49), m[1], m[0], yz) // y0 z0 y1 z1
	VSHUFPS(U8(0x8c), xy, m[0], c.r)
	VSHUFPS(U8(0xd8), xy, yz, c.g)
	VSHUFPS(U8(0xcd), m[2], yz, c.b)
}

// store undoes load.
func (c *rgb) store(p Register) {
	xy, yz, zx := YMM(), YMM(), YMM()
	VSHUFPS(U8(0x88), c.g, c.r, xy) // x0 x2 y0 y2
	VSHUFPS(U8(0xdd), c.b, c.g, yz) // y1 y3 z1 z3
	VSHUFPS(U8(0xd8), c.r, c.b, zx) // z0 z2 x1 x3
	for i, m := range []struct {
		imm  U8
		a, b VecVirtual
	}{{0x88, xy, zx}, {0xd8, yz, xy}, {0xdd, zx, yz}} {
		out := YMM()
		VSHUFPS(m.imm, m.b, m.a, out)
		VMOVUPS(out.AsX(), Mem{Base: p, Disp: 16 * i})
		VEXTRACTF128(U8(1), out, Mem{Base: p, Disp: 48 + 16*i})
	}
}

// gray is the luma of eight pixels.
func (c *rgb) gray() VecVirtual {
	g, t := YMM(), YMM()
	VMULPS(constant8("rasterRed"), c.r, g)
	VMULPS(constant8("rasterGreen"), c.g, t)
	VADDPS(t, g, g)
	VMULPS(constant8("rasterBlue"), c.b, t)
	VADDPS(t, g, g)
	return g
}

// colour is a kernel that changes pixels in place.
func colour(name, doc string, scalars []string, body func(c *rgb, s []VecVirtual)) {
	signature := "func(p *float32, blocks uintptr"
	for _, s := range scalars {
		signature += ", " + s + " float32"
	}
	TEXT(name, NOSPLIT, signature+")")
	Doc(name + ": " + doc + "; blocks of 8 pixels, at least one.")
	Pragma("noescape")
	p, n := Load(Param("p"), GP64()), Load(Param("blocks"), GP64())
	var s []VecVirtual
	for _, name := range scalars {
		s = append(s, spread(name))
	}
	loop("block", n, func() {
		var c rgb
		c.load(p)
		body(&c, s)
		c.store(p)
		ADDQ(Imm(96), p)
	})
	VZEROUPPER()
	RET()
}

// spread is a parameter in every lane.
func spread(param string) VecVirtual {
	v := YMM()
	a, err := Param(param).Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(a.Addr, v)
	return v
}

// hue goes to HSV, turns, and comes back.
func hue(c *rgb, s []VecVirtual) {
	v, d := YMM(), YMM()
	VMAXPS(c.g, c.r, v)
	VMAXPS(c.b, v, v)
	VMINPS(c.g, c.r, d)
	VMINPS(c.b, d, d)
	VSUBPS(d, v, d)

	num, base, other, mask := YMM(), YMM(), YMM(), YMM()
	VSUBPS(c.g, c.r, num)
	VMOVUPS(constant8("rasterFour"), base)
	VCMPPS(U8(0), c.g, v, mask)
	VSUBPS(c.r, c.b, other)
	VBLENDVPS(mask, other, num, num)
	VBLENDVPS(mask, constant8("rasterTwo"), base, base)
	VCMPPS(U8(0), c.r, v, mask)
	VSUBPS(c.b, c.g, other)
	VBLENDVPS(mask, other, num, num)
	VANDNPS(base, mask, base)

	h, sat, zero := YMM(), YMM(), YMM()
	VDIVPS(d, num, h)
	VADDPS(base, h, h)
	VDIVPS(constant8("rasterSix"), h, h)
	VADDPS(constant8("rasterOne"), h, h)
	fraction(h)
	VDIVPS(v, d, sat)
	VXORPS(zero, zero, zero)
	VCMPPS(U8(0), zero, d, mask) // grey
	VANDNPS(h, mask, h)
	VANDNPS(sat, mask, sat)

	VADDPS(s[0], h, h)
	VADDPS(constant8("rasterOne"), h, h)
	fraction(h)
	VMULPS(constant8("rasterSix"), h, h)
	sector, f, one := YMM(), YMM(), YMM()
	VROUNDPS(U8(3), h, sector)
	VSUBPS(sector, h, f)

	VMOVUPS(constant8("rasterOne"), one)
	p, q, t := YMM(), YMM(), YMM()
	VSUBPS(sat, one, p)
	VMULPS(sat, f, q)
	VSUBPS(q, one, q)
	VSUBPS(f, one, t)
	VMULPS(sat, t, t)
	VSUBPS(t, one, t)
	for _, x := range []VecVirtual{p, q, t} {
		VMULPS(v, x, x)
		clip(x)
	}
	// Sector by sector from the last; each mask holds for the sectors below a number.
	r, g, b := YMM(), YMM(), YMM()
	VMOVAPS(v, r)
	VMOVAPS(p, g)
	VMOVAPS(q, b)
	for _, step := range []struct {
		below   string
		r, g, b VecVirtual
	}{{"rasterFive", t, nil, v}, {"rasterFour", p, q, nil}, {"rasterThree", nil, v, t}, {"rasterTwo", q, nil, p},
		{"rasterOne", v, t, nil}} {
		VCMPPS(U8(1), constant8(step.below), sector, mask)
		for _, x := range []struct{ to, from VecVirtual }{{r, step.r}, {g, step.g}, {b, step.b}} {
			if x.from != nil {
				VBLENDVPS(mask, x.from, x.to, x.to)
			}
		}
	}
	c.r, c.g, c.b = r, g, b
}

// fraction drops the whole part.
func fraction(v VecVirtual) {
	w := YMM()
	VROUNDPS(U8(3), v, w)
	VSUBPS(w, v, v)
}

func rasterGrays() {
	TEXT("grays256", NOSPLIT, "func(to *float32, p *float32, blocks uintptr)")
	Doc("grays256: to is the gray of every pixel; blocks of 8 pixels, at least one.")
	Pragma("noescape")
	to, p, n := Load(Param("to"), GP64()), Load(Param("p"), GP64()), Load(Param("blocks"), GP64())
	loop("block", n, func() {
		var c rgb
		c.load(p)
		VMOVUPS(c.gray(), Mem{Base: to})
		ADDQ(Imm(96), p)
		ADDQ(Imm(32), to)
	})
	VZEROUPPER()
	RET()
}

// b/255 is b/256 + b/65280: the first is exact, and the rounded sum with the second is the rounded quotient for every
// byte, in less time than a division takes.
const (
	byteHigh = 1. / 256
	byteLow  = 1. / 65280
)

func rasterBytes() {
	TEXT("bytes256", NOSPLIT, "func(to *float32, from *byte, blocks uintptr)")
	Doc("bytes256: to = from / 255; blocks of 8 values, at least one.")
	Pragma("noescape")
	to, from, n := Load(Param("to"), GP64()), Load(Param("from"), GP64()), Load(Param("blocks"), GP64())
	v, w, high, low := YMM(), YMM(), YMM(), YMM()
	VMOVUPS(constant8("rasterByteHigh"), high)
	VMOVUPS(constant8("rasterByteLow"), low)
	loop("block", n, func() {
		VPMOVZXBD(Mem{Base: from}, v)
		VCVTDQ2PS(v, v)
		VMULPS(low, v, w)
		VMULPS(high, v, v)
		VADDPS(w, v, v)
		VMOVUPS(v, Mem{Base: to})
		ADDQ(Imm(8), from)
		ADDQ(Imm(32), to)
	})
	VZEROUPPER()
	RET()
}

func rasterClip() {
	TEXT("scale256", NOSPLIT, "func(p *float32, blocks uintptr, factor float32, rest float32)")
	Doc("scale256: p = p*factor + rest, limited to [0,1]; blocks of 8 values, at least one.")
	Pragma("noescape")
	p, n := Load(Param("p"), GP64()), Load(Param("blocks"), GP64())
	factor, rest, v := spread("factor"), spread("rest"), YMM()
	loop("block", n, func() {
		VMULPS(Mem{Base: p}, factor, v)
		VADDPS(rest, v, v)
		clip(v)
		VMOVUPS(v, Mem{Base: p})
		ADDQ(Imm(32), p)
	})
	VZEROUPPER()
	RET()
}

func rasterSolarize() {
	TEXT("solarize256", NOSPLIT, "func(p *float32, blocks uintptr, threshold float32)")
	Doc("solarize256: p = 1 - p from threshold on; blocks of 8 values, at least one.")
	Pragma("noescape")
	p, n := Load(Param("p"), GP64()), Load(Param("blocks"), GP64())
	threshold, v, w, mask, one := spread("threshold"), YMM(), YMM(), YMM(), YMM()
	VMOVUPS(constant8("rasterOne"), one)
	loop("block", n, func() {
		VMOVUPS(Mem{Base: p}, v)
		VCMPPS(U8(13), threshold, v, mask) // greater or equal
		VSUBPS(v, one, w)
		VBLENDVPS(mask, w, v, v)
		VMOVUPS(v, Mem{Base: p})
		ADDQ(Imm(32), p)
	})
	VZEROUPPER()
	RET()
}

func rasterNormalize() {
	TEXT("normalize256", NOSPLIT, "func(p *float32, blocks uintptr, mean *float32, scale *float32)")
	Doc("normalize256: p = (p - mean)*scale with 24 values of each, a pattern that repeats; blocks of 24 " +
		"values, at least one.")
	Pragma("noescape")
	p, n := Load(Param("p"), GP64()), Load(Param("blocks"), GP64())
	mean, scale := Load(Param("mean"), GP64()), Load(Param("scale"), GP64())
	var m, s [3]VecVirtual
	for i := range 3 {
		m[i], s[i] = YMM(), YMM()
		VMOVUPS(Mem{Base: mean, Disp: 32 * i}, m[i])
		VMOVUPS(Mem{Base: scale, Disp: 32 * i}, s[i])
	}
	loop("block", n, func() {
		for i := range 3 {
			v := YMM()
			VMOVUPS(Mem{Base: p, Disp: 32 * i}, v)
			VSUBPS(m[i], v, v)
			VMULPS(s[i], v, v)
			VMOVUPS(v, Mem{Base: p, Disp: 32 * i})
		}
		ADDQ(Imm(96), p)
	})
	VZEROUPPER()
	RET()
}

func rasterWeighted(bits int) {
	lanes, vector := bits/32, YMM
	if bits == 512 {
		vector = ZMM
	}
	TEXT(fmt.Sprint("weighted", bits), NOSPLIT, "func(to *float32, from *float32, n uintptr, offset *int, "+
		"weight *float32, taps uintptr)")
	Doc(fmt.Sprintf("weighted%d: to[i] is the sum over k below taps of weight[k]*from[offset[k]+i], for i below "+
		"n, a multiple of %d above 0; taps is above 0.", bits, lanes))
	Pragma("noescape")
	to, from, n := Load(Param("to"), GP64()), Load(Param("from"), GP64()), Load(Param("n"), GP64())
	offset, weight, taps := Load(Param("offset"), GP64()), Load(Param("weight"), GP64()), Load(Param("taps"), GP64())
	strip := func(name string, width int) {
		next := name + "Next"
		Label(name)
		CMPQ(n, U32(lanes*width))
		JB(LabelRef(next))
		acc := make([]VecVirtual, width)
		w, at, k := vector(), GP64(), GP64()
		tap := func() {
			MOVQ(Mem{Base: offset, Index: k, Scale: 8}, at)
			LEAQ(Mem{Base: from, Index: at, Scale: 4}, at)
			VBROADCASTSS(Mem{Base: weight, Index: k, Scale: 4}, w)
		}
		XORQ(k, k)
		tap()
		for i := range acc {
			acc[i] = vector()
			VMULPS(Mem{Base: at, Disp: 4 * lanes * i}, w, acc[i])
		}
		INCQ(k)
		Label(name + "Taps")
		CMPQ(k, taps)
		JAE(LabelRef(name + "Store"))
		tap()
		for i := range acc {
			t := vector()
			VMULPS(Mem{Base: at, Disp: 4 * lanes * i}, w, t)
			VADDPS(t, acc[i], acc[i])
		}
		INCQ(k)
		JMP(LabelRef(name + "Taps"))
		Label(name + "Store")
		for i := range acc {
			VMOVUPS(acc[i], Mem{Base: to, Disp: 4 * lanes * i})
		}
		ADDQ(U32(4*lanes*width), to)
		ADDQ(U32(4*lanes*width), from)
		SUBQ(U32(lanes*width), n)
		JMP(LabelRef(name))
		Label(next)
	}
	strip("wide", 8)
	strip("narrow", 1)
	VZEROUPPER()
	RET()
}

func rasterAlong4() {
	TEXT("along4", NOSPLIT, "func(to *float32, from *float32, n uintptr, start *int, count *int, weight "+
		"*float32, taps uintptr, toRow uintptr, fromRow uintptr)")
	Doc("along4: what along128 does, for four rows that are toRow and fromRow values apart.")
	Pragma("noescape")
	to, from, n := Load(Param("to"), GP64()), Load(Param("from"), GP64()), Load(Param("n"), GP64())
	start, count := Load(Param("start"), GP64()), Load(Param("count"), GP64())
	weight, taps := Load(Param("weight"), GP64()), Load(Param("taps"), GP64())
	toRow, fromRow := Load(Param("toRow"), GP64()), Load(Param("fromRow"), GP64())
	at, at2, k := GP64(), GP64(), GP64()
	w := YMM()
	// pair is one pixel of two rows.
	pair := func(p Register) VecVirtual {
		v := YMM()
		VMOVUPS(Mem{Base: p}, v.AsX())
		VINSERTF128(U8(1), Mem{Base: p, Index: fromRow, Scale: 4}, v, v)
		return v
	}
	low, high := YMM(), YMM()
	loop("pixel", n, func() {
		MOVQ(Mem{Base: start}, at)
		LEAQ(Mem{Base: at, Index: at, Scale: 2}, at)
		LEAQ(Mem{Base: from, Index: at, Scale: 4}, at)
		LEAQ(Mem{Base: at, Index: fromRow, Scale: 8}, at2)
		VBROADCASTSS(Mem{Base: weight}, w)
		VMULPS(pair(at), w, low)
		VMULPS(pair(at2), w, high)
		MOVQ(U32(1), k)
		Label("taps")
		CMPQ(k, Mem{Base: count})
		JAE(LabelRef("done"))
		ADDQ(Imm(12), at)
		ADDQ(Imm(12), at2)
		VBROADCASTSS(Mem{Base: weight, Index: k, Scale: 4}, w)
		for _, row := range []struct {
			at  Register
			sum VecVirtual
		}{{at, low}, {at2, high}} {
			t := pair(row.at)
			VMULPS(t, w, t)
			VADDPS(t, row.sum, row.sum)
		}
		INCQ(k)
		JMP(LabelRef("taps"))
		Label("done")
		LEAQ(Mem{Base: to, Index: toRow, Scale: 8}, at)
		for _, row := range []struct {
			at  Register
			sum VecVirtual
		}{{to, low}, {at, high}} {
			VMOVUPS(row.sum.AsX(), Mem{Base: row.at})
			VEXTRACTF128(U8(1), row.sum, Mem{Base: row.at, Index: toRow, Scale: 4})
		}
		ADDQ(Imm(12), to)
		ADDQ(Imm(8), start)
		ADDQ(Imm(8), count)
		LEAQ(Mem{Base: weight, Index: taps, Scale: 4}, weight)
	})
	VZEROUPPER()
	RET()
}

func rasterAlong() {
	TEXT("along128", NOSPLIT, "func(to *float32, from *float32, n uintptr, start *int, count *int, weight "+
		"*float32, taps uintptr)")
	Doc("along128: pixel i of to is the sum over k below count[i] of weight[i*taps+k] times pixel start[i]+k of "+
		"from, 3 values a pixel, for i below n.",
		"It reads one value past from's last pixel and writes one past to's; n and every count are above 0.")
	Pragma("noescape")
	to, from, n := Load(Param("to"), GP64()), Load(Param("from"), GP64()), Load(Param("n"), GP64())
	start, count := Load(Param("start"), GP64()), Load(Param("count"), GP64())
	weight, taps := Load(Param("weight"), GP64()), Load(Param("taps"), GP64())
	acc, t, w := XMM(), XMM(), XMM()
	at, k := GP64(), GP64()
	loop("pixel", n, func() {
		MOVQ(Mem{Base: start}, at)
		LEAQ(Mem{Base: at, Index: at, Scale: 2}, at)
		LEAQ(Mem{Base: from, Index: at, Scale: 4}, at)
		VBROADCASTSS(Mem{Base: weight}, w)
		VMULPS(Mem{Base: at}, w, acc)
		MOVQ(U32(1), k)
		Label("taps")
		CMPQ(k, Mem{Base: count})
		JAE(LabelRef("done"))
		ADDQ(Imm(12), at)
		VBROADCASTSS(Mem{Base: weight, Index: k, Scale: 4}, w)
		VMULPS(Mem{Base: at}, w, t)
		VADDPS(t, acc, acc)
		INCQ(k)
		JMP(LabelRef("taps"))
		Label("done")
		VMOVUPS(acc, Mem{Base: to})
		ADDQ(Imm(12), to)
		ADDQ(Imm(8), start)
		ADDQ(Imm(8), count)
		LEAQ(Mem{Base: weight, Index: taps, Scale: 4}, weight)
	})
	RET()
}
