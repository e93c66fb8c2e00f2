package cudaemu

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"sort"
	"strings"
	"testing"
)

// words are operands of the instructions, as bits: small and large numbers, limits, real numbers, infinities, NaN.
var words = []uint64{0, 1, 2, 3, 7, 31, 33, 64, 0xff, 0x80, 0x1234_5678, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
	0xffff_fff9, 0x3f80_0000, 0xbfc0_0000, 0x4048_f5c3, 0x4f00_0000, 0xcf80_0000, 0x7f80_0000, 0xff80_0000, 0x0000_0123,
	0x3300_0001, 0x4780_1000, 0x3fff_ffff, 0x1020_3040_5060_7080, 0xffff_ffff_ffff_fff3, 0x8000_0000_0000_0000,
	0x7fff_ffff_ffff_ffff, 0x3ff8_0000_0000_0000, 0xc1e0_0000_0020_0000, 0x400921fb54442d18, 0x7ff0_0000_0000_0000}

func f32(v uint64) float32    { return math.Float32frombits(uint32(v)) }
func f64(v uint64) float64    { return math.Float64frombits(v) }
func bits32(v float32) uint64 { return uint64(math.Float32bits(v)) }
func bits64(v float64) uint64 { return math.Float64bits(v) }
func low(v int64) uint64      { return uint64(uint32(v)) }
func s32(v uint64) int64      { return int64(int32(v)) }
func u32(v uint64) uint64     { return uint64(uint32(v)) }
func yes(b bool, v uint64) uint64 {
	if b {
		return v
	}
	return 0
}

// clamped is a rounded real number as a whole one of the given limits.
func clamped(v, least, most float64) int64 {
	switch {
	case v != v:
		return 0
	case v <= least:
		return int64(least)
	case v >= most:
		return int64(most)
	}
	return int64(v)
}

// rounded is x, exact, as a float32 in one of big.Float's modes.
func rounded(x *big.Float, mode big.RoundingMode) float32 {
	r, _ := new(big.Float).SetMode(mode).SetPrec(24).Set(x).Float32()
	return r
}

// halves are all finite numbers of a 16-bit format by value, positive ones, as (value, bits).
func halves(exponent, mantissa int) (values []float64, patterns []uint16) {
	for p := 0; p < (1<<exponent-1)<<mantissa; p++ {
		e, m := p>>mantissa, float64(p&(1<<mantissa-1))/float64(int(1)<<mantissa)
		v := math.Ldexp(1+m, e-(1<<(exponent-1)-1))
		if e == 0 {
			v = math.Ldexp(m, 1-(1<<(exponent-1)-1))
		}
		values, patterns = append(values, v), append(patterns, uint16(p))
	}
	return values, patterns
}

// nearestHalf looks for the nearest of all numbers of the format, the even one of two.
func nearestHalf(exponent, mantissa int) func(v float32) uint64 {
	values, patterns := halves(exponent, mantissa)
	infinity := uint16((1<<exponent - 1) << mantissa)
	return func(f float32) uint64 {
		sign := uint64(math.Float32bits(f)>>31) << 15
		v := math.Abs(float64(f))
		if v != v {
			return 0x7fff
		}
		limit := values[len(values)-1] + (values[len(values)-1]-values[len(values)-2])/2
		if v >= limit {
			return sign | uint64(infinity)
		}
		n := sort.SearchFloat64s(values, v)
		if n == len(values) {
			n--
		}
		if n > 0 && (v-values[n-1] < values[n]-v || v-values[n-1] == values[n]-v && patterns[n-1]&1 == 0) {
			n--
		}
		return sign | uint64(patterns[n])
	}
}

type instruction struct {
	text string // %r4, %f4, %fd4, %rd4, %rs4 are the operands a, 5 b, 6 c; the result is the register 0
	want func(a, b, c uint64) uint64
	near float64 // units of the last place that the result may be off
}

