// From a kernel and the functions that it calls to one program: places of their variables, and the flow of control.
#include "decode.h"
#include <algorithm>
#include <functional>

namespace emu {

static uint64_t roundUp(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

const Function *Decoder::find(const std::string &name) const {
	for (auto &f : module.functions)
		if (f.name == name)
			return &f;
	return nullptr;
}

// declare gives the registers and variables of a function their places, after those of the functions that it calls:
// there is no recursion, so each function has its own registers and its own part of a thread's local memory.
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
	std::function<void(const Operand &)> uses =
		[&](const Operand &o) { // shared variables of the module that this function names
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
	for (auto family : {decodeInteger, decodeFloat, decodeConvert, decodeCompare, decodeMove, decodeMemory,
			 decodeAtomic, decodeAsync, decodeWarp, decodeMatrix})
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

std::unique_ptr<Program> decode(
	const Module &m, const Function &kernel, const std::map<std::string, uint64_t> &globals) {
	auto program = std::make_unique<Program>();
	Decoder d(*program, m, globals);
	d.run(kernel);
	return program;
}

} // namespace emu
