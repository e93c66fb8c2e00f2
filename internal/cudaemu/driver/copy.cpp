// Memory: allocation, copies, fills. The asynchronous forms are nodes of their stream.
#include "driver.h"
#include <cstdlib>
#include <cstring>

using namespace emu;

namespace {

std::string range(const char *call, uint64_t address, size_t bytes, const Arena &a) {
	char text[64];
	snprintf(text, sizeof text, " of %zu bytes at 0x%llx: ", bytes, (unsigned long long)address);
	return std::string("cudaemu: ") + call + text + a.near(address);
}

Arena *arenaOf(uint64_t address) {
	for (auto &d : driver().devices)
		if (address - d->arena->base < d->arena->bytes)
			return d->arena.get();
	return nullptr;
}

// inside refuses what does not lie in one allocation.
int inside(const char *call, uint64_t address, size_t bytes) {
	Arena *a = arenaOf(address);
	if (a && a->holds(address, bytes))
		return Success;
	return say(InvalidValue,
		a ? range(call, address, bytes, *a)
		  : std::string("cudaemu: ") + call + ": the address is not of device memory");
}

Node toDevice(const char *call, uint64_t to, const void *from, size_t n) {
	return {"copy", [=] {
				if (int e = inside(call, to, n))
					return e;
				memcpy(arenaOf(to)->host(to), from, n);
				arenaOf(to)->setWritten(to, n);
				return (int)Success;
			}};
}
Node toHost(const char *call, void *to, uint64_t from, size_t n) {
	return {"copy", [=] {
				if (int e = inside(call, from, n))
					return e;
				memcpy(to, arenaOf(from)->host(from), n);
				return (int)Success;
			}};
}
Node onDevice(const char *call, uint64_t to, uint64_t from, size_t n) {
	return {"copy", [=] {
				if (int e = inside(call, to, n))
					return e;
				if (int e = inside(call, from, n))
					return e;
				memmove(arenaOf(to)->host(to), arenaOf(from)->host(from), n);
				for (size_t k = 0; k < n; k += 4)
					if (arenaOf(from)->wasWritten(from + k, n - k < 4 ? n - k : 4))
						arenaOf(to)->setWritten(to + k, n - k < 4 ? n - k : 4);
				return (int)Success;
			}};
}
template <class T> Node fill(const char *call, uint64_t to, T value, size_t n) {
	return {"fill", [=] {
				if (to % sizeof(T))
					return say(InvalidValue, std::string("cudaemu: ") + call + ": the address is not aligned");
				if (int e = inside(call, to, n * sizeof(T)))
					return e;
				T *p = (T *)arenaOf(to)->host(to);
				for (size_t k = 0; k < n; k++)
					p[k] = value;
				arenaOf(to)->setWritten(to, n * sizeof(T));
				return (int)Success;
			}};
}

int now(const char *call, const Node &node) {
	Call c;
	if (c.code)
		return c.code;
	int e = unsafe(call);
	return e ? e : node.run();
}
// later checks the ranges at once too: a driver refuses a wrong copy when it is asked for.
int later(void *stream, size_t n, Node node) {
	Call c;
	if (c.code || !n)
		return c.code;
	return submit(stream, std::move(node));
}

} // namespace

API int cuMemAlloc_v2(unsigned long long *address, size_t bytes) {
	Call c;
	if (c.code)
		return c.code;
	if (int e = unsafe("cuMemAlloc"))
		return e;
	if (!address || !bytes)
		return InvalidValue;
	*address = c.arena().allocate(bytes);
	return *address ? Success : OutOfMemory;
}

API int cuMemFree_v2(unsigned long long address) {
	Call c;
	if (c.code)
		return c.code;
	if (int e = unsafe("cuMemFree"))
		return e;
	Arena *a = arenaOf(address);
	if (!address)
		return Success;
	if (!a || !a->free(address))
		return say(InvalidValue,
			a ? range("cuMemFree", address, 0, *a) : "cudaemu: cuMemFree: the address is not of device memory");
	return Success;
}

API int cuMemGetInfo_v2(size_t *free, size_t *total) {
	Call c;
	if (c.code)
		return c.code;
	*total = c.arena().bytes;
	*free = c.arena().bytes - c.arena().used();
	return Success;
}