func instructions() []instruction {
	toF16, toBF16 := nearestHalf(5, 10), nearestHalf(8, 7)
	fromInt := func(mode big.RoundingMode) func(a, b, c uint64) uint64 {
		return func(a, b, c uint64) uint64 {
			return bits32(rounded(new(big.Float).SetInt64(int64(a)), mode))
		}
	}
	fromDouble := func(mode big.RoundingMode) func(a, b, c uint64) uint64 {
		return func(a, b, c uint64) uint64 {
			v := f64(a)
			if v != v || math.IsInf(v, 0) || math.Abs(v) < 1e-30 && v != 0 || math.Abs(v) > 1e38 {
				v = 1.5 // what the kernel below makes of such: see the case
			}
			return bits32(rounded(big.NewFloat(v), mode))
		}
	}
	least := func(a, b float32) float32 {
		switch {
		case a != a:
			return b
		case b != b:
			return a
		}
		return float32(math.Min(float64(a), float64(b)))
	}
	return []instruction{
		{text: "add.s32 %r0, %r4, %r5;", want: func(a, b, c uint64) uint64 { return u32(a + b) }},
		{text: "sub.s64 %rd0, %rd4, %rd5;", want: func(a, b, c uint64) uint64 { return a - b }},
		{text: "mul.lo.s32 %r0, %r4, %r5;", want: func(a, b, c uint64) uint64 { return u32(a * b) }},
		{text: "mul.hi.s32 %r0, %r4, %r5;", want: func(a, b, c uint64) uint64 { return low(s32(a) * s32(b) >> 32) }},
		{text: "mul.hi.u32 %r0, %r4, %r5;", want: func(a, b, c uint64) uint64 { return u32(u32(a) * u32(b) >> 32) }},
		{text: "mul.hi.u64 %rd0, %rd4, %rd5;", want: func(a, b, c uint64) uint64 {
			h, _ := bits.Mul64(a, b)
			return h
		}},
		{text: "mul.wide.s32 %rd0, %r4, %r5;", want: func(a, b, c uint64) uint64 { return uint64(s32(a) * s32(b)) }},
		{text: "mad.wide.u32 %rd0, %r4, %r5, %rd6;", want: func(a, b, c uint64) uint64 { return u32(a)*u32(b) + c }},
		{text: "mul.wide.s16 %r0, %rs4, %rs5;", want: func(a, b, c uint64) uint64 {
			return low(int64(int16(a)) * int64(int16(b)))
		}},
		{text: "mad.lo.s32 %r0, %r4, %r5, %r6;", want: func(a, b, c uint64) uint64 { return u32(a*b + c) }},
		{text: "div.s32 %r0, %r4, %r5;", want: func(a, b, c uint64) uint64 {
			if u32(b) == 0 {
				return u32(^uint64(0))
			}
			return low(s32(a) / s32(b))
		}},
		{text: "rem.u64 %rd0, %rd4, %rd5;", want: func(a, b, c uint64) uint64 {
			if b == 0 {
				return a
			}
			return a % b
		}},
		{text: "min.s32 %r0, %r4, %r5;", want: func(a, b, c uint64) uint64 { return low(min(s32(a), s32(b))) }},
		{text: "max.u32 %r0, %r4, %r5;", want: func(a, b, c uint64) uint64 { return max(u32(a), u32(b)) }},
		{text: "abs.s32 %r0, %r4;", want: func(a, b, c uint64) uint64 { return low(max(s32(a), -s32(a))) }},
		{text: "neg.s64 %rd0, %rd4;", want: func(a, b, c uint64) uint64 { return -a }},
		{text: "not.b32 %r0, %r4;", want: func(a, b, c uint64) uint64 { return u32(^a) }},
		{text: "xor.b64 %rd0, %rd4, %rd5;", want: func(a, b, c uint64) uint64 { return a ^ b }},
		{text: "shl.b32 %r0, %r4, %r5;", want: func(a, b, c uint64) uint64 { return u32(u32(a) << u32(b)) }},
		{text: "shr.u64 %rd0, %rd4, %r5;", want: func(a, b, c uint64) uint64 { return a >> u32(b) }},
		{text: "shr.s32 %r0, %r4, %r5;", want: func(a, b, c uint64) uint64 { return low(s32(a) >> u32(b)) }},
		{text: "shf.l.wrap.b32 %r0, %r4, %r5, %r6;", want: func(a, b, c uint64) uint64 {
			return u32((b<<32 | u32(a)) << (c & 31) >> 32)
		}},
		{text: "shf.r.clamp.b32 %r0, %r4, %r5, %r6;", want: func(a, b, c uint64) uint64 {
			return u32((u32(b)<<32 | u32(a)) >> min(u32(c), 32))
		}},
		{text: "popc.b64 %r0, %rd4;", want: func(a, b, c uint64) uint64 { return uint64(bits.OnesCount64(a)) }},
		{text: "clz.b32 %r0, %r4;", want: func(a, b, c uint64) uint64 {
			return uint64(bits.LeadingZeros32(uint32(a)))
		}},
		{text: "brev.b32 %r0, %r4;", want: func(a, b, c uint64) uint64 { return uint64(bits.Reverse32(uint32(a))) }},
		{text: "bfind.u32 %r0, %r4;", want: func(a, b, c uint64) uint64 {
			return low(int64(bits.Len32(uint32(a))) - 1)
		}},
		{text: "bfe.u32 %r0, %r4, %r5, %r6;", want: func(a, b, c uint64) uint64 {
			return u32(a) >> (b & 255) & (1<<(c&255) - 1)
		}},
		{text: "bfe.s32 %r0, %r4, %r5, %r6;", want: func(a, b, c uint64) uint64 { // bit by bit, as the ISA says it
			at, n := int(b&255), int(c&255)
			sign := n > 0 && u32(a)>>min(at+n-1, 31)&1 == 1
			var r uint64
			for k := range 32 {
				bit := sign
				if k < n && at+k <= 31 {
					bit = u32(a)>>(at+k)&1 == 1
				}
				r |= yes(bit, 1) << k
			}
			return r
		}},
		{text: "bfi.b32 %r0, %r4, %r5, %r6, 5;", want: func(a, b, c uint64) uint64 {
			r := u32(b)
			for k := range 5 {
				if at := int(c&255) + k; at < 32 {
					r = r&^(1<<at) | (u32(a)>>k&1)<<at
				}
			}
			return r
		}},
		{text: "prmt.b32 %r0, %r4, %r5, %r6;", want: func(a, b, c uint64) uint64 {
			var r uint64
			for k := range 4 {
				choice := c >> (4 * k) & 15
				v := (b<<32 | u32(a)) >> (8 * (choice & 7)) & 255
				if choice&8 != 0 {
					v = yes(v&128 != 0, 255)
				}
				r |= v << (8 * k)
			}
			return r
		}},
		{text: "lop3.b32 %r0, %r4, %r5, %r6, 0x6a;", want: func(a, b, c uint64) uint64 { return u32(a&b ^ c) }},
		{text: "add.f32 %f0, %f4, %f5;", want: func(a, b, c uint64) uint64 { return bits32(f32(a) + f32(b)) }},
		{text: "mul.f64 %fd0, %fd4, %fd5;", want: func(a, b, c uint64) uint64 { return bits64(f64(a) * f64(b)) }},
		{text: "fma.rn.f64 %fd0, %fd4, %fd5, %fd6;", want: func(a, b, c uint64) uint64 {
			return bits64(math.FMA(f64(a), f64(b), f64(c)))
		}},
		{text: "fma.rn.f32 %f0, %f4, %f5, %f6;", want: func(a, b, c uint64) uint64 {
			x, y, z := float64(f32(a)), float64(f32(b)), float64(f32(c))
			if s := x*y + z; s != s || math.IsInf(s, 0) || x*y == 0 || z == 0 {
				return bits32(float32(s))
			}
			sum := new(big.Float).SetPrec(600).Mul(big.NewFloat(x), big.NewFloat(y))
			r, _ := sum.Add(sum, big.NewFloat(z)).Float32()
			return bits32(r)
		}},
		{text: "div.rn.f32 %f0, %f4, %f5;", want: func(a, b, c uint64) uint64 { return bits32(f32(a) / f32(b)) }},
		{text: "sqrt.rn.f32 %f0, %f4;", want: func(a, b, c uint64) uint64 {
			return bits32(float32(math.Sqrt(float64(f32(a)))))
		}},
		{text: "rcp.rn.f64 %fd0, %fd4;", want: func(a, b, c uint64) uint64 { return bits64(1 / f64(a)) }},
		{text: "min.f32 %f0, %f4, %f5;", want: func(a, b, c uint64) uint64 { return bits32(least(f32(a), f32(b))) }},
		{text: "neg.f32 %f0, %f4;", want: func(a, b, c uint64) uint64 { return u32(a) ^ 1<<31 }},
		{text: "abs.f64 %fd0, %fd4;", want: func(a, b, c uint64) uint64 { return a &^ (1 << 63) }},
		{text: "add.sat.f32 %f0, %f4, %f5;", want: func(a, b, c uint64) uint64 {
			s := f32(a) + f32(b)
			if s != s {
				return 0
			}
			return bits32(max(0, min(1, s)))
		}},
		{text: "add.ftz.f32 %f0, %f4, 0f00000000;", want: func(a, b, c uint64) uint64 {
			v := f32(a)
			if math.Abs(float64(v)) < 0x1p-126 {
				v = 0
			}
			return bits32(v + 0)
		}},
		{text: "ex2.approx.f32 %f0, %f4;", near: 1, want: func(a, b, c uint64) uint64 {
			return bits32(float32(math.Exp2(float64(f32(a)))))
		}},
		{text: "lg2.approx.f32 %f0, %f4;", near: 1, want: func(a, b, c uint64) uint64 {
			return bits32(float32(math.Log2(float64(f32(a)))))
		}},
		{text: "rsqrt.approx.f32 %f0, %f4;", near: 1, want: func(a, b, c uint64) uint64 {
			return bits32(float32(1 / math.Sqrt(float64(f32(a)))))
		}},
		{text: "tanh.approx.f32 %f0, %f4;", near: 1, want: func(a, b, c uint64) uint64 {
			return bits32(float32(math.Tanh(float64(f32(a)))))
		}},
		{text: "setp.lt.s32 %p1, %r4, %r5;\nselp.b32 %r0, %r5, %r6, %p1;", want: func(a, b, c uint64) uint64 {
			if s32(a) < s32(b) {
				return u32(b)
			}
			return u32(c)
		}},
		{text: "setp.leu.f32 %p1, %f4, %f5;\nselp.u32 %r0, 1, 2, %p1;", want: func(a, b, c uint64) uint64 {
			return 2 - yes(!(f32(a) > f32(b)), 1)
		}},
		{text: "setp.hi.u32 %p2, %r5, %r6;\nsetp.eq.and.u64 %p1|%p3, %rd4, %rd4, !%p2;\n" +
			"selp.u32 %r1, 1, 0, %p3;\nselp.u32 %r2, 2, 0, %p1;\nadd.u32 %r0, %r1, %r2;",
			want: func(a, b, c uint64) uint64 { return yes(u32(b) <= u32(c), 2) }},
		{text: "set.gt.u32.s64 %r0, %rd4, %rd5;", want: func(a, b, c uint64) uint64 {
			return yes(int64(a) > int64(b), 0xffffffff)
		}},
		{text: "slct.b32.s32 %r0, %r4, %r5, %r6;", want: func(a, b, c uint64) uint64 {
			if s32(c) >= 0 {
				return u32(a)
			}
			return u32(b)
		}},
		{text: "mov.b64 %rd0, {%r5, %r4};", want: func(a, b, c uint64) uint64 { return u32(b) | a<<32 }},
		{text: "mov.b64 {%r1, %r2}, %rd4;\nadd.u32 %r0, %r1, %r2;", want: func(a, b, c uint64) uint64 {
			return u32(a + a>>32)
		}},
		{text: "cvt.s64.s8 %rd0, %rd4;", want: func(a, b, c uint64) uint64 { return uint64(int64(int8(a))) }},
		{text: "cvt.u32.u16 %r0, %rs4;", want: func(a, b, c uint64) uint64 { return a & 0xffff }},
		{text: "cvt.sat.u8.s32 %r0, %r4;", want: func(a, b, c uint64) uint64 {
			return uint64(max(0, min(255, s32(a))))
		}},
		{text: "cvt.rzi.s32.f32 %r0, %f4;", want: func(a, b, c uint64) uint64 {
			return low(clamped(math.Trunc(float64(f32(a))), math.MinInt32, math.MaxInt32))
		}},
		{text: "cvt.rni.s32.f64 %r0, %fd4;", want: func(a, b, c uint64) uint64 {
			if v := f64(a); v != v {
				return 1 << 31
			}
			return low(clamped(math.RoundToEven(f64(a)), math.MinInt32, math.MaxInt32))
		}},
		{text: "cvt.rpi.u32.f32 %r0, %f4;", want: func(a, b, c uint64) uint64 {
			return low(clamped(math.Ceil(float64(f32(a))), 0, math.MaxUint32))
		}},
		{text: "cvt.rmi.f32.f32 %f0, %f4;", want: func(a, b, c uint64) uint64 {
			return bits32(float32(math.Floor(float64(f32(a)))))
		}},
		{text: "cvt.rn.f32.u32 %f0, %r4;", want: func(a, b, c uint64) uint64 { return bits32(float32(uint32(a))) }},
		{text: "cvt.rn.f32.s64 %f0, %rd4;", want: fromInt(big.ToNearestEven)},
		{text: "cvt.rz.f32.s64 %f0, %rd4;", want: fromInt(big.ToZero)},
		{text: "cvt.rm.f32.s64 %f0, %rd4;", want: fromInt(big.ToNegativeInf)},
		{text: "cvt.rp.f32.s64 %f0, %rd4;", want: fromInt(big.ToPositiveInf)},
		{text: ordinary + "cvt.rz.f32.f64 %f0, %fd1;", want: fromDouble(big.ToZero)},
		{text: ordinary + "cvt.rm.f32.f64 %f0, %fd1;", want: fromDouble(big.ToNegativeInf)},
		{text: ordinary + "cvt.rp.f32.f64 %f0, %fd1;", want: fromDouble(big.ToPositiveInf)},
		{text: "cvt.f64.f32 %fd0, %f4;", want: func(a, b, c uint64) uint64 { return bits64(float64(f32(a))) }},
		{text: "cvt.rn.f16.f32 %rs0, %f4;\ncvt.u32.u16 %r0, %rs0;", want: func(a, b, c uint64) uint64 {
			return toF16(f32(a))
		}},
		{text: "cvt.rn.bf16x2.f32 %r0, %f4, %f5;", want: func(a, b, c uint64) uint64 {
			return toBF16(f32(a))<<16 | toBF16(f32(b))
		}},
		{text: "cvt.rna.tf32.f32 %r0, %f4;", want: func(a, b, c uint64) uint64 {
			if v := f32(a); v != v {
				return 0x7fffffff
			} else if math.IsInf(float64(v), 0) {
				return u32(a)
			}
			return u32(a+0x1000) &^ 0x1fff
		}},
	}
}

