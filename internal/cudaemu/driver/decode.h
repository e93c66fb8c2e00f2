// What the families of instructions use to decode a statement.
#pragma once
#include "lanes.h"

namespace emu {

class Decoder {
  public:
	const Statement *s = nullptr; // that is decoded now
	Ins i;                        // what becomes of it

	[[noreturn]] void fail(const std::string &what) const { throw PTXError(s->line, s->full() + ": " + what); }
	Type type(size_t fromEnd = 0) const; // of the op's words, counted from the last one that names a type
	void args(size_t n) const { args(n, n); }
	void args(size_t least, size_t most) const;
	void known(
		std::initializer_list<const char *> modifiers) const; // refuses every other word of the op that is no type

	// source is the place of operand o, read as type t; result is the place that the instruction writes.
	uint32_t source(const Operand &o, Type t);
	uint32_t result(const Operand &o, Type t);
	uint32_t sourcePredicate(const Operand &o); // !%p makes a new one
	uint32_t resultPredicate(const Operand &o);
	void address(const Operand &o, Space space, uint32_t place); // -> i.r[place] and i.value
	uint64_t constantAddress(const Operand &o) const { return (o.name.empty() ? 0 : symbol(o.name)) + o.bits; }
	uint32_t constant(uint64_t bits, int bytes);
	uint32_t temporary(int bytes);
	void emit(); // i, then what widens its results; starts a new one
	bool isRegister(const Operand &o) const { return o.kind == Operand::reg; }
	Type registerType(const Operand &o) const;
	void access(int elementBytes); // i touches memory that threads share: its serial and the granule

	bool targetIsBelow(int sm) const { return module.target < sm; }

	Program &out;
	Decoder(Program &out, const Module &m, const std::map<std::string, uint64_t> &globals)
		: out(out), module(m), globals(globals) {}
	void run(const Function &kernel);

  private:
	struct Place {
		Type type;
		uint32_t place;
	};
	struct Code {
		const Function *fn;
		std::map<std::string, Place> registers;
		std::map<std::string, std::pair<Space, uint64_t>> variables;
		uint32_t begin = 0;
		bool busy = true;
	};
	const Module &module;
	const std::map<std::string, uint64_t> &globals;
	std::map<std::string, Code> functions;
	Code *code = nullptr;
	std::map<std::pair<uint64_t, int>, uint32_t> pool;
	std::map<std::string, uint32_t> specials;
	std::vector<Ins> after; // what follows the instruction that is being decoded
	std::map<std::string, uint32_t> externalShared;

	void push(Ins ins);                                       // with the statement's guard
	uint32_t before(Handler run, uint32_t to, uint32_t from); // what an operand of i needs; returns to
	void function(const Function &fn);
	void declare(const Function &fn);
	void statement();
	bool control();
	uint32_t special(const std::string &name);
	uint64_t symbol(const std::string &name) const;
	const Function *find(const std::string &name) const;
};

// Each decodes the statement if it is of its family, and says whether it was.
bool decodeInteger(Decoder &d);
bool decodeFloat(Decoder &d);
bool decodeConvert(Decoder &d);
bool decodeCompare(Decoder &d);
bool decodeMove(Decoder &d);
bool decodeMemory(Decoder &d);
bool decodeAtomic(Decoder &d);
bool decodeAsync(Decoder &d);
bool decodeWarp(Decoder &d);
bool decodeMatrix(Decoder &d);

} // namespace emu
