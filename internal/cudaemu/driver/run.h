// A launch: a grid of blocks, each run by one worker, warp after warp.
#pragma once
#include "arena.h"
#include "lanes.h"
#include "shadow.h"
#include <array>

namespace emu {

struct Launch {
	const Program *program;
	uint32_t grid[3], block[3];
	uint32_t dynamicShared = 0;
	std::vector<uint8_t> params;
	Arena *arena = nullptr;
	GlobalShadow *shadow = nullptr; // nullptr where races are not looked for
	bool checkInit = false;         // CUDAEMU_INIT
	uint32_t threads() const { return block[0] * block[1] * block[2]; }
	uint64_t blocks() const { return (uint64_t)grid[0] * grid[1] * grid[2]; }
};

constexpr uint32_t Barriers = 16, Converging = 100; // Warp.barrierOf

struct Barrier {
	uint32_t waiting = 0, arrived = 0, expected = 0; // lanes; expected 0: the whole block
	uint32_t arrivedWarps = 0;
};

// A Block belongs to a worker, which runs one block after another in it.
struct Block {
	explicit Block(const Launch &launch);
	~Block();
	Block(const Block &) = delete;
	void run(uint64_t number); // throws a Fault, with faulty set

	const Launch &launch;
	uint64_t number = 0;
	uint32_t index[3] = {};
	std::vector<Warp> warps;
	std::vector<char> shared;
	uint32_t sharedBytes;
	std::vector<char> local;
	std::vector<const Allocation *> lastHit; // by serial of the access
	std::array<Barrier, Barriers> barriers;
	Warp *faulty = nullptr;
	uint64_t executed = 0; // lane instructions
	Clocks clocks;
	uint32_t begun = 0; // the block's first time
	std::unique_ptr<SharedShadow> shadow;

  private:
	void begin();
	void fill(Warp &w, const Special &s);
	void run(Warp &w);
	uint32_t step(Warp &w, uint32_t lanes, uint32_t pc, uint32_t limit);
	void barrier(Warp &w, const Ins &i, uint32_t lanes, uint32_t pc);
	void converge(Warp &w, const Ins &i, uint32_t lanes, uint32_t pc);
	void leave(Warp &w, uint32_t lanes, uint32_t pc);
	bool release();
	[[noreturn]] void stuck();
};

std::string threadName(const Launch &l, uint32_t thread); // "(3,0,0)"

// access finds the host's places of what the lanes read or write: bytes at the address in i.r[AddressAt] plus i.value.
void access(Warp &w, const Ins &i, uint32_t lanes, uint32_t bytes, Access kind, char **host);

// The codes of CUresult that a kernel can end with.
constexpr int IllegalAddress = 700, LaunchFailed = 719, MisalignedAddress = 716, IllegalInstruction = 715;

} // namespace emu
