// The instructions of tensor cores and of asynchronous copies, sm_80.
#pragma once
#include "prelude.h"

// shared_address is the address in shared memory, as instructions of matrices want it.
static __device__ __forceinline__ uint shared_address(const void *p) {
  uint a;
  asm("{ .reg .u64 t; cvta.to.shared.u64 t, %1; cvt.u32.u64 %0, t; }" : "=r"(a) : "l"(p));
  return a;
}

// bf16_pair rounds two numbers to bfloat16, the first one to the lower half.
static __device__ __forceinline__ uint bf16_pair(float low, float high) {
  uint d;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(d) : "f"(high), "f"(low));
  return d;
}

static __device__ __forceinline__ uint tf32_of(float x) {
  uint d;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(d) : "f"(x));
  return d;
}

// matrices reads four matrices of 8x8 halves, whose rows of 16 bytes the lanes of each quarter of the warp point to.
// Lane l gets row l/4, elements l%4*2 and the next; of TURNED ones, column l/4 and those rows.
template <bool TURNED> static __device__ __forceinline__ void matrices(uint d[4], uint address) {
  if (TURNED)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                 : "r"(address)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                 : "r"(address)
                 : "memory");
}

// mma_bf16 adds a product [16,16]x[16,8] to d.
static __device__ __forceinline__ void mma_bf16(float d[4], const uint a[4], uint b0, uint b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// mma_tf32 adds a product [16,8]x[8,8] to d.
static __device__ __forceinline__ void mma_tf32(float d[4], const uint a[4], uint b0, uint b1) {
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// copy16 starts to copy 16 bytes to shared memory, or zeros.
static __device__ __forceinline__ void copy16(uint to, const ushort *from, bool there) {
  int bytes = there ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}
static __device__ __forceinline__ void copies_end() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N> static __device__ __forceinline__ void copies_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}
