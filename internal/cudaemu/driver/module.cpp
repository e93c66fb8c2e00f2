// Modules and functions.
#include "driver.h"
#include <algorithm>
#include <cstdio>
#include <cstring>

namespace emu {

// The PTX versions that a driver of a CUDA release takes, from the PTX ISA's table of releases.
static int newestPTX(int driver) {
	static const int table[][2] = {{9000, 60}, {9010, 61}, {9020, 62}, {10000, 63}, {10010, 64}, {10020, 65},
		{11000, 70}, {11010, 71}, {11020, 72}, {11030, 73}, {11040, 74}, {11050, 75}, {11060, 76}, {11070, 77},
		{11080, 78}, {12000, 80}, {12010, 81}, {12020, 82}, {12030, 83}, {12040, 84}, {12050, 85}, {12070, 86},
		{12080, 87}, {12090, 88}, {13000, 90}};
	int newest = 0;
	for (auto &row : table)
		if (driver >= row[0])
			newest = row[1];
	return newest;
}

struct Logs {
	char *buffer = nullptr;
	size_t size = 0;
	void *sizeSlot = nullptr;
	void write(const std::string &text) {
		if (buffer && size)
			snprintf(buffer, size, "%s", text.c_str());
	}
};

static int load(Call &c, LoadedModule **out, const char *image, Logs log) {
	auto fail = [&](int code, const std::string &text) {
		log.write(text);
		return say(code, "cudaemu: " + text);
	};
	if (!image || !out)
		return InvalidValue;
	if (!memcmp(image,
			"\x7f"
			"ELF",
			4) ||
		!memcmp(image, "\x50\xed\x55\xba", 4))
		return fail(NoBinaryForGPU, "only PTX text can be loaded");
	auto m = std::make_unique<LoadedModule>();
	m->context = c.context;
	std::vector<uint64_t> addresses;
	auto undo = [&] {
		for (uint64_t a : addresses)
			c.arena().free(a);
	};
	try {
		m->ptx = parse(image);
		if (m->ptx.version > newestPTX(c.d.version))
			return fail(UnsupportedPTXVersion,
				".version " + std::to_string(m->ptx.version / 10) + "." + std::to_string(m->ptx.version % 10) +
					" is newer than this driver (CUDA " + std::to_string(c.d.version / 1000) + "." +
					std::to_string(c.d.version / 10 % 100) + ") knows");
		if (m->ptx.target > c.d.capability)
			return fail(NoBinaryForGPU,
				".target sm_" + std::to_string(m->ptx.target) + " is higher than the device's sm_" +
					std::to_string(c.d.capability));
		for (auto &v : m->ptx.variables) {
			if (v.space != Space::global && v.space != Space::constant)
				continue;
			uint64_t a = c.arena().allocate(std::max<uint64_t>(v.bytes, 1), v.name, v.space == Space::constant);
			if (!a) {
				undo();
				return OutOfMemory;
			}
			addresses.push_back(a);
			m->globals[v.name] = a;
			memset(c.arena().host(a), 0, v.bytes);
			memcpy(c.arena().host(a), v.initial.data(), v.initial.size());
			c.arena().setWritten(a, v.bytes);
		}
		for (auto &f : m->ptx.functions) {
			if (!f.entry || !f.body)
				continue;
			auto loaded = std::make_unique<LoadedFunction>();
			loaded->module = m.get();
			loaded->program = decode(m->ptx, f, m->globals);
			if (loaded->program->staticShared > 48 << 10)
				throw PTXError(f.line,
					f.name + " has " + std::to_string(loaded->program->staticShared) +
						" bytes of static shared memory; 49152 is the most");
			if (loaded->program->paramBytes > 4096)
				throw PTXError(f.line,
					f.name + " has " + std::to_string(loaded->program->paramBytes) +
						" bytes of parameters; 4096 is the most");
			loaded->maxDynamicShared = (48 << 10) - loaded->program->staticShared;
			m->functions[f.name] = std::move(loaded);
		}
	} catch (const PTXError &e) {
		undo();
		return fail(InvalidPTX, e.what());
	}
	*out = m.release();
	c.d.modules.insert(*out);
	return Success;
}

} // namespace emu

using namespace emu;

