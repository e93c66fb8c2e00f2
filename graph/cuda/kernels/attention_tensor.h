// Attention on tensor cores, forward and backward, without the matrix of weights [T,T] (see attention.h for what the
// kernels do). A block of four warps takes 64 rows of one head, a warp 16 of them, and walks along all others 64 at a
// time. The rows' own fragments stay in registers, the others lie in shared memory as they are. An engine says what
// operands are rounded to.
#pragma once
#include "heads.h"
#include "mma.h"

enum { ROWS = 64, WALK = 64 };

// Halves rounds operands to bfloat16.
struct Halves {
  typedef ushort Word;
  enum { K = 16, PAD = 8 }; // of the inner axis at a time; room between rows
  static __device__ __forceinline__ void put(Word *s, float4 v) {
    *(uint2 *)s = {bf16_pair(v.x, v.y), bf16_pair(v.z, v.w)};
  }
  // left reads the fragment [16,K] at (row,k) of s, right two fragments [K,8] for 16 rows of s that are columns, at
  // (n,k), and down two at (k,n) of s as it is.
  static __device__ __forceinline__ void left(uint x[4], const Word *s, int ld, int row, int k) {
    matrices<false>(x, shared_address(s + (row + LANE % 16) * ld + k + LANE / 16 * 8));
  }
  static __device__ __forceinline__ void right(uint y[4], const Word *s, int ld, int n, int k) {
    matrices<false>(y, shared_address(s + (n + LANE % 8 + LANE / 16 * 8) * ld + k + LANE / 8 % 2 * 8));
  }
  static __device__ __forceinline__ void down(uint y[4], const Word *s, int ld, int k, int n) {
    matrices<true>(y, shared_address(s + (k + LANE % 16) * ld + n + LANE / 16 * 8));
  }
  // again makes the part from k on of sums [16,16], two fragments, a fragment to multiply.
  static __device__ __forceinline__ void again(uint x[4], const float sum[2][4], int) {
    x[0] = bf16_pair(sum[0][0], sum[0][1]);
    x[1] = bf16_pair(sum[0][2], sum[0][3]);
    x[2] = bf16_pair(sum[1][0], sum[1][1]);
    x[3] = bf16_pair(sum[1][2], sum[1][3]);
  }
  static __device__ __forceinline__ void add(float d[4], const uint a[4], uint b0, uint b1) { mma_bf16(d, a, b0, b1); }
};

// Singles rounds operands to tf32. Of sums that are multiplied again, a lane has columns 2t and 2t+1 where the
// instruction wants t and t+4: as the order of the inner axis does not matter, down reads the other operand's rows so.
struct Singles {
  typedef uint Word;
  enum { K = 8, PAD = 4 };
  static __device__ __forceinline__ void put(Word *s, float4 v) {
    *(uint4 *)s = {tf32_of(v.x), tf32_of(v.y), tf32_of(v.z), tf32_of(v.w)};
  }
  static __device__ __forceinline__ void left(uint x[4], const Word *s, int ld, int row, int k) {
    matrices<false>(x, shared_address(s + (row + LANE % 16) * ld + k + LANE / 16 * 4));
  }
  static __device__ __forceinline__ void right(uint y[4], const Word *s, int ld, int n, int k) {
    matrices<false>(y, shared_address(s + (n + LANE % 8 + LANE / 16 * 8) * ld + k + LANE / 8 % 2 * 4));
  }
  static __device__ __forceinline__ void down(uint y[4], const Word *s, int ld, int k, int n) {
    s += (k + LANE % 4 * 2) * ld + n + LANE / 4;
    y[0] = s[0];
    y[1] = s[ld];
    y[2] = s[8];
    y[3] = s[ld + 8];
  }
  static __device__ __forceinline__ void again(uint x[4], const float sum[2][4], int k) {
    const float *from = sum[k / 8];
    x[0] = tf32_of(from[0]);
    x[1] = tf32_of(from[2]);
    x[2] = tf32_of(from[1]);
    x[3] = tf32_of(from[3]);
  }
  static __device__ __forceinline__ void add(float d[4], const uint a[4], uint b0, uint b1) { mma_tf32(d, a, b0, b1); }
};

