// What clang's CUDA mode lacks without the toolkit's headers.
#pragma once
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __constant__ __attribute__((constant))
#define thread_x __nvvm_read_ptx_sreg_tid_x()
#define threads_x __nvvm_read_ptx_sreg_ntid_x()
#define block_x __nvvm_read_ptx_sreg_ctaid_x()
#define block_y __nvvm_read_ptx_sreg_ctaid_y()
typedef float float4 __attribute__((ext_vector_type(4)));

static __device__ inline unsigned shared_address(const void *p) {
	return (unsigned)(unsigned long long)(__attribute__((address_space(3))) const char *)p;
}
static __device__ inline void copy16(unsigned to, const void *from, int bytes) {
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}
