// What instructions do to bits, for integer.cpp: PTX ISA 9.7.1 (fields and counts) and 9.7.8 (logic and shifts).
#pragma once
#include "lanes.h"
#include <type_traits>

namespace emu {
namespace {

template <class T> using Unsigned = std::make_unsigned_t<T>;
template <class T> constexpr int Bits = 8 * sizeof(T);

struct And {
	template <class T> static T of(T a, T b) { return a & b; }
};
struct Or {
	template <class T> static T of(T a, T b) { return a | b; }
};
struct Xor {
	template <class T> static T of(T a, T b) { return a ^ b; }
};
struct Not {
	template <class T> static T of(T a) { return T(~a); }
};
struct CNot {
	template <class T> static T of(T a) { return a == 0; }
};
struct Shl {
	template <class T> static T of(T a, uint32_t n) { return n >= Bits<T> ? 0 : T(Unsigned<T>(a) << n); }
};
struct Shr {
	template <class T> static T of(T a, uint32_t n) { return n < Bits<T> ? T(a >> n) : a < 0 ? T(-1) : T(0); }
};
struct Popc {
	template <class T> static uint32_t of(T a) { return (uint32_t)__builtin_popcountll(a); }
};
struct Clz {
	template <class T> static uint32_t of(T a) { return a ? (uint32_t)(__builtin_clzll(a) - (64 - Bits<T>)) : Bits<T>; }
};
struct Bfind {
	template <class T> static uint32_t of(T a) {
		Unsigned<T> u = a < 0 ? Unsigned<T>(~a) : Unsigned<T>(a);
		return u ? (uint32_t)(63 - __builtin_clzll(u)) : ~0u;
	}
};
struct Brev {
	template <class T> static T of(T a) {
		T r = 0;
		for (int k = 0; k < Bits<T>; k++)
			r |= T(a >> k & 1) << (Bits<T> - 1 - k);
		return r;
	}
};
struct Bfe {
	template <class T> static T of(T a, uint32_t b, uint32_t c) {
		uint32_t at = b & 255, n = c & 255, top = at + n - 1;
		if (n == 0)
			return 0;
		T sign = std::is_signed<T>::value ? T(Unsigned<T>(a) >> (top < Bits<T> ? top : Bits<T> - 1) & 1) : 0;
		Unsigned<T> field = at < Bits<T> ? Unsigned<T>(a) >> at : 0;
		uint32_t have = n < Bits<T> ? n : Bits<T>;
		Unsigned<T> mask = have == Bits<T> ? ~Unsigned<T>(0) : (Unsigned<T>(1) << have) - 1;
		if (at + have > Bits<T> && sign) // bits beyond the number are its sign
			field |= at < Bits<T> ? ~(~Unsigned<T>(0) >> at) : ~Unsigned<T>(0);
		return T((field & mask) | (sign ? ~mask : 0));
	}
};
struct Prmt {
	static uint32_t of(uint32_t a, uint32_t b, uint32_t c) {
		uint64_t bytes = a | (uint64_t)b << 32;
		uint32_t r = 0;
		for (int k = 0; k < 4; k++) {
			uint32_t choice = c >> (4 * k), byte = uint32_t(bytes >> (8 * (choice & 7))) & 255;
			if (choice & 8)
				byte = byte & 128 ? 255 : 0;
			r |= byte << (8 * k);
		}
		return r;
	}
};
struct ShfLeft {
	static uint32_t of(uint32_t a, uint32_t b, uint32_t n) { return uint32_t(((uint64_t)b << 32 | a) << n >> 32); }
};
struct ShfRight {
	static uint32_t of(uint32_t a, uint32_t b, uint32_t n) { return uint32_t(((uint64_t)b << 32 | a) >> n); }
};
template <class F> struct Wrap {
	static uint32_t of(uint32_t a, uint32_t b, uint32_t n) { return F::of(a, b, n & 31); }
};
template <class F> struct Clamp {
	static uint32_t of(uint32_t a, uint32_t b, uint32_t n) { return F::of(a, b, n < 32 ? n : 32); }
};

template <class T> void bfi(Warp &w, const Ins &i, uint32_t lanes) {
	In<T> a(w, i.r[1]), b(w, i.r[2]);
	In<uint32_t> at(w, i.r[3]), n(w, i.r[4]);
	store<T>(w, i.r[0], lanes, [&](int l) {
		uint32_t p = at[l] & 255, len = n[l] & 255;
		if (p >= Bits<T> || len == 0)
			return b[l];
		T mask = T((len >= Bits<T> ? ~T(0) : (T(1) << len) - 1) << p);
		return T((b[l] & ~mask) | (T(a[l] << p) & mask));
	});
}

void lop3(Warp &w, const Ins &i, uint32_t lanes) {
	In<uint32_t> a(w, i.r[1]), b(w, i.r[2]), c(w, i.r[3]);
	store<uint32_t>(w, i.r[0], lanes, [&](int l) {
		uint32_t r = 0;
		for (int k = 0; k < 8; k++)
			if (i.value >> k & 1)
				r |= (k & 4 ? a[l] : ~a[l]) & (k & 2 ? b[l] : ~b[l]) & (k & 1 ? c[l] : ~c[l]);
		return r;
	});
}

} // namespace
} // namespace emu
