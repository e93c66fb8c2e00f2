// mov with its packing forms, cvta and isspacep: PTX ISA 9.7.9.
#include "decode.h"

namespace emu {
namespace {

struct Same {
	template <class T> static T of(T v) { return v; }
};

// pack makes a word of i.count parts, the first the lowest; unpack takes it apart. i.bytes is the size of a part,
// i.value that of the word.
template <class Word, class Part> void pack(Warp &w, const Ins &i, uint32_t lanes) {
	store<Word>(w, i.r[0], lanes, [&](int l) {
		Word v = 0;
		for (int k = 0; k < i.count; k++)
			v |= Word(In<Part>(w, i.r[1 + k])[l]) << (8 * sizeof(Part) * k);
		return v;
	});
}
template <class Word, class Part> void unpack(Warp &w, const Ins &i, uint32_t lanes) {
	Word v[Lanes];
	In<Word> a(w, i.r[i.count]);
	EACH v[l] = a[l];
	for (int k = 0; k < i.count; k++)
		store<Part>(w, i.r[k], lanes, [&](int l) { return Part(v[l] >> (8 * sizeof(Part) * k)); });
}

Handler packing(bool make, int word, int part) {
	if (word == 4 && part == 2)
		return make ? pack<uint32_t, uint16_t> : unpack<uint32_t, uint16_t>;
	if (word == 8 && part == 4)
		return make ? pack<uint64_t, uint32_t> : unpack<uint64_t, uint32_t>;
	if (word == 8 && part == 2)
		return make ? pack<uint64_t, uint16_t> : unpack<uint64_t, uint16_t>;
	return nullptr;
}

void shift(Warp &w, const Ins &i, uint32_t lanes) { // an address from one space to another
	In<uint64_t> a(w, i.r[1]);
	store<uint64_t>(w, i.r[0], lanes, [&](int l) { return a[l] + (uint64_t)i.value; });
}
void isSpace(Warp &w, const Ins &i, uint32_t lanes) {
	In<uint64_t> a(w, i.r[1]);
	uint64_t base = i.space == Space::shared ? SharedBase : i.space == Space::local ? LocalBase : DeviceBase;
	uint64_t bytes = i.space == Space::global ? 256 * DeviceSpan : WindowBytes;
	setPredicate(w, i.r[0], lanes, collect([&](int l) { return a[l] - base < bytes; }));
}

bool spaceOf(const Statement &s, Space &space, uint64_t &base) {
	static const struct {
		const char *word;
		Space space;
		uint64_t base;
	} known[] = {{"global", Space::global, 0}, {"const", Space::constant, 0}, {"shared", Space::shared, SharedBase},
		{"local", Space::local, LocalBase}};
	for (auto &k : known)
		if (s.has(k.word)) {
			space = k.space, base = k.base;
			return true;
		}
	return false;
}

void vectors(Decoder &d, Type t) {
	const Statement &s = *d.s;
	bool make = s.args[1].kind == Operand::vector;
	const Operand &parts = s.args[make ? 1 : 0], &word = s.args[make ? 0 : 1];
	int n = (int)parts.elements.size(), size = bytesOf(t);
	if (parts.kind != Operand::vector || word.kind == Operand::vector || (n != 2 && n != 4))
		d.fail("{a, b} or {a, b, c, d} on one side is right");
	d.i.run = packing(make, size, size / n);
	if (!d.i.run)
		d.fail("this packing is not known");
	d.i.count = (uint8_t)n;
	Type part = size / n == 2 ? Type::b16 : Type::b32, whole = size == 8 ? Type::b64 : Type::b32;
	if (make) {
		for (int k = 0; k < n; k++)
			d.i.r[1 + k] = d.source(parts.elements[k], part);
		d.i.r[0] = d.result(word, whole);
	} else {
		d.i.r[n] = d.source(word, whole);
		for (int k = 0; k < n; k++)
			d.i.r[k] = d.result(parts.elements[k], part);
	}
	d.emit();
}

} // namespace

bool decodeMove(Decoder &d) {
	const Statement &s = *d.s;
	Type t = typeOf(s.op.back());
	if (s.op[0] == "mov" && t != Type::pred) {
		d.known({});
		d.args(2);
		if (s.args[0].kind == Operand::vector || s.args[1].kind == Operand::vector) {
			vectors(d, t);
			return true;
		}
		switch (bytesOf(t)) {
		case 2: d.i.run = unary<uint16_t, uint16_t, Same>; break;
		case 4: d.i.run = unary<uint32_t, uint32_t, Same>; break;
		case 8: d.i.run = unary<uint64_t, uint64_t, Same>; break;
		default: d.fail("this type is not known here");
		}
		d.i.r[1] = d.source(s.args[1], t);
		d.i.r[0] = d.result(s.args[0], t);
		d.emit();
		return true;
	}
	if (s.op[0] == "cvta" || s.op[0] == "isspacep") {
		d.known({"to", "global", "const", "shared", "local", "shared::cta"});
		d.args(2);
		uint64_t base;
		if (!spaceOf(s, d.i.space, base))
			d.fail("the space is not known");
		if (s.op[0] == "cvta" && t != Type::u64)
			d.fail("addresses have 64 bits");
		d.i.value = (int64_t)(s.has("to") ? 0 - base : base);
		d.i.r[1] = d.source(s.args[1], Type::u64);
		d.i.run = s.op[0] == "cvta" ? shift : isSpace;
		d.i.r[0] = s.op[0] == "cvta" ? d.result(s.args[0], Type::u64) : d.resultPredicate(s.args[0]);
		d.emit();
		return true;
	}
	return false;
}

} // namespace emu
