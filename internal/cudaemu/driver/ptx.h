// PTX text and what is read from it: tokens, then statements of functions and variables of a module. Nothing here knows
// what an instruction does. NVIDIA, "Parallel Thread Execution ISA", chapters 4 (syntax), 5 (state spaces, types,
// variables), 7 (functions) and 11 (directives).
#pragma once
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace emu {

// A PTXError is what is wrong with a module, as the log of cuModuleLoadDataEx says it.
struct PTXError : std::runtime_error {
	PTXError(int line, const std::string &what);
};

enum class Type : uint8_t {
	none,
	b8,
	b16,
	b32,
	b64,
	b128,
	u8,
	u16,
	u32,
	u64,
	s8,
	s16,
	s32,
	s64,
	f16,
	f16x2,
	bf16,
	bf16x2,
	tf32,
	f32,
	f64,
	pred
};
Type typeOf(const std::string &word); // "u32" -> u32; none where the word is no type
int bytesOf(Type t);                  // of one element in memory
bool isFloat(Type t);
bool isSigned(Type t);

enum class Space : uint8_t { generic, global, shared, local, param, constant };

struct Token {
	enum Kind : uint8_t { word, integer, real32, real64, quoted, punctuation, end } kind;
	std::string text;
	uint64_t bits = 0; // of integer, real32 and real64
	int line = 0;
};
std::vector<Token> tokens(const char *source);

struct Operand {
	enum Kind : uint8_t { reg, integer, real32, real64, symbol, address, vector, sink } kind = sink;
	std::string name;              // reg and symbol; of an address, its base ("" where it is a number)
	uint64_t bits = 0;             // of a number; of an address, the offset
	bool baseIsRegister = false;   // of an address
	bool negated = false;          // !%p
	std::vector<Operand> elements; // {a, b}; of a|b the second
};

struct Statement {
	int line = 0;
	std::string guard; // predicate register, "" for none
	bool guardNegated = false;
	std::vector<std::string> op; // "ld", "global", "f32"
	std::vector<Operand> args;
	std::vector<std::string> results, passed; // of call
	std::string full() const;                 // "ld.global.f32"
	bool has(const char *modifier) const;
};

struct Variable {
	std::string name;
	Space space = Space::global;
	Type type = Type::b8;
	uint64_t bytes = 0, align = 1;
	bool external = false; // .extern .shared x[]: as many bytes as the launch gives
	std::vector<uint8_t> initial;
	int line = 0;
};

struct Function {
	std::string name;
	bool entry = false, body = false;
	int line = 0;
	std::vector<Variable> params, results; // formal ones, in order
	std::vector<Variable> variables;       // shared, local and param ones declared inside, with unique names
	std::map<std::string, Type> registers;
	std::vector<Statement> code;
	std::map<std::string, size_t> labels;                     // -> place in code
	std::map<std::string, std::vector<std::string>> branches; // .branchtargets
	uint32_t maxThreads[3] = {0, 0, 0}, exactThreads[3] = {0, 0, 0}, minBlocks = 0, maxRegisters = 0;
};

struct Module {
	int version = 0; // 70 for .version 7.0
	int target = 0;  // 80 for sm_80
	std::vector<Variable> variables;
	std::vector<Function> functions;
};

// parse reads a module, or throws a PTXError at its first fault.
Module parse(const char *source);

} // namespace emu
