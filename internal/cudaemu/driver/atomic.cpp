// atom and red on whole numbers, and the fences: PTX ISA 9.7.12. Those on floats are refused: the order of their sums
// would change the bits.
#include "decode.h"
#include "run.h"
#include <mutex>

namespace emu {
namespace {

std::mutex one; // blocks run on several of the host's threads

struct Add {
	template <class T> static T of(T old, T b, T) { return T(old + b); }
};
struct Exch {
	template <class T> static T of(T, T b, T) { return b; }
};
struct Cas {
	template <class T> static T of(T old, T b, T c) { return old == b ? c : old; }
};
struct Min {
	template <class T> static T of(T old, T b, T) { return b < old ? b : old; }
};
struct Max {
	template <class T> static T of(T old, T b, T) { return b > old ? b : old; }
};
struct And {
	template <class T> static T of(T old, T b, T) { return old & b; }
};
struct Or {
	template <class T> static T of(T old, T b, T) { return old | b; }
};
struct Xor {
	template <class T> static T of(T old, T b, T) { return old ^ b; }
};
struct Inc {
	template <class T> static T of(T old, T b, T) { return old >= b ? 0 : T(old + 1); }
};
struct Dec {
	template <class T> static T of(T old, T b, T) { return old == 0 || old > b ? b : T(old - 1); }
};

template <class T, class F> void atom(Warp &w, const Ins &i, uint32_t lanes) {
	char *host[Lanes];
	access(w, i, lanes, sizeof(T), Access::atomic, host);
	In<T> b(w, i.r[1]), c(w, i.r[2]);
	T was[Lanes] = {};
	{
		std::lock_guard<std::mutex> lock(one);
		EACH_OF (lanes) {
			T old;
			memcpy(&old, host[l], sizeof old);
			T now = F::of(old, b[l], c[l]);
			memcpy(host[l], &now, sizeof now);
			was[l] = old;
		}
	}
	if (i.count)
		store<T>(w, i.r[0], lanes, [&](int l) { return was[l]; });
}

template <class F> Handler by(Type t) {
	switch (t) {
	case Type::u32:
	case Type::b32: return atom<uint32_t, F>;
	case Type::s32: return atom<int32_t, F>;
	case Type::u64:
	case Type::b64: return atom<uint64_t, F>;
	case Type::s64: return atom<int64_t, F>;
	default: return nullptr;
	}
}

const std::map<std::string, Handler (*)(Type)> operations = {{"add", by<Add>}, {"exch", by<Exch>}, {"cas", by<Cas>},
	{"min", by<Min>}, {"max", by<Max>}, {"and", by<And>}, {"or", by<Or>}, {"xor", by<Xor>}, {"inc", by<Inc>},
	{"dec", by<Dec>}};

void nothing(Warp &, const Ins &, uint32_t) {} // accesses take place at once and in order

} // namespace

bool decodeAtomic(Decoder &d) {
	const Statement &s = *d.s;
	if (s.op[0] == "membar" || s.op[0] == "fence") {
		d.known({"cta", "gl", "sys", "gpu", "sc", "acq_rel"});
		d.args(0);
		d.i.run = nothing;
		d.emit();
		return true;
	}
	bool atom = s.op[0] == "atom";
	if (!atom && s.op[0] != "red")
		return false;
	Type t = d.type();
	if (isFloat(t))
		d.fail("atomics on floats are refused: the order of the sum changes its bits");
	d.known({"global", "shared", "shared::cta", "relaxed", "acquire", "release", "acq_rel", "cta", "gpu", "sys", "add",
		"exch", "cas", "min", "max", "and", "or", "xor", "inc", "dec"});
	for (auto &[name, handler] : operations)
		if (s.has(name.c_str())) {
			d.i.run = handler(t);
			bool cas = name == "cas";
			d.args(size_t(atom) + 2 + cas);
			if (!atom && (cas || name == "exch"))
				d.fail("red has no such operation");
			Space space = s.has("global")                 ? Space::global
				: s.has("shared") || s.has("shared::cta") ? Space::shared
														  : Space::generic;
			d.address(s.args[atom], space, AddressAt);
			d.i.r[1] = d.source(s.args[size_t(atom) + 1], t);
			d.i.r[2] = cas ? d.source(s.args[3], t) : d.i.r[1];
			d.i.count = atom;
			if (atom)
				d.i.r[0] = d.result(s.args[0], t);
		}
	if (!d.i.run)
		d.fail("this operation of this type is not known");
	d.access(bytesOf(t));
	d.emit();
	return true;
}

} // namespace emu
