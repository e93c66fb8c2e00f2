// ld and st, and the checks of every access: PTX ISA 9.7.9.
#include "run.h"
#include "decode.h"
#include "half.h"
#include <algorithm>

namespace emu {

static const char *spaceName(Space s) {
	switch (s) {
	case Space::shared: return "shared";
	case Space::local: return "local";
	case Space::param: return "param";
	default: return "global";
	}
}

static std::string hex(uint64_t v) {
	char text[32];
	snprintf(text, sizeof text, "0x%llx", (unsigned long long)v);
	return text;
}

[[noreturn]] static void outside(
	Access kind, uint32_t bytes, Space s, uint64_t address, const std::string &where, int lane) {
	throw Fault{IllegalAddress,
		(kind == Access::read           ? "reads "
				: kind == Access::write ? "writes "
										: "changes ") +
			std::to_string(bytes) + " bytes of " + spaceName(s) + " memory at " + hex(address) + ": " + where,
		lane};
}

static char *global(Warp &w, const Ins &i, uint64_t a, uint32_t bytes, Access kind, int l) {
	const Arena &arena = *w.block->launch.arena;
	const Allocation *&hit = w.block->lastHit[i.serial];
	if (!hit || a - hit->begin >= hit->bytes || bytes > hit->bytes - (a - hit->begin)) {
		hit = arena.find(a);
		if (!hit || bytes > hit->bytes - (a - hit->begin)) {
			std::string where = arena.near(a);
			outside(kind, bytes, Space::global, a, hit ? where + ", which ends before" : where, l);
		}
	}
	if (hit->constant && kind != Access::read)
		outside(kind, bytes, Space::global, a, hit->name + " is constant", l);
	return arena.host(a);
}

static char *window(Warp &w, Space s, uint64_t a, uint32_t bytes, Access kind, int l) {
	const Block &b = *w.block;
	if (s == Space::shared) {
		if (a >= b.sharedBytes || bytes > b.sharedBytes - a)
			outside(kind, bytes, s, a,
				"this launch has " + std::to_string(b.sharedBytes) + " bytes, " +
					std::to_string(b.launch.dynamicShared) + " of them dynamic",
				l);
		return const_cast<char *>(b.shared.data()) + a;
	}
	uint64_t have = b.launch.program->localBytes;
	if (a >= have || bytes > have - a)
		outside(kind, bytes, s, a, "a thread of this kernel has " + std::to_string(have) + " bytes", l);
	return w.local + (uint64_t)l * have + a;
}

// inRange says whether every lane's address is aligned and lies in a stretch of size bytes with room for the access.
static bool inRange(const uint64_t *at, uint32_t lanes, uint64_t begin, uint64_t size, uint32_t bytes) {
	if (size < bytes)
		return false;
	uint64_t low = 0, most = size - bytes;
	uint8_t out[Lanes];
	EACH {
		low |= lanes >> l & 1 ? at[l] : 0;
		out[l] = at[l] - begin > most;
	}
	return !(low & (bytes - 1)) && !(collect([&](int l) { return out[l]; }) & lanes);
}

// one finds the host's place of one lane's access, or throws what is wrong with it.
static char *one(Warp &w, const Ins &i, uint64_t a, uint32_t bytes, Access kind, int l) {
	if (a & (bytes - 1))
		throw Fault{MisalignedAddress,
			std::string(kind == Access::read ? "reads " : "writes ") + std::to_string(bytes) + " bytes of " +
				spaceName(i.space) + " memory at " + hex(a) + ", which is no multiple of " + std::to_string(bytes),
			l};
	switch (i.space) {
	case Space::global: return global(w, i, a, bytes, kind, l);
	case Space::generic:
		if (a - SharedBase < WindowBytes)
			return window(w, Space::shared, a - SharedBase, bytes, kind, l);
		if (a - LocalBase < WindowBytes)
			return window(w, Space::local, a - LocalBase, bytes, kind, l);
		return global(w, i, a, bytes, kind, l);
	case Space::param: {
		auto &params = w.block->launch.params;
		if (a & ParamBit)
			return window(w, Space::local, a & ~ParamBit, bytes, kind, l);
		if (kind != Access::read || a + bytes > params.size())
			outside(kind, bytes, Space::param, a,
				"the kernel has " + std::to_string(params.size()) + " bytes of arguments", l);
		return (char *)params.data() + a;
	}
	default: return window(w, i.space, a, bytes, kind, l);
	}
}

static void checkWritten(Warp &w, const uint64_t *at, uint32_t lanes, uint32_t bytes, Access kind) {
	Arena &arena = *w.block->launch.arena;
	EACH_OF (lanes) {
		if (kind != Access::write && !arena.wasWritten(at[l], bytes))
			throw Fault{LaunchFailed,
				"reads " + std::to_string(bytes) + " bytes of global memory at " + hex(at[l]) +
					" that nobody has written: " + arena.near(at[l]),
				(int)l};
		if (kind != Access::read)
			arena.setWritten(at[l], bytes);
	}
}

void access(Warp &w, const Ins &i, uint32_t lanes, uint32_t bytes, Access kind, char **host) {
	Block &b = *w.block;
	In<uint64_t> base(w, i.r[AddressAt]);
	uint64_t at[Lanes];
	EACH at[l] = base[l] + (uint64_t)i.value;
	uint32_t toShared = 0, toGlobal = 0; // lanes by the space that they reach
	if (i.space == Space::shared && inRange(at, lanes, 0, b.sharedBytes, bytes)) {
		EACH host[l] = b.shared.data() + at[l];
		toShared = lanes;
	} else if (const Allocation *hit = b.lastHit[i.serial];
			   i.space == Space::global && hit && !hit->constant && inRange(at, lanes, hit->begin, hit->bytes, bytes)) {
		EACH host[l] = b.launch.arena->host(at[l]);
		toGlobal = lanes;
	} else {
		EACH_OF (lanes) {
			host[l] = one(w, i, at[l], bytes, kind, (int)l);
			if (i.space == Space::shared || (i.space == Space::generic && at[l] - SharedBase < WindowBytes))
				toShared |= 1u << l;
			else if (i.space == Space::global || (i.space == Space::generic && at[l] >= DeviceBase))
				toGlobal |= 1u << l;
		}
		if (i.space == Space::generic)
			EACH if (toShared >> l & 1) at[l] -= SharedBase;
	}
	if (b.shadow && toShared)
		b.shadow->touch(b, w, i, toShared, at, bytes, kind);
	if (b.shadow && toGlobal)
		b.launch.shadow->touch(b, w, toGlobal, at, bytes, kind);
	if (b.launch.checkInit && toGlobal)
		checkWritten(w, at, toGlobal, bytes, kind);
}

namespace {

template <class T, int n> void load(Warp &w, const Ins &i, uint32_t lanes) {
	char *host[Lanes];
	access(w, i, lanes, sizeof(T) * n, Access::read, host);
	using S = typename Slot<T>::type;
	S *d[n];
	for (int k = 0; k < n; k++)
		d[k] = w.at<S>(i.r[k]);
	if (lanes == ~0u) {
		EACH for (int k = 0; k < n; k++) {
			T v;
			memcpy(&v, host[l] + k * sizeof(T), sizeof(T));
			d[k][l] = Slot<T>::put(v);
		}
		return;
	}
	EACH_OF (lanes)
		for (int k = 0; k < n; k++) {
			T v;
			memcpy(&v, host[l] + k * sizeof(T), sizeof(T));
			d[k][l] = Slot<T>::put(v);
		}
}

template <class T, int n> void storeTo(Warp &w, const Ins &i, uint32_t lanes) {
	char *host[Lanes];
	access(w, i, lanes, sizeof(T) * n, Access::write, host);
	EACH_OF (lanes)
		for (int k = 0; k < n; k++) {
			T v = In<T>(w, i.r[k])[l];
			memcpy(host[l] + k * sizeof(T), &v, sizeof(T));
		}
}

// A kernel's argument is the same for all threads.
template <class T> void argument(Warp &w, const Ins &i, uint32_t lanes) {
	T v;
	memcpy(&v, w.block->launch.params.data() + i.value, sizeof(T));
	store<T>(w, i.r[0], lanes, [&](int) { return v; });
}

template <int n> Handler loading(Type t) {
	switch (t) {
	case Type::b8:
	case Type::u8: return load<uint8_t, n>;
	case Type::s8: return load<int8_t, n>;
	case Type::b16:
	case Type::u16:
	case Type::f16:
	case Type::bf16: return load<uint16_t, n>;
	case Type::s16: return load<int16_t, n>;
	case Type::b32:
	case Type::u32:
	case Type::f32:
	case Type::f16x2:
	case Type::bf16x2: return load<uint32_t, n>;
	case Type::s32: return load<int32_t, n>;
	case Type::b64:
	case Type::u64:
	case Type::s64:
	case Type::f64: return load<uint64_t, n>;
	default: return nullptr;
	}
}
template <int n> Handler storing(Type t) {
	switch (bytesOf(t)) {
	case 1: return storeTo<uint8_t, n>;
	case 2: return storeTo<uint16_t, n>;
	case 4: return storeTo<uint32_t, n>;
	case 8: return storeTo<uint64_t, n>;
	default: return nullptr;
	}
}
Handler argumentOf(Type t) {
	switch (t) {
	case Type::b8:
	case Type::u8: return argument<uint8_t>;
	case Type::s8: return argument<int8_t>;
	case Type::b16:
	case Type::u16:
	case Type::f16:
	case Type::bf16: return argument<uint16_t>;
	case Type::s16: return argument<int16_t>;
	case Type::b32:
	case Type::u32:
	case Type::f32: return argument<uint32_t>;
	case Type::s32: return argument<int32_t>;
	case Type::b64:
	case Type::u64:
	case Type::s64:
	case Type::f64: return argument<uint64_t>;
	default: return nullptr;
	}
}

Space spaceOf(const Statement &s) {
	static const std::map<std::string, Space> names = {{"global", Space::global}, {"shared", Space::shared},
		{"shared::cta", Space::shared}, {"local", Space::local}, {"param", Space::param}, {"const", Space::constant}};
	for (auto &word : s.op) {
		auto it = names.find(word);
		if (it != names.end())
			return it->second;
	}
	return Space::generic;
}

} // namespace

bool decodeMemory(Decoder &d) {
	const Statement &s = *d.s;
	bool ld = s.op[0] == "ld" || s.op[0] == "ldu", st = s.op[0] == "st";
	if (s.op[0] == "prefetch" || s.op[0] == "prefetchu") { // a hint: the address is not looked at
		d.args(1);
		return true;
	}
	if (!ld && !st)
		return false;
	d.known({"global", "shared", "shared::cta", "local", "param", "const", "v2", "v4", "ca", "cg", "cs", "lu", "cv",
		"wb", "wt", "nc", "volatile", "weak", "relaxed", "acquire", "release", "gpu", "sys", "cta", "L1::evict_normal",
		"L1::evict_unchanged", "L1::evict_first", "L1::evict_last", "L1::no_allocate", "L2::64B", "L2::128B",
		"L2::256B"});
	d.args(2);
	Type t = d.type();
	int n = s.has("v2") ? 2 : s.has("v4") ? 4 : 1;
	if (bytesOf(t) * n > 16)
		d.fail("an access has at most 16 bytes");
	const Operand &place = s.args[ld ? 1 : 0], &value = s.args[ld ? 0 : 1];
	if ((n > 1) != (value.kind == Operand::vector) || (n > 1 && (int)value.elements.size() != n))
		d.fail(n > 1 ? "{...} of " + std::to_string(n) + " registers is expected" : "one register is expected");
	Space space = spaceOf(s);
	d.address(place, space, AddressAt);
	for (int k = 0; k < n; k++) {
		const Operand &o = n > 1 ? value.elements[k] : value;
		Type bits = bytesOf(t) <= 2 && isFloat(t) ? Type::b16 : t;
		if (ld)
			d.i.r[k] = d.result(o, t);
		else
			d.i.r[k] = d.source(o, bits);
	}
	d.i.count = (uint8_t)n;
	d.i.bytes = (uint8_t)bytesOf(t);
	if (ld)
		d.i.run = n == 1 ? loading<1>(t) : n == 2 ? loading<2>(t) : loading<4>(t);
	else
		d.i.run = n == 1 ? storing<1>(t) : n == 2 ? storing<2>(t) : storing<4>(t);
	if (!d.i.run)
		d.fail("this type is not known here");
	if (space == Space::param && ld && n == 1 && !place.baseIsRegister) { // a kernel's own argument
		uint64_t at = d.constantAddress(place);
		if (!(at & ParamBit)) {
			if (at + bytesOf(t) > d.out.paramBytes)
				d.fail("the kernel has " + std::to_string(d.out.paramBytes) + " bytes of arguments");
			if (at % bytesOf(t))
				d.fail("the argument is not aligned");
			d.i.run = argumentOf(t);
			d.i.value = (int64_t)at;
		}
	}
	d.access(bytesOf(t));
	d.emit();
	return true;
}

} // namespace emu