// Tile is 64 rows of a head in shared memory.
template <class E, int DP> struct Tile {
  enum { LD = DP + E::PAD };
  typename E::Word s[64 * LD];
  __device__ __forceinline__ void bring(const float *p, int step, int first, int T, int D, int flags) {
    typename E::Word *to = s;
    ::bring<DP, 64>(
        p, step, first, T, D, flags,
        [](int q, int &row, int &d) {
          row = q / (DP / 4);
          d = q % (DP / 4) * 4;
        },
        [to](int row, int d, float4 v) { E::put(to + row * LD + d, v); });
  }
  // own reads the warp's rows as fragments.
  __device__ __forceinline__ void own(uint x[DP / E::K][4]) const {
#pragma unroll
    for (int k = 0; k < DP / E::K; k++) E::left(x[k], s, LD, WARP * 16, k * E::K);
  }
  // against adds the product of own rows x and rows [n,n+16) of this tile.
  __device__ __forceinline__ void against(float sum[2][4], const uint x[DP / E::K][4], int n) const {
#pragma unroll
    for (int k = 0; k < DP / E::K; k++) {
      uint y[4];
      E::right(y, s, LD, n, k * E::K);
      E::add(sum[0], x[k], y[0], y[1]);
      E::add(sum[1], x[k], y[2], y[3]);
    }
  }
  // weighted adds rows [n,n+16) of this tile, weighted by w [16,16].
  __device__ __forceinline__ void weighted(float sum[DP / 8][4], const float w[2][4], int n) const {
#pragma unroll
    for (int k = 0; k < 16; k += E::K) {
      uint x[4], y[4];
      E::again(x, w, k);
#pragma unroll
      for (int f = 0; f < DP / 16; f++) {
        E::down(y, s, LD, n + k, f * 16);
        E::add(sum[2 * f], x, y[0], y[1]);
        E::add(sum[2 * f + 1], x, y[2], y[3]);
      }
    }
  }
};

template <int N> static __device__ __forceinline__ void zero(float sum[N][4]) {
#pragma unroll
  for (int i = 0; i < N; i++)
#pragma unroll
    for (int e = 0; e < 4; e++) sum[i][e] = 0;
}

// store writes a warp's rows of DP columns, each row times a number.
template <int DP>
static __device__ __forceinline__ void store(float *p, int step, int first, int T, int D, int flags,
                                             const float sum[DP / 8][4], const float times[2]) {
#pragma unroll
  for (int r = 0; r < 2; r++) {
    int row = first + WARP * 16 + LANE / 4 + r * 8;
    if (row >= T) continue;
    float *to = p + (long64)row * step;
#pragma unroll
    for (int f = 0; f < DP / 8; f++) {
      int d = f * 8 + LANE % 4 * 2;
      float a = sum[f][2 * r] * times[r], b = sum[f][2 * r + 1] * times[r];
      if (d >= D) continue;
      if (flags & VECTOR_HEADS) {
        *(float2 *)(to + d) = {a, b};
      } else {
        to[d] = a;
        if (d + 1 < D) to[d + 1] = b;
      }
    }
  }
}

// Rows of a fragment are shared by four lanes.
static __device__ __forceinline__ float sum4(float v) {
  v += across(v, 1);
  return v + across(v, 2);
}
static __device__ __forceinline__ float max4(float v) {
  v = max_(v, across(v, 1));
  return max_(v, across(v, 2));
}

