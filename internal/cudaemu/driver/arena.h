// Device memory: one reserved stretch of the host's memory for each device, with a list of what is allocated.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace emu {

struct Allocation {
	uint64_t begin = 0, bytes = 0;
	bool constant = false; // a .const variable: no kernel may write it
	std::string name;      // of a module's variable
};

class Arena {
  public:
	Arena(uint64_t base, uint64_t bytes);
	~Arena();
	Arena(const Arena &) = delete;

	const uint64_t base, bytes; // first address, size
	uint64_t used() const { return inUse; }

	// allocate returns an address that is a multiple of 256, or 0 where there is no room. The memory is poisoned.
	uint64_t allocate(uint64_t bytes, const std::string &name = "", bool constant = false);
	bool free(uint64_t address); // false where no allocation begins there
	void freeAll();

	// find is the allocation that holds an address, or nullptr.
	const Allocation *find(uint64_t address) const {
		uint64_t cell = (address - base) / Cell;
		if (cell >= cells)
			return nullptr;
		const Allocation *a = owner[cell];
		return a && address - a->begin < a->bytes ? a : nullptr;
	}
	// near describes what lies about an address, for reports.
	std::string near(uint64_t address) const;
	char *host(uint64_t address) const { return memory + (address - base); }
	bool holds(uint64_t address, uint64_t n) const { // n bytes inside one allocation
		const Allocation *a = find(address);
		return a && n <= a->bytes - (address - a->begin);
	}

	// Words of 4 bytes that somebody has written since they were allocated.
	bool wasWritten(uint64_t address, uint64_t n) const;
	void setWritten(uint64_t address, uint64_t n);

  private:
	static constexpr uint64_t Cell = 256, Gap = 256; // bytes between allocations that belong to none
	uint64_t cells, inUse = 0;
	char *memory;
	const Allocation **owner;
	uint8_t *written;
	std::map<uint64_t, Allocation> live;  // by address
	std::map<uint64_t, uint64_t> room;    // free stretches: address -> bytes
	std::map<uint64_t, Allocation> freed; // the last ones, for reports
};

} // namespace emu
