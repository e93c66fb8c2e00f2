// Operands: the places of registers, constants, predicates and addresses.
#include "decode.h"
#include <algorithm>

namespace emu {

Type Decoder::type(size_t fromEnd) const {
	for (size_t k = s->op.size(); k-- > 1;) {
		Type t = typeOf(s->op[k]);
		if (t != Type::none && fromEnd-- == 0)
			return t;
	}
	fail("a type is missing");
}

void Decoder::args(size_t least, size_t most) const {
	if (s->args.size() < least || s->args.size() > most)
		fail(std::to_string(s->args.size()) + " operands, " + std::to_string(least) +
			(most > least ? " to " + std::to_string(most) : "") + " are right");
}

void Decoder::known(std::initializer_list<const char *> modifiers) const {
	for (size_t k = 1; k < s->op.size(); k++)
		if (typeOf(s->op[k]) == Type::none &&
			std::none_of(modifiers.begin(), modifiers.end(), [&](const char *m) { return s->op[k] == m; }))
			fail("." + s->op[k] + " is not known here");
}

Type Decoder::registerType(const Operand &o) const {
	auto it = code->registers.find(o.name);
	return it == code->registers.end() ? Type::u32 : it->second.type;
}

struct Same {
	template <class T> static T of(T v) { return v; }
};

uint32_t Decoder::temporary(int bytes) {
	uint32_t place = out.registerBytes;
	out.registerBytes += (bytes > 4 ? 8 : 4) * Lanes;
	return place;
}

uint32_t Decoder::constant(uint64_t bits, int bytes) {
	if (bytes <= 4)
		bits &= ~0u;
	auto [it, fresh] = pool.emplace(std::make_pair(bits, bytes > 4 ? 8 : 4), 0);
	if (fresh) {
		it->second = uint32_t(out.constants.size() * 8) | ConstantBit;
		uint64_t word = bytes > 4 ? bits : bits | bits << 32;
		out.constants.insert(out.constants.end(), bytes > 4 ? Lanes : Lanes / 2, word);
	}
	return it->second;
}

uint32_t Decoder::special(const std::string &name) {
	auto it = specials.find(name);
	if (it != specials.end())
		return it->second;
	static const char *vectors[] = {"%tid.", "%ntid.", "%ctaid.", "%nctaid."}; // in the order of Special::Kind
	static const char *single[] = {"%laneid", "%warpid", "%nwarpid", "%lanemask_eq", "%lanemask_lt", "%lanemask_le",
		"%lanemask_gt", "%lanemask_ge"};
	int kind = -1, axis = 0;
	for (int k = 0; k < 4; k++)
		for (int x = 0; x < 3; x++)
			if (name == vectors[k] + std::string(1, "xyz"[x]))
				kind = k, axis = x;
	for (int k = 0; k < 8; k++)
		if (name == single[k])
			kind = Special::laneid + k;
	if (kind < 0)
		fail(name + " is no register of " + code->fn->name);
	uint32_t place = temporary(4);
	out.specials.push_back({(Special::Kind)kind, axis, place});
	return specials[name] = place;
}

uint64_t Decoder::symbol(const std::string &name) const {
	auto it = code->variables.find(name);
	if (it != code->variables.end())
		return it->second.second;
	auto shared = externalShared.find(name);
	if (shared != externalShared.end())
		return shared->second;
	auto global = globals.find(name);
	if (global == globals.end())
		fail(name + " is not declared");
	return global->second;
}

uint32_t Decoder::source(const Operand &o, Type t) {
	int bytes = bytesOf(t);
	switch (o.kind) {
	case Operand::reg: {
		auto it = code->registers.find(o.name);
		if (it == code->registers.end())
			return special(o.name);
		if (it->second.type == Type::pred)
			fail(o.name + " is a predicate");
		int have = bytesOf(it->second.type);
		if (have < bytes)
			fail(o.name + " has " + std::to_string(8 * have) + " bits, " + std::to_string(8 * bytes) + " are read");
		if (have <= 4 || bytes > 4)
			return it->second.place;
		return before(unary<uint32_t, uint64_t, Same>, temporary(4), it->second.place);
	}
	case Operand::integer:
		if (t == Type::f32 || t == Type::f64)
			fail("a whole number stands where a real one should");
		return constant(o.bits, bytes);
	case Operand::real32:
	case Operand::real64: {
		double d;
		float f;
		if (o.kind == Operand::real32) {
			memcpy(&f, &o.bits, 4);
			d = f;
		} else {
			memcpy(&d, &o.bits, 8);
			f = (float)d;
		}
		uint64_t bits = 0;
		memcpy(&bits, bytes == 8 ? (void *)&d : (void *)&f, bytes);
		if ((o.kind == Operand::real32 && bytes == 4) || (o.kind == Operand::real64 && bytes == 8))
			bits = o.bits; // the very bits of a NaN
		return constant(bits, bytes);
	}
	case Operand::symbol:
		if (o.name == "WARP_SZ")
			return constant(Lanes, bytes);
		return constant(symbol(o.name) + o.bits, bytes);
	default: fail("an operand is of the wrong kind");
	}
}

uint32_t Decoder::result(const Operand &o, Type t) {
	if (o.kind == Operand::sink)
		return temporary(bytesOf(t));
	auto it = code->registers.find(o.name);
	if (o.kind != Operand::reg || it == code->registers.end() || it->second.type == Type::pred)
		fail("the result must be a register");
	int have = bytesOf(it->second.type), bytes = bytesOf(t);
	if (have < bytes)
		fail(o.name + " has " + std::to_string(8 * have) + " bits, the result has " + std::to_string(8 * bytes));
	if (have <= 4 || bytes > 4)
		return it->second.place;
	Ins wide;
	wide.run = isSigned(t) ? unary<int64_t, int32_t, Same> : unary<uint64_t, uint32_t, Same>;
	wide.r[0] = it->second.place, wide.r[1] = temporary(4);
	after.push_back(wide);
	return wide.r[1];
}

struct Negate {
	static void run(Warp &w, const Ins &i, uint32_t lanes) { setPredicate(w, i.r[0], lanes, ~w.predicate[i.r[1]]); }
};

uint32_t Decoder::sourcePredicate(const Operand &o) {
	if (o.kind == Operand::integer)
		return o.bits ? AllLanes : NoLanes;
	auto it = code->registers.find(o.name);
	if (o.kind != Operand::reg || it == code->registers.end() || it->second.type != Type::pred)
		fail("an operand must be a predicate");
	if (!o.negated)
		return it->second.place;
	return before(Negate::run, out.predicates++, it->second.place);
}

uint32_t Decoder::resultPredicate(const Operand &o) {
	if (o.kind == Operand::sink)
		return out.predicates++;
	auto it = code->registers.find(o.name);
	if (o.kind != Operand::reg || it == code->registers.end() || it->second.type != Type::pred)
		fail("the result must be a predicate");
	return it->second.place;
}

void Decoder::address(const Operand &o, Space space, uint32_t place) {
	if (o.kind != Operand::address)
		fail("an address [...] is expected");
	i.space = space == Space::constant ? Space::global : space;
	i.value = (int64_t)o.bits;
	if (o.baseIsRegister) {
		Operand base;
		base.kind = Operand::reg, base.name = o.name;
		Type t = registerType(base);
		if (bytesOf(t) == 8) {
			i.r[place] = source(base, Type::u64);
		} else if (bytesOf(t) == 4 && space != Space::generic && space != Space::global && space != Space::constant) {
			i.r[place] = before(unary<uint64_t, uint32_t, Same>, temporary(8), source(base, Type::u32));
		} else {
			fail("the address must have 64 bits");
		}
		return;
	}
	i.r[place] = constant(o.name.empty() ? 0 : symbol(o.name), 8);
}

void Decoder::access(int elementBytes) {
	i.serial = out.accesses++;
	if (i.space == Space::shared || i.space == Space::global || i.space == Space::generic)
		out.granule = std::min<uint32_t>(out.granule, (uint32_t)std::max(1, elementBytes));
}

void Decoder::push(Ins ins) {
	ins.line = s->line;
	if (!s->guard.empty()) {
		auto it = code->registers.find(s->guard);
		if (it == code->registers.end() || it->second.type != Type::pred)
			fail("the guard " + s->guard + " is no predicate");
		ins.guard = it->second.place;
		ins.guardNegated = s->guardNegated;
	}
	out.code.push_back(ins);
}

uint32_t Decoder::before(Handler run, uint32_t to, uint32_t from) {
	Ins ins;
	ins.run = run, ins.r[0] = to, ins.r[1] = from;
	push(ins);
	return to;
}

void Decoder::emit() {
	push(i);
	for (auto &ins : after)
		push(ins);
	after.clear();
	i = Ins();
}

} // namespace emu
