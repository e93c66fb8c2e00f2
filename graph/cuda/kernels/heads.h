// What the kernels of attention share: queries, keys and values packed as [B,T,3,heads,D], one head of one image a
// block.
#pragma once
#include "prelude.h"

// flags: operands of products are rounded to bfloat16; rows are aligned; query t attends to keys 0 to t
enum { ROUND_HEADS = 1, VECTOR_HEADS = 2, CAUSAL_HEADS = 4 };

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

// bring reads rows [first,first+N) of a head, p its row 0 and rows step apart, and hands every vector of them, zeros
// where there is nothing, to put(row, d, v), a few at a time. place says which row and d number q is.
template <int DP, int N, class Place, class Put>
static __device__ __forceinline__ void bring(const float *p, int step, int first, int T, int D, int flags, Place place,
                                             Put put) {
  constexpr int COUNT = N * DP / 4 / 128, BATCH = COUNT < 4 ? COUNT : 4;
  p += (long64)first * step;
#pragma unroll 1
  for (int n = 0; n < COUNT; n += BATCH) {
    float4 v[BATCH];
    int row[BATCH], d[BATCH];
#pragma unroll
    for (int u = 0; u < BATCH; u++) {
      place(TX + (n + u) * 128, row[u], d[u]);
      bool there = first + row[u] < T && d[u] < D;
      v[u] = {0, 0, 0, 0};
      if (flags & VECTOR_HEADS) {
        if (there) v[u] = *(const float4 *)(p + (long64)row[u] * step + d[u]);
      } else if (there) {
        v[u] = few(p + (long64)row[u] * step + d[u], D - d[u]);
      }
    }
    if (flags & ROUND_HEADS) {
#pragma unroll
      for (int u = 0; u < BATCH; u++) v[u] = {bf16_of(v[u].x), bf16_of(v[u].y), bf16_of(v[u].z), bf16_of(v[u].w)};
    }
#pragma unroll
    for (int u = 0; u < BATCH; u++) put(row[u], d[u], v[u]);
  }
}
