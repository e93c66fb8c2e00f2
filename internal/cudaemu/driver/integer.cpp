// Whole numbers and bits: PTX ISA 9.7.1 and 9.7.8 (logic and shifts).
#include "bits.h"
#include "decode.h"
#include <type_traits>

namespace emu {
namespace {

template <class T> struct Wider;
template <> struct Wider<uint16_t> {
	using type = uint32_t;
};
template <> struct Wider<int16_t> {
	using type = int32_t;
};
template <> struct Wider<uint32_t> {
	using type = uint64_t;
};
template <> struct Wider<int32_t> {
	using type = int64_t;
};
template <> struct Wider<uint64_t> {
	using type = unsigned __int128;
};
template <> struct Wider<int64_t> {
	using type = __int128;
};
template <class T> using Wide = typename Wider<T>::type;

// uint16_t would be promoted to int, whose products overflow.
template <class T> T product(T a, T b) {
	return T(Wide<Unsigned<T>>(Unsigned<T>(a)) * Wide<Unsigned<T>>(Unsigned<T>(b)));
}
template <> uint32_t product(uint32_t a, uint32_t b) { return a * b; }
template <> int32_t product(int32_t a, int32_t b) { return int32_t(uint32_t(a) * uint32_t(b)); }
template <> uint64_t product(uint64_t a, uint64_t b) { return a * b; }
template <> int64_t product(int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); }

struct Add {
	template <class T> static T of(T a, T b) { return T(Unsigned<T>(a) + Unsigned<T>(b)); }
};
struct Sub {
	template <class T> static T of(T a, T b) { return T(Unsigned<T>(a) - Unsigned<T>(b)); }
};
struct MulLo {
	template <class T> static T of(T a, T b) { return product(a, b); }
};
struct MulHi {
	template <class T> static T of(T a, T b) { return T((Wide<T>(a) * Wide<T>(b)) >> Bits<T>); }
};
struct MulWide {
	template <class T> static Wide<T> of(T a, T b) { return Wide<T>(a) * Wide<T>(b); }
};
struct MadLo {
	template <class T> static T of(T a, T b, T c) { return Add::of(product(a, b), c); }
};
struct MadHi {
	template <class T> static T of(T a, T b, T c) { return Add::of(MulHi::of(a, b), c); }
};
struct MadWide {
	template <class T> static Wide<T> of(T a, T b, Wide<T> c) { return Add::of(Wide<T>(a) * Wide<T>(b), c); }
};
struct Mul24 {
	template <class T> static T of(T a, T b) {
		return product(T(T(Unsigned<T>(a) << 8) >> 8), T(T(Unsigned<T>(b) << 8) >> 8));
	}
};
struct Mad24 {
	template <class T> static T of(T a, T b, T c) { return Add::of(Mul24::of(a, b), c); }
};
// A division by zero gives all ones, as the hardware does; PTX leaves it open.
template <class T> bool overflows(T a, T b) {
	return std::is_signed<T>::value && b == T(-1) && a == T(Unsigned<T>(1) << (Bits<T> - 1));
}
struct Div {
	template <class T> static T of(T a, T b) { return b == 0 ? T(-1) : overflows(a, b) ? a : T(a / b); }
};
struct Rem {
	template <class T> static T of(T a, T b) { return b == 0 ? a : overflows(a, b) ? T(0) : T(a % b); }
};
struct Min {
	template <class T> static T of(T a, T b) { return a < b ? a : b; }
};
struct Max {
	template <class T> static T of(T a, T b) { return a > b ? a : b; }
};
struct Sad {
	template <class T> static T of(T a, T b, T c) { return Add::of(c, a > b ? Sub::of(a, b) : Sub::of(b, a)); }
};
struct Abs {
	template <class T> static T of(T a) { return a < 0 ? T(0 - Unsigned<T>(a)) : a; }
};
struct Neg {
	template <class T> static T of(T a) { return T(0 - Unsigned<T>(a)); }
};
// Handlers of F for the integer types. Bits are unsigned.
#define BY_TYPE(FORM)                                                                                                  \
	switch (t) {                                                                                                       \
	case Type::u16:                                                                                                    \
	case Type::b16: {                                                                                                  \
		using T = uint16_t;                                                                                            \
		return FORM;                                                                                                   \
	}                                                                                                                  \
	case Type::s16: {                                                                                                  \
		using T = int16_t;                                                                                             \
		return FORM;                                                                                                   \
	}                                                                                                                  \
	case Type::u32:                                                                                                    \
	case Type::b32: {                                                                                                  \
		using T = uint32_t;                                                                                            \
		return FORM;                                                                                                   \
	}                                                                                                                  \
	case Type::s32: {                                                                                                  \
		using T = int32_t;                                                                                             \
		return FORM;                                                                                                   \
	}                                                                                                                  \
	case Type::u64:                                                                                                    \
	case Type::b64: {                                                                                                  \
		using T = uint64_t;                                                                                            \
		return FORM;                                                                                                   \
	}                                                                                                                  \
	case Type::s64: {                                                                                                  \
		using T = int64_t;                                                                                             \
		return FORM;                                                                                                   \
	}                                                                                                                  \
	default: return nullptr;                                                                                           \
	}
template <class F> Handler one(Type t) { BY_TYPE((unary<T, T, F>)) }
template <class F> Handler two(Type t) { BY_TYPE((binary<T, T, T, F>)) }
template <class F> Handler three(Type t) { BY_TYPE((ternary<T, T, T, T, F>)) }
template <class F> Handler shift(Type t) { BY_TYPE((binary<T, T, uint32_t, F>)) }
template <class F> Handler field(Type t) { BY_TYPE((ternary<T, T, uint32_t, uint32_t, F>)) }
template <class F> Handler count(Type t) { BY_TYPE((unary<uint32_t, T, F>)) }
#undef BY_TYPE
template <class F> Handler wide(Type t, bool add) {
	switch (t) {
	case Type::u16:
		return add ? ternary<uint32_t, uint16_t, uint16_t, uint32_t, MadWide> : binary<uint32_t, uint16_t, uint16_t, F>;
	case Type::s16:
		return add ? ternary<int32_t, int16_t, int16_t, int32_t, MadWide> : binary<int32_t, int16_t, int16_t, F>;
	case Type::u32:
		return add ? ternary<uint64_t, uint32_t, uint32_t, uint64_t, MadWide> : binary<uint64_t, uint32_t, uint32_t, F>;
	case Type::s32:
		return add ? ternary<int64_t, int32_t, int32_t, int64_t, MadWide> : binary<int64_t, int32_t, int32_t, F>;
	default: return nullptr;
	}
}
Type twice(Type t) {
	return t == Type::u16 ? Type::u32 : t == Type::s16 ? Type::s32 : t == Type::u32 ? Type::u64 : Type::s64;
}

void finish(Decoder &d, Handler h, Type result, std::initializer_list<Type> operands) {
	if (!h)
		d.fail("this type is not known here");
	d.args(operands.size() + 1);
	size_t k = 1;
	for (Type t : operands) {
		d.i.r[k] = d.source(d.s->args[k], t);
		k++;
	}
	d.i.r[0] = d.result(d.s->args[0], result);
	d.i.run = h;
	d.emit();
}

} // namespace