// ordinary puts a into %fd1 if it is no very large or small number, else 1.5.
const ordinary = "abs.f64 %fd2, %fd4;\nsetp.ltu.f64 %p1, %fd2, 0d39b4484bfeebc2a0;\n" +
	"setp.gtu.f64 %p2, %fd2, 0d47d2ced32a16a1b1;\n" +
	"setp.neu.f64 %p3, %fd2, 0d0000000000000000;\nand.pred %p1, %p1, %p3;\nor.pred %p1, %p1, %p2;\n" +
	"selp.f64 %fd1, 0d3ff8000000000000, %fd4, %p1;\n"

func same(t instruction, got, want uint64) bool {
	if got == want {
		return true
	}
	if strings.Contains(t.text, "%f0") {
		g, w := f32(got), f32(want)
		return g != g && w != w || t.near > 0 && math.Abs(float64(got)-float64(want)) <= t.near
	}
	if strings.Contains(t.text, "%fd0") {
		g, w := f64(got), f64(want)
		return g != g && w != w
	}
	return false
}

// Each instruction on all pairs of words, against what the ISA says it does.
func TestInstructions(t *testing.T) {
	table := instructions()
	n := len(words) * len(words)
	operands := make([]uint64, 0, 3*n)
	for i := range n {
		operands = append(operands, words[i/len(words)], words[i%len(words)], words[(i*7+3)%len(words)])
	}
	var text strings.Builder
	text.WriteString(".version 7.0\n.target sm_80\n.address_size 64\n")
	s := begin(t)
	for k, in := range table {
		fmt.Fprintf(&text, ".visible .entry k%d(.param .u64 x, .param .u64 y)\n{\n", k)
		text.WriteString(".reg .pred %p<4>;\n.reg .b16 %rs<8>;\n.reg .b32 %r<16>;\n" +
			".reg .f32 %f<8>;\n.reg .f64 %fd<8>;\n.reg .b64 %rd<16>;\n" +
			"ld.param.u64 %rd8, [x];\nld.param.u64 %rd9, [y];\nmov.u32 %r8, %tid.x;\nmov.u32 %r9, %ctaid.x;\n" +
			"mov.u32 %r10, %ntid.x;\nmad.lo.s32 %r8, %r9, %r10, %r8;\n" +
			fmt.Sprintf("setp.ge.s32 %%p0, %%r8, %d;\n@%%p0 bra DONE;\n", n) +
			"mul.wide.s32 %rd10, %r8, 24;\nadd.s64 %rd10, %rd8, %rd10;\n" +
			"mul.wide.s32 %rd11, %r8, 8;\nadd.s64 %rd11, %rd9, %rd11;\n")
		for o := 4; o < 7; o++ {
			fmt.Fprintf(&text, "ld.global.u64 %%rd%d, [%%rd10+%d];\ncvt.u32.u64 %%r%[1]d, %%rd%[1]d;\n"+
				"mov.b32 %%f%[1]d, %%r%[1]d;\n"+
				"mov.b64 %%fd%[1]d, %%rd%[1]d;\ncvt.u16.u64 %%rs%[1]d, %%rd%[1]d;\n", o, 8*(o-4))
		}
		text.WriteString(in.text + "\n")
		switch {
		case strings.Contains(in.text, "%rd0"):
		case strings.Contains(in.text, "%fd0"):
			text.WriteString("mov.b64 %rd0, %fd0;\n")
		case strings.Contains(in.text, "%f0"):
			text.WriteString("mov.b32 %r0, %f0;\ncvt.u64.u32 %rd0, %r0;\n")
		default:
			text.WriteString("cvt.u64.u32 %rd0, %r0;\n")
		}
		text.WriteString("st.global.u64 [%rd11], %rd0;\nDONE:\nret;\n}\n")
	}
	s.ptx(0, text.String())
	s.put("x", operands)
	for k := range table {
		s.do("alloc y%d %d", k, 8*n)
		s.do("launch k%d %d 1 1 128 1 1 0 - p:x p:y%[1]d", k, (n+127)/128)
		s.read(fmt.Sprintf("y%d", k), 8*n)
	}
	s.run()
	for k, in := range table {
		wrong := 0
		for i, got := range get[uint64](s, fmt.Sprintf("y%d", k), n) {
			a, b, c := operands[3*i], operands[3*i+1], operands[3*i+2]
			if want := in.want(a, b, c); !same(in, got, want) {
				if wrong++; wrong <= 3 {
					t.Errorf("%s a=%#x b=%#x c=%#x: %#x, want %#x", in.text, a, b, c, got, want)
				}
			}
		}
	}
}
