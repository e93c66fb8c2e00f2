// What all kernels begin with. They are compiled by clang without CUDA's headers and without its device library, so the
// words of CUDA C++ and the mathematical functions are our own. PTX knows fused multiply-adds by fmaf alone: the
// compiler is told not to contract, so that results are those that are written.
#pragma once

#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __forceinline__ __inline__ __attribute__((always_inline))
#define __restrict__ __restrict
// BOUNDS says how many threads a block has at most, and how many blocks a multiprocessor is to hold.
#define BOUNDS(threads, blocks) __attribute__((launch_bounds(threads, blocks)))
#define KERNEL extern "C" __global__ void

typedef unsigned int uint;
typedef unsigned short ushort;
typedef unsigned char uchar;
typedef unsigned long long ulong64;
typedef long long long64;

struct dims {
  int x, y, z;
};
struct float4 {
  float x, y, z, w;
} __attribute__((aligned(16)));
struct float2 {
  float x, y;
} __attribute__((aligned(8)));
struct uint4 {
  uint x, y, z, w;
} __attribute__((aligned(16)));
struct uint2 {
  uint x, y;
} __attribute__((aligned(8)));

#define TX ((int)__nvvm_read_ptx_sreg_tid_x())
#define TY ((int)__nvvm_read_ptx_sreg_tid_y())
#define NX ((int)__nvvm_read_ptx_sreg_ntid_x())
#define NY ((int)__nvvm_read_ptx_sreg_ntid_y())
#define BX ((int)__nvvm_read_ptx_sreg_ctaid_x())
#define BY ((int)__nvvm_read_ptx_sreg_ctaid_y())
#define BZ ((int)__nvvm_read_ptx_sreg_ctaid_z())
#define GX ((int)__nvvm_read_ptx_sreg_nctaid_x())
#define GY ((int)__nvvm_read_ptx_sreg_nctaid_y())
#define GZ ((int)__nvvm_read_ptx_sreg_nctaid_z())
#define LANE (TX & 31)
#define WARP (TX >> 5)

