#include "shadow.h"
#include "run.h"
#include <algorithm>
#include <sys/mman.h>

namespace emu {

void Clocks::begin(std::vector<Warp> &all) {
	warps = (uint32_t)all.size();
	floor = ++now;
	ofWarps.clear();
	for (auto &w : all)
		w.floor = floor, w.clocks.reset();
}

void Clocks::wholeBlock() { floor = ++now; }

void Clocks::someWarps(uint64_t waiting, uint64_t arrived) {
	if (ofWarps.empty())
		ofWarps.assign((size_t)warps * warps, 0);
	now++;
	std::vector<uint32_t> met(warps, 0);
	for (uint32_t v = 0; v < warps; v++)
		if ((waiting | arrived) >> v & 1) {
			for (uint32_t k = 0; k < warps; k++)
				met[k] = std::max(met[k], ofWarps[v * warps + k]);
			met[v] = now;
		}
	for (uint32_t w = 0; w < warps; w++)
		if (waiting >> w & 1)
			for (uint32_t k = 0; k < warps; k++)
				if (k != w)
					ofWarps[w * warps + k] = std::max(ofWarps[w * warps + k], met[k]);
}

void Clocks::lanes(Warp &w, uint32_t met) {
	now++;
	if (met == w.exists) {
		w.floor = now;
		return;
	}
	if (!w.clocks)
		w.clocks.reset(new uint32_t[Lanes * Lanes]());
	uint32_t merged[Lanes] = {};
	EACH_OF(met) for (int k = 0; k < Lanes; k++)
		merged[k] = std::max(merged[k], w.clocks[l * Lanes + (uint32_t)k]);
	EACH_OF(met) merged[l] = now;
	EACH_OF(met) memcpy(&w.clocks[l * Lanes], merged, sizeof merged);
}

bool Clocks::isBeforeWarp(const std::vector<Warp> &all, uint32_t t, uint32_t warp, uint32_t b) const {
	if (t < floor)
		return true;
	for (uint32_t l = 0; l < Lanes; l++)
		if (all[warp].exists >> l & 1 && !isBefore(all, t, warp * Lanes + l, b))
			return false;
	return true;
}

bool Clocks::isBeforeBlock(const std::vector<Warp> &all, uint32_t t, uint32_t b) const {
	if (t < floor)
		return true;
	if (ofWarps.empty())
		return false;
	for (uint32_t v = 0; v < warps; v++)
		if (!isBeforeWarp(all, t, v, b))
			return false;
	return true;
}

// Who: a thread, or several of a warp, or several of the block. A writer may be an atomic, or a copy that is still under way.
constexpr uint32_t Nobody = 0x7ff, Several = 0x400, EveryWarp = 0x7fe, WhoMask = 0x7ff, ByAtomic = 0x800, UnderWay = 0x1000;
static_assert(Several + 32 < EveryWarp, "warps are numbered behind the threads");

static bool ordered(const Block &b, uint32_t t, uint32_t who, uint32_t thread) {
	if (who == Nobody)
		return true;
	if (who < Several)
		return b.clocks.isBefore(b.warps, t, who, thread);
	if (who == EveryWarp)
		return b.clocks.isBeforeBlock(b.warps, t, thread);
	return b.clocks.isBeforeWarp(b.warps, t, who - Several, thread);
}

// joined is who has read, when another thread reads too.
static uint32_t joined(uint32_t who, uint32_t thread) {
	uint32_t warp = who < Several ? who / Lanes : who == EveryWarp ? ~0u : who - Several;
	return warp == thread / Lanes ? Several + warp : EveryWarp;
}

static std::string name(const Launch &l, uint32_t who) {
	if (who < Several)
		return "thread " + threadName(l, who);
	return who == EveryWarp ? "threads of several warps" : "several threads of warp " + std::to_string(who - Several);
}

[[noreturn]] static void race(const char *space, Access kind, uint64_t at, bool otherReads, const std::string &other, uint32_t lane) {
	char place[32];
	snprintf(place, sizeof place, "0x%llx", (unsigned long long)at);
	throw Fault{LaunchFailed, std::string("races for ") + space + " memory at " + place + ": it " + (kind == Access::read ? "reads" : kind == Access::atomic ? "changes" : "writes") +
	            " what " + other + (otherReads ? " has read" : " has written") + ", and nothing orders the two", (int)lane};
}

SharedShadow::SharedShadow(uint32_t bytes, uint32_t granule) : granule(granule), cells(bytes / granule + 16, Cell{0, 0, Nobody, Nobody, 0}) {}

void SharedShadow::touch(Block &b, Warp &w, const Ins &i, uint32_t lane, uint64_t at, uint32_t bytes, Access kind) {
	uint32_t me = (uint32_t)w.number * Lanes + lane;
	uint32_t now = b.clocks.now;
	bool atomic = kind == Access::atomic;
	for (Cell *c = &cells[at / granule], *end = &cells[(at + bytes - 1) / granule]; c <= end; c++) {
		if (c->writeTime >= b.clocks.floor || (c->writer & UnderWay)) {
			uint32_t writer = c->writer & WhoMask;
			if (c->writer & UnderWay && c->writeTime >= b.begun)
				race("shared", kind, at, false, name(b.launch, writer) + " copies with cp.async (ptx line " + std::to_string(c->line) + "), which has not waited for it,", lane);
			if (writer != me && !(atomic && c->writer & ByAtomic) && !ordered(b, c->writeTime, writer, me))
				race("shared", kind, at, false, name(b.launch, writer) + " (ptx line " + std::to_string(c->line) + ")", lane);
		}
		if (kind == Access::read) {
			c->reader = (uint16_t)(c->readTime < b.clocks.floor || c->reader == me || ordered(b, c->readTime, c->reader, me) ? me : joined(c->reader, me));
			c->readTime = now;
			continue;
		}
		if (c->readTime >= b.clocks.floor && c->reader != me && !ordered(b, c->readTime, c->reader, me))
			race("shared", kind, at, true, name(b.launch, c->reader), lane);
		*c = {now, 0, (uint16_t)(me | (atomic ? ByAtomic : 0) | (kind == Access::async ? UnderWay : 0)), Nobody, i.line};
	}
}

void SharedShadow::arrive(Block &b, uint32_t thread, uint64_t at, uint32_t bytes) {
	for (Cell *c = &cells[at / granule], *end = &cells[(at + bytes - 1) / granule]; c <= end; c++)
		c->writeTime = b.clocks.now, c->writer = (uint16_t)thread;
}

// A stamp is who, when, and the number of the block among those of all launches: 12, 24 and 28 bits.
static uint64_t stamp(uint64_t block, uint32_t time, uint32_t who) { return block << 36 | (uint64_t)time << 12 | who; }
static uint64_t blockOf(uint64_t s) { return s >> 36; }
static uint32_t timeOf(uint64_t s) { return uint32_t(s >> 12) & 0xffffff; }
static uint32_t whoOf(uint64_t s) { return uint32_t(s) & WhoMask; }
constexpr uint32_t ManyBlocks = 0x7fd; // as who, of a read

GlobalShadow::GlobalShadow(uint64_t base, uint64_t bytes) : base(base), bytes(bytes) {
	void *p = mmap(nullptr, bytes * sizeof(Cell), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0); // a cell for each byte at most
	if (p == MAP_FAILED)
		throw std::bad_alloc();
	cells = (Cell *)p;
	for (auto &l : locks)
		l.clear();
}

GlobalShadow::~GlobalShadow() { munmap(cells, bytes * sizeof(Cell)); }

void GlobalShadow::begin(uint64_t blocks, uint32_t size) {
	granule = size;
	if (next + blocks >= 1ull << 28) { // the numbers of blocks begin again
		madvise(cells, bytes * sizeof(Cell), MADV_DONTNEED);
		next = 1;
	}
	first = next;
	next += blocks;
}

void GlobalShadow::touch(Block &b, Warp &w, uint32_t lane, uint64_t address, uint32_t n, Access kind) {
	auto &lock = locks[(address >> 12) % 1024];
	while (lock.test_and_set(std::memory_order_acquire))
		;
	struct Unlock {
		std::atomic_flag &f;
		~Unlock() { f.clear(std::memory_order_release); }
	} unlock{lock};
	for (Cell *c = &cells[(address - base) / granule], *end = &cells[(address - base + n - 1) / granule]; c <= end; c++)
		check(b, w, lane, *c, address, n, kind);
}

void GlobalShadow::check(Block &b, Warp &w, uint32_t lane, Cell &c, uint64_t address, uint32_t, Access kind) {
	uint32_t me = (uint32_t)w.number * Lanes + lane;
	uint32_t now = b.clocks.now - b.begun;
	if (now >= 1u << 24) // too many points of this block to tell apart
		return;
	uint64_t mine = first + b.number, at = blockOf(c.write), read = blockOf(c.read);
	bool atomic = kind == Access::atomic;
	auto other = [&](uint64_t block, uint32_t who) {
		uint64_t n = block - first;
		const uint32_t *g = b.launch.grid;
		return name(b.launch, who) + " of block (" + std::to_string(n % g[0]) + "," + std::to_string(n / g[0] % g[1]) + "," + std::to_string(n / g[0] / g[1]) + ")";
	};
	if (at >= first && !(atomic && c.write & ByAtomic)) {
		if (at != mine)
			race("global", kind, address, false, other(at, whoOf(c.write)), lane);
		if (!ordered(b, timeOf(c.write) + b.begun, whoOf(c.write), me))
			race("global", kind, address, false, name(b.launch, whoOf(c.write)), lane);
	}
	uint32_t who = whoOf(c.read);
	if (kind == Access::read) {
		if (read < first)
			c.read = stamp(mine, now, me);
		else if (who == ManyBlocks || read != mine)
			c.read = stamp(read, 0, ManyBlocks);
		else
			c.read = stamp(mine, now, ordered(b, timeOf(c.read) + b.begun, who, me) ? me : joined(who, me));
		return;
	}
	if (read >= first) {
		if (who == ManyBlocks)
			race("global", kind, address, true, "threads of several blocks", lane);
		if (read != mine)
			race("global", kind, address, true, other(read, who), lane);
		if (!ordered(b, timeOf(c.read) + b.begun, who, me))
			race("global", kind, address, true, name(b.launch, who), lane);
	}
	c.write = stamp(mine, now, me | (atomic ? ByAtomic : 0));
	c.read = 0;
}

} // namespace emu
