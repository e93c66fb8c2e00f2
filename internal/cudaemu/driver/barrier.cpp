// Threads that wait for each other: at barriers of the block, and for the lanes that an instruction of the warp names.
// PTX ISA 9.7.12.1 to 9.7.12.3.
#include "run.h"

namespace emu {

void Block::barrier(Warp &w, const Ins &i, uint32_t lanes, uint32_t pc) {
	In<uint32_t> number(w, i.r[0]), expected(w, i.r[1]);
	EACH_OF (lanes) {
		if (number[l] >= Barriers)
			throw Fault{LaunchFailed, "waits at barrier " + std::to_string(number[l]) + ", there are 16", (int)l};
		if (expected[l] % Lanes)
			throw Fault{LaunchFailed,
				"waits at a barrier for " + std::to_string(expected[l]) + " threads, which are no whole warps", (int)l};
		Barrier &b = barriers[number[l]];
		if ((b.waiting || b.arrived) && b.expected != expected[l])
			throw Fault{LaunchFailed,
				"waits at barrier " + std::to_string(number[l]) + " for another number of threads than others there",
				(int)l};
		b.expected = expected[l];
		if (i.flow == Flow::arrive) {
			b.arrived++;
			b.arrivedWarps |= 1u << w.number;
			continue;
		}
		EACH_OF (w.parked & ~lanes)
			if (w.barrierOf[l] != Converging && w.pc[l] != pc + 1)
				throw Fault{LaunchFailed,
					"waits at a barrier while " + threadName(launch, (uint32_t)w.number * Lanes + l) +
						" of its warp waits at the one of ptx line " +
						std::to_string(launch.program->code[w.pc[l] - 1].line),
					__builtin_ctz(lanes)};
		b.waiting++;
		w.parked |= 1u << l;
		w.barrierOf[l] = number[l];
	}
}

// converge runs i for each set of lanes that it names, when all of them have come, and parks the others.
void Block::converge(Warp &w, const Ins &i, uint32_t lanes, uint32_t pc) {
	uint32_t here = lanes;
	EACH_OF (w.parked &w.alive)
		if (w.barrierOf[l] == Converging && w.pc[l] == pc)
			here |= 1u << l;
	In<uint32_t> members(w, i.r[MembersAt]);
	EACH_OF (lanes)
		w.pc[l] = pc, w.barrierOf[l] = Converging;
	w.parked |= lanes;
	for (uint32_t left = lanes; left;) {
		int first = __builtin_ctz(left);
		uint32_t named = members[first];
		if (i.count == WholeWarp && w.exists != ~0u)
			throw Fault{LaunchFailed,
				"an instruction of the whole warp in a warp of " + std::to_string(__builtin_popcount(w.exists)) +
					" threads",
				first};
		named &= w.exists;
		if (!(named >> first & 1))
			throw Fault{LaunchFailed, "the lanes that are named do not include this one", first};
		left &= ~named;
		left &= ~(1u << first);
		if (named & ~here)
			continue;
		EACH_OF (named)
			if ((members[l] & w.exists) != named)
				throw Fault{LaunchFailed,
					"names other lanes than " + threadName(launch, (uint32_t)w.number * Lanes + (uint32_t)first) +
						" of its warp",
					(int)l};
		if (i.orders)
			clocks.lanes(w, named);
		i.run(w, i, named);
		w.parked &= ~named;
		EACH_OF (named)
			w.pc[l] = pc + 1;
	}
}

// release lets go those whose barrier is complete.
bool Block::release() {
	bool any = false;
	for (uint32_t n = 0; n < Barriers; n++) {
		Barrier &b = barriers[n];
		uint32_t need = b.expected ? b.expected : launch.threads();
		if (!b.waiting && !b.arrived)
			continue;
		if (b.waiting + b.arrived < need)
			continue;
		uint32_t waiting = 0;
		for (auto &w : warps) {
			uint32_t lanes = 0;
			EACH_OF (w.parked)
				if (w.barrierOf[l] == n)
					lanes |= 1u << l;
			w.parked &= ~lanes;
			if (lanes) {
				waiting |= 1u << w.number;
				clocks.lanes(w, lanes);
			}
		}
		if (b.waiting == launch.threads())
			clocks.wholeBlock();
		else
			clocks.someWarps(waiting, b.arrivedWarps);
		b = Barrier();
		any = true;
	}
	return any;
}

// stuck says why nobody goes on.
void Block::stuck() {
	const Program &p = *launch.program;
	auto line = [&](uint32_t pc) { return std::to_string(p.code[pc].line); };
	for (int converging = 1; converging >= 0; converging--)
		for (auto &w : warps)
			EACH_OF (w.parked &w.alive) {
				bool is = w.barrierOf[l] == Converging;
				if (is != (converging == 1))
					continue;
				faulty = &w;
				w.here = is ? w.pc[l] : w.pc[l] - 1;
				std::string what = is ? "waits for the lanes of its warp that it names"
									  : "waits at barrier " + std::to_string(w.barrierOf[l]);
				for (auto &other : warps) {
					uint32_t missing = other.exists;
					if (is)
						missing = &other == &w ? In<uint32_t>(w, p.code[w.here].r[MembersAt])[(int)l] & w.exists : 0;
					EACH_OF (missing) {
						bool out = !(other.alive >> l & 1), parked = other.parked >> l & 1;
						if (!out && parked &&
							(is ? other.barrierOf[l] == Converging && other.pc[l] == w.here
								: other.barrierOf[l] == w.barrierOf[__builtin_ctz(w.parked)]))
							continue;
						std::string who = ", but thread " + threadName(launch, (uint32_t)other.number * Lanes + l);
						throw Fault{LaunchFailed,
							what + who +
								(out ? " left at ptx line " + std::to_string(other.exitLine[l])
									 : " waits at ptx line " +
											line(other.barrierOf[l] == Converging ? other.pc[l] : other.pc[l] - 1)),
							(int)__builtin_ctz(w.parked & w.alive)};
					}
				}
				throw Fault{LaunchFailed, what + ", and too few come", (int)l};
			}
	throw Fault{LaunchFailed, "no thread goes on", -1};
}

} // namespace emu
