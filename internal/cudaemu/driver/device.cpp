// Initialisation, devices and contexts.
#include "driver.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace emu {

static long setting(const char *name, long otherwise) {
	const char *v = getenv(name);
	return v && *v ? atol(v) : otherwise;
}

Driver &driver() {
	static Driver *d = new Driver; // never destroyed: calls may come while the process ends
	return *d;
}

std::vector<Context *> &contextStack() {
	thread_local std::vector<Context *> stack;
	return stack;
}

Call::Call(bool needsContext) : lock(driver().mutex), d(driver()) {
	if (!d.initialized)
		code = NotInitialized;
	else if (!contextStack().empty() && d.contexts.count(contextStack().back()))
		context = contextStack().back();
	if (!code && needsContext)
		code = context ? context->sticky : InvalidContext;
}

int say(int code, const std::string &report) {
	driver().report = report;
	fprintf(stderr, "%s\n", report.c_str());
	return code;
}

} // namespace emu

using namespace emu;

API const char *cudaemu_last_report() { return driver().report.c_str(); }
API unsigned long long cudaemu_lane_instructions() { return laneInstructions(); }

API int cuInit(unsigned flags) {
	Driver &d = driver();
	std::lock_guard<std::recursive_mutex> lock(d.mutex);
	if (flags)
		return InvalidValue;
	if (d.initialized)
		return Success;
	long devices = setting("CUDAEMU_DEVICES", 1);
	if (devices < 1)
		return NoDevice;
	d.capability = (int)setting("CUDAEMU_CC", 80);
	d.version = (int)setting("CUDAEMU_DRIVER", 12040);
	uint64_t bytes = (uint64_t)setting("CUDAEMU_MEMORY", 2l << 30) / 4096 * 4096;
	for (long n = 0; n < devices; n++) {
		auto device = std::make_unique<Device>();
		device->arena = std::make_unique<Arena>(DeviceBase + (uint64_t)n * DeviceSpan, bytes);
		device->shadow = std::make_unique<GlobalShadow>(device->arena->base, bytes);
		device->primary.device = (int)n;
		d.devices.push_back(std::move(device));
	}
	d.initialized = true;
	return Success;
}

API int cuDriverGetVersion(int *version) {
	if (!version)
		return InvalidValue;
	*version = driver().initialized ? driver().version : (int)setting("CUDAEMU_DRIVER", 12040);
	return Success;
}

API int cuDeviceGetCount(int *count) {
	Call c(false);
	if (!c.code)
		*count = (int)c.d.devices.size();
	return c.code;
}

static int valid(const Call &c, int device) {
	return c.code ? c.code : device < 0 || (size_t)device >= c.d.devices.size() ? (int)InvalidDevice : 0;
}

API int cuDeviceGet(int *device, int ordinal) {
	Call c(false);
	if (int e = valid(c, ordinal))
		return e;
	*device = ordinal;
	return Success;
}

API int cuDeviceGetName(char *name, int length, int device) {
	Call c(false);
	if (int e = valid(c, device))
		return e;
	snprintf(name, (size_t)length, "emulated (cudaemu)");
	return Success;
}

API int cuDeviceTotalMem_v2(size_t *bytes, int device) {
	Call c(false);
	if (int e = valid(c, device))
		return e;
	*bytes = c.d.devices[(size_t)device]->arena->bytes;
	return Success;
}

API int cuDeviceComputeCapability(int *major, int *minor, int device) {
	Call c(false);
	if (int e = valid(c, device))
		return e;
	*major = c.d.capability / 10, *minor = c.d.capability % 10;
	return Success;
}

API int cuDeviceGetUuid(char *uuid, int device) {
	Call c(false);
	if (int e = valid(c, device))
		return e;
	memset(uuid, 0, 16);
	memcpy(uuid, "cudaemu", 7);
	uuid[15] = (char)device;
	return Success;
}

