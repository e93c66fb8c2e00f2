// Streams, events, capture and graphs. A stream does what it is given at once; while it is captured, that becomes the
// nodes of a graph.
//
// While a stream is captured in the global mode, or in the thread's mode by the calling thread, the driver refuses
// calls that may wait or allocate, and the capture is spoilt: allocation and release, synchronous copies and fills,
// synchronisation, loading of modules. It refuses work in the legacy stream where a captured stream would wait for it;
// this driver refuses all work there.
#include "driver.h"
#include <chrono>

namespace emu {

static bool live(const std::shared_ptr<Capture> &c) { return c != nullptr; }

int unsafe(const char *call) {
	for (Stream *s : driver().streams)
		if (live(s->capture) && s->capture->origin == s &&
			(s->capture->mode == 0 || (s->capture->mode == 1 && s->capture->thread == std::this_thread::get_id()))) {
			s->capture->invalid = true;
			return say(CaptureUnsupported, std::string("cudaemu: ") + call + " while a stream is captured");
		}
	return Success;
}

int streamOf(void *handle, Stream *&s) {
	s = (Stream *)handle;
	if (handle == nullptr || handle == (void *)1 ||
		handle == (void *)2) { // legacy, and the thread's own, which is the same here
		s = nullptr;
		return Success;
	}
	return driver().streams.count(s) ? Success : InvalidHandle;
}

int submit(void *handle, Node node) {
	Driver &d = driver();
	Stream *s;
	if (int e = streamOf(handle, s))
		return e;
	if (!s) {
		for (Stream *other : d.streams)
			if (live(other->capture) && other->capture->mode != 2) {
				other->capture->invalid = true;
				return say(CaptureImplicit,
					std::string("cudaemu: a ") + node.kind + " in the legacy stream while a stream is captured");
			}
	} else if (live(s->capture)) {
		if (s->capture->invalid)
			return CaptureInvalidated;
		s->capture->nodes.push_back(std::move(node));
		if (s != s->capture->origin)
			s->capture->joined[s] = false;
		return Success;
	}
	return node.run();
}

static double seconds() {
	return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// waits is for calls that wait for a stream or event: a captured one never becomes ready.
static int waits(Stream *s, const char *call) {
	if (s && live(s->capture)) {
		s->capture->invalid = true;
		return say(CaptureUnsupported, std::string("cudaemu: ") + call + " of a stream that is captured");
	}
	return unsafe(call);
}

} // namespace emu

using namespace emu;

API int cuStreamCreateWithPriority(Stream **stream, unsigned flags, int priority) {
	Call c;
	if (c.code)
		return c.code;
	*stream = new Stream{c.context, flags, nullptr, priority};
	c.d.streams.insert(*stream);
	return Success;
}
API int cuStreamCreate(Stream **stream, unsigned flags) { return cuStreamCreateWithPriority(stream, flags, 0); }

API int cuStreamDestroy_v2(Stream *stream) {
	Call c;
	if (c.code)
		return c.code;
	if (!c.d.streams.erase(stream))
		return InvalidHandle;
	if (stream->capture)
		stream->capture->invalid = true;
	delete stream;
	return Success;
}

static int synchronize(void *handle, const char *call) {
	Call c;
	if (c.code)
		return c.code;
	Stream *s;
	int e = streamOf(handle, s);
	return e ? e : waits(s, call);
}
API int cuStreamSynchronize(void *stream) { return synchronize(stream, "cuStreamSynchronize"); }
API int cuStreamQuery(void *stream) { return synchronize(stream, "cuStreamQuery"); }

API int cuStreamGetFlags(void *handle, unsigned *flags) {
	Call c;
	Stream *s = nullptr;
	int e = c.code ? c.code : streamOf(handle, s);
	if (!e)
		*flags = s ? s->flags : 0;
	return e;
}

API int cuStreamGetPriority(void *handle, int *priority) {
	Call c;
	Stream *s = nullptr;
	int e = c.code ? c.code : streamOf(handle, s);
	if (!e)
		*priority = s ? s->priority : 0;
	return e;
}

API int cuStreamWaitEvent(void *handle, Event *event, unsigned) {
	Call c;
	if (c.code)
		return c.code;
	Stream *s;
	if (int e = streamOf(handle, s))
		return e;
	if (!c.d.events.count(event))
		return InvalidHandle;
	auto theirs = event->capture;
	if (!theirs) {
		if (s && live(s->capture)) { // what comes from outside cannot be in the graph
			s->capture->invalid = true;
			return say(CaptureIsolation,
				"cudaemu: a captured stream waits for an event that was recorded outside of its capture");
		}
		return Success;
	}
	if (!s)
		return say(CaptureImplicit, "cudaemu: the legacy stream waits for an event of a captured stream");
	if (!s->capture) {
		s->capture = theirs;
		theirs->joined[s] = true;
	} else if (s->capture != theirs) {
		s->capture->invalid = theirs->invalid = true;
		return say(CaptureMerge, "cudaemu: a captured stream waits for an event of another capture");
	}
	if (event->stream && event->stream != theirs->origin && s == theirs->origin)
		theirs->joined[event->stream] = true;
	return theirs->invalid ? CaptureInvalidated : Success;
}

API int cuEventCreate(Event **event, unsigned flags) {
	Call c;
	if (c.code)
		return c.code;
	*event = new Event{c.context, flags, false, 0, nullptr, nullptr};
	c.d.events.insert(*event);
	return Success;
}

API int cuEventDestroy_v2(Event *event) {
	Call c;
	if (c.code)
		return c.code;
	if (!c.d.events.erase(event))
		return InvalidHandle;
	delete event;
	return Success;
}

API int cuEventRecord(Event *event, void *handle) {
	Call c;
	if (c.code)
		return c.code;
	Stream *s;
	if (int e = streamOf(handle, s))
		return e;
	if (!c.d.events.count(event))
		return InvalidHandle;
	event->stream = s;
	event->capture = s ? s->capture : nullptr;
	if (event->capture)
		return event->capture->invalid ? CaptureInvalidated : Success;
	return submit(handle, {"record", [event] {
							   event->recorded = true;
							   event->seconds = seconds();
							   return (int)Success;
						   }});
}

static int eventReady(Event *event, const char *call) {
	Call c;
	if (c.code)
		return c.code;
	if (!c.d.events.count(event))
		return InvalidHandle;
	if (event->capture) {
		event->capture->invalid = true;
		return say(CapturedEvent, std::string("cudaemu: ") + call + " of an event that was recorded in a capture");
	}
	return unsafe(call);
}
API int cuEventSynchronize(Event *event) { return eventReady(event, "cuEventSynchronize"); }
API int cuEventQuery(Event *event) { return eventReady(event, "cuEventQuery"); }

API int cuEventElapsedTime(float *milliseconds, Event *from, Event *to) {
	Call c;
	if (c.code)
		return c.code;
	if (!c.d.events.count(from) || !c.d.events.count(to) || !from->recorded || !to->recorded || from->flags & 2 ||
		to->flags & 2)
		return InvalidHandle;
	*milliseconds = float(1000 * (to->seconds - from->seconds));
	return Success;
}

API int cuStreamBeginCapture_v2(void *handle, int mode) {
	Call c;
	if (c.code)
		return c.code;
	Stream *s;
	if (int e = streamOf(handle, s))
		return e;
	if (!s)
		return say(CaptureUnsupported, "cudaemu: the legacy stream cannot be captured");
	if (s->capture)
		return IllegalState;
	if (mode < 0 || mode > 2)
		return InvalidValue;
	s->capture = std::make_shared<Capture>();
	s->capture->origin = s;
	s->capture->mode = mode;
	s->capture->thread = std::this_thread::get_id();
	return Success;
}

API int cuStreamIsCapturing(void *handle, int *status) { // 0 not, 1 yes, 2 spoilt
	Call c;
	Stream *s = nullptr;
	int e = c.code ? c.code : streamOf(handle, s);
	if (!e)
		*status = s && s->capture ? 1 + s->capture->invalid : 0;
	return e;
}

API int cuStreamEndCapture(void *handle, Graph **graph) {
	Call c;
	if (c.code)
		return c.code;
	Stream *s;
	if (int e = streamOf(handle, s))
		return e;
	if (!s || !s->capture)
		return IllegalState;
	auto capture = s->capture;
	*graph = nullptr;
	if (capture->origin != s) {
		capture->invalid = true;
		return say(CaptureUnmatched, "cudaemu: the capture was begun in another stream");
	}
	if (capture->mode != 2 && capture->thread != std::this_thread::get_id()) {
		capture->invalid = true;
		return say(CaptureWrongThread, "cudaemu: the capture was begun by another thread");
	}
	bool unjoined = false;
	for (Stream *other : c.d.streams)
		if (other->capture == capture) {
			unjoined |= other != s && !capture->joined[other];
			other->capture = nullptr;
		}
	for (Event *e : c.d.events)
		if (e->capture == capture)
			e->capture = nullptr;
	if (capture->invalid)
		return CaptureInvalidated;
	if (unjoined)
		return say(
			CaptureUnjoined, "cudaemu: the captured stream does not wait for the work of a stream that joined it");
	*graph = new Graph{std::move(capture->nodes)};
	c.d.graphs.insert(*graph);
	return Success;
}

API int cuGraphGetNodes(Graph *graph, void **nodes, size_t *count) {
	Call c;
	if (c.code)
		return c.code;
	if (!c.d.graphs.count(graph) || !count)
		return InvalidValue;
	for (size_t k = 0; nodes && k < *count; k++)
		nodes[k] = k < graph->nodes.size() ? &graph->nodes[k] : nullptr;
	if (!nodes || *count > graph->nodes.size())
		*count = graph->nodes.size();
	return Success;
}

API int cuGraphInstantiateWithFlags(Graph **exec, Graph *graph, unsigned long long) {
	Call c;
	if (c.code)
		return c.code;
	if (!c.d.graphs.count(graph))
		return InvalidValue;
	*exec = new Graph(*graph);
	c.d.instantiated.insert(*exec);
	return Success;
}

API int cuGraphLaunch(Graph *exec, void *stream) {
	Call c;
	if (c.code)
		return c.code;
	if (!c.d.instantiated.count(exec))
		return InvalidValue;
	for (auto &node : exec->nodes)
		if (int e = submit(stream, node))
			return e;
	return Success;
}

API int cuGraphUpload(Graph *exec, void *) {
	Call c;
	return c.code ? c.code : c.d.instantiated.count(exec) ? Success : InvalidValue;
}

API int cuGraphDestroy(Graph *graph) {
	Call c;
	if (c.code)
		return c.code;
	if (!c.d.graphs.erase(graph))
		return InvalidValue;
	delete graph;
	return Success;
}

API int cuGraphExecDestroy(Graph *exec) {
	Call c;
	if (c.code)
		return c.code;
	if (!c.d.instantiated.erase(exec))
		return InvalidValue;
	delete exec;
	return Success;
}