static __device__ __forceinline__ float fma_(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static __device__ __forceinline__ float max_(float a, float b) { return __builtin_fmaxf(a, b); }
static __device__ __forceinline__ float min_(float a, float b) { return __builtin_fminf(a, b); }
static __device__ __forceinline__ float abs_(float a) { return __builtin_fabsf(a); }
static __device__ __forceinline__ int imin(int a, int b) { return a < b ? a : b; }
static __device__ __forceinline__ int imax(int a, int b) { return a > b ? a : b; }
static __device__ __forceinline__ uint bits_of(float a) { return __builtin_bit_cast(uint, a); }
static __device__ __forceinline__ float of_bits(uint a) { return __builtin_bit_cast(float, a); }
#define INFINITY_ (of_bits(0x7f800000u))
#define NAN_ (of_bits(0x7fc00000u))

// barrier is __syncthreads.
static __device__ __forceinline__ void barrier() { __syncthreads(); }
static __device__ __forceinline__ void warp_barrier() { asm volatile("bar.warp.sync 0xffffffff;" ::: "memory"); }

// across is the value of the lane whose number differs in the bits of mask. All lanes of a warp call it.
static __device__ __forceinline__ float across(float v, int mask) {
  float r;
  asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=f"(r) : "f"(v), "r"(mask));
  return r;
}
static __device__ __forceinline__ int across(int v, int mask) {
  int r;
  asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=r"(r) : "r"(v), "r"(mask));
  return r;
}
static __device__ __forceinline__ double across(double v, int mask) {
  ulong64 u = __builtin_bit_cast(ulong64, v);
  ulong64 lo = (uint)across((int)(uint)u, mask), hi = (uint)across((int)(uint)(u >> 32), mask);
  return __builtin_bit_cast(double, hi << 32 | lo);
}

// warp_sum and warp_max leave the result in every lane, added in an order that does not change.
template <class T> static __device__ __forceinline__ T warp_sum(T v) {
  for (int m = 16; m > 0; m >>= 1) v += across(v, m);
  return v;
}
static __device__ __forceinline__ float warp_max(float v) {
  for (int m = 16; m > 0; m >>= 1) v = max_(v, across(v, m));
  return v;
}

// block_sum is the sum over all threads of a one-dimensional block of whole warps, in every thread. room has a place a
// warp; it may be used again after the next barrier.
template <class T> static __device__ __forceinline__ T block_sum(T v, T *room) {
  v = warp_sum(v);
  barrier();
  if (LANE == 0) room[WARP] = v;
  barrier();
  T s = 0;
  for (int w = 0; w < NX / 32; w++) s += room[w];
  return s;
}
static __device__ __forceinline__ float block_max(float v, float *room) {
  v = warp_max(v);
  barrier();
  if (LANE == 0) room[WARP] = v;
  barrier();
  float s = room[0];
  for (int w = 1; w < NX / 32; w++) s = max_(s, room[w]);
  return s;
}

// report notes that a kernel met a value that it cannot use. The greatest note of a step is kept: error is 64 bits,
// the number of the operation above, the value below.
static __device__ __forceinline__ void report(ulong64 *error, int operation, int value) {
  ulong64 note = (ulong64)(uint)(operation + 1) << 32 | (uint)value;
  asm volatile("red.global.max.u64 [%0], %1;" ::"l"(error), "l"(note) : "memory");
}

static __device__ __forceinline__ float ex2_approx(float x) {
  float y;
  asm("ex2.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
static __device__ __forceinline__ float sqrt_(float x) {
  float y;
  asm("sqrt.rn.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
static __device__ __forceinline__ double sqrt_(double x) {
  double y;
  asm("sqrt.rn.f64 %0, %1;" : "=d"(y) : "d"(x));
  return y;
}

// exp_ is e^x within 2 units of the last place: x = n ln 2 + r, and a polynomial of degree 6 for e^r.
static __device__ __forceinline__ float exp_(float x) {
  float n = __builtin_rintf(x * 1.44269504088896341f);
  n = min_(max_(n, -150.0f), 129.0f);
  float r = fma_(n, -0.693145751953125f, x);
  r = fma_(n, -1.42860677e-6f, r);
  float p = 1.38888889e-3f;
  p = fma_(p, r, 8.33333333e-3f);
  p = fma_(p, r, 4.16666667e-2f);
  p = fma_(p, r, 1.66666667e-1f);
  p = fma_(p, r, 0.5f);
  p = fma_(p, r, 1.0f);
  p = fma_(p, r, 1.0f);
  // 2^n in two factors, so that results below the normal numbers are right too.
  int i = (int)n, half = i >> 1;
  float y = p * of_bits((uint)(half + 127) << 23) * of_bits((uint)(i - half + 127) << 23);
  y = x > 88.8f ? INFINITY_ : y;
  y = x < -104.0f ? 0.0f : y;
  return x == x ? y : x;
}

// log_ is the natural logarithm within 2 units of the last place (the series of atanh).
static __device__ __forceinline__ float log_(float x) {
  float scale = 0;
  if (x < 1.17549435e-38f) { // below the normal numbers
    x *= 8388608.0f;
    scale = -23;
  }
  uint b = bits_of(x);
  int e = (int)(b >> 23) - 127;
  float m = of_bits((b & 0x7fffffu) | 0x3f800000u);
  if (m > 1.41421356f) {
    m *= 0.5f;
    e += 1;
  }
  float n = (float)e + scale;
  float f = m - 1.0f, s = f / (2.0f + f), z = s * s;
  float r = z * fma_(z, fma_(z, fma_(z, 0.24279078841f, 0.28498786688f), 0.40000972152f), 0.66666662693f);
  float h = 0.5f * f * f;
  float y = fma_(n, 0.693138123f, f - (h - fma_(s, h + r, n * 9.0580006145e-6f)));
  if (x == 0) return -INFINITY_;
  if (!(x > 0)) return NAN_;
  if (x == INFINITY_) return x;
  return y;
}

// sigmoid is 1/(1 + e^-x).
static __device__ __forceinline__ float sigmoid(float x) {
  float e = exp_(-abs_(x)), y = 1.0f / (1.0f + e);
  return x < 0 ? e * y : y;
}

// tanh_ is the hyperbolic tangent: its series below 0.35, where 1 - 2/(e^2x + 1) would cancel.
static __device__ __forceinline__ float tanh_(float x) {
  float z = x * x;
  float p = fma_(z, -8.86323552990220e-3f, 2.18694885361552e-2f);
  p = fma_(z, p, -5.39682539682540e-2f);
  p = fma_(z, p, 1.33333333333333e-1f);
  p = fma_(z, p, -3.33333333333333e-1f);
  float small = fma_(x * z, p, x);
  float y = 1.0f - 2.0f / (exp_(2.0f * abs_(x)) + 1.0f);
  return abs_(x) < 0.35f ? small : (x < 0 ? -y : y);
}

// bf16_of is x rounded to the nearest bfloat16, ties to even, as a float.
static __device__ __forceinline__ float bf16_of(float x) {
  uint b = bits_of(x);
  uint r = (b + 0x7fffu + ((b >> 16) & 1u)) & 0xffff0000u;
  return x == x ? of_bits(r) : x;
}
