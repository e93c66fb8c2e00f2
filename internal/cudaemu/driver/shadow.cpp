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
	EACH_OF (met)
		for (int k = 0; k < Lanes; k++)
			merged[k] = std::max(merged[k], w.clocks[l * Lanes + (uint32_t)k]);
	EACH_OF (met)
		merged[l] = now;
	EACH_OF (met)
		memcpy(&w.clocks[l * Lanes], merged, sizeof merged);
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

// Who: a thread, or several of a warp, or several of the block. A writer may be an atomic, or a copy that is still
// under way.
constexpr uint32_t Nobody = 0x7ff, Several = 0x400, EveryWarp = 0x7fe, WhoMask = 0x7ff, ByAtomic = 0x800,
				   UnderWay = 0x1000;
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

[[noreturn]] static void race(
	const char *space, Access kind, uint64_t at, bool otherReads, const std::string &other, uint32_t lane) {
	char place[32];
	snprintf(place, sizeof place, "0x%llx", (unsigned long long)at);
	throw Fault{LaunchFailed,
		std::string("races for ") + space + " memory at " + place + ": it " +
			(kind == Access::read            ? "reads"
					: kind == Access::atomic ? "changes"
											 : "writes") +
			" what " + other + (otherReads ? " has read" : " has written") + ", and nothing orders the two",
		(int)lane};
}

// readBy is who has read a place, when thread me of warp w reads it too. Without points that only some lanes or warps
// share, the floors say all.
static uint32_t readBy(const Block &b, const Warp &w, uint32_t who, uint32_t time, uint32_t me) {
	if (time < b.clocks.floor || who == me || who == Nobody)
		return me;
	if (!b.clocks.ofWarps.empty() || w.clocks)
		return ordered(b, time, who, me) ? me : joined(who, me);
	uint32_t warp = (uint32_t)w.number;
	if (who == Several + warp || (who < Several && who / Lanes == warp))
		return time < w.floor ? me : Several + warp;
	return EveryWarp;
}

SharedShadow::SharedShadow(uint32_t bytes, uint32_t granule)
	: shift(__builtin_ctz(granule)), cells(bytes / granule + 16, Cell{0, 0, Nobody, Nobody, 0}) {}

void SharedShadow::touch(
	Block &b, Warp &w, const Ins &i, uint32_t lanes, const uint64_t *at, uint32_t bytes, Access kind) {
	uint32_t now = b.clocks.now, floor = b.clocks.floor;
	uint64_t before = ~0ull;
	int same = 0; // lanes before this one with the same address: after two, another reader changes nothing
	EACH_OF (lanes) {
		same = at[l] == before ? same + 1 : 0;
		before = at[l];
		if (same > 1 && kind == Access::read)
			continue;
		uint32_t me = (uint32_t)w.number * Lanes + l;
		for (Cell *c = &cells[at[l] >> shift], *end = &cells[(at[l] + bytes - 1) >> shift]; c <= end; c++) {
			if (c->writeTime >= floor || c->writer & UnderWay)
				afterWrite(b, w, l, *c, at[l], kind);
			if (kind != Access::read) {
				write(b, w, i, l, *c, at[l], kind);
				continue;
			}
			c->reader = (uint16_t)readBy(b, w, c->reader, c->readTime, me);
			c->readTime = now;
		}
	}
}

// afterWrite looks whether an access of a place races with its last write.
void SharedShadow::afterWrite(Block &b, Warp &w, uint32_t lane, const Cell &c, uint64_t at, Access kind) {
	uint32_t me = (uint32_t)w.number * Lanes + lane, writer = c.writer & WhoMask;
	std::string line = " (ptx line " + std::to_string(c.line) + ")";
	if (c.writer & UnderWay && c.writeTime >= b.begun)
		race("shared", kind, at, false,
			name(b.launch, writer) + " copies with cp.async" + line + ", which has not waited for it,", lane);
	if (writer != me && !(kind == Access::atomic && c.writer & ByAtomic) && !ordered(b, c.writeTime, writer, me))
		race("shared", kind, at, false, name(b.launch, writer) + line, lane);
}

