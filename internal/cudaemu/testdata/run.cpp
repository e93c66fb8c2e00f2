// Runs lines of driver calls, so that tests need no cgo: one command a line on stdin, its CUresult on stdout, a line
// each. It knows the driver by dlopen alone, and runs on a GPU's driver too.
//
//   module FILE                                 load PTX; prints the log behind the result
//   alloc NAME BYTES | free NAME                device memory
//   write NAME FILE | read NAME FILE BYTES      copies of whole files
//   set NAME WORD COUNT                         cuMemsetD32 of the legacy stream
//   stream NAME [FLAGS] | event NAME            flags 1: non-blocking
//   shared KERNEL BYTES                         cuFuncSetAttribute: most dynamic shared memory
//   launch KERNEL GX GY GZ BX BY BZ SHARED STREAM ARGUMENT...
//                                               STREAM - is the legacy one; i:3 f:0.5 p:NAME p:NAME+4, w:1,2 words of 8
//                                               bytes of a structure
//   begin STREAM | end STREAM GRAPH | graph GRAPH STREAM         capture, with its nodes behind the result, and replay
//   record EVENT STREAM | wait STREAM EVENT
//   writeasync NAME FILE STREAM
//   sync [STREAM]
//   rate                                        lane instructions so far
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>
#include <vector>

static void *library;
template <class... A> static int call(const char *name, A... a) {
	auto f = (int (*)(A...))dlsym(library, name);
	if (!f) {
		fprintf(stderr, "the driver lacks %s\n", name);
		exit(3);
	}
	return f(a...);
}

using Address = unsigned long long;
static std::map<std::string, Address> memory;
static std::map<std::string, void *> streams, events, graphs;
static std::vector<void *> modules;

static std::vector<char> file(const std::string &name) {
	std::ifstream f(name, std::ios::binary);
	return {std::istreambuf_iterator<char>(f), {}};
}

static void *kernel(const std::string &name, int &code) {
	void *f = nullptr;
	code = 500;
	for (void *m : modules)
		if ((code = call("cuModuleGetFunction", &f, m, name.c_str())) == 0)
			break;
	return f;
}

static void *stream(const std::string &name) { return name == "-" || name.empty() ? nullptr : streams[name]; }

static int launch(std::istringstream &in) {
	std::string name, on, argument;
	unsigned n[7];
	in >> name;
	for (auto &v : n)
		in >> v;
	in >> on;
	std::vector<std::vector<uint64_t>> values;
	while (in >> argument) {
		std::string v = argument.substr(2);
		uint64_t bits = 0;
		if (argument[0] == 'f') {
			float f = strtof(v.c_str(), nullptr);
			memcpy(&bits, &f, 4);
		} else if (argument[0] == 'i') {
			bits = (uint64_t)strtoll(v.c_str(), nullptr, 0);
		} else if (argument[0] == 'p') {
			size_t plus = v.find('+');
			bits =
				memory[v.substr(0, plus)] + (plus == std::string::npos ? 0 : strtoull(v.c_str() + plus, nullptr, 10));
		}
		values.push_back({bits});
		if (argument[0] == 'w') {
			values.back().clear();
			std::istringstream words(v);
			for (std::string word; std::getline(words, word, ',');)
				values.back().push_back(strtoull(word.c_str(), nullptr, 0));
		}
	}
	std::vector<void *> places;
	for (auto &v : values)
		places.push_back(v.data());
	int code;
	void *f = kernel(name, code);
	return code ? code
				: call("cuLaunchKernel", f, n[0], n[1], n[2], n[3], n[4], n[5], n[6], stream(on), places.data(),
					  (void **)nullptr);
}

