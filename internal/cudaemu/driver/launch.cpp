#include "launch.h"
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace emu {

static std::atomic<uint64_t> total{0};
uint64_t laneInstructions() { return total; }

std::string threadName(const Launch &l, uint32_t t) {
	return "(" + std::to_string(t % l.block[0]) + "," + std::to_string(t / l.block[0] % l.block[1]) + "," +
		std::to_string(t / l.block[0] / l.block[1]) + ")";
}

static std::string report(const Launch &l, const Block &b, const Fault &f) {
	std::string s = "cudaemu: kernel " + l.program->name + ", block (" + std::to_string(b.index[0]) + "," +
		std::to_string(b.index[1]) + "," + std::to_string(b.index[2]) + ")";
	if (b.faulty) {
		if (f.lane >= 0)
			s += ", thread " + threadName(l, (uint32_t)b.faulty->number * Lanes + (uint32_t)f.lane);
		std::string function;
		for (auto &[begin, name] : l.program->begins)
			if (begin <= b.faulty->here)
				function = name;
		if (function != l.program->name)
			s += ", in " + function;
		s += ", ptx line " + std::to_string(l.program->code[b.faulty->here].line);
	}
	return s + ": " + f.what;
}

static unsigned workers() {
	const char *given = getenv("CUDAEMU_THREADS");
	int n = given ? atoi(given) : 2;
	return n < 1 ? 1 : n > 64 ? 64 : (unsigned)n;
}

int launch(Launch &l, std::string &text) {
	uint64_t blocks = l.blocks();
	if (l.shadow)
		l.shadow->begin(blocks, l.program->granule);
	std::atomic<uint64_t> next{0}, first{blocks}; // first: the smallest block with a fault
	std::mutex mutex;
	int code = 0;
	auto work = [&] {
		Block block(l);
		for (;;) {
			uint64_t n = next++;
			if (n >= blocks || n > first)
				break;
			try {
				block.run(n);
			} catch (const Fault &f) {
				std::lock_guard<std::mutex> lock(mutex);
				if (n < first) {
					first = n;
					code = f.code;
					text = report(l, block, f);
				}
				break;
			}
		}
		total += block.executed;
	};
	unsigned n = workers();
	if (n > blocks)
		n = (unsigned)blocks;
	std::vector<std::thread> threads;
	for (unsigned k = 1; k < n; k++)
		threads.emplace_back(work);
	work();
	for (auto &t : threads)
		t.join();
	return code;
}

} // namespace emu