bool decodeInteger(Decoder &d) {
	const std::string &op = d.s->op[0];
	Type t = Type::none;
	for (auto &word : d.s->op)
		if (typeOf(word) != Type::none)
			t = typeOf(word);
	if (t == Type::none || isFloat(t) || t == Type::pred)
		return false;
	const Type u32 = Type::u32;
	if (op == "mul" || op == "mad") {
		d.known({"lo", "hi", "wide"});
		bool add = op == "mad";
		if (d.s->has("wide")) {
			Type big = twice(t);
			if (add)
				finish(d, wide<MulWide>(t, true), big, {t, t, big});
			else
				finish(d, wide<MulWide>(t, false), big, {t, t});
			return true;
		}
		bool hi = d.s->has("hi");
		if (!hi && !d.s->has("lo"))
			d.fail(".lo, .hi or .wide is missing");
		if (add)
			finish(d, hi ? three<MadHi>(t) : three<MadLo>(t), t, {t, t, t});
		else
			finish(d, hi ? two<MulHi>(t) : two<MulLo>(t), t, {t, t});
		return true;
	}
	if (op == "mul24" || op == "mad24") {
		d.known({"lo"});
		bool s = t == Type::s32;
		if (op == "mul24")
			finish(d, s ? two<Mul24>(Type::s32) : two<Mul24>(u32), t, {t, t});
		else
			finish(d, s ? three<Mad24>(Type::s32) : three<Mad24>(u32), t, {t, t, t});
		return true;
	}
	static const struct {
		const char *op;
		Handler (*by)(Type);
		int operands;
	} plain[] = {
		{"add", two<Add>, 2},
		{"sub", two<Sub>, 2},
		{"div", two<Div>, 2},
		{"rem", two<Rem>, 2},
		{"min", two<Min>, 2},
		{"max", two<Max>, 2},
		{"and", two<And>, 2},
		{"or", two<Or>, 2},
		{"xor", two<Xor>, 2},
		{"not", one<Not>, 1},
		{"cnot", one<CNot>, 1},
		{"abs", one<Abs>, 1},
		{"neg", one<Neg>, 1},
		{"brev", one<Brev>, 1},
		{"sad", three<Sad>, 3},
	};
	for (auto &p : plain)
		if (op == p.op) {
			d.known({});
			if (p.operands == 1)
				finish(d, p.by(t), t, {t});
			else if (p.operands == 2)
				finish(d, p.by(t), t, {t, t});
			else
				finish(d, p.by(t), t, {t, t, t});
			return true;
		}
	if (op == "shl" || op == "shr") {
		d.known({});
		finish(d, op == "shl" ? shift<Shl>(t) : shift<Shr>(t), t, {t, u32});
	} else if (op == "popc" || op == "clz" || op == "bfind") {
		d.known({});
		finish(d, op == "popc" ? count<Popc>(t) : op == "clz" ? count<Clz>(t) : count<Bfind>(t), u32, {t});
	} else if (op == "bfe") {
		d.known({});
		finish(d, field<Bfe>(t), t, {t, u32, u32});
	} else if (op == "bfi") {
		d.known({});
		finish(d, t == Type::b32 ? bfi<uint32_t> : t == Type::b64 ? bfi<uint64_t> : nullptr, t, {t, t, u32, u32});
	} else if (op == "prmt" && t == Type::b32) {
		d.known({});
		finish(d, ternary<uint32_t, uint32_t, uint32_t, uint32_t, Prmt>, u32, {u32, u32, u32});
	} else if (op == "shf" && t == Type::b32) {
		d.known({"l", "r", "wrap", "clamp"});
		bool left = d.s->has("l"), wrap = d.s->has("wrap");
		Handler h = left ? (wrap ? ternary<uint32_t, uint32_t, uint32_t, uint32_t, Wrap<ShfLeft>>
								 : ternary<uint32_t, uint32_t, uint32_t, uint32_t, Clamp<ShfLeft>>)
						 : (wrap ? ternary<uint32_t, uint32_t, uint32_t, uint32_t, Wrap<ShfRight>>
								 : ternary<uint32_t, uint32_t, uint32_t, uint32_t, Clamp<ShfRight>>);
		finish(d, h, u32, {u32, u32, u32});
	} else if (op == "lop3" && t == Type::b32) {
		d.known({});
		d.args(5);
		if (d.s->args[4].kind != Operand::integer)
			d.fail("the table must be a number");
		d.i.value = (int64_t)d.s->args[4].bits;
		for (int k = 1; k < 4; k++)
			d.i.r[k] = d.source(d.s->args[k], u32);
		d.i.r[0] = d.result(d.s->args[0], u32);
		d.i.run = lop3;
		d.emit();
	} else {
		return false;
	}
	return true;
}

} // namespace emu
