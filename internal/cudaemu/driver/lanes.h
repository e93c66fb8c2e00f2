// What handlers are written with: a warp's state, and loops over its lanes.
#pragma once
#include "program.h"
#include <cstring>

namespace emu {

struct Block;      // run.h
struct AsyncState; // copies of cp.async that are under way: async.cpp

// A Fault ends a launch. Its text says what was wrong; who and where are added by the scheduler, from lane and warp.
struct Fault {
	int code; // CUresult
	std::string what;
	int lane;
};

struct Warp {
	char *base[2]; // registers, constants
	std::vector<uint32_t> predicate;
	std::vector<char> registers;
	char *local = nullptr; // of lane 0
	Block *block = nullptr;
	int number = 0;      // in the block
	uint32_t exists = 0; // lanes that the block has
	// Scheduling: see run.cpp.
	uint32_t alive = 0, parked = 0;
	uint32_t pc[Lanes];
	uint32_t barrierOf[Lanes]; // of a parked lane: number of the barrier, or Converging
	uint32_t exitLine[Lanes];
	std::vector<std::pair<uint32_t, uint32_t>> returns[Lanes]; // (return place, call)
	uint32_t here = 0;                                         // place of the instruction that runs
	// Clocks: see shadow.h.
	uint32_t floor = 0;
	std::unique_ptr<uint32_t[]> clocks;
	AsyncState *async = nullptr;

	template <class T> T *at(uint32_t place) { return (T *)(base[place >> 31] + (place & ~ConstantBit)); }
	uint32_t guard(const Ins &i) const { return i.guardNegated ? ~predicate[i.guard] : predicate[i.guard]; }
};

#define EACH for (int l = 0; l < Lanes; l++)
#define EACH_OF(lanes)                                                                                                 \
	for (uint32_t rest_ = (lanes), l = 0; rest_ && (l = (uint32_t)__builtin_ctz(rest_), true); rest_ &= rest_ - 1)

// Slot is what a register's lane is for a value of type T: 4 bytes up to 32 bits, else 8.
template <class T, bool wide = (sizeof(T) > 4), bool small = (sizeof(T) < 4)> struct Slot {
	using type = T;
	static T get(T s) { return s; }
	static T put(T v) { return v; }
};
template <class T> struct Slot<T, false, true> {
	using type = uint32_t;
	static T get(uint32_t s) { return (T)s; }
	static uint32_t put(T v) { return (uint32_t)(int32_t)v; }
};

// In reads the lanes of an operand.
template <class T> struct In {
	const typename Slot<T>::type *p;
	In(Warp &w, uint32_t place) : p(w.at<typename Slot<T>::type>(place)) {}
	T operator[](int l) const { return Slot<T>::get(p[l]); }
};

// store sets the given lanes of a register to f(lane).
template <class T, class F> inline void store(Warp &w, uint32_t place, uint32_t lanes, F f) {
	using S = typename Slot<T>::type;
	S *d = w.at<S>(place);
	if (lanes == ~0u) {
#pragma GCC ivdep
		EACH d[l] = Slot<T>::put(f(l));
		return;
	}
	S v[Lanes];
	EACH v[l] = Slot<T>::put(f(l));
	EACH d[l] = lanes >> l & 1 ? v[l] : d[l];
}

// collect makes a predicate of f(lane).
template <class F> inline uint32_t collect(F f) {
	uint8_t v[Lanes];
	EACH v[l] = f(l) ? 255 : 0;
#ifdef __AVX2__
	typedef char bytes __attribute__((vector_size(32)));
	bytes b;
	memcpy(&b, v, 32);
	return (uint32_t)__builtin_ia32_pmovmskb256(b);
#else
	uint32_t m = 0;
	EACH m |= (uint32_t)(v[l] & 1) << l;
	return m;
#endif
}

inline void setPredicate(Warp &w, uint32_t number, uint32_t lanes, uint32_t value) {
	w.predicate[number] = (w.predicate[number] & ~lanes) | (value & lanes);
}

// Handlers of one result and one to three operands: F has a static function of(a, b, c).
template <class D, class A, class F> void unary(Warp &w, const Ins &i, uint32_t lanes) {
	In<A> a(w, i.r[1]);
	store<D>(w, i.r[0], lanes, [&](int l) { return F::of(a[l]); });
}
template <class D, class A, class B, class F> void binary(Warp &w, const Ins &i, uint32_t lanes) {
	In<A> a(w, i.r[1]);
	In<B> b(w, i.r[2]);
	store<D>(w, i.r[0], lanes, [&](int l) { return F::of(a[l], b[l]); });
}
template <class D, class A, class B, class C, class F> void ternary(Warp &w, const Ins &i, uint32_t lanes) {
	In<A> a(w, i.r[1]);
	In<B> b(w, i.r[2]);
	In<C> c(w, i.r[3]);
	store<D>(w, i.r[0], lanes, [&](int l) { return F::of(a[l], b[l], c[l]); });
}

} // namespace emu
