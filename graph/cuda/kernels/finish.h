// What products do with their results before they store them: add a row or a matrix, clamp, multiply by a function's
// derivative, round.
#pragma once
#include "prelude.h"

// The bits of a product's flags. The slope's number, 0 for none, stands above them.
enum {
  BIAS = 1,          // other [n] is added to every row
  RELU = 2,          // then max(y, 0)
  PLUS = 4,          // then other, of the result's shape, is added
  ROUNDED = 8,       // then the result is rounded to bfloat16
  ROUND_INPUTS = 16, // operands are rounded to bfloat16 when they are read
  VECTOR_A = 32,     // rows of a begin at multiples of 16 bytes
  VECTOR_B = 64,     // rows of b do
  VECTOR_Y = 128,    // rows of the result, and of other, do
  SYMMETRIC = 256,   // tiles above the diagonal are stored twice, those below are left out
  NORMED = 512,      // images go through a norm when they are read
  NORMED_RELU = 1024, // and then max(x, 0)
  SLOPE_BIT = 12,
};

// The functions whose derivative a product multiplies its result by.
enum { SLOPE_NONE, SLOPE_GELU, SLOPE_GELU_TANH, SLOPE_SILU, SLOPE_SOFTPLUS, SLOPE_SQUARE, SLOPE_ABS };

// slope is the derivative of a function at x.
static __device__ __forceinline__ float slope(int function, float x) {
  if (function == SLOPE_GELU) {
    // The normal distribution function by Abramowitz and Stegun, formula 7.1.26, within 1e-7.
    float e = exp_(-0.5f * x * x), t = 1.0f / fma_(0.2316418882f, abs_(x), 1.0f);
    float p = fma_(t, 1.061405429f, -1.453152027f);
    p = fma_(t, p, 1.421413741f);
    p = fma_(t, p, -0.284496736f);
    p = 0.5f * t * fma_(t, p, 0.254829592f) * e;
    return fma_(0.3989422804f * x, e, x < 0 ? p : 1.0f - p);
  }
  if (function == SLOPE_GELU_TANH) {
    const float c = 0.7978845608f, d = 0.044715f;
    float u = c * fma_(d * x * x, x, x), s = sigmoid(2.0f * u), t = fma_(2.0f, s, -1.0f);
    return fma_(0.5f * x * (1.0f - t * t) * c, fma_(3.0f * d * x, x, 1.0f), s);
  }
  if (function == SLOPE_SILU) {
    float s = sigmoid(x);
    return s * fma_(x, 1.0f - s, 1.0f);
  }
  if (function == SLOPE_SOFTPLUS) return sigmoid(x);
  if (function == SLOPE_SQUARE) return 2.0f * x;
  return x > 0 ? 1.0f : x < 0 ? -1.0f : 0.0f;
}

// finished is element v of a product behind everything but a slope, where o is the element of other that belongs to it.
static __device__ __forceinline__ float finished(float v, float o, int flags) {
  if (flags & BIAS) v += o;
  if (flags & RELU) v = v < 0 ? 0.0f : v; // NaN stays NaN
  if (flags & PLUS) v += o;
  if (flags & ROUNDED) v = bf16_of(v);
  return v;
}

// sloped multiplies four elements by the derivative at the elements of o. It is a loop to keep kernels short.
static __device__ __forceinline__ float4 sloped(float4 v, float4 o, int function) {
#pragma unroll 1
  for (int e = 0; e < 4; e++) {
    v = {v.y, v.z, v.w, v.x * slope(function, o.x)};
    o = {o.y, o.z, o.w, o.x};
  }
  return v;
}

// fetch reads up to four neighbours, those from left on as zeros.
static __device__ __forceinline__ float4 fetch(const float *p, int left, bool vector) {
  float4 v = {0, 0, 0, 0};
  if (vector && left >= 4) return *(const float4 *)p;
  if (left > 0) v.x = p[0];
  if (left > 1) v.y = p[1];
  if (left > 2) v.z = p[2];
  if (left > 3) v.w = p[3];
  return v;
}

// Matrix rows of a result lie ld elements apart.
struct RowsApart {
  int ld;
  __device__ __forceinline__ long64 at(int row) const { return (long64)row * ld; }
};

// Pixels are rows of a result that are pixels (image, h, w) of [.,high,wide] which lie so many elements apart.
struct Pixels {
  int high, wide;
  long64 image;
  int down, right;
  __device__ __forceinline__ long64 at(int row) const {
    int h = row / wide, b = h / high;
    return b * image + (long64)(h - b * high) * down + (row - h * wide) * right;
  }
};

// Finish stores a tile of a product, whose corner is at row and col. FULL: with all that is in flags; else ROUNDED
// alone.
template <class Rows, bool FULL> struct Finish {
  float *y;
  const float *other;
  Rows to;
  int row, col, m, n, flags; // the result is [m,n]

  static __device__ __forceinline__ float last(float v, float o, int flags) {
    if (FULL) return finished(v, o, flags);
    return flags & ROUNDED ? bf16_of(v) : v;
  }

  // store stores 32 rows of N columns from row + down on, which s holds N+4 floats apart. All threads of a block call
  // it.
  template <int THREADS, int N> __device__ __forceinline__ void store(const float *s, int down) const {
    const bool more = FULL && (flags & (BIAS | PLUS) || flags >> SLOPE_BIT), vector = flags & VECTOR_Y;
#pragma unroll 1
    for (int q = TX; q < 32 * (N / 4); q += THREADS) {
      int i = q / (N / 4), j = q % (N / 4) * 4, r = row + down + i, c = col + j;
      if (r >= m || c >= n) continue;
      float4 v = *(const float4 *)(s + i * (N + 4) + j);
      long64 at = to.at(r) + c;
      const float *from = other + (flags & BIAS ? c : at);
      float4 o = {0, 0, 0, 0};
      const bool whole = vector && c + 4 <= n;
      if (more) o = fetch(from, n - c, vector);
      if (FULL && flags >> SLOPE_BIT) v = sloped(v, o, flags >> SLOPE_BIT);
      v.x = last(v.x, o.x, flags);
      v.y = last(v.y, o.y, flags);
      v.z = last(v.z, o.z, flags);
      v.w = last(v.w, o.w, flags);
      if (whole) {
        *(float4 *)(y + at) = v;
      } else {
        y[at] = v.x;
        if (c + 1 < n) y[at + 1] = v.y;
        if (c + 2 < n) y[at + 2] = v.z;
        if (c + 3 < n) y[at + 3] = v.w;
      }
    }
    if (FULL && flags & SYMMETRIC && row < col) {
#pragma unroll 1
      for (int q = TX; q < 32 * N; q += THREADS) {
        int i = q % 32, r = row + down + i, c = col + q / 32;
        if (r < m && c < n) y[to.at(c) + r] = s[i * (N + 4) + q / 32];
      }
    }
  }
};
