// What the kernels of attention share: queries, keys and values packed as [B,T,3,heads,D], one head of one image a
// block.
#pragma once
#include "prelude.h"

enum { ROUND_HEADS = 1, VECTOR_HEADS = 2 }; // flags: operands of products are rounded to bfloat16; rows are aligned

// Head is where a head of an image lies: row t of queries is at t*step from q, keys and values follow stride further on
// each; row t of the result is at t*stride from y.
struct Head {
  long64 q, y;
  int step, stride;
  __device__ __forceinline__ Head(int number, int T, int heads, int D) {
    int image = number / heads, head = number - image * heads;
    stride = heads * D;
    step = 3 * stride;
    q = (long64)image * T * step + head * D;
    y = (long64)image * T * stride + head * D;
  }
};

// few reads up to four neighbours, count of them.
static __device__ __forceinline__ float4 few(const float *p, int count) {
  float4 v = {p[0], 0, 0, 0};
  if (count > 1) v.y = p[1];
  if (count > 2) v.z = p[2];
  if (count > 3) v.w = p[3];
  return v;
}

// head_vector reads four of the D elements of a row that may not exist.
static __device__ __forceinline__ float4 head_vector(const float *p, bool exists, int d, int D, int flags) {
  float4 v = {0, 0, 0, 0};
  if (exists && d < D) v = flags & VECTOR_HEADS ? *(const float4 *)(p + d) : few(p + d, D - d);
  if (flags & ROUND_HEADS) v = {bf16_of(v.x), bf16_of(v.y), bf16_of(v.z), bf16_of(v.w)};
  return v;
}

// put_head writes four of the D elements of a row.
static __device__ __forceinline__ void put_head(float *p, int d, int D, int flags, float4 v) {
  if (d >= D) return;
  if (flags & VECTOR_HEADS) {
    *(float4 *)(p + d) = v;
    return;
  }
  p[d] = v.x;
  if (d + 1 < D) p[d + 1] = v.y;
  if (d + 2 < D) p[d + 2] = v.z;
  if (d + 3 < D) p[d + 3] = v.w;
}

static __device__ __forceinline__ float log2_(float x) { return log_(x) * 1.4426950408889634f; }
