// Comparisons, choices and predicates: PTX ISA 9.7.6, and and/or/xor/not/mov of .pred.
#include "decode.h"
#include "half.h"

namespace emu {
namespace {

struct Eq {
	template <class T> static bool of(T a, T b) { return a == b; }
};
struct Ne {
	template <class T> static bool of(T a, T b) { return a < b || a > b; }
};
struct Lt {
	template <class T> static bool of(T a, T b) { return a < b; }
};
struct Le {
	template <class T> static bool of(T a, T b) { return a <= b; }
};
struct Gt {
	template <class T> static bool of(T a, T b) { return a > b; }
};
struct Ge {
	template <class T> static bool of(T a, T b) { return a >= b; }
};
template <class F> struct Unless {
	template <class T> static bool of(T a, T b) { return !F::of(a, b); }
}; // true for NaN too
struct Num {
	template <class T> static bool of(T a, T b) { return a == a && b == b; }
};

enum Combine { none, with_and, with_or, with_xor };
uint32_t combine(int64_t how, uint32_t a, uint32_t b) {
	return how == with_and ? a & b : how == with_or ? a | b : how == with_xor ? a ^ b : a;
}

template <class T, class F> void setp(Warp &w, const Ins &i, uint32_t lanes) {
	In<T> a(w, i.r[1]), b(w, i.r[2]);
	uint32_t m = collect([&](int l) { return F::of(a[l], b[l]); }), c = w.predicate[i.r[3]];
	setPredicate(w, i.r[0], lanes, combine(i.value, m, c));
	if (i.r[4])
		setPredicate(w, i.r[4], lanes, combine(i.value, ~m, c));
}

// set writes 1.0 (f32) or all ones where the comparison holds, else 0. The value that means true is in i.count.
template <class T, class F> void set(Warp &w, const Ins &i, uint32_t lanes) {
	In<T> a(w, i.r[1]), b(w, i.r[2]);
	uint32_t m = combine(i.value, collect([&](int l) { return F::of(a[l], b[l]); }), w.predicate[i.r[3]]);
	uint32_t yes = i.count ? 0x3f800000 : ~0u;
	store<uint32_t>(w, i.r[0], lanes, [&](int l) { return m >> l & 1 ? yes : 0; });
}

template <class T> void selp(Warp &w, const Ins &i, uint32_t lanes) {
	In<T> a(w, i.r[1]), b(w, i.r[2]);
	uint32_t m = w.predicate[i.r[3]];
	store<T>(w, i.r[0], lanes, [&](int l) { return m >> l & 1 ? a[l] : b[l]; });
}
template <class T, class C> void slct(Warp &w, const Ins &i, uint32_t lanes) {
	In<T> a(w, i.r[1]), b(w, i.r[2]);
	In<C> c(w, i.r[3]);
	store<T>(w, i.r[0], lanes, [&](int l) { return c[l] >= 0 ? a[l] : b[l]; });
}

#define COMPARISON(NAME, RUN)                                                                                          \
	template <class T, bool real> Handler NAME(const std::string &c) {                                                 \
		if (c == "eq")                                                                                                 \
			return RUN<T, Eq>;                                                                                         \
		if (c == "ne")                                                                                                 \
			return RUN<T, Ne>;                                                                                         \
		if (c == "lt" || (!real && c == "lo"))                                                                         \
			return RUN<T, Lt>;                                                                                         \
		if (c == "le" || (!real && c == "ls"))                                                                         \
			return RUN<T, Le>;                                                                                         \
		if (c == "gt" || (!real && c == "hi"))                                                                         \
			return RUN<T, Gt>;                                                                                         \
		if (c == "ge" || (!real && c == "hs"))                                                                         \
			return RUN<T, Ge>;                                                                                         \
		if (!real)                                                                                                     \
			return nullptr;                                                                                            \
		if (c == "equ")                                                                                                \
			return RUN<T, Unless<Ne>>;                                                                                 \
		if (c == "neu")                                                                                                \
			return RUN<T, Unless<Eq>>;                                                                                 \
		if (c == "ltu")                                                                                                \
			return RUN<T, Unless<Ge>>;                                                                                 \
		if (c == "leu")                                                                                                \
			return RUN<T, Unless<Gt>>;                                                                                 \
		if (c == "gtu")                                                                                                \
			return RUN<T, Unless<Le>>;                                                                                 \
		if (c == "geu")                                                                                                \
			return RUN<T, Unless<Lt>>;                                                                                 \
		if (c == "num")                                                                                                \
			return RUN<T, Num>;                                                                                        \
		if (c == "nan")                                                                                                \
			return RUN<T, Unless<Num>>;                                                                                \
		return nullptr;                                                                                                \
	}
COMPARISON(setpBy, setp)
COMPARISON(setBy, set)
#undef COMPARISON

Handler comparing(bool predicate, Type t, const std::string &c) {
#define OF(T, real) predicate ? setpBy<T, real>(c) : setBy<T, real>(c)
	switch (t) {
	case Type::b16:
	case Type::u16: return OF(uint16_t, false);
	case Type::s16: return OF(int16_t, false);
	case Type::b32:
	case Type::u32: return OF(uint32_t, false);
	case Type::s32: return OF(int32_t, false);
	case Type::b64:
	case Type::u64: return OF(uint64_t, false);
	case Type::s64: return OF(int64_t, false);
	case Type::f32: return OF(float, true);
	case Type::f64: return OF(double, true);
	default: return nullptr;
	}
#undef OF
}

void compare(Decoder &d, bool predicate) {
	const Statement &s = *d.s;
	if (s.has("ftz"))
		d.fail(".ftz is not supported here");
	if (s.op.size() < 3)
		d.fail("a comparison and a type are missing");
	size_t k = 1;
	std::string c = s.op[k++];
	Combine how = none;
	if (s.op[k] == "and")
		how = with_and, k++;
	else if (s.op[k] == "or")
		how = with_or, k++;
	else if (s.op[k] == "xor")
		how = with_xor, k++;
	if (!predicate) {
		Type to = typeOf(s.op[k++]);
		if (to != Type::f32 && to != Type::u32 && to != Type::s32)
			d.fail("the result is u32, s32 or f32");
		d.i.count = to == Type::f32;
	}
	if (k + 1 != s.op.size())
		d.fail("the modifiers are not known");
	Type t = typeOf(s.op[k]);
	d.i.run = comparing(predicate, t, c);
	if (!d.i.run)
		d.fail("this comparison of this type is not known");
	d.args(how ? 4 : 3);
	d.i.r[1] = d.source(s.args[1], t);
	d.i.r[2] = d.source(s.args[2], t);
	d.i.r[3] = how ? d.sourcePredicate(s.args[3]) : AllLanes;
	d.i.value = how;
	if (predicate) {
		d.i.r[0] = d.resultPredicate(s.args[0]);
		d.i.r[4] = s.args[0].elements.empty() ? AllLanes : d.resultPredicate(s.args[0].elements[0]);
	} else {
		d.i.r[0] = d.result(s.args[0], Type::u32);
	}
	d.emit();
}

struct PredicateOp {
	static void run(Warp &w, const Ins &i, uint32_t lanes) {
		setPredicate(
			w, i.r[0], lanes, combine(i.value, w.predicate[i.r[1]], w.predicate[i.r[2]]) ^ (i.count ? ~0u : 0));
	}
};

} // namespace

bool decodeCompare(Decoder &d) {
	const Statement &s = *d.s;
	const std::string &op = s.op[0];
	if (op == "setp" || op == "set") {
		compare(d, op == "setp");
		return true;
	}
	Type t = typeOf(s.op.back());
	if (op == "selp") {
		d.known({});
		d.args(4);
		switch (bytesOf(t)) {
		case 2: d.i.run = selp<uint16_t>; break;
		case 4: d.i.run = selp<uint32_t>; break;
		case 8: d.i.run = selp<uint64_t>; break;
		default: d.fail("this type is not known here");
		}
		d.i.r[1] = d.source(s.args[1], t);
		d.i.r[2] = d.source(s.args[2], t);
		d.i.r[3] = d.sourcePredicate(s.args[3]);
		d.i.r[0] = d.result(s.args[0], t);
		d.emit();
		return true;
	}
	if (op == "slct") {
		d.known({});
		d.args(4);
		Type first = d.type(1);
		bool real = t == Type::f32;
		if (!real && t != Type::s32)
			d.fail("the choosing operand is s32 or f32");
		switch (bytesOf(first)) {
		case 2: d.i.run = real ? slct<uint16_t, float> : slct<uint16_t, int32_t>; break;
		case 4: d.i.run = real ? slct<uint32_t, float> : slct<uint32_t, int32_t>; break;
		case 8: d.i.run = real ? slct<uint64_t, float> : slct<uint64_t, int32_t>; break;
		default: d.fail("this type is not known here");
		}
		d.i.r[1] = d.source(s.args[1], first);
		d.i.r[2] = d.source(s.args[2], first);
		d.i.r[3] = d.source(s.args[3], t);
		d.i.r[0] = d.result(s.args[0], first);
		d.emit();
		return true;
	}
	if (t != Type::pred || s.op.size() != 2)
		return false;
	if (op == "and" || op == "or" || op == "xor") {
		d.args(3);
		d.i.value = op == "and" ? with_and : op == "or" ? with_or : with_xor;
		d.i.r[2] = d.sourcePredicate(s.args[2]);
	} else if (op == "not" || op == "mov") {
		d.args(2);
		d.i.value = none;
		d.i.count = op == "not";
	} else {
		return false;
	}
	d.i.r[1] = d.sourcePredicate(s.args[1]);
	d.i.r[0] = d.resultPredicate(s.args[0]);
	d.i.run = PredicateOp::run;
	d.emit();
	return true;
}

} // namespace emu
