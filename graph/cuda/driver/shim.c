//go:build gpu && cgo

#include "shim.h"

// Of the library that tools/cuda links; a driver's own library, which package cu started, has no such call.
CUresult selfsup_open_driver(char *why, size_t size) __attribute__((weak));

CUresult driver_open(char *why, size_t size) {
  if (selfsup_open_driver) return selfsup_open_driver(why, size);
  return CUDA_SUCCESS;
}

CUresult driver_load(CUmodule *module, const char *ptx, char *log, size_t size) {
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log, (void *)(uintptr_t)size};
  return cuModuleLoadDataEx(module, ptx, 2, options, values);
}

CUresult driver_capture_begin(CUstream stream) { return cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL); }

CUresult driver_capture_end(CUstream stream, CUgraphExec *graph, size_t *nodes) {
  CUgraph captured = 0;
  CUresult r = cuStreamEndCapture(stream, &captured);
  if (r != CUDA_SUCCESS) return r;
  r = cuGraphGetNodes(captured, 0, nodes);
  if (r == CUDA_SUCCESS) r = cuGraphInstantiateWithFlags(graph, captured, 0);
  cuGraphDestroy(captured);
  return r;
}

CUresult driver_graph_launch(CUgraphExec graph, CUstream stream) { return cuGraphLaunch(graph, stream); }

CUresult driver_lock(void *memory, size_t bytes) { return cuMemHostRegister(memory, bytes, 0); }

CUresult driver_unlock(void *memory) { return cuMemHostUnregister(memory); }

CUresult driver_allow(CUfunction kernel, int bytes) {
  return cuFuncSetAttribute(kernel, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes);
}