void SharedShadow::write(Block &b, Warp &w, const Ins &i, uint32_t lane, Cell &c, uint64_t at, Access kind) {
	uint32_t me = (uint32_t)w.number * Lanes + lane;
	if (c.readTime >= b.clocks.floor && c.reader != me && !ordered(b, c.readTime, c.reader, me))
		race("shared", kind, at, true, name(b.launch, c.reader), lane);
	uint32_t how = kind == Access::atomic ? ByAtomic : kind == Access::async ? UnderWay : 0;
	c = {b.clocks.now, 0, (uint16_t)(me | how), Nobody, i.line};
}

void SharedShadow::arrive(Block &b, uint32_t thread, uint64_t at, uint32_t bytes) {
	for (Cell *c = &cells[at >> shift], *end = &cells[(at + bytes - 1) >> shift]; c <= end; c++)
		c->writeTime = b.clocks.now, c->writer = (uint16_t)thread;
}

// A stamp is who, when, and the number of the block among those of all launches: 12, 24 and 28 bits.
static uint64_t stamp(uint64_t block, uint32_t time, uint32_t who) { return block << 36 | (uint64_t)time << 12 | who; }
static uint64_t blockOf(uint64_t s) { return s >> 36; }
static uint32_t timeOf(uint64_t s) { return uint32_t(s >> 12) & 0xffffff; }
static uint32_t whoOf(uint64_t s) { return uint32_t(s) & WhoMask; }
constexpr uint32_t ManyBlocks = 0x7fd; // as who, of a read

GlobalShadow::GlobalShadow(uint64_t base, uint64_t bytes) : base(base), bytes(bytes) {
	void *p = mmap(nullptr, bytes * sizeof(Cell), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1, 0); // a cell for each byte at most
	if (p == MAP_FAILED)
		throw std::bad_alloc();
	cells = (Cell *)p;
	for (auto &l : locks)
		l.clear();
}

GlobalShadow::~GlobalShadow() { munmap(cells, bytes * sizeof(Cell)); }

void GlobalShadow::begin(uint64_t blocks, uint32_t granule) {
	shift = __builtin_ctz(granule);
	if (next + blocks >= 1ull << 28) { // the numbers of blocks begin again
		madvise(cells, bytes * sizeof(Cell), MADV_DONTNEED);
		next = 1;
	}
	first = next;
	next += blocks;
}

void GlobalShadow::touch(Block &b, Warp &w, uint32_t lanes, const uint64_t *at, uint32_t n, Access kind) {
	if (b.clocks.now - b.begun >= 1u << 24) // too many points of this block to tell apart
		return;
	std::atomic_flag *held = nullptr;
	struct Unlock {
		std::atomic_flag *&f;
		~Unlock() {
			if (f)
				f->clear(std::memory_order_release);
		}
	} unlock{held};
	EACH_OF (lanes) {
		std::atomic_flag *lock = &locks[(at[l] >> 12) % 1024];
		if (lock != held) {
			if (held)
				held->clear(std::memory_order_release);
			while (lock->test_and_set(std::memory_order_acquire))
				;
			held = lock;
		}
		uint64_t place = at[l] - base;
		for (Cell *c = &cells[place >> shift], *end = &cells[(place + n - 1) >> shift]; c <= end; c++)
			check(b, w, l, *c, at[l], kind);
	}
}

void GlobalShadow::check(Block &b, Warp &w, uint32_t lane, Cell &c, uint64_t address, Access kind) {
	uint32_t me = (uint32_t)w.number * Lanes + lane, now = b.clocks.now - b.begun;
	uint64_t mine = first + b.number, at = blockOf(c.write), read = blockOf(c.read);
	auto other = [&](uint64_t block, uint32_t who) {
		uint64_t n = block - first;
		const uint32_t *g = b.launch.grid;
		return name(b.launch, who) + " of block (" + std::to_string(n % g[0]) + "," + std::to_string(n / g[0] % g[1]) +
			"," + std::to_string(n / g[0] / g[1]) + ")";
	};
	if (at >= first && !(kind == Access::atomic && c.write & ByAtomic)) {
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
			c.read = stamp(mine, now, readBy(b, w, who, timeOf(c.read) + b.begun, me));
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
	c.write = stamp(mine, now, me | (kind == Access::atomic ? (uint32_t)ByAtomic : 0));
	c.read = 0;
}

} // namespace emu
