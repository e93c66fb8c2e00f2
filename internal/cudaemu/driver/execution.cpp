// cuLaunchKernel with the limits of a launch, and the names of results.
#include "driver.h"
#include <cstdlib>
#include <cstring>

namespace emu {

static bool on(const char *name, bool otherwise) {
	const char *v = getenv(name);
	return v && *v ? strcmp(v, "0") != 0 : otherwise;
}

static std::string sizes(const uint32_t *n) {
	return "(" + std::to_string(n[0]) + "," + std::to_string(n[1]) + "," + std::to_string(n[2]) + ")";
}

// limits says what is wrong with the sizes of a launch.
static std::string limits(const Launch &l, const LoadedFunction &f) {
	const Program &p = *l.program;
	const uint32_t most[3] = {0x7fffffff, 65535, 65535}, mostBlock[3] = {1024, 1024, 64};
	uint64_t threads = (uint64_t)l.block[0] * l.block[1] * l.block[2];
	for (int k = 0; k < 3; k++) {
		if (!l.grid[k] || l.grid[k] > most[k])
			return "a grid of " + sizes(l.grid) + " blocks; from 1 to (2147483647,65535,65535) are right";
		if (!l.block[k] || l.block[k] > mostBlock[k])
			return "a block of " + sizes(l.block) + " threads; from 1 to (1024,1024,64) are right";
		if (p.exactThreads[0] && p.exactThreads[k] != l.block[k])
			return "a block of " + sizes(l.block) + " threads; .reqntid says " + sizes(p.exactThreads);
	}
	if (threads > 1024)
		return "a block of " + std::to_string(threads) + " threads; 1024 is the most";
	uint64_t bound = (uint64_t)p.maxThreads[0] * p.maxThreads[1] * p.maxThreads[2];
	if (bound && threads > bound)
		return "a block of " + std::to_string(threads) + " threads; .maxntid says " + std::to_string(bound);
	if (l.dynamicShared > f.maxDynamicShared)
		return std::to_string(l.dynamicShared) + " bytes of dynamic shared memory; " +
			std::to_string(f.maxDynamicShared) + " are allowed: cuFuncSetAttribute allows more than 48 KB";
	return "";
}

} // namespace emu

using namespace emu;

API int cuLaunchKernel(LoadedFunction *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
	unsigned shared, void *stream, void **arguments, void **extra) {
	Call c;
	if (c.code)
		return c.code;
	if (!f || !c.d.modules.count(f->module))
		return InvalidHandle;
	Launch l{f->program.get(), {gx, gy, gz}, {bx, by, bz}, shared, {}, &c.arena()};
	l.checkInit = on("CUDAEMU_INIT", false);
	if (on("CUDAEMU_RACES", true))
		l.shadow = c.device().shadow.get();
	std::string wrong = limits(l, *f);
	if (!wrong.empty())
		return say(InvalidValue, "cudaemu: kernel " + f->program->name + ": " + wrong);
	l.params.resize(f->program->paramBytes);
	if (arguments) {
		for (size_t k = 0; k < f->program->params.size(); k++) {
			auto [at, bytes] = f->program->params[k];
			if (!arguments[k])
				return say(InvalidValue,
					"cudaemu: kernel " + f->program->name + ": argument " + std::to_string(k) + " is a null pointer");
			memcpy(l.params.data() + at, arguments[k], bytes);
		}
	} else if (extra) { // pairs (1, buffer), (2, its size) up to 0
		const void *buffer = nullptr;
		size_t size = 0;
		for (; *extra; extra += 2)
			if (*extra == (void *)1)
				buffer = extra[1];
			else if (*extra == (void *)2)
				size = *(size_t *)extra[1];
			else
				return InvalidValue;
		if (!buffer || size < l.params.size())
			return say(InvalidValue,
				"cudaemu: kernel " + f->program->name + ": " + std::to_string(size) + " bytes of arguments, it has " +
					std::to_string(l.params.size()));
		memcpy(l.params.data(), buffer, l.params.size());
	} else if (!l.params.empty()) {
		return say(InvalidValue, "cudaemu: kernel " + f->program->name + " is launched without arguments");
	}
	Context *context = c.context;
	return submit(
		stream, {"kernel", [l, context]() mutable { // as on a GPU the launch succeeds, and what comes after it fails
					 std::string report;
					 if (int code = launch(l, report)) {
						 context->sticky = code;
						 say(code, report);
					 }
					 return (int)Success;
				 }});
}

static const struct {
	int code;
	const char *name, *text;
} results[] = {
	{Success, "CUDA_SUCCESS", "no error"},
	{InvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
	{OutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
	{NotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "cuInit was not called"},
	{NoDevice, "CUDA_ERROR_NO_DEVICE", "there is no device"},
	{InvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "there is no such device"},
	{InvalidImage, "CUDA_ERROR_INVALID_IMAGE", "the module is not valid"},
	{InvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "there is no valid context"},
	{NoBinaryForGPU, "CUDA_ERROR_NO_BINARY_FOR_GPU", "the module is not for this device"},
	{InvalidPTX, "CUDA_ERROR_INVALID_PTX", "the PTX could not be compiled"},
	{UnsupportedPTXVersion, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the PTX is newer than the driver"},
	{FileNotFound, "CUDA_ERROR_FILE_NOT_FOUND", "file not found"},
	{InvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid handle"},
	{IllegalState, "CUDA_ERROR_ILLEGAL_STATE", "the object is in the wrong state"},
	{NotFound, "CUDA_ERROR_NOT_FOUND", "the symbol was not found"},
	{NotReady, "CUDA_ERROR_NOT_READY", "not ready"},
	{IllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
	{OutOfResources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources are asked for"},
	{IllegalInstruction, "CUDA_ERROR_ILLEGAL_INSTRUCTION", "an illegal instruction was encountered"},
	{MisalignedAddress, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
	{LaunchFailed, "CUDA_ERROR_LAUNCH_FAILED", "the launch failed"},
	{NotSupported, "CUDA_ERROR_NOT_SUPPORTED", "not supported"},
	{CaptureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "not permitted while a stream is captured"},
	{CaptureInvalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "an earlier error has spoilt the capture"},
	{CaptureMerge, "CUDA_ERROR_STREAM_CAPTURE_MERGE", "two captures would become one"},
	{CaptureUnmatched, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", "the capture was begun in another stream"},
	{CaptureUnjoined, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "work of the capture was not joined to its first stream"},
	{CaptureIsolation, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION", "the capture would depend on work outside of it"},
	{CaptureImplicit, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT", "the legacy stream would depend on the capture"},
	{CapturedEvent, "CUDA_ERROR_CAPTURED_EVENT", "the event was recorded in a capture"},
	{CaptureWrongThread, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD", "the capture was begun by another thread"},
	{Unknown, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

API int cuGetErrorName(int code, const char **text) {
	for (auto &r : results)
		if (r.code == code) {
			*text = r.name;
			return Success;
		}
	*text = nullptr;
	return InvalidValue;
}
API int cuGetErrorString(int code, const char **text) {
	for (auto &r : results)
		if (r.code == code) {
			*text = r.text;
			return Success;
		}
	*text = nullptr;
	return InvalidValue;
}
