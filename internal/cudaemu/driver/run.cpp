// How a block runs. The lanes of a warp that stand at the smallest place in the code go on together; those that take
// another way wait until they are the smallest, so that ways meet again by themselves. Callees come before callers in
// the code, so a call returns before its warp goes on. Lanes that wait for others, at a barrier or for the lanes that
// an instruction names, are parked.
#include "run.h"
#include <algorithm>

namespace emu {

AsyncState *newAsyncState();
void deleteAsyncState(AsyncState *);
void resetAsyncState(AsyncState &);

Block::Block(const Launch &launch) : launch(launch) {
	const Program &p = *launch.program;
	uint32_t threads = launch.threads();
	warps = std::vector<Warp>((threads + Lanes - 1) / Lanes);
	sharedBytes = p.staticShared;
	if (launch.dynamicShared)
		sharedBytes = (sharedBytes + 15) / 16 * 16 + launch.dynamicShared;
	shared.resize(sharedBytes + 16);
	local.resize((size_t)p.localBytes * Lanes * warps.size() + 16);
	lastHit.resize(p.accesses);
	if (launch.shadow)
		shadow = std::make_unique<SharedShadow>(sharedBytes, p.granule);
	for (size_t n = 0; n < warps.size(); n++) {
		Warp &w = warps[n];
		w.block = this;
		w.number = (int)n;
		w.registers.resize(p.registerBytes + 64);
		w.predicate.resize(p.predicates);
		w.base[0] = (char *)(((uintptr_t)w.registers.data() + 63) / 64 * 64);
		w.base[1] = (char *)p.constants.data();
		w.local = local.data() + n * Lanes * p.localBytes;
		uint32_t first = (uint32_t)n * Lanes;
		w.exists = threads - first >= Lanes ? ~0u : (1u << (threads - first)) - 1;
		w.async = newAsyncState();
	}
}

Block::~Block() {
	for (auto &w : warps)
		deleteAsyncState(w.async);
}

// begin sets what every block begins with: poisoned registers and shared memory, and the special registers.
void Block::begin() {
	const Program &p = *launch.program;
	uint32_t *word = (uint32_t *)shared.data();
	for (size_t k = 0; k < shared.size() / 4; k++)
		word[k] = 0xffc00000u + (uint32_t)(k & 0xffff) + 1;
	std::fill(local.begin(), local.end(), (char)0xff);
	barriers.fill(Barrier());
	clocks.begin(warps);
	begun = clocks.now;
	for (auto &w : warps) {
		std::fill(w.registers.begin(), w.registers.end(), (char)0xff);
		std::fill(w.predicate.begin(), w.predicate.end(), 0);
		w.predicate[AllLanes] = ~0u;
		w.alive = w.exists, w.parked = 0;
		EACH w.pc[l] = p.start, w.returns[l].clear();
		resetAsyncState(*w.async);
		for (auto &s : p.specials)
			fill(w, s);
	}
}

void Block::fill(Warp &w, const Special &s) {
	uint32_t *r = w.at<uint32_t>(s.place);
	auto each = [&](auto value) { EACH r[l] = value((uint32_t)l); };
	auto thread = [&](uint32_t l) { return (uint32_t)w.number * Lanes + l; };
	const uint32_t *size = launch.block;
	switch (s.kind) {
	case Special::tid:
		return each([&](uint32_t l) {
			return s.axis == 0 ? thread(l) % size[0]
				: s.axis == 1  ? thread(l) / size[0] % size[1]
							   : thread(l) / size[0] / size[1];
		});
	case Special::ntid: return each([&](uint32_t) { return size[s.axis]; });
	case Special::ctaid: return each([&](uint32_t) { return index[s.axis]; });
	case Special::nctaid: return each([&](uint32_t) { return launch.grid[s.axis]; });
	case Special::laneid: return each([](uint32_t l) { return l; });
	case Special::warpid: return each([&](uint32_t) { return (uint32_t)w.number; });
	case Special::nwarpid: return each([&](uint32_t) { return (uint32_t)warps.size(); });
	case Special::lanemask_eq: return each([](uint32_t l) { return 1u << l; });
	case Special::lanemask_lt: return each([](uint32_t l) { return (1u << l) - 1; });
	case Special::lanemask_le: return each([](uint32_t l) { return (2u << l) - 1; });
	case Special::lanemask_gt: return each([](uint32_t l) { return ~((2u << l) - 1); });
	case Special::lanemask_ge: return each([](uint32_t l) { return ~((1u << l) - 1); });
	}
}

void Block::run(uint64_t n) {
	number = n;
	index[0] = uint32_t(n % launch.grid[0]);
	index[1] = uint32_t(n / launch.grid[0] % launch.grid[1]);
	index[2] = uint32_t(n / launch.grid[0] / launch.grid[1]);
	begin();
	for (;;) {
		bool alive = false, moved = false;
		for (auto &w : warps) {
			if (w.alive & ~w.parked) {
				faulty = &w;
				run(w);
				faulty = nullptr;
				moved = true;
				release();
			}
			alive |= w.alive != 0;
		}
		if (!alive)
			return;
		if (!moved && !release())
			stuck();
	}
}

void Block::run(Warp &w) {
	while (uint32_t ready = w.alive & ~w.parked) {
		uint32_t pc = ~0u, limit = ~0u, lanes = 0;
		EACH_OF (ready) {
			if (w.pc[l] < pc)
				limit = pc, pc = w.pc[l], lanes = 0;
			else if (w.pc[l] > pc)
				limit = std::min(limit, w.pc[l]);
			if (w.pc[l] == pc)
				lanes |= 1u << l;
		}
		uint32_t to = step(w, lanes, pc, limit);
		if (to != ~0u)
			EACH_OF (lanes)
				w.pc[l] = to;
	}
}

// step runs lanes that stand together at pc until they part, park, leave, or come to limit, where others wait. It
// returns where they all are now, or ~0 where it has set their places itself.
uint32_t Block::step(Warp &w, uint32_t lanes, uint32_t pc, uint32_t limit) {
	const Ins *code = launch.program->code.data();
	uint32_t count = (uint32_t)__builtin_popcount(lanes);
	auto part = [&](uint32_t m, uint32_t there) { // those in m go there, the others to the next instruction
		EACH_OF (lanes)
			w.pc[l] = m >> l & 1 ? there : pc + 1;
		return ~0u;
	};
	for (;;) {
		if (pc >= limit)
			return pc;
		const Ins &i = code[pc];
		uint32_t m = i.guard == AllLanes ? lanes : lanes & w.guard(i);
		w.here = pc;
		executed += count;
		if (i.flow == Flow::none) {
			if (m)
				i.run(w, i, m);
			pc++;
			continue;
		}
		if (!m) {
			pc++;
			continue;
		}
		switch (i.flow) {
		case Flow::bra:
			if (m != lanes)
				return part(m, i.target);
			pc = i.target;
			break;
		case Flow::brx: {
			In<uint32_t> index(w, i.r[0]);
			EACH_OF (lanes) {
				if (!(m >> l & 1)) {
					w.pc[l] = pc + 1;
					continue;
				}
				if (index[l] >= i.targets->size())
					throw Fault{LaunchFailed,
						"branches to entry " + std::to_string(index[l]) + " of " + std::to_string(i.targets->size()),
						(int)l};
				w.pc[l] = (*i.targets)[index[l]];
			}
			return ~0u;
		}
		case Flow::call:
			EACH_OF (m) {
				char *local = w.local + (size_t)l * launch.program->localBytes;
				for (auto &c : launch.program->calls[(size_t)i.value].before)
					memcpy(local + c.to, local + c.from, c.bytes);
				w.returns[l].emplace_back(pc + 1, (uint32_t)i.value);
			}
			if (m != lanes)
				return part(m, i.target);
			pc = i.target;
			break;
		case Flow::ret:
			if (pc >= launch.program->start) {
				leave(w, m, pc);
				return part(0, 0);
			}
			EACH_OF (lanes)
				w.pc[l] = pc + 1;
			EACH_OF (m) {
				auto [place, call] = w.returns[l].back();
				w.returns[l].pop_back();
				char *local = w.local + (size_t)l * launch.program->localBytes;
				for (auto &c : launch.program->calls[call].after)
					memcpy(local + c.to, local + c.from, c.bytes);
				w.pc[l] = place;
			}
			return ~0u;
		case Flow::exit: leave(w, m, pc); return part(0, 0);
		case Flow::trap: throw Fault{IllegalInstruction, "reaches a trap", __builtin_ctz(m)};
		case Flow::arrive:
		case Flow::barrier: barrier(w, i, m, pc); return part(0, 0);
		case Flow::converge:
			if (m == lanes && In<uint32_t>(w, i.r[MembersAt])[__builtin_ctz(m)] == lanes) {
				uint32_t all = lanes;
				In<uint32_t> named(w, i.r[MembersAt]);
				uint32_t same = collect([&](int l) { return named[l] == all; });
				if ((same & lanes) == lanes) {
					if (i.orders)
						clocks.lanes(w, lanes);
					i.run(w, i, lanes);
					pc++;
					break;
				}
			}
			EACH_OF (lanes & ~m)
				w.pc[l] = pc + 1;
			converge(w, i, m, pc);
			return ~0u;
		default: break;
		}
	}
}

void Block::leave(Warp &w, uint32_t lanes, uint32_t pc) {
	w.alive &= ~lanes;
	EACH_OF (lanes)
		w.exitLine[l] = (uint32_t)launch.program->code[pc].line;
}

} // namespace emu
