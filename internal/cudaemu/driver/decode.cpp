// From the statements of a kernel and the functions it calls to one program: places of registers, constants and variables.
#include "decode.h"
#include <algorithm>
#include <functional>

namespace emu {

static uint64_t roundUp(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

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
	static const char *single[] = {"%laneid", "%warpid", "%nwarpid", "%lanemask_eq", "%lanemask_lt", "%lanemask_le", "%lanemask_gt", "%lanemask_ge"};
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
	default:
		fail("an operand is of the wrong kind");
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

const Function *Decoder::find(const std::string &name) const {
	for (auto &f : module.functions)
		if (f.name == name)
			return &f;
	return nullptr;
}

// declare gives the registers and variables of a function their places, after those of the functions that it calls: there is no recursion,
// so each function has its own registers and its own part of a thread's local memory.
void Decoder::declare(const Function &fn) {
	if (functions.count(fn.name)) {
		if (functions[fn.name].busy)
			throw PTXError(fn.line, fn.name + " calls itself: recursion is not supported");
		return;
	}
	Code &c = functions[fn.name];
	c.fn = &fn;
	for (auto &st : fn.code)
		if (st.op[0] == "call") {
			const Function *callee = find(st.args[0].name);
			if (!callee || !callee->body)
				throw PTXError(st.line, "call: " + st.args[0].name + " is not defined in this module");
			declare(*callee);
		}
	for (auto &[name, type] : fn.registers) {
		if (type == Type::pred)
			c.registers[name] = {type, out.predicates++};
		else
			c.registers[name] = {type, temporary(bytesOf(type))};
	}
	auto place = [&](const Variable &v, uint32_t &space, uint64_t bit) {
		space = (uint32_t)roundUp(space, std::max<uint64_t>(v.align, 1));
		c.variables[v.name] = {v.space, space | bit};
		space += (uint32_t)v.bytes;
	};
	for (auto &v : fn.params) {
		if (!fn.entry) {
			place(v, out.localBytes, ParamBit);
			continue;
		}
		place(v, out.paramBytes, 0);
		out.params.emplace_back((uint32_t)c.variables[v.name].second, (uint32_t)v.bytes);
	}
	for (auto &v : fn.results)
		place(v, out.localBytes, ParamBit);
	for (auto &v : fn.variables)
		if (v.space == Space::shared && !v.external)
			place(v, out.staticShared, 0);
		else if (v.space == Space::shared)
			externalShared[v.name] = (uint32_t)v.align;
		else
			place(v, out.localBytes, v.space == Space::param ? ParamBit : 0);
	std::function<void(const Operand &)> uses = [&](const Operand &o) { // shared variables of the module that this function names
		for (auto &e : o.elements)
			uses(e);
		for (auto &v : module.variables)
			if (v.space == Space::shared && v.name == o.name && !externalShared.count(v.name)) {
				if (!v.external)
					out.staticShared = (uint32_t)roundUp(out.staticShared, v.align);
				externalShared[v.name] = v.external ? (uint32_t)v.align | ConstantBit : out.staticShared;
				out.staticShared += (uint32_t)v.bytes;
			}
	};
	for (auto &st : fn.code)
		for (auto &o : st.args)
			if (o.kind == Operand::symbol || o.kind == Operand::address || o.kind == Operand::vector)
				uses(o);
	c.busy = false;
}

void Decoder::run(const Function &kernel) {
	out.name = kernel.name;
	out.line = kernel.line;
	declare(kernel);
	for (auto &[name, place] : externalShared)
		if (place & ConstantBit)
			place = (uint32_t)roundUp(out.staticShared, 16); // where the launch's own shared memory begins
	for (auto &[name, c] : functions)
		c.busy = true;
	function(kernel);
	for (int k = 0; k < 3; k++)
		out.maxThreads[k] = kernel.maxThreads[k], out.exactThreads[k] = kernel.exactThreads[k];
	out.maxRegisters = kernel.maxRegisters, out.minBlocks = kernel.minBlocks;
}

void Decoder::function(const Function &fn) {
	Code &c = functions[fn.name];
	c.busy = false;
	for (auto &st : fn.code)
		if (st.op[0] == "call" && functions[st.args[0].name].busy)
			function(*functions[st.args[0].name].fn);
	code = &c;
	c.begin = out.start = (uint32_t)out.code.size();
	out.begins.emplace_back(c.begin, fn.name);
	std::vector<uint32_t> places;
	size_t table = out.tables.size();
	for (auto &st : fn.code) {
		places.push_back((uint32_t)out.code.size());
		s = &st;
		i = Ins();
		after.clear();
		statement();
	}
	places.push_back((uint32_t)out.code.size());
	Statement end; // what falls off the end returns
	end.line = fn.code.empty() ? fn.line : fn.code.back().line;
	end.op = {"ret"};
	s = &end;
	i.flow = Flow::ret;
	emit();
	for (; table < out.tables.size(); table++)
		for (auto &t : *out.tables[table])
			t = places[t];
	for (size_t k = c.begin; k < out.code.size(); k++)
		if (out.code[k].flow == Flow::bra)
			out.code[k].target = places[out.code[k].target];
}

void Decoder::statement() {
	if (control())
		return;
	for (auto family : {decodeInteger, decodeFloat, decodeConvert, decodeCompare, decodeMove, decodeMemory, decodeAtomic, decodeAsync, decodeWarp, decodeMatrix})
		if (family(*this))
			return;
	fail("this instruction is not known");
}

bool Decoder::control() {
	const std::string &op = s->op[0];
	auto label = [&](const std::string &name) {
		auto it = code->fn->labels.find(name);
		if (it == code->fn->labels.end())
			fail("label " + name + " is not known");
		return (uint32_t)it->second;
	};
	if (op == "bra") {
		known({"uni"});
		args(1);
		i.flow = Flow::bra;
		i.target = label(s->args[0].name);
	} else if (op == "brx") {
		known({"idx", "uni"});
		args(2);
		i.flow = Flow::brx;
		i.r[0] = source(s->args[0], Type::u32);
		auto it = code->fn->branches.find(s->args[1].name);
		if (it == code->fn->branches.end())
			fail("the list " + s->args[1].name + " is not known");
		auto table = std::make_unique<std::vector<uint32_t>>();
		for (auto &name : it->second)
			table->push_back(label(name));
		i.targets = table.get();
		out.tables.push_back(std::move(table));
	} else if (op == "call") {
		known({"uni"});
		Code &callee = functions[s->args[0].name];
		if (s->passed.size() != callee.fn->params.size() || s->results.size() != callee.fn->results.size())
			fail(callee.fn->name + " takes another number of arguments");
		CallSite call;
		auto copies = [&](const std::vector<std::string> &names, const std::vector<Variable> &formals, bool in) {
			for (size_t k = 0; k < names.size(); k++) {
				auto it = code->variables.find(names[k]);
				if (it == code->variables.end())
					fail(names[k] + " is no .param variable");
				uint32_t own = uint32_t(it->second.second), its = uint32_t(callee.variables[formals[k].name].second);
				(in ? call.before : call.after).push_back({in ? own : its, in ? its : own, (uint32_t)formals[k].bytes});
			}
		};
		copies(s->passed, callee.fn->params, true);
		copies(s->results, callee.fn->results, false);
		i.flow = Flow::call;
		i.target = callee.begin;
		i.value = (int64_t)out.calls.size();
		out.calls.push_back(call);
	} else if (op == "ret" || op == "exit" || op == "trap") {
		known({"uni"});
		args(0);
		i.flow = op == "ret" ? Flow::ret : op == "exit" ? Flow::exit : Flow::trap;
	} else if ((op == "bar" || op == "barrier") && (s->has("sync") || s->has("arrive")) && !s->has("warp")) {
		known({"sync", "arrive", "aligned", "cta"});
		bool arrive = s->has("arrive");
		args(arrive ? 2 : 1, 2);
		i.flow = arrive ? Flow::arrive : Flow::barrier;
		i.r[0] = source(s->args[0], Type::u32);
		i.r[1] = s->args.size() > 1 ? source(s->args[1], Type::u32) : constant(0, 4);
	} else {
		return false;
	}
	emit();
	return true;
}

std::unique_ptr<Program> decode(const Module &m, const Function &kernel, const std::map<std::string, uint64_t> &globals) {
	auto program = std::make_unique<Program>();
	Decoder d(*program, m, globals);
	d.run(kernel);
	return program;
}

} // namespace emu
