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
