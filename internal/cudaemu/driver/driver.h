// The objects behind the handles of the driver API. Own declarations of the parts of its ABI that are used; names and
// numbers are those of the CUDA Driver API reference.
#pragma once
#include "launch.h"
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#define API extern "C" __attribute__((visibility("default")))

namespace emu {

enum Result {
	Success = 0,
	InvalidValue = 1,
	OutOfMemory = 2,
	NotInitialized = 3,
	NoDevice = 100,
	InvalidDevice = 101,
	InvalidImage = 200,
	InvalidContext = 201,
	NoBinaryForGPU = 209,
	InvalidPTX = 218,
	UnsupportedPTXVersion = 222,
	FileNotFound = 301,
	InvalidHandle = 400,
	IllegalState = 401,
	NotFound = 500,
	NotReady = 600,
	OutOfResources = 701,
	NotSupported = 801,
	CaptureUnsupported = 900,
	CaptureInvalidated = 901,
	CaptureMerge = 902,
	CaptureUnmatched = 903,
	CaptureUnjoined = 904,
	CaptureIsolation = 905,
	CaptureImplicit = 906,
	CapturedEvent = 907,
	CaptureWrongThread = 908,
	Unknown = 999
};

struct Context {
	int device;
	bool primary = false;
	int sticky = 0; // what a kernel ended with: every later call returns it
};

struct Device {
	std::unique_ptr<Arena> arena;
	std::unique_ptr<GlobalShadow> shadow;
	Context primary{0, true, 0};
	int retained = 0, contexts = 0;
};

struct LoadedModule;
struct LoadedFunction {
	LoadedModule *module;
	std::unique_ptr<Program> program;
	uint32_t maxDynamicShared = 0;
};
struct LoadedModule {
	Context *context;
	Module ptx;
	std::map<std::string, uint64_t> globals; // name -> address
	std::map<std::string, std::unique_ptr<LoadedFunction>> functions;
};

// What a stream does: run returns a CUresult.
struct Node {
	const char *kind;
	std::function<int()> run;
};

struct Stream;
struct Capture {
	Stream *origin;
	int mode; // 0 global, 1 of its thread, 2 relaxed
	std::thread::id thread;
	bool invalid = false;
	std::vector<Node> nodes;
	std::map<Stream *, bool> joined; // other streams -> whether the origin waits for all they have done
};
struct Stream {
	Context *context;
	unsigned flags = 0; // 1: does not wait for the legacy stream
	std::shared_ptr<Capture> capture;
	int priority = 0;
};
struct Event {
	Context *context;
	unsigned flags = 0;
	bool recorded = false;
	double seconds = 0;
	std::shared_ptr<Capture> capture; // it was recorded in
	Stream *stream = nullptr;
};
struct Graph {
	std::vector<Node> nodes;
};

struct Driver {
	std::recursive_mutex mutex;
	bool initialized = false;
	int capability = 80, version = 12040;
	std::vector<std::unique_ptr<Device>> devices;
	std::set<Context *> contexts;
	std::set<LoadedModule *> modules;
	std::set<Stream *> streams;
	std::set<Event *> events;
	std::set<Graph *> graphs, instantiated;
	std::map<void *, size_t> pinned;
	std::set<void *> registered;
	std::string report;
};
Driver &driver();

// Call is the beginning of every call: it holds the lock and says what the call must return at once, if anything.
struct Call {
	std::lock_guard<std::recursive_mutex> lock;
	Driver &d;
	int code = 0; // not 0: return it
	Context *context = nullptr;
	explicit Call(bool needsContext = true);
	Device &device() const { return *d.devices[(size_t)context->device]; }
	Arena &arena() const { return *device().arena; }
};
std::vector<Context *> &contextStack(); // of the calling thread

// say keeps a report for cudaemu_last_report, prints it, and returns the code.
int say(int code, const std::string &report);

// unsafe is asked by calls that the driver refuses while a stream is captured; what they are is said in stream.cpp.
int unsafe(const char *call);
// submit gives a stream something to do: at once, or into the graph that is captured.
int submit(void *stream, Node node);
int streamOf(void *handle, Stream *&s); // nullptr for the legacy stream

} // namespace emu