static std::string command(const std::string &line) {
	std::istringstream in(line);
	std::string what, a, b, c;
	in >> what;
	std::string behind;
	int code = 0;
	if (what == "launch")
		return std::to_string(launch(in));
	in >> a >> b >> c;
	if (what == "module") {
		std::vector<char> text = file(a), log(1 << 16);
		text.push_back(0);
		int options[] = {5, 6};
		void *values[] = {log.data(), (void *)log.size()}, *m = nullptr;
		code = call("cuModuleLoadDataEx", &m, (const void *)text.data(), 2u, options, values);
		if (!code)
			modules.push_back(m);
		behind = log.data();
		for (char &ch : behind)
			ch = ch == '\n' ? ' ' : ch;
	} else if (what == "alloc") {
		code = call("cuMemAlloc_v2", &memory[a], (size_t)std::stoull(b));
	} else if (what == "free") {
		code = call("cuMemFree_v2", memory[a]);
	} else if (what == "write") {
		std::vector<char> data = file(b);
		code = call("cuMemcpyHtoD_v2", memory[a], (const void *)data.data(), data.size());
	} else if (what == "writeasync") {
		static std::vector<std::vector<char>> kept;
		kept.push_back(file(b));
		code = call("cuMemcpyHtoDAsync_v2", memory[a], (const void *)kept.back().data(), kept.back().size(), stream(c));
	} else if (what == "read") {
		std::vector<char> data(std::stoull(c));
		code = call("cuMemcpyDtoH_v2", (void *)data.data(), memory[a], data.size());
		std::ofstream(b, std::ios::binary).write(data.data(), (std::streamsize)data.size());
	} else if (what == "set") {
		code = call("cuMemsetD32_v2", memory[a], (unsigned)std::stoul(b, nullptr, 0), (size_t)std::stoull(c));
	} else if (what == "stream") {
		code = call("cuStreamCreate", &streams[a], (unsigned)(b.empty() ? 0 : std::stoul(b)));
	} else if (what == "event") {
		code = call("cuEventCreate", &events[a], 0u);
	} else if (what == "shared") {
		void *f = kernel(a, code);
		if (!code)
			code = call("cuFuncSetAttribute", f, 8, std::stoi(b));
	} else if (what == "begin") {
		code = call("cuStreamBeginCapture_v2", stream(a), 0);
	} else if (what == "end") {
		void *graph = nullptr;
		code = call("cuStreamEndCapture", stream(a), &graph);
		size_t nodes = 0;
		if (!code) {
			code = call("cuGraphGetNodes", graph, (void *)nullptr, &nodes);
			behind = std::to_string(nodes);
			if (!code)
				code = call("cuGraphInstantiateWithFlags", &graphs[b], graph, 0ull);
		}
	} else if (what == "graph") {
		code = call("cuGraphLaunch", graphs[a], stream(b));
	} else if (what == "record") {
		code = call("cuEventRecord", events[a], stream(b));
	} else if (what == "wait") {
		code = call("cuStreamWaitEvent", stream(a), events[b], 0u);
	} else if (what == "sync") {
		code = a.empty() ? call("cuCtxSynchronize") : call("cuStreamSynchronize", stream(a));
	} else if (what == "rate") {
		auto f = (unsigned long long (*)())dlsym(library, "cudaemu_lane_instructions");
		behind = f ? std::to_string(f()) : "";
	} else {
		fprintf(stderr, "%s: no such command\n", what.c_str());
		exit(2);
	}
	return std::to_string(code) + (behind.empty() ? "" : " " + behind);
}

int main() {
	library = dlopen("libcuda.so.1", RTLD_NOW);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		return 3;
	}
	int device, code = call("cuInit", 0u);
	void *context;
	if (!code)
		code = call("cuDeviceGet", &device, 0);
	if (!code)
		code = call("cuDevicePrimaryCtxRetain", &context, device);
	if (!code)
		code = call("cuCtxSetCurrent", context);
	if (code) {
		fprintf(stderr, "no device: %d\n", code);
		return 4;
	}
	for (std::string line; std::getline(std::cin, line);)
		std::cout << command(line) << std::endl;
}
