#include "arena.h"
#include <cstring>
#include <stdexcept>
#include <sys/mman.h>

namespace emu {

static void *reserve(uint64_t bytes) {
	void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		throw std::bad_alloc();
	return p;
}

Arena::Arena(uint64_t base, uint64_t size) : base(base), bytes(size), cells(size / Cell) {
	memory = (char *)reserve(bytes);
	owner = (const Allocation **)reserve(cells * sizeof *owner);
	written = (uint8_t *)reserve(bytes / 4);
	room[base] = bytes;
}

Arena::~Arena() {
	munmap(memory, bytes);
	munmap(owner, cells * sizeof *owner);
	munmap(written, bytes / 4);
}

uint64_t Arena::allocate(uint64_t n, const std::string &name, bool constant) {
	uint64_t whole = (n + Cell - 1) / Cell * Cell + Gap;
	for (auto it = room.begin(); it != room.end(); ++it) {
		if (it->second < whole)
			continue;
		uint64_t address = it->first, left = it->second - whole;
		room.erase(it);
		if (left)
			room[address + whole] = left;
		Allocation &a = live[address];
		a = {address, n, constant, name};
		for (uint64_t c = 0; c < whole / Cell - 1; c++)
			owner[(address - base) / Cell + c] = &a;
		uint32_t *word = (uint32_t *)host(address); // a NaN as float32 and float64, and no small number
		for (uint64_t k = 0; k < whole / 4; k++)
			word[k] = 0xffc00000u + (uint32_t)(k & 0xffff) + 1;
		memset(written + (address - base) / 4, 0, whole / 4);
		freed.erase(address);
		inUse += whole;
		return address;
	}
	return 0;
}

bool Arena::free(uint64_t address) {
	auto it = live.find(address);
	if (it == live.end())
		return false;
	uint64_t whole = (it->second.bytes + Cell - 1) / Cell * Cell + Gap;
	for (uint64_t c = 0; c < whole / Cell - 1; c++)
		owner[(address - base) / Cell + c] = nullptr;
	if (whole > 1 << 20)
		madvise(host(address), whole, MADV_DONTNEED);
	if (freed.size() > 1000)
		freed.clear();
	freed[address] = it->second;
	live.erase(it);
	inUse -= whole;
	auto next = room.emplace(address, whole).first;
	auto after = std::next(next);
	if (after != room.end() && next->first + next->second == after->first) {
		next->second += after->second;
		room.erase(after);
	}
	if (next != room.begin()) {
		auto before = std::prev(next);
		if (before->first + before->second == next->first) {
			before->second += next->second;
			room.erase(next);
		}
	}
	return true;
}

void Arena::freeAll() {
	while (!live.empty())
		free(live.begin()->first);
}

std::string Arena::near(uint64_t address) const {
	if (address < base || address >= base + bytes)
		return "no device memory is there";
	auto say = [](const Allocation &a) {
		return (a.name.empty() ? "an allocation" : a.name) + " of " + std::to_string(a.bytes) + " bytes";
	};
	for (auto *list : {&live, &freed}) {
		auto it = list->upper_bound(address);
		if (it == list->begin())
			continue;
		const Allocation &a = std::prev(it)->second;
		uint64_t past = address - a.begin;
		if (list == &freed && past < a.bytes)
			return "byte " + std::to_string(past) + " of " + say(a) + " that was freed";
		if (list == &live && past < a.bytes)
			return "byte " + std::to_string(past) + " of " + say(a);
		if (list == &live && past < a.bytes + 4096 && !(freed.count(address) || [&] {
				auto f = freed.upper_bound(address);
				return f != freed.begin() && address - std::prev(f)->first < std::prev(f)->second.bytes;
			}()))
			return std::to_string(past - a.bytes) + " bytes behind the end of " + say(a);
	}
	auto next = live.upper_bound(address);
	if (next != live.end() && next->first - address <= 4096)
		return std::to_string(next->first - address) + " bytes before " + say(next->second);
	return "nothing is allocated there";
}

bool Arena::wasWritten(uint64_t address, uint64_t n) const {
	for (uint64_t w = (address - base) / 4; w <= (address - base + n - 1) / 4; w++)
		if (!written[w])
			return false;
	return true;
}

void Arena::setWritten(uint64_t address, uint64_t n) {
	if (n)
		memset(written + (address - base) / 4, 1, (address - base + n - 1) / 4 - (address - base) / 4 + 1);
}

} // namespace emu
