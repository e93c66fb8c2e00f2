// What package cu has no call for.
#pragma once

#include <cuda.h>

// driver_open finds the driver of the machine and starts it. It fills why where there is none.
CUresult driver_open(char *why, size_t size);

// driver_load compiles PTX for the current device. It fills log with what the compiler says about errors.
CUresult driver_load(CUmodule *module, const char *ptx, char *log, size_t size);

// driver_capture_begin lets stream only note what is queued on it; driver_capture_end makes a graph of that.
CUresult driver_capture_begin(CUstream stream);
CUresult driver_capture_end(CUstream stream, CUgraphExec *graph, size_t *nodes);
CUresult driver_graph_launch(CUgraphExec graph, CUstream stream);

// driver_lock keeps pages of memory where they are, so that copies run from and to them beside the host's work, until
// driver_unlock.
CUresult driver_lock(void *memory, size_t bytes);
CUresult driver_unlock(void *memory);

// driver_allow lets a kernel have dynamic shared memory beyond 48 KiB.
CUresult driver_allow(CUfunction kernel, int bytes);