// forward: y [B,T,heads*D] of qkv; with STATS instead the logarithms of sums and the sums of dy times y, as in
// attention.h, where the weights in y are not rounded.
template <class E, int DP, bool STATS>
static __device__ __forceinline__ void forward(float *__restrict y, float *__restrict sums, const float *__restrict qkv,
                                               const float *__restrict dy, int T, int heads, int D, float factor,
                                               int flags) {
  __shared__ __attribute__((aligned(16))) Tile<E, DP> ks, vs;
  int tiles = (T + ROWS - 1) / ROWS, number = BX / tiles, first = (BX - number * tiles) * ROWS;
  Head h(number, T, heads, D);
  const float *q = qkv + h.q;
  uint x[DP / E::K][4], z[DP / E::K][4];
  ks.bring(q, h.step, first, T, D, flags);
  if (STATS) vs.bring(dy + h.y, h.stride, first, T, D, flags);
  barrier();
  ks.own(x);
  if (STATS) vs.own(z);
  float out[DP / 8][4], most[2] = {-INFINITY_, -INFINITY_}, sum[2] = {0, 0}, dot[2] = {0, 0};
  zero<DP / 8>(out);
#pragma unroll 1
  for (int at = 0; at < T; at += WALK) {
    barrier();
    ks.bring(q + h.stride, h.step, at, T, D, flags);
    vs.bring(q + 2 * h.stride, h.step, at, T, D, flags);
    barrier();
    float w[8][4];
    zero<8>(w);
#pragma unroll
    for (int n = 0; n < 4; n++) ks.against(w + 2 * n, x, n * 16);
    float less[2];
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float m = most[r];
#pragma unroll
      for (int i = 0; i < 16; i++) {
        float &v = w[i / 2][2 * r + i % 2];
        v = at + i / 2 * 8 + LANE % 4 * 2 + i % 2 < T ? v * factor : -INFINITY_;
        m = max_(m, v);
      }
      m = max4(m);
      less[r] = ex2_approx(most[r] - m);
      most[r] = m;
      float s = 0;
#pragma unroll
      for (int i = 0; i < 16; i++) {
        float &v = w[i / 2][2 * r + i % 2];
        v = ex2_approx(v - m);
        s += v;
      }
      sum[r] = fma_(sum[r], less[r], s);
    }
    if (STATS) {
      float d[2] = {0, 0};
#pragma unroll
      for (int n = 0; n < 4; n++) {
        float g[2][4];
        zero<2>(g);
        vs.against(g, z, n * 16);
#pragma unroll
        for (int i = 0; i < 8; i++) d[i % 4 / 2] = fma_(g[i / 4][i % 4], w[2 * n + i / 4][i % 4], d[i % 4 / 2]);
      }
      dot[0] = fma_(dot[0], less[0], d[0]);
      dot[1] = fma_(dot[1], less[1], d[1]);
    } else {
#pragma unroll
      for (int f = 0; f < DP / 8; f++)
#pragma unroll
        for (int e = 0; e < 4; e++) out[f][e] *= less[e / 2];
#pragma unroll
      for (int n = 0; n < 4; n++) vs.weighted(out, w + 2 * n, n * 16);
    }
  }
  float part[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    sum[r] = sum4(sum[r]);
    part[r] = 1.0f / sum[r];
  }
  if (!STATS) {
    store<DP>(y + h.y, h.stride, first, T, D, flags, out, part);
    return;
  }
#pragma unroll
  for (int r = 0; r < 2; r++) {
    int row = first + WARP * 16 + LANE / 4 + r * 8;
    float d = sum4(dot[r]) * part[r];
    if (LANE % 4 == 0 && row < T) {
      y[(long64)number * T + row] = most[r] + log2_(sum[r]);
      sums[(long64)number * T + row] = d;
    }
  }
}

