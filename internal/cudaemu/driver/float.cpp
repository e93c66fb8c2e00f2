// Real numbers: PTX ISA 9.7.3. Results are correctly rounded where PTX says so. The .approx forms, whose last bits PTX
// leaves open, are computed in float64 and rounded: a GPU differs from them by the few units that PTX allows.
#include "decode.h"
#include "half.h"

namespace emu {
namespace {

inline float canonical(float v) { return v != v ? bitsAs<float>(QuietNaN32) : v; }
inline double canonical(double v) { return v != v ? bitsAs<double>(QuietNaN64) : v; }
inline float flushed(float v) { return fabsf(v) < 0x1p-126f ? copysignf(0, v) : v; }
inline double flushed(double v) { return v; }
template <class T> T saturated(T v) { return v > 0 ? v < 1 ? v : T(1) : T(0); } // a NaN gives 0

struct Add {
	template <class T> static T of(T a, T b) { return a + b; }
};
struct Sub {
	template <class T> static T of(T a, T b) { return a - b; }
};
struct Mul {
	template <class T> static T of(T a, T b) { return a * b; }
};
struct Div {
	template <class T> static T of(T a, T b) { return a / b; }
};
struct Fma {
	static float of(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
	static double of(double a, double b, double c) { return __builtin_fma(a, b, c); }
};
struct Min {
	template <class T> static T of(T a, T b) {
		return a != a ? b : b != b ? a : a < b ? a : b < a ? b : std::signbit(a) ? a : b;
	}
};
struct Max {
	template <class T> static T of(T a, T b) {
		return a != a ? b : b != b ? a : a > b ? a : b > a ? b : std::signbit(a) ? b : a;
	}
};
struct MinNaN {
	template <class T> static T of(T a, T b) { return a != a || b != b ? a + b : Min::of(a, b); }
};
struct MaxNaN {
	template <class T> static T of(T a, T b) { return a != a || b != b ? a + b : Max::of(a, b); }
};
struct Sqrt {
	static float of(float a) { return sqrtf(a); }
	static double of(double a) { return sqrt(a); }
};
struct Rcp {
	template <class T> static T of(T a) { return 1 / a; }
};
struct Rsqrt {
	template <class T> static T of(T a) { return T(1 / sqrt((double)a)); }
};
struct Sin {
	static float of(float a) { return (float)sin((double)a); }
};
struct Cos {
	static float of(float a) { return (float)cos((double)a); }
};
struct Tanh {
	static float of(float a) { return (float)tanh((double)a); }
};
struct Lg2 {
	static float of(float a) { return (float)log2((double)a); }
};
// 2^a: a = n + f with |f| <= 1/2, 2^f by its series, whose error stays below 2^-40. Plain arithmetic, so that loops
// over lanes are vectors.
struct Ex2 {
	static float of(float a) {
		double x = a < -160 ? -160 : a > 140 ? 140 : a;
		double n = __builtin_floor(x + 0.5), y = (x - n) * 0.69314718055994530942;
		double p = 1 +
			y *
				(1 +
					y *
						(1. / 2 +
							y *
								(1. / 6 +
									y *
										(1. / 24 +
											y *
												(1. / 120 +
													y *
														(1. / 720 +
															y *
																(1. / 5040 +
																	y *
																		(1. / 40320 +
																			y * (1. / 362880 + y / 3628800)))))))));
		double scale = bitsAs<double>((uint64_t)((int64_t)n + 1023) << 52);
		return a != a ? a : (float)(p * scale);
	}
};

template <class F, bool ftz, bool sat> struct Mode {
	template <class T> static T out(T v) {
		v = canonical(v);
		if (ftz)
			v = flushed(v);
		return sat ? saturated(v) : v;
	}
	template <class T> static T in(T v) { return ftz ? flushed(v) : v; }
	template <class T> static T of(T a) { return out(F::of(in(a))); }
	template <class T> static T of(T a, T b) { return out(F::of(in(a), in(b))); }
	template <class T> static T of(T a, T b, T c) { return out(F::of(in(a), in(b), in(c))); }
};

struct Form {
	bool ftz, sat;
	Type t;
};
#define BY_MODE(FORM)                                                                                                  \
	if (f.t == Type::f64) {                                                                                            \
		using T = double;                                                                                              \
		using M = Mode<F, false, false>;                                                                               \
		return f.ftz || f.sat ? nullptr : FORM;                                                                        \
	}                                                                                                                  \
	if (f.t != Type::f32)                                                                                              \
		return nullptr;                                                                                                \
	using T = float;                                                                                                   \
	if (f.ftz && f.sat) {                                                                                              \
		using M = Mode<F, true, true>;                                                                                 \
		return FORM;                                                                                                   \
	}                                                                                                                  \
	if (f.ftz) {                                                                                                       \
		using M = Mode<F, true, false>;                                                                                \
		return FORM;                                                                                                   \
	}                                                                                                                  \
	if (f.sat) {                                                                                                       \
		using M = Mode<F, false, true>;                                                                                \
		return FORM;                                                                                                   \
	}                                                                                                                  \
	using M = Mode<F, false, false>;                                                                                   \
	return FORM;
template <class F> Handler one(Form f) { BY_MODE((unary<T, T, M>)) }
template <class F> Handler two(Form f) { BY_MODE((binary<T, T, T, M>)) }
template <class F> Handler three(Form f) { BY_MODE((ternary<T, T, T, T, M>)) }
#undef BY_MODE
template <class F> Handler single(Form f) { // only float32 has it
	if (f.t != Type::f32 || f.sat)
		return nullptr;
	return f.ftz ? unary<float, float, Mode<F, true, false>> : unary<float, float, Mode<F, false, false>>;
}

// abs, neg and copysign are of bits: they keep a NaN's.
template <class T, T mask> struct AbsBits {
	static T of(T a) { return a & ~mask; }
};
template <class T, T mask> struct NegBits {
	static T of(T a) { return a ^ mask; }
};
template <class T, T mask> struct CopySign {
	static T of(T a, T b) { return T((b & ~mask) | (a & mask)); }
};

// Arithmetic of 16-bit floats, two in a word: computed in float64, which is exact for products and sums of three such
// numbers but for the final rounding.
template <uint16_t (*narrow)(float, Round), float (*widen)(uint16_t), class F, bool two>
void halves(Warp &w, const Ins &i, uint32_t lanes) {
	In<uint32_t> a(w, i.r[1]), b(w, i.r[2]), c(w, i.r[3]);
	store<uint32_t>(w, i.r[0], lanes, [&](int l) {
		auto at = [&](int shift) {
			double v = F::of((double)widen(uint16_t(a[l] >> shift)), (double)widen(uint16_t(b[l] >> shift)),
				(double)widen(uint16_t(c[l] >> shift)));
			float f = (float)v;
			if ((double)f != v && f == f &&
				std::isfinite(f)) { // round to odd, so that the second rounding sees what was cut
				uint32_t u = bitsAs<uint32_t>(f);
				if (std::fabs((double)f) > std::fabs(v))
					u--;
				f = bitsAs<float>(u | 1);
			}
			return (uint32_t)narrow(f, Round::nearest);
		};
		return two ? at(0) | at(16) << 16 : at(0);
	});
}
struct Add3 {
	static double of(double a, double b, double) { return a + b; }
};
struct Sub3 {
	static double of(double a, double b, double) { return a - b; }
};
struct Mul3 {
	static double of(double a, double b, double) { return a * b; }
};
struct Fma3 {
	static double of(double a, double b, double c) { return a * b + c; }
};
struct Min3 {
	static double of(double a, double b, double) { return Min::of(a, b); }
};
struct Max3 {
	static double of(double a, double b, double) { return Max::of(a, b); }
};

template <class F> Handler halvesOf(Type t) {
	switch (t) {
	case Type::f16: return halves<toF16, fromF16, F, false>;
	case Type::f16x2: return halves<toF16, fromF16, F, true>;
	case Type::bf16: return halves<toBF16, fromBF16, F, false>;
	case Type::bf16x2: return halves<toBF16, fromBF16, F, true>;
	default: return nullptr;
	}
}

bool decodeHalf(Decoder &d, Type t) {
	const std::string &op = d.s->op[0];
	bool bf = t == Type::bf16 || t == Type::bf16x2, pair = t == Type::f16x2 || t == Type::bf16x2;
	Type bits = pair ? Type::b32 : Type::b16;
	Handler h = nullptr;
	size_t n = 2;
	d.known({"rn"});
	if (op == "add" && !bf)
		h = halvesOf<Add3>(t);
	else if (op == "sub" && !bf)
		h = halvesOf<Sub3>(t);
	else if (op == "mul" && !bf)
		h = halvesOf<Mul3>(t);
	else if (op == "fma")
		h = halvesOf<Fma3>(t), n = 3;
	else if (op == "min")
		h = halvesOf<Min3>(t);
	else if (op == "max")
		h = halvesOf<Max3>(t);
	else if (op == "neg")
		h = pair ? unary<uint32_t, uint32_t, NegBits<uint32_t, 0x80008000>>
				 : unary<uint16_t, uint16_t, NegBits<uint16_t, 0x8000>>,
		n = 1;
	else if (op == "abs")
		h = pair ? unary<uint32_t, uint32_t, AbsBits<uint32_t, 0x80008000>>
				 : unary<uint16_t, uint16_t, AbsBits<uint16_t, 0x8000>>,
		n = 1;
	else
		return false;
	d.args(n + 1);
	for (size_t k = 1; k <= n; k++)
		d.i.r[k] = d.source(d.s->args[k], bits);
	for (size_t k = n + 1; k <= 3; k++)
		d.i.r[k] = d.i.r[1];
	d.i.r[0] = d.result(d.s->args[0], bits);
	d.i.run = h;
	d.emit();
	return true;
}

} // namespace

bool decodeFloat(Decoder &d) {
	const std::string &op = d.s->op[0];
	Form f = {d.s->has("ftz"), d.s->has("sat"), Type::none};
	f.t = typeOf(d.s->op.back());
	if (f.t == Type::f16 || f.t == Type::f16x2 || f.t == Type::bf16 || f.t == Type::bf16x2)
		return decodeHalf(d, f.t);
	if (f.t != Type::f32 && f.t != Type::f64)
		return false;
	bool approx = d.s->has("approx") || d.s->has("full"), nan = d.s->has("NaN");
	Handler h = nullptr;
	size_t n = 1;
	static const struct {
		const char *op;
		Handler (*by)(Form);
		size_t n;
	} rounded[] = {{"add", two<Add>, 2}, {"sub", two<Sub>, 2}, {"mul", two<Mul>, 2}, {"fma", three<Fma>, 3},
		{"mad", three<Fma>, 3}, {"div", two<Div>, 2}, {"sqrt", one<Sqrt>, 1}, {"rcp", one<Rcp>, 1}},
	  approximate[] = {{"rsqrt", one<Rsqrt>, 1}, {"sin", single<Sin>, 1}, {"cos", single<Cos>, 1},
		  {"lg2", single<Lg2>, 1}, {"ex2", single<Ex2>, 1}, {"tanh", single<Tanh>, 1}};
	for (auto &r : rounded)
		if (op == r.op) {
			bool needs = op != "add" && op != "sub" && op != "mul";
			if (needs && !approx && !d.s->has("rn"))
				d.fail("a rounding is missing; .rn is supported");
			if (op == "div" || op == "sqrt" || op == "rcp")
				d.known({"rn", "ftz", "approx", "full"});
			else
				d.known({"rn", "ftz", "sat"});
			h = r.by(f), n = r.n;
		}
	for (auto &a : approximate)
		if (op == a.op) {
			d.known({"approx", "ftz"});
			if (!approx)
				d.fail(".approx is missing");
			h = a.by(f), n = a.n;
		}
	if (op == "min" || op == "max") {
		d.known({"ftz", "NaN"});
		h = op == "min" ? (nan ? two<MinNaN>(f) : two<Min>(f)) : (nan ? two<MaxNaN>(f) : two<Max>(f)), n = 2;
	} else if (op == "abs" || op == "neg") {
		d.known({"ftz"});
		if (f.ftz)
			d.fail(".ftz is not supported here");
		bool abs = op == "abs";
		if (f.t == Type::f32)
			h = abs ? unary<uint32_t, uint32_t, AbsBits<uint32_t, 1u << 31>>
					: unary<uint32_t, uint32_t, NegBits<uint32_t, 1u << 31>>;
		else
			h = abs ? unary<uint64_t, uint64_t, AbsBits<uint64_t, 1ull << 63>>
					: unary<uint64_t, uint64_t, NegBits<uint64_t, 1ull << 63>>;
	} else if (op == "copysign") {
		d.known({});
		h = f.t == Type::f32 ? binary<uint32_t, uint32_t, uint32_t, CopySign<uint32_t, 1u << 31>>
							 : binary<uint64_t, uint64_t, uint64_t, CopySign<uint64_t, 1ull << 63>>,
		n = 2;
	} else if (!h) {
		bool ours = false;
		for (auto &r : rounded)
			ours |= op == r.op;
		for (auto &a : approximate)
			ours |= op == a.op;
		if (!ours)
			return false;
	}
	if (!h)
		d.fail("this form is not supported");
	d.args(n + 1);
	for (size_t k = 1; k <= n; k++)
		d.i.r[k] = d.source(d.s->args[k], f.t);
	d.i.r[0] = d.result(d.s->args[0], f.t);
	d.i.run = h;
	d.emit();
	return true;
}

} // namespace emu
