// A kernel as it is run: statements decoded once to instructions with a handler and the places of their operands.
#pragma once
#include "ptx.h"
#include <memory>

namespace emu {

struct Warp;
struct Ins;
using Handler = void (*)(Warp &w, const Ins &i, uint32_t lanes);

constexpr int Lanes = 32;

// Places of operands. A register is an array of 32 lanes of 4 or 8 bytes, a constant is one too, filled at decoding.
// A place is an offset in the warp's registers, or with ConstantBit in the program's constants.
constexpr uint32_t ConstantBit = 1u << 31;
// A predicate is one word with a bit for each lane; its place is its number. The first two are constants.
constexpr uint32_t AllLanes = 0, NoLanes = 1;

enum class Flow : uint8_t { none, bra, brx, call, ret, exit, trap, barrier, arrive, converge };

// Places in Ins.r: the address of an access, and the lanes that Flow::converge names. Ins.count of Flow::converge may
// be WholeWarp: all lanes.
constexpr int AddressAt = 4, MembersAt = 14;
constexpr uint8_t WholeWarp = 255;

struct Ins {
	Handler run = nullptr; // of Flow::none and Flow::converge
	Flow flow = Flow::none;
	bool guardNegated = false;
	bool orders = false; // of Flow::converge: what the lanes did before comes before what they do next
	uint8_t count = 0;   // operands of a vector
	uint8_t bytes = 0;   // of one element in memory
	Space space = Space::generic;
	uint32_t guard = AllLanes;
	int64_t value = 0;   // offset of an address, kind of a comparison, mask of a lookup: what the handler says
	uint32_t r[15] = {}; // operands, results first
	uint32_t target = 0; // of bra and call: place in the code
	int line = 0;
	uint32_t serial = 0;                            // of an access to memory: its place among them
	const std::vector<uint32_t> *targets = nullptr; // of brx
};

// One copy of arguments or results between the param variables of caller and callee, both in the thread's local memory.
struct Copy {
	uint32_t from, to, bytes;
};
struct CallSite {
	std::vector<Copy> before, after;
};

// A special register is filled when a block begins.
struct Special {
	enum Kind : uint8_t {
		tid,
		ntid,
		ctaid,
		nctaid,
		laneid,
		warpid,
		nwarpid,
		lanemask_eq,
		lanemask_lt,
		lanemask_le,
		lanemask_gt,
		lanemask_ge
	} kind;
	int axis; // of the first four
	uint32_t place;
};

struct Program {
	std::string name;
	std::vector<Ins> code;      // callees first, the kernel last
	uint32_t start = 0;         // of the kernel
	uint32_t registerBytes = 0; // of one warp
	uint32_t predicates = 2;
	std::vector<uint64_t> constants; // ConstantBit places, in bytes from its beginning
	std::vector<Special> specials;
	std::vector<CallSite> calls; // Ins.value of call
	std::vector<std::unique_ptr<std::vector<uint32_t>>> tables;
	uint32_t staticShared = 0, localBytes = 0, paramBytes = 0, accesses = 0;
	std::vector<std::pair<uint32_t, uint32_t>> params;    // offset and bytes of the kernel's arguments
	uint32_t granule = 4;                                 // bytes of the smallest access of memory that threads share
	std::vector<std::pair<uint32_t, std::string>> begins; // functions by their first instruction
	uint32_t maxThreads[3] = {0, 0, 0}, exactThreads[3] = {0, 0, 0}, maxRegisters = 0, minBlocks = 0;
	int line = 0;
};

// Addresses of the generic space. Device memory begins at DeviceBase, one window of DeviceSpan for each device.
constexpr uint64_t SharedBase = 1ull << 32, LocalBase = 2ull << 32, WindowBytes = 1ull << 32;
constexpr uint64_t DeviceBase = 0x20000000000ull, DeviceSpan = 1ull << 40;
constexpr uint64_t ParamBit = 1ull << 40; // in the param space: the param variable of a function, in local memory

// decode makes the program of one kernel. globals has the addresses of the module's variables.
std::unique_ptr<Program> decode(
	const Module &m, const Function &kernel, const std::map<std::string, uint64_t> &globals);

} // namespace emu
