// The library that binaries with a CUDA backend link against in place of the driver's own, which a machine that builds
// them need not have. It looks the driver up when a device is opened, so that the same binary runs on machines without
// one. Every call of the driver's is a jump through a pointer: to the driver's function, or to one that returns an error
// where the driver, or this function of it, is not there.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

#include "cuda.h"

CUresult selfsup_open_driver(char *why, size_t size);

static CUresult absent(void) { return CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND; }

#if defined(__x86_64__)
#define JUMP(symbol) "endbr64\n jmp *real_" #symbol "(%rip)\n"
#elif defined(__aarch64__)
#define JUMP(symbol) \
  "bti c\n adrp x16, real_" #symbol "\n ldr x16, [x16, #:lo12:real_" #symbol "]\n br x16\n"
#else
#error "the CUDA driver is called on amd64 and arm64 only"
#endif

// The calls are hidden, so that a driver never takes them for its own.
#define DRIVER(name, symbol, parameters)                               \
  __attribute__((visibility("hidden"))) void *real_##symbol = absent;  \
  __asm__(".text\n .p2align 4\n .globl " #symbol "\n .hidden " #symbol \
          "\n .type " #symbol ", %function\n" #symbol ":\n" JUMP(symbol) ".size " #symbol ", . - " #symbol "\n");
#include "functions.h"
#undef DRIVER

static const struct {
  const char *symbol;
  void **real;
} calls[] = {
#define DRIVER(name, symbol, parameters) {#symbol, &real_##symbol},
#include "functions.h"
#undef DRIVER
};

// cuInit does nothing: package cu calls it when the program starts, also where no GPU is asked for, and ends the program
// if it fails.
CUresult cuInit(uint flags) { return CUDA_SUCCESS; }

// selfsup_open_driver finds the driver and starts it. If there is none, why says in one line what the linker said.
CUresult selfsup_open_driver(char *why, size_t size) {
  static CUresult result;
  static char reason[256];
  static int tried;
  if (!tried) {
    tried = 1;
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    if (!library) {
      const char *e = dlerror();
      snprintf(reason, sizeof reason, "%s", e ? e : "libcuda.so.1 is not there");
      result = CUDA_ERROR_SHARED_OBJECT_INIT_FAILED;
    } else {
      for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        void *f = dlsym(library, calls[i].symbol);
        if (f) *calls[i].real = f;
      }
      CUresult (*init)(uint) = (CUresult(*)(uint))dlsym(library, "cuInit");
      result = init ? init(0) : CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND;
    }
  }
  snprintf(why, size, "%s", reason);
  return result;
}