// backward: with KEYS rows are keys, and dk and dv are made; else rows are queries and dq is made. As in attention.h.
template <class E, int DP, bool KEYS>
static __device__ __forceinline__ void backward(float *__restrict dqkv, const float *__restrict qkv,
                                                const float *__restrict dy, const float *__restrict logs,
                                                const float *__restrict sums, int T, int heads, int D, float factor,
                                                float scale, int flags) {
  __shared__ __attribute__((aligned(16))) Tile<E, DP> us, ws;
  __shared__ float walked[2 * WALK]; // logs and sums of queries that are walked along
  int tiles = (T + ROWS - 1) / ROWS, number = BX / tiles, first = (BX - number * tiles) * ROWS;
  Head h(number, T, heads, D);
  const float *q = qkv + h.q, *k = q + h.stride, *v = k + h.stride, *g = dy + h.y;
  const float *log = logs + (long64)number * T, *sum = sums + (long64)number * T;
  uint x[DP / E::K][4], z[DP / E::K][4];
  us.bring(KEYS ? k : q, h.step, first, T, D, flags);
  ws.bring(KEYS ? v : g, KEYS ? h.step : h.stride, first, T, D, flags);
  barrier();
  us.own(x);
  ws.own(z);
  float own_log[2] = {0, 0}, own_sum[2] = {0, 0};
  if (!KEYS) {
#pragma unroll
    for (int r = 0; r < 2; r++) {
      int row = first + WARP * 16 + LANE / 4 + r * 8;
      if (row < T) {
        own_log[r] = log[row];
        own_sum[r] = sum[row];
      }
    }
  }
  float one[DP / 8][4], two[DP / 8][4];
  zero<DP / 8>(one);
  zero<DP / 8>(two);
#pragma unroll 1
  for (int at = 0; at < T; at += WALK) {
    barrier();
    us.bring(KEYS ? q : k, h.step, at, T, D, flags);
    ws.bring(KEYS ? g : v, KEYS ? h.stride : h.step, at, T, D, flags);
    if (KEYS) {
      int t = at + TX % WALK;
      walked[TX] = t < T ? (TX < WALK ? log : sum)[t] : 0.0f;
    }
    barrier();
#pragma unroll 1
    for (int n = 0; n < WALK; n += 16) {
      float w[2][4], dw[2][4];
      zero<2>(w);
      zero<2>(dw);
      us.against(w, x, n);
      ws.against(dw, z, n);
#pragma unroll
      for (int i = 0; i < 8; i++) {
        int r = i % 4 / 2, col = n + i / 4 * 8 + LANE % 4 * 2 + i % 2;
        float l = KEYS ? walked[col] : own_log[r], s = KEYS ? walked[WALK + col] : own_sum[r];
        float p = at + col < T ? ex2_approx(fma_(w[i / 4][i % 4], factor, -l)) : 0.0f;
        w[i / 4][i % 4] = p;
        dw[i / 4][i % 4] = scale * p * (dw[i / 4][i % 4] - s);
      }
      us.weighted(one, dw, n);
      if (KEYS) ws.weighted(two, w, n);
    }
  }
  float whole[2] = {1, 1};
  float *to = dqkv + h.q + (KEYS ? h.stride : 0);
  store<DP>(to, h.step, first, T, D, flags, one, whole);
  if (KEYS) store<DP>(to + h.stride, h.step, first, T, D, flags, two, whole);
}

// ATTENTION makes the kernels for heads of up to DP elements.
#define ATTENTION(ENGINE, DP, BLOCKS, NAME)                                                                            \
  KERNEL BOUNDS(128, BLOCKS)                                                                                           \
      attention##NAME(float *__restrict y, const float *__restrict qkv, int T, int heads, int D, float factor,         \
                      int flags) {                                                                                     \
    forward<ENGINE, DP, false>(y, 0, qkv, 0, T, heads, D, factor, flags);                                              \
  }                                                                                                                    \
  KERNEL BOUNDS(128, BLOCKS)                                                                                           \
      attention_stats##NAME(float *__restrict logs, float *__restrict sums, const float *__restrict qkv,               \
                            const float *__restrict dy, int T, int heads, int D, float factor, int flags) {            \
    forward<ENGINE, DP, true>(logs, sums, qkv, dy, T, heads, D, factor, flags);                                        \
  }                                                                                                                    \
  KERNEL BOUNDS(128, BLOCKS)                                                                                           \
      attention_dq##NAME(float *__restrict dqkv, const float *__restrict qkv, const float *__restrict dy,              \
                         const float *__restrict logs, const float *__restrict sums, int T, int heads, int D,          \
                         float factor, float scale, int flags) {                                                       \
    backward<ENGINE, DP, false>(dqkv, qkv, dy, logs, sums, T, heads, D, factor, scale, flags);                         \
  }                                                                                                                    \
  KERNEL BOUNDS(128, BLOCKS)                                                                                           \
      attention_dkv##NAME(float *__restrict dqkv, const float *__restrict qkv, const float *__restrict dy,             \
                          const float *__restrict logs, const float *__restrict sums, int T, int heads, int D,         \
                          float factor, float scale, int flags) {                                                      \
    backward<ENGINE, DP, true>(dqkv, qkv, dy, logs, sums, T, heads, D, factor, scale, flags);                          \
  }