API int cuModuleLoadDataEx(LoadedModule **module, const void *image, unsigned count, int *options, void **values) {
	Call c;
	if (c.code)
		return c.code;
	if (int e = unsafe("cuModuleLoadDataEx"))
		return e;
	Logs error, info; // options 3 to 6: buffers and their sizes
	for (unsigned k = 0; k < count; k++)
		switch (options[k]) {
		case 3: info.buffer = (char *)values[k]; break;
		case 4: info.size = (size_t)(uintptr_t)values[k]; break;
		case 5: error.buffer = (char *)values[k]; break;
		case 6: error.size = (size_t)(uintptr_t)values[k]; break;
		}
	error.write("");
	info.write("");
	return load(c, module, (const char *)image, error);
}

API int cuModuleLoadData(LoadedModule **module, const void *image) {
	return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}

API int cuModuleLoad(LoadedModule **module, const char *path) {
	FILE *f = fopen(path, "rb");
	if (!f)
		return FileNotFound;
	std::string text;
	char part[4096];
	for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;)
		text.append(part, n);
	fclose(f);
	return cuModuleLoadData(module, text.c_str());
}

API int cuModuleUnload(LoadedModule *module) {
	Call c;
	if (c.code)
		return c.code;
	if (!c.d.modules.erase(module))
		return InvalidHandle;
	for (auto &[name, address] : module->globals)
		c.d.devices[(size_t)module->context->device]->arena->free(address);
	delete module;
	return Success;
}

API int cuModuleGetFunction(LoadedFunction **function, LoadedModule *module, const char *name) {
	Call c;
	if (c.code)
		return c.code;
	if (!c.d.modules.count(module))
		return InvalidHandle;
	auto it = module->functions.find(name);
	if (it == module->functions.end())
		return NotFound;
	*function = it->second.get();
	return Success;
}

API int cuModuleGetGlobal_v2(unsigned long long *address, size_t *bytes, LoadedModule *module, const char *name) {
	Call c;
	if (c.code)
		return c.code;
	if (!c.d.modules.count(module))
		return InvalidHandle;
	auto it = module->globals.find(name);
	if (it == module->globals.end())
		return NotFound;
	if (address)
		*address = it->second;
	for (auto &v : module->ptx.variables)
		if (bytes && v.name == name)
			*bytes = v.bytes;
	return Success;
}

// Attributes: 0 most threads of a block, 1 static shared, 3 local, 4 registers, 5 PTX version, 6 binary version, 8 most
// dynamic shared, 9 carveout. Registers are not modelled: .maxnreg, or 0.
API int cuFuncGetAttribute(int *value, int attribute, LoadedFunction *f) {
	Call c;
	if (c.code)
		return c.code;
	const Program &p = *f->program;
	uint64_t threads = (uint64_t)p.maxThreads[0] * p.maxThreads[1] * p.maxThreads[2];
	switch (attribute) {
	case 0: *value = threads && threads < 1024 ? (int)threads : 1024; break;
	case 1: *value = (int)p.staticShared; break;
	case 2: *value = 0; break;
	case 3: *value = (int)p.localBytes; break;
	case 4: *value = (int)p.maxRegisters; break;
	case 5: *value = f->module->ptx.target; break;
	case 6: *value = c.d.capability; break;
	case 7: *value = 0; break;
	case 8: *value = (int)f->maxDynamicShared; break;
	case 9: *value = -1; break;
	default: return InvalidValue;
	}
	return Success;
}

API int cuFuncSetAttribute(LoadedFunction *f, int attribute, int value) {
	Call c;
	if (c.code)
		return c.code;
	if (attribute == 9)
		return value >= -1 && value <= 100 ? Success : InvalidValue;
	int most = (c.d.capability >= 80 ? 163 : 96) << 10;
	if (attribute != 8 || value < 0)
		return InvalidValue;
	if (value + (int)f->program->staticShared > most)
		return say(InvalidValue,
			"cudaemu: kernel " + f->program->name + " cannot have " + std::to_string(value) + " bytes of dynamic and " +
				std::to_string(f->program->staticShared) + " of static shared memory: " + std::to_string(most) +
				" is the most");
	f->maxDynamicShared = (uint32_t)value;
	return Success;
}

API int cuFuncSetCacheConfig(LoadedFunction *, int) {
	Call c;
	return c.code;
}
