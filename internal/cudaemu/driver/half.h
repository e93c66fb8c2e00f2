// The 16-bit formats, by their bits.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

namespace emu {

template <class To, class From> inline To bitsAs(From v) {
	static_assert(sizeof(To) == sizeof(From), "");
	To t;
	memcpy(&t, &v, sizeof t);
	return t;
}

constexpr uint32_t QuietNaN32 = 0x7fffffff; // what a GPU makes where a float32 result is no number
constexpr uint64_t QuietNaN64 = 0x7ff8000000000000;

inline float fromBF16(uint16_t h) { return bitsAs<float>((uint32_t)h << 16); }
inline float fromF16(uint16_t h) {
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 1023;
	if (e == 31)
		return bitsAs<float>(sign | 0x7f800000 | m << 13);
	if (e == 0)
		return bitsAs<float>(sign | bitsAs<uint32_t>((float)m * 0x1p-24f));
	return bitsAs<float>(sign | (e + 112) << 23 | m << 13);
}

enum class Round : uint8_t { nearest, zero, down, up };

// cut drops the lower bits of a magnitude, and says whether it is to be one larger.
inline uint64_t cut(uint64_t magnitude, int drop, bool negative, Round r) {
	uint64_t kept = drop > 63 ? 0 : magnitude >> drop, rest = drop > 63 ? magnitude : magnitude & ((1ull << drop) - 1);
	uint64_t half = drop > 63 ? ~0ull : drop ? 1ull << (drop - 1) : 1;
	bool more = rest &&
		(r == Round::nearest     ? rest > half || (rest == half && drop && (kept & 1))
				: r == Round::up ? !negative
								 : r == Round::down && negative);
	return kept + more;
}

// roundTo makes a 16-bit float with e bits of exponent and m of mantissa from a float32.
template <int e, int m> inline uint16_t roundTo16(float f, Round r) {
	uint32_t u = bitsAs<uint32_t>(f), sign = u >> 31, a = u & 0x7fffffff;
	const uint32_t infinity = ((1u << e) - 1) << m;
	if (a > 0x7f800000)
		return 0x7fff;
	if (a == 0x7f800000)
		return uint16_t(sign << 15 | infinity);
	const int bias = (1 << (e - 1)) - 1;
	int exponent = int(a >> 23) - 127;
	uint64_t mantissa = (a & 0x7fffff) | (a >> 23 ? 0x800000 : 0);
	if (!(a >> 23))
		exponent = -126;
	int drop = 23 - m, biased = exponent + bias;
	if (biased < 1) { // subnormal
		drop += 1 - biased;
		biased = 1;
	}
	uint64_t kept = cut(mantissa, drop, sign, r); // the implicit bit adds one to the exponent
	uint64_t bits = ((uint64_t)(biased - 1) << m) + kept;
	if (bits >= infinity)
		bits = r == Round::zero || (r == Round::up && sign) || (r == Round::down && !sign) ? infinity - 1 : infinity;
	return uint16_t(sign << 15 | bits);
}
inline uint16_t toBF16(float f, Round r = Round::nearest) { return roundTo16<8, 7>(f, r); }
inline uint16_t toF16(float f, Round r = Round::nearest) { return roundTo16<5, 10>(f, r); }

} // namespace emu