API int cuDeviceGetAttribute(int *value, int attribute, int device) {
	Call c(false);
	if (int e = valid(c, device))
		return e;
	bool ampere = c.d.capability >= 80;
	const std::map<int, int> known = {
		{1, 1024},
		{2, 1024},
		{3, 1024},
		{4, 64},
		{5, 0x7fffffff},
		{6, 65535},
		{7, 65535}, // threads of a block, sizes of block and grid
		{8, 48 << 10},
		{9, 64 << 10},
		{10, Lanes},
		{11, 0x7fffffff},
		{12, 65536}, // shared, constant, warp, pitch, registers
		{13, 1000000},
		{14, 512},
		{15, 1},
		{16, 4},
		{17, 0},
		{18, 0},
		{19, 0},
		{20, 0}, // clock in kHz, ..., multiprocessors
		{31, 1},
		{32, 0},
		{33, 0},
		{34, device},
		{35, 0},
		{36, 1000000},
		{37, 128},
		{38, 4 << 20}, // ..., bus width, L2
		{39, 2048},
		{40, 1},
		{41, 1},
		{50, 0},
		{75, c.d.capability / 10},
		{76, c.d.capability % 10},
		{78, 1},
		{79, 1},
		{80, 1},
		{81, (ampere ? 164 : 96) << 10},
		{82, 65536},
		{83, 0},
		{84, 0},
		{90, 0},
		{95, 0},
		{97, (ampere ? 163 : 96) << 10}, // most shared memory, if asked for
		{102, 0},
		{106, 32},
		{108, 0},
		{111, ampere ? 1024 : 0},
		{115, 0},
	};
	auto it = known.find(attribute);
	if (it == known.end())
		return InvalidValue;
	*value = it->second;
	return Success;
}

API int cuDevicePrimaryCtxRetain(Context **context, int device) {
	Call c(false);
	if (int e = valid(c, device))
		return e;
	Device &d = *c.d.devices[(size_t)device];
	d.retained++;
	c.d.contexts.insert(&d.primary);
	*context = &d.primary;
	return Success;
}

static void clear(Device &d) {
	d.arena->freeAll();
	d.primary.sticky = 0;
}

API int cuDevicePrimaryCtxRelease_v2(int device) {
	Call c(false);
	if (int e = valid(c, device))
		return e;
	Device &d = *c.d.devices[(size_t)device];
	if (!d.retained)
		return InvalidContext;
	if (--d.retained == 0) {
		c.d.contexts.erase(&d.primary);
		if (!d.contexts)
			clear(d);
	}
	return Success;
}

API int cuDevicePrimaryCtxReset_v2(int device) {
	Call c(false);
	if (int e = valid(c, device))
		return e;
	clear(*c.d.devices[(size_t)device]);
	return Success;
}

API int cuDevicePrimaryCtxSetFlags_v2(int device, unsigned) {
	Call c(false);
	return valid(c, device);
}

API int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) {
	Call c(false);
	if (int e = valid(c, device))
		return e;
	*flags = 0;
	*active = c.d.devices[(size_t)device]->retained > 0;
	return Success;
}

API int cuCtxCreate_v2(Context **context, unsigned, int device) {
	Call c(false);
	if (int e = valid(c, device))
		return e;
	*context = new Context{device, false, 0};
	c.d.contexts.insert(*context);
	c.d.devices[(size_t)device]->contexts++;
	contextStack().push_back(*context);
	return Success;
}

API int cuCtxDestroy_v2(Context *context) {
	Call c(false);
	if (c.code || !c.d.contexts.count(context) || context->primary)
		return c.code ? c.code : (int)InvalidContext;
	Device &d = *c.d.devices[(size_t)context->device];
	c.d.contexts.erase(context);
	if (--d.contexts == 0 && !d.retained)
		clear(d);
	auto &stack = contextStack();
	if (!stack.empty() && stack.back() == context)
		stack.pop_back();
	delete context;
	return Success;
}

API int cuCtxSetCurrent(Context *context) {
	Call c(false);
	if (c.code || (context && !c.d.contexts.count(context)))
		return c.code ? c.code : (int)InvalidContext;
	auto &stack = contextStack();
	if (!stack.empty())
		stack.pop_back();
	if (context)
		stack.push_back(context);
	return Success;
}

API int cuCtxPushCurrent_v2(Context *context) {
	Call c(false);
	if (c.code || !c.d.contexts.count(context))
		return c.code ? c.code : (int)InvalidContext;
	contextStack().push_back(context);
	return Success;
}

API int cuCtxPopCurrent_v2(Context **context) {
	Call c(false);
	if (c.code || contextStack().empty())
		return c.code ? c.code : (int)InvalidContext;
	if (context)
		*context = contextStack().back();
	contextStack().pop_back();
	return Success;
}

API int cuCtxGetCurrent(Context **context) {
	Call c(false);
	if (!c.code)
		*context = c.context;
	return c.code;
}

API int cuCtxGetDevice(int *device) {
	Call c(false);
	if (c.code || !c.context)
		return c.code ? c.code : (int)InvalidContext;
	*device = c.context->device;
	return Success;
}

API int cuCtxSynchronize() {
	Call c;
	return c.code ? c.code : unsafe("cuCtxSynchronize");
}

API int cuCtxGetStreamPriorityRange(int *least, int *greatest) {
	Call c;
	if (least)
		*least = 0;
	if (greatest)
		*greatest = -5;
	return c.code;
}
