// cvt, PTX ISA 9.7.9.
#include "decode.h"
#include "half.h"
#include <limits>
#include <type_traits>

namespace emu {
namespace {

template <Round r, class T> T integral(T v) {
	switch (r) {
	case Round::zero: return __builtin_trunc(v);
	case Round::down: return __builtin_floor(v);
	case Round::up: return __builtin_ceil(v);
	default: return __builtin_rint(v);
	}
}

// Whole to whole: the value modulo the width, or with .sat the nearest that fits.
template <class D, class S, bool sat> void wholes(Warp &w, const Ins &i, uint32_t lanes) {
	In<S> a(w, i.r[1]);
	store<D>(w, i.r[0], lanes, [&](int l) {
		if (!sat)
			return (D)a[l];
		__int128 v = a[l], least = std::numeric_limits<D>::min(), most = std::numeric_limits<D>::max();
		return (D)(v < least ? least : v > most ? most : v);
	});
}

// Real to whole: rounded, then the nearest that fits. A NaN gives 0, or where source or result has 64 bits the highest
// bit alone.
template <class D, class S, Round r, bool ftz> void toWhole(Warp &w, const Ins &i, uint32_t lanes) {
	In<S> a(w, i.r[1]);
	constexpr D least = std::numeric_limits<D>::min(), most = std::numeric_limits<D>::max();
	constexpr S above =
		(S)((unsigned __int128)1 << (8 * sizeof(D) - std::is_signed<D>::value)); // the first that does not fit
	store<D>(w, i.r[0], lanes, [&](int l) {
		S v = a[l];
		if (ftz && std::fabs(v) < 0x1p-126)
			v = 0;
		v = integral<r>(v);
		D none = sizeof(S) == 8 || sizeof(D) == 8 ? D(std::make_unsigned_t<D>(1) << (8 * sizeof(D) - 1)) : D(0);
		return v != v ? none : v >= above ? most : v <= (S)least ? least : (D)v;
	});
}

// directed rounds x, which is exact, to D.
template <class D, Round r> D directed(long double x) {
	D y = (D)x;
	if (r == Round::nearest || (long double)y == x || x != x)
		return y;
	D inf = std::numeric_limits<D>::infinity();
	if (r == Round::down || (r == Round::zero && x > 0))
		return (long double)y > x ? std::nextafter(y, -inf) : y;
	return (long double)y < x ? std::nextafter(y, inf) : y;
}

template <class D, class S, Round r> void toReal(Warp &w, const Ins &i, uint32_t lanes) {
	In<S> a(w, i.r[1]);
	store<D>(
		w, i.r[0], lanes, [&](int l) { return r == Round::nearest ? (D)a[l] : directed<D, r>((long double)a[l]); });
}

// Real to real of the same size: rounded to a whole number, or as it is.
template <class T, Round r, bool whole> void reals(Warp &w, const Ins &i, uint32_t lanes) {
	In<T> a(w, i.r[1]);
	bool sat = i.value & 1, ftz = i.value & 2;
	store<T>(w, i.r[0], lanes, [&](int l) {
		T v = whole ? integral<r>(a[l]) : a[l];
		if (ftz && std::fabs(v) < 0x1p-126)
			v = std::copysign(T(0), v);
		return sat ? (v > 0 ? (v < 1 ? v : T(1)) : T(0)) : v;
	});
}

// float64 to float32 and back, with the same flags.
template <class D, class S, Round r> void resized(Warp &w, const Ins &i, uint32_t lanes) {
	In<S> a(w, i.r[1]);
	bool sat = i.value & 1, ftz = i.value & 2;
	store<D>(w, i.r[0], lanes, [&](int l) {
		S v = a[l];
		if (ftz && sizeof(S) == 4 && std::fabs(v) < 0x1p-126)
			v = std::copysign(S(0), v);
		D d = r == Round::nearest ? (D)v : directed<D, r>(v);
		if (d != d && sizeof(D) == 4)
			d = (D)bitsAs<float>(QuietNaN32);
		if (ftz && sizeof(D) == 4 && std::fabs(d) < 0x1p-126)
			d = std::copysign(D(0), d);
		return sat ? (d > 0 ? (d < 1 ? d : D(1)) : D(0)) : d;
	});
}

template <uint16_t (*narrow)(float, Round), Round r> void toHalf(Warp &w, const Ins &i, uint32_t lanes) {
	In<float> a(w, i.r[1]);
	bool relu = i.value & 4;
	store<uint16_t>(w, i.r[0], lanes, [&](int l) { return narrow(relu && a[l] < 0 ? 0 : a[l], r); });
}
template <uint16_t (*narrow)(float, Round), Round r>
void toHalves(Warp &w, const Ins &i, uint32_t lanes) { // the first is the upper half
	In<float> a(w, i.r[1]), b(w, i.r[2]);
	bool relu = i.value & 4;
	store<uint32_t>(w, i.r[0], lanes, [&](int l) {
		return (uint32_t)narrow(relu && a[l] < 0 ? 0 : a[l], r) << 16 | narrow(relu && b[l] < 0 ? 0 : b[l], r);
	});
}
template <float (*widen)(uint16_t)> void fromHalf(Warp &w, const Ins &i, uint32_t lanes) {
	In<uint16_t> a(w, i.r[1]);
	store<float>(w, i.r[0], lanes, [&](int l) { return widen(a[l]); });
}
// tf32 has 10 bits of mantissa; .rna rounds to the nearest, halves away from zero.
void toTF32(Warp &w, const Ins &i, uint32_t lanes) {
	In<uint32_t> a(w, i.r[1]);
	store<uint32_t>(w, i.r[0], lanes, [&](int l) {
		uint32_t u = a[l], magnitude = u & 0x7fffffff;
		return magnitude > 0x7f800000 ? QuietNaN32 : magnitude == 0x7f800000 ? u : (u + 0x1000) & ~0x1fffu;
	});
}

#define TYPES(CASE)                                                                                                    \
	CASE(u8, uint8_t)                                                                                                  \
	CASE(s8, int8_t) CASE(u16, uint16_t) CASE(s16, int16_t) CASE(u32, uint32_t) CASE(s32, int32_t) CASE(u64, uint64_t) \
		CASE(s64, int64_t)

template <class D> Handler wholesBy(Type from, bool sat) {
#define CASE(t, S)                                                                                                     \
	case Type::t: return sat ? wholes<D, S, true> : wholes<D, S, false>;
	switch (from) { TYPES(CASE) default : return nullptr; }
#undef CASE
}
Handler wholeToWhole(Type to, Type from, bool sat) {
#define CASE(t, D)                                                                                                     \
	case Type::t: return wholesBy<D>(from, sat);
	switch (to) { TYPES(CASE) default : return nullptr; }
#undef CASE
}
template <class S, Round r, bool ftz> Handler realToWhole(Type to) {
#define CASE(t, D)                                                                                                     \
	case Type::t: return toWhole<D, S, r, ftz>;
	switch (to) { TYPES(CASE) default : return nullptr; }
#undef CASE
}
template <class D, Round r> Handler wholeToReal(Type from) {
#define CASE(t, S)                                                                                                     \
	case Type::t: return toReal<D, S, r>;
	switch (from) { TYPES(CASE) default : return nullptr; }
#undef CASE
}
#undef TYPES

template <Round r> Handler choose(Decoder &d, Type to, Type from, bool whole) {
	bool sat = d.s->has("sat"), ftz = d.s->has("ftz");
	if (from == Type::f32 && !isFloat(to))
		return ftz ? realToWhole<float, r, true>(to) : realToWhole<float, r, false>(to);
	if (from == Type::f64 && !isFloat(to))
		return realToWhole<double, r, false>(to);
	if (!isFloat(from) && to == Type::f32)
		return wholeToReal<float, r>(from);
	if (!isFloat(from) && to == Type::f64)
		return wholeToReal<double, r>(from);
	if (!isFloat(from))
		return wholeToWhole(to, from, sat);
	if (from == to && to == Type::f32)
		return whole ? reals<float, r, true> : reals<float, r, false>;
	if (from == to && to == Type::f64)
		return whole ? reals<double, r, true> : reals<double, r, false>;
	if (to == Type::f32 && from == Type::f64)
		return resized<float, double, r>;
	if (to == Type::f64 && from == Type::f32)
		return resized<double, float, r>;
	if (sat)
		d.fail(".sat is not supported for this type");
	if (to == Type::f16 && from == Type::f32)
		return toHalf<toF16, r>;
	if (to == Type::bf16 && from == Type::f32)
		return toHalf<toBF16, r>;
	if (to == Type::f16x2 && from == Type::f32)
		return toHalves<toF16, r>;
	if (to == Type::bf16x2 && from == Type::f32)
		return toHalves<toBF16, r>;
	if (to == Type::f32 && from == Type::f16)
		return fromHalf<fromF16>;
	return nullptr;
}

} // namespace

bool decodeConvert(Decoder &d) {
	const Statement &s = *d.s;
	if (s.op[0] != "cvt")
		return false;
	d.known({"rn", "rz", "rm", "rp", "rni", "rzi", "rmi", "rpi", "rna", "ftz", "sat", "relu"});
	Type to = d.type(1), from = d.type(0);
	bool pair = to == Type::f16x2 || to == Type::bf16x2, half = pair || to == Type::f16 || to == Type::bf16;
	d.args(pair ? 3 : 2);
	d.i.value = (s.has("sat") ? 1 : 0) | (s.has("ftz") ? 2 : 0) | (s.has("relu") ? 4 : 0);
	if (s.has("relu") && !half)
		d.fail(".relu is of the 16-bit formats");
	if (to == Type::tf32) {
		if (!s.has("rna") || from != Type::f32)
			d.fail("cvt.rna.tf32.f32 is the only form");
		d.i.run = toTF32;
	} else {
		bool whole = s.has("rni") || s.has("rzi") || s.has("rmi") || s.has("rpi");
		bool given = whole || s.has("rn") || s.has("rz") || s.has("rm") || s.has("rp");
		bool needs = (isFloat(from) && !isFloat(to)) || (!isFloat(from) && isFloat(to)) ||
			(isFloat(from) && isFloat(to) && bytesOf(to) < bytesOf(from)) || half;
		if (needs && !given)
			d.fail("a rounding is missing");
		if (isFloat(from) && !isFloat(to) && !whole)
			d.fail("the rounding must be .rni, .rzi, .rmi or .rpi");
		if (s.has("rz") || s.has("rzi"))
			d.i.run = choose<Round::zero>(d, to, from, whole);
		else if (s.has("rm") || s.has("rmi"))
			d.i.run = choose<Round::down>(d, to, from, whole);
		else if (s.has("rp") || s.has("rpi"))
			d.i.run = choose<Round::up>(d, to, from, whole);
		else
			d.i.run = choose<Round::nearest>(d, to, from, whole);
	}
	if (!d.i.run)
		d.fail("this conversion is not known for .target of this module");
	auto bits = [](Type t) {
		return isFloat(t) && bytesOf(t) == 2                           ? Type::b16
			: t == Type::f16x2 || t == Type::bf16x2 || t == Type::tf32 ? Type::b32
																	   : t;
	};
	for (size_t k = 1; k < s.args.size(); k++)
		d.i.r[k] = d.source(s.args[k], bits(from));
	d.i.r[0] = d.result(s.args[0], bits(to));
	d.emit();
	return true;
}

} // namespace emu