API int cuMemGetAddressRange_v2(unsigned long long *base, size_t *bytes, unsigned long long address) {
	Call c;
	if (c.code)
		return c.code;
	Arena *a = arenaOf(address);
	const Allocation *in = a ? a->find(address) : nullptr;
	if (!in)
		return NotFound;
	if (base)
		*base = in->begin;
	if (bytes)
		*bytes = in->bytes;
	return Success;
}

API int cuMemHostAlloc(void **p, size_t bytes, unsigned) {
	Call c;
	if (c.code)
		return c.code;
	if (int e = unsafe("cuMemHostAlloc"))
		return e;
	if (!p || !bytes)
		return InvalidValue;
	*p = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
	if (!*p)
		return OutOfMemory;
	memset(*p, 0xff, bytes);
	c.d.pinned[*p] = bytes;
	return Success;
}
API int cuMemAllocHost_v2(void **p, size_t bytes) { return cuMemHostAlloc(p, bytes, 0); }

API int cuMemFreeHost(void *p) {
	Call c;
	if (c.code)
		return c.code;
	if (!c.d.pinned.erase(p))
		return InvalidValue;
	free(p);
	return Success;
}

// Memory of the program's own, which is where it is in any case.
API int cuMemHostRegister_v2(void *p, size_t bytes, unsigned) {
	Call c;
	if (c.code)
		return c.code;
	if (int e = unsafe("cuMemHostRegister"))
		return e;
	if (!p || !bytes)
		return InvalidValue;
	if (!c.d.registered.insert(p).second)
		return 712; // registered already
	return Success;
}

API int cuMemHostUnregister(void *p) {
	Call c;
	if (c.code)
		return c.code;
	return c.d.registered.erase(p) ? Success : 713; // not registered
}

API int cuMemcpyHtoD_v2(unsigned long long to, const void *from, size_t n) {
	return n ? now("cuMemcpyHtoD", toDevice("cuMemcpyHtoD", to, from, n)) : 0;
}
API int cuMemcpyDtoH_v2(void *to, unsigned long long from, size_t n) {
	return n ? now("cuMemcpyDtoH", toHost("cuMemcpyDtoH", to, from, n)) : 0;
}
API int cuMemcpyDtoD_v2(unsigned long long to, unsigned long long from, size_t n) {
	return n ? now("cuMemcpyDtoD", onDevice("cuMemcpyDtoD", to, from, n)) : 0;
}
API int cuMemcpyHtoDAsync_v2(unsigned long long to, const void *from, size_t n, void *stream) {
	return later(stream, n, toDevice("cuMemcpyHtoDAsync", to, from, n));
}
API int cuMemcpyDtoHAsync_v2(void *to, unsigned long long from, size_t n, void *stream) {
	return later(stream, n, toHost("cuMemcpyDtoHAsync", to, from, n));
}
API int cuMemcpyDtoDAsync_v2(unsigned long long to, unsigned long long from, size_t n, void *stream) {
	return later(stream, n, onDevice("cuMemcpyDtoDAsync", to, from, n));
}
API int cuMemsetD8_v2(unsigned long long to, unsigned char v, size_t n) {
	return now("cuMemsetD8", fill<uint8_t>("cuMemsetD8", to, v, n));
}
API int cuMemsetD16_v2(unsigned long long to, unsigned short v, size_t n) {
	return now("cuMemsetD16", fill<uint16_t>("cuMemsetD16", to, v, n));
}
API int cuMemsetD32_v2(unsigned long long to, unsigned v, size_t n) {
	return now("cuMemsetD32", fill<uint32_t>("cuMemsetD32", to, v, n));
}
API int cuMemsetD8Async(unsigned long long to, unsigned char v, size_t n, void *stream) {
	return later(stream, n, fill<uint8_t>("cuMemsetD8Async", to, v, n));
}
API int cuMemsetD16Async(unsigned long long to, unsigned short v, size_t n, void *stream) {
	return later(stream, n, fill<uint16_t>("cuMemsetD16Async", to, v, n));
}
API int cuMemsetD32Async(unsigned long long to, unsigned v, size_t n, void *stream) {
	return later(stream, n, fill<uint32_t>("cuMemsetD32Async", to, v, n));
}
