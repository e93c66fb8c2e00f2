// Races: two accesses of one place by different threads, one of them a write, with nothing between that orders them.
//
// Time is counted in the points where threads of a block wait for each other. An access at time t by thread a comes
// before what thread b does now if t is below the floor that b has of a: that of the block (barriers of all threads),
// of the warp (bar.warp, shfl, vote and mma of all its lanes), or, after points that only some lanes or warps share,
// the entry of a vector clock. Each place remembers its last write and its reads since; several readers are kept as
// their warp or as the block. Flanagan, Freund, "FastTrack", PLDI 2009, with readers kept more coarsely.
//
// Writes of equal values are races, as are accesses by lanes of one warp that no .sync instruction separates: threads
// have run independently since Volta. Atomics do not race with each other, and order nothing.
#pragma once
#include "lanes.h"
#include <atomic>

namespace emu {

enum class Access : uint8_t { read, write, atomic, async };

struct Clocks {
	uint32_t now = 1, floor = 1;   // floor: what was before comes before everything of this block
	std::vector<uint32_t> ofWarps; // [w][v]: the floor that warp w has of warp v; empty until warps part
	uint32_t warps = 0;

	void begin(std::vector<Warp> &all);
	void wholeBlock(); // all threads have met
	void someWarps(uint64_t waiting, uint64_t arrived);
	void lanes(Warp &w, uint32_t met);
	// isBefore says whether what thread a did at time t comes before what thread b does now.
	bool isBefore(const std::vector<Warp> &all, uint32_t t, uint32_t a, uint32_t b) const {
		if (t < floor || a == b)
			return true;
		const Warp &wb = all[b / Lanes];
		if (a / Lanes == b / Lanes)
			return t < wb.floor || (wb.clocks && t < wb.clocks[b % Lanes * Lanes + a % Lanes]);
		return !ofWarps.empty() && t < ofWarps[b / Lanes * warps + a / Lanes];
	}
	bool isBeforeWarp(const std::vector<Warp> &all, uint32_t t, uint32_t warp, uint32_t b) const;
	bool isBeforeBlock(const std::vector<Warp> &all, uint32_t t, uint32_t b) const;
};

// SharedShadow is of a block's shared memory. Times go on from block to block, so that nothing need be cleared.
class SharedShadow {
  public:
	SharedShadow(uint32_t bytes, uint32_t granule);
	// touch throws a Fault where the access races.
	void touch(Block &b, Warp &w, const Ins &i, uint32_t lanes, const uint64_t *at, uint32_t bytes, Access kind);
	void arrive(Block &b, uint32_t thread, uint64_t at, uint32_t bytes); // what cp.async has brought

  private:
	struct Cell {
		uint32_t writeTime, readTime;
		uint16_t writer, reader; // see the constants in shadow.cpp
		int line;                // of the write
	};
	void write(Block &b, Warp &w, const Ins &i, uint32_t lane, Cell &c, uint64_t at, Access kind);
	void afterWrite(Block &b, Warp &w, uint32_t lane, const Cell &c, uint64_t at, Access kind);
	int shift; // of a place to its cell
	std::vector<Cell> cells;
};

// GlobalShadow is of a device's memory, for one launch after another. Cells are guarded by locks, since blocks run on
// several threads.
class GlobalShadow {
  public:
	GlobalShadow(uint64_t base, uint64_t bytes);
	~GlobalShadow();
	void begin(uint64_t blocks, uint32_t granule); // a launch
	void touch(Block &b, Warp &w, uint32_t lanes, const uint64_t *at, uint32_t bytes, Access kind);

  private:
	struct Cell {
		uint64_t write, read; // stamps: see shadow.cpp
	};
	void check(Block &b, Warp &w, uint32_t lane, Cell &c, uint64_t address, Access kind);
	uint64_t base, bytes, first = 0, next = 1;
	int shift = 2;
	Cell *cells;
	std::atomic_flag locks[1024];
};

} // namespace emu
