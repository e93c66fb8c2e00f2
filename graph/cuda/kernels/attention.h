// Attention in float32, forward and backward, without the matrix of weights [T,T]: a block takes some rows of one head
// and walks along all others, so that every result is added up in one order. Softmaxes are taken to the base of 2:
// factor is the scale times log2(e). Blocks have 128 threads, 16 groups of rows by 8 of columns.
#pragma once
#include "heads.h"

extern __shared__ __attribute__((aligned(16))) float dynamic_[];

// columns stores rows as [DP][N+4]: transposed.
template <int DP, int N>
static __device__ __forceinline__ void columns(float *s, const float *p, int step, int first, int T, int D, int flags) {
  bring<DP, N>(
      p, step, first, T, D, flags,
      [](int q, int &row, int &d) {
        row = q / 32 % (N / 16) * 16 + q / 2 % 16;
        d = (q / 32 / (N / 16) * 2 + q % 2) * 4;
      },
      [s](int row, int d, float4 v) {
        float *to = s + d * (N + 4) + row;
        to[0] = v.x;
        to[N + 4] = v.y;
        to[2 * (N + 4)] = v.z;
        to[3 * (N + 4)] = v.w;
      });
}

// lines stores rows as [N][DP+4].
template <int DP, int N>
static __device__ __forceinline__ void lines(float *s, const float *p, int step, int first, int T, int D, int flags) {
  bring<DP, N>(
      p, step, first, T, D, flags,
      [](int q, int &row, int &d) {
        row = q / (DP / 4);
        d = q % (DP / 4) * 4;
      },
      [s](int row, int d, float4 v) { *(float4 *)(s + row * (DP + 4) + d) = v; });
}

// some reads N neighbours.
template <int N> static __device__ __forceinline__ void some(float *to, const float *s) {
  if (N == 1) {
    to[0] = s[0];
  } else if (N == 2) {
    float2 v = *(const float2 *)s;
    to[0] = v.x;
    to[1] = v.y;
  } else {
    float4 v = *(const float4 *)s;
    to[0] = v.x;
    to[1] = v.y;
    to[2] = v.z;
    to[3] = v.w;
  }
}

// Part is what a thread has of products of ROWS by COLS: R rows from ROWS/16*ty on, and columns 4*tx + {0..3} of every
// 32.
template <int ROWS, int COLS> struct Part {
  enum { R = ROWS / 16, C = COLS / 8 };
  float v[R][C];
  __device__ __forceinline__ void zero() {
#pragma unroll
    for (int i = 0; i < R; i++)
#pragma unroll
      for (int j = 0; j < C; j++) v[i][j] = 0;
  }
  // add adds the product of a [K][ROWS+4], transposed, and b [K][COLS+4].
  template <int K> __device__ __forceinline__ void add(const float *a, const float *b) {
    a += TX / 8 * R;
    b += TX % 8 * 4;
#pragma unroll 8
    for (int k = 0; k < K; k++) {
      float x[R], y[C];
      some<R>(x, a + k * (ROWS + 4));
#pragma unroll
      for (int j = 0; j < C; j += 4) some<4>(y + j, b + k * (COLS + 4) + j * 8);
#pragma unroll
      for (int i = 0; i < R; i++)
#pragma unroll
        for (int j = 0; j < C; j++) v[i][j] = fma_(x[i], y[j], v[i][j]);
    }
  }
  static __device__ __forceinline__ int row(int i) { return TX / 8 * R + i; }
  static __device__ __forceinline__ int col(int j) { return j / 4 * 32 + TX % 8 * 4 + j % 4; }
  // turn stores it as [COLS][ROWS+4].
  __device__ __forceinline__ void turn(float *s, bool round) const {
#pragma unroll
    for (int j = 0; j < C; j++)
#pragma unroll
      for (int i = 0; i < R; i++) s[col(j) * (ROWS + 4) + row(i)] = round ? bf16_of(v[i][j]) : v[i][j];
  }
  // put stores it as rows of a head.
  __device__ __forceinline__ void put(float *p, int step, int first, int T, int D, int flags) const {
#pragma unroll
    for (int i = 0; i < R; i++)
      if (first + row(i) < T)
#pragma unroll
        for (int j = 0; j < C; j += 4)
          put_head(p + (long64)(first + row(i)) * step, col(j), D, flags & VECTOR_HEADS,
                   {v[i][j], v[i][j + 1], v[i][j + 2], v[i][j + 3]});
  }
};

// across8 reduces over the 8 threads that share rows.
static __device__ __forceinline__ float sum8(float v) {
  for (int m = 4; m > 0; m >>= 1) v += across(v, m);
  return v;
}
static __device__ __forceinline__ float max8(float v) {
  for (int m = 4; m > 0; m >>= 1) v = max_(v, across(v, m));
  return v;
}

// Bias is [images,heads or 1,T or 1,T] that is added to the scaled scores; image b has bias b mod images. 0: there is
// none.
struct Bias {
  const float *p;
  int images, heads, rows;
};

// Biases are those of a head of an image, and whether it is causal.
struct Biases {
  const float *a, *b;
  int stepA, stepB;
  bool causal;
  static __device__ __forceinline__ const float *of(const Bias &x, int image, int head, int T) {
    if (!x.p) return 0;
    long64 at = (long64)(image % x.images) * x.heads + (x.heads > 1 ? head : 0);
    return x.p + at * x.rows * T;
  }
  __device__ __forceinline__ Biases(const Bias &x, const Bias &y, int number, int heads, int T, int flags) {
    int image = number / heads, head = number - image * heads;
    a = of(x, image, head, T);
    b = of(y, image, head, T);
    stepA = x.rows > 1 ? T : 0;
    stepB = y.rows > 1 ? T : 0;
    causal = flags & CAUSAL_HEADS;
  }
  // at is what is added to an exponent of 2, of a query and a key that exist.
  __device__ __forceinline__ float at(int query, int key) const {
    float v = 0;
    if (a) v = a[(long64)query * stepA + key];
    if (b) v += b[(long64)query * stepB + key];
    return v * 1.4426950408889634f;
  }
  __device__ __forceinline__ bool sees(int query, int key) const { return !causal || key <= query; }
};

// forward: y [B,T,heads*D] of qkv; with STATS instead, for the gradient, the logarithm (base 2) of the sum of every
// row's exponentials, and the sum of the row of dy times y: both [B,heads,T]. D is at most DP. Block x takes ROWS
// queries. BIASED kernels have biases, or are causal.
template <int DP, int ROWS, int COLS, bool STATS, bool BIASED = false>
static __device__ __forceinline__ void forward(float *__restrict y, float *__restrict sums, const float *__restrict qkv,
                                               const float *__restrict dy, int T, int heads, int D, float factor,
                                               int flags, Bias bias = Bias(), Bias other = Bias()) {
  typedef Part<ROWS, COLS> Weights;
  typedef Part<ROWS, DP> Rows;
  constexpr int WIDE = DP * (COLS + 4) > COLS * (ROWS + 4) ? DP * (COLS + 4) : COLS * (ROWS + 4);
  float *qs = dynamic_, *ks = qs + DP * (ROWS + 4), *vs = ks + WIDE;
  int tiles = (T + ROWS - 1) / ROWS, number = BX / tiles, first = (BX - number * tiles) * ROWS;
  Head h(number, T, heads, D);
  Biases biases(bias, other, number, heads, T, flags);
  const float *q = qkv + h.q;
  columns<DP, ROWS>(qs, q, h.step, first, T, D, flags);
  Rows out;
  out.zero();
  float most[Weights::R], sum[Weights::R];
#pragma unroll
  for (int i = 0; i < Weights::R; i++) {
    most[i] = -INFINITY_;
    sum[i] = 0;
  }
#pragma unroll 1
  for (int at = 0; at < T; at += COLS) {
    barrier();
    columns<DP, COLS>(ks, q + h.stride, h.step, at, T, D, flags);
    lines<DP, COLS>(vs, q + 2 * h.stride, h.step, at, T, D, flags);
    barrier();
    Weights w;
    w.zero();
    w.template add<DP>(qs, ks);
#pragma unroll
    for (int i = 0; i < Weights::R; i++) {
      float m = most[i];
#pragma unroll
      for (int j = 0; j < Weights::C; j++) {
        int row = first + Weights::row(i), col = at + Weights::col(j);
        w.v[i][j] = col < T && (!BIASED || biases.sees(row, col)) ? w.v[i][j] * factor : -INFINITY_;
        if (BIASED && col < T && row < T) w.v[i][j] += biases.at(row, col);
        m = max_(m, w.v[i][j]);
      }
      m = max8(m);
      float less = ex2_approx(most[i] - m), s = 0;
      most[i] = m;
#pragma unroll
      for (int j = 0; j < Weights::C; j++) {
        w.v[i][j] = ex2_approx(w.v[i][j] - m);
        s += w.v[i][j];
      }
      sum[i] = fma_(sum[i], less, s);
#pragma unroll
      for (int j = 0; j < Rows::C; j++) out.v[i][j] *= less;
    }
    barrier();
    w.turn(ks, !STATS && flags & ROUND_HEADS);
    barrier();
    out.template add<COLS>(ks, vs);
  }
#pragma unroll
  for (int i = 0; i < Weights::R; i++) {
    sum[i] = sum8(sum[i]);
    float part = 1.0f / sum[i];
#pragma unroll
    for (int j = 0; j < Rows::C; j++) out.v[i][j] *= part;
  }
  if (!STATS) {
    out.put(y + h.y, h.stride, first, T, D, flags);
    return;
  }
#pragma unroll
  for (int i = 0; i < Weights::R; i++) {
    int row = first + Weights::row(i);
    float d = 0;
#pragma unroll
    for (int j = 0; j < Rows::C; j += 4) {
      float4 g = head_vector(dy + h.y + (long64)row * h.stride, row < T, Rows::col(j), D, flags);
      d = fma_(g.x, out.v[i][j], d);
      d = fma_(g.y, out.v[i][j + 1], d);
      d = fma_(g.z, out.v[i][j + 2], d);
      d = fma_(g.w, out.v[i][j + 3], d);
    }
    d = sum8(d);
    if (TX % 8 == 0 && row < T) {
      y[(long64)number * T + row] = most[i] + log2_(sum[i]);
      sums[(long64)number * T + row] = d;
    }
  }
}

// backward: gradients from dy, qkv and what forward found out, logs and sums. With KEYS rows are keys, which walk along
// queries, and dk and dv are made; else rows are queries and dq is made. Block x takes ROWS rows.
template <int DP, int ROWS, int COLS, bool KEYS, bool BIASED = false>
static __device__ __forceinline__ void backward(float *__restrict dqkv, const float *__restrict qkv,
                                                const float *__restrict dy, const float *__restrict logs,
                                                const float *__restrict sums, int T, int heads, int D, float factor,
                                                float scale, int flags, Bias bias = Bias(), Bias other = Bias()) {
  typedef Part<ROWS, COLS> Weights;
  typedef Part<ROWS, DP> Rows;
  constexpr int WIDE = DP * (COLS + 4) > COLS * (ROWS + 4) ? DP * (COLS + 4) : COLS * (ROWS + 4);
  // xs and zs are the rows' own, us and ws those that are walked along: us as ns beside, and ws as ms, rows as they
  // are.
  float *xs = dynamic_, *zs = xs + DP * (ROWS + 4), *us = zs + DP * (ROWS + 4), *ws = us + WIDE, *ns = ws + WIDE,
        *ms = ns + COLS * (DP + 4);
  int tiles = (T + ROWS - 1) / ROWS, number = BX / tiles, first = (BX - number * tiles) * ROWS;
  Head h(number, T, heads, D);
  const float *q = qkv + h.q, *k = q + h.stride, *v = k + h.stride, *g = dy + h.y;
  const float *log = logs + (long64)number * T, *sum = sums + (long64)number * T;
  Biases biases(bias, other, number, heads, T, flags);
  if (KEYS) {
    columns<DP, ROWS>(xs, k, h.step, first, T, D, flags);
    columns<DP, ROWS>(zs, v, h.step, first, T, D, flags);
  } else {
    columns<DP, ROWS>(xs, q, h.step, first, T, D, flags);
    columns<DP, ROWS>(zs, g, h.stride, first, T, D, flags);
  }
  Rows one, two;
  one.zero();
  two.zero();
#pragma unroll 1
  for (int at = 0; at < T; at += COLS) {
    barrier();
    if (KEYS) {
      columns<DP, COLS>(us, q, h.step, at, T, D, flags);
      columns<DP, COLS>(ws, g, h.stride, at, T, D, flags);
      lines<DP, COLS>(ns, q, h.step, at, T, D, flags);
      lines<DP, COLS>(ms, g, h.stride, at, T, D, flags);
    } else {
      columns<DP, COLS>(us, k, h.step, at, T, D, flags);
      columns<DP, COLS>(ws, v, h.step, at, T, D, flags);
      lines<DP, COLS>(ns, k, h.step, at, T, D, flags);
    }
    barrier();
    Weights w, dw;
    w.zero();
    dw.zero();
    w.template add<DP>(xs, us);
    dw.template add<DP>(zs, ws);
#pragma unroll
    for (int i = 0; i < Weights::R; i++) {
#pragma unroll
      for (int j = 0; j < Weights::C; j++) {
        int row = first + Weights::row(i), col = at + Weights::col(j), query = KEYS ? col : row;
        bool on = row < T && col < T && (!BIASED || biases.sees(query, KEYS ? row : col));
        float l = on ? log[query] : 0.0f, s = on ? sum[query] : 0.0f;
        if (BIASED && on) l -= biases.at(query, KEYS ? row : col);
        float p = on ? ex2_approx(fma_(w.v[i][j], factor, -l)) : 0.0f;
        w.v[i][j] = p;
        dw.v[i][j] = scale * p * (dw.v[i][j] - s);
      }
    }
    barrier();
    dw.turn(us, flags & ROUND_HEADS);
    if (KEYS) w.turn(ws, flags & ROUND_HEADS);
    barrier();
    one.template add<COLS>(us, ns);
    if (KEYS) two.template add<COLS>(ws, ms);
  }
  float *to = dqkv + h.q + (KEYS ? h.stride : 0);
  one.put(to, h.step, first, T, D, flags);
  if (KEYS) two.put(to + h.stride, h.step, first, T, D, flags);
}

// learned: scale times the gradient by a bias [images,heads,T,T] of its own for every head, to which other may be added.
// Block x takes ROWS queries and COLS keys of a head, and walks along the images that share the bias.
template <int DP, int ROWS, int COLS>
static __device__ __forceinline__ void learned(float *__restrict dbias, const float *__restrict qkv,
                                               const float *__restrict dy, const float *__restrict logs,
                                               const float *__restrict sums, int T, int heads, int D, float factor,
                                               float scale, int flags, int count, Bias bias, Bias other) {
  typedef Part<ROWS, COLS> Weights;
  float *xs = dynamic_, *zs = xs + DP * (ROWS + 4), *us = zs + DP * (ROWS + 4), *ws = us + DP * (COLS + 4);
  int across = (T + COLS - 1) / COLS, tiles = (T + ROWS - 1) / ROWS * across, group = BX / tiles,
      tile = BX - group * tiles, first = tile / across * ROWS, at = tile % across * COLS;
  float all[Weights::R][Weights::C];
#pragma unroll
  for (int i = 0; i < Weights::R; i++)
#pragma unroll
    for (int j = 0; j < Weights::C; j++) all[i][j] = 0;
#pragma unroll 1
  for (int turn = 0; turn < count; turn++) {
    int number = turn * bias.images * heads + group;
    Head h(number, T, heads, D);
    Biases biases(bias, other, number, heads, T, flags);
    const float *q = qkv + h.q, *log = logs + (long64)number * T, *sum = sums + (long64)number * T;
    barrier();
    columns<DP, ROWS>(xs, q, h.step, first, T, D, flags);
    columns<DP, ROWS>(zs, dy + h.y, h.stride, first, T, D, flags);
    columns<DP, COLS>(us, q + h.stride, h.step, at, T, D, flags);
    columns<DP, COLS>(ws, q + 2 * h.stride, h.step, at, T, D, flags);
    barrier();
    Weights w, dw;
    w.zero();
    dw.zero();
    w.template add<DP>(xs, us);
    dw.template add<DP>(zs, ws);
#pragma unroll
    for (int i = 0; i < Weights::R; i++)
#pragma unroll
      for (int j = 0; j < Weights::C; j++) {
        int row = first + Weights::row(i), col = at + Weights::col(j);
        if (row < T && col < T && biases.sees(row, col)) {
          float p = ex2_approx(fma_(w.v[i][j], factor, biases.at(row, col) - log[row]));
          all[i][j] += scale * p * (dw.v[i][j] - sum[row]);
        }
      }
  }
  float *to = dbias + (long64)group * T * T;
#pragma unroll
  for (int i = 0; i < Weights::R; i++)
#pragma unroll
    for (int j = 0; j < Weights::C; j++) {
      int row = first + Weights::row(i), col = at + Weights::col(j);
      if (row < T && col < T) to[(long64)row * T + col] = all[i][j];
    }
}

#define ATTENTION(DP, ROWS, COLS, BLOCKS)                                                                              \
  KERNEL BOUNDS(128, BLOCKS)                                                                                           \
      attention_##DP(float *__restrict y, const float *__restrict qkv, int T, int heads, int D, float factor,          \
                     int flags) {                                                                                      \
    forward<DP, ROWS, COLS, false>(y, 0, qkv, 0, T, heads, D, factor, flags);                                          \
  }                                                                                                                    \
  KERNEL BOUNDS(128, BLOCKS)                                                                                           \
      attention_stats_##DP(float *__restrict logs, float *__restrict sums, const float *__restrict qkv,                \
                           const float *__restrict dy, int T, int heads, int D, float factor, int flags) {             \
    forward<DP, ROWS, COLS, true>(logs, sums, qkv, dy, T, heads, D, factor, flags);                                    \
  }
#define ATTENTION_GRAD(DP, ROWS, COLS, BLOCKS)                                                                         \
  KERNEL BOUNDS(128, BLOCKS)                                                                                           \
      attention_dq_##DP##_##ROWS(float *__restrict dqkv, const float *__restrict qkv, const float *__restrict dy,      \
                                 const float *__restrict logs, const float *__restrict sums, int T, int heads, int D,  \
                                 float factor, float scale, int flags) {                                               \
    backward<DP, ROWS, COLS, false>(dqkv, qkv, dy, logs, sums, T, heads, D, factor, scale, flags);                     \
  }                                                                                                                    \
  KERNEL BOUNDS(128, BLOCKS)                                                                                           \
      attention_dkv_##DP##_##ROWS(float *__restrict dqkv, const float *__restrict qkv, const float *__restrict dy,     \
                                  const float *__restrict logs, const float *__restrict sums, int T, int heads, int D, \
                                  float factor, float scale, int flags) {                                              \
    backward<DP, ROWS, COLS, true>(dqkv, qkv, dy, logs, sums, T, heads, D, factor, scale, flags);                      \
  }

// The parameters of biases: the one that may be learned, and another.
#define BIASES                                                                                                         \
  const float *__restrict p0, int images0, int heads0, int rows0, const float *__restrict p1, int images1, int heads1, \
      int rows1
#define BIASES_OF {p0, images0, heads0, rows0}, {p1, images1, heads1, rows1}
#define ATTENTION_BIASED(DP, ROWS, COLS, BLOCKS)                                                                       \
  KERNEL BOUNDS(128, BLOCKS)                                                                                           \
      attention_biased_##DP(float *__restrict y, const float *__restrict qkv, int T, int heads, int D, float factor,   \
                            int flags, BIASES) {                                                                       \
    forward<DP, ROWS, COLS, false, true>(y, 0, qkv, 0, T, heads, D, factor, flags, BIASES_OF);                         \
  }                                                                                                                    \
  KERNEL BOUNDS(128, BLOCKS)                                                                                           \
      attention_stats_biased_##DP(float *__restrict logs, float *__restrict sums, const float *__restrict qkv,         \
                                  const float *__restrict dy, int T, int heads, int D, float factor, int flags,        \
                                  BIASES) {                                                                            \
    forward<DP, ROWS, COLS, true, true>(logs, sums, qkv, dy, T, heads, D, factor, flags, BIASES_OF);                   \
  }
#define ATTENTION_GRAD_BIASED(DP, ROWS, COLS, BLOCKS)                                                                  \
  KERNEL BOUNDS(128, BLOCKS)                                                                                           \
      attention_dq_biased_##DP##_##ROWS(float *__restrict dqkv, const float *__restrict qkv,                           \
                                        const float *__restrict dy, const float *__restrict logs,                      \
                                        const float *__restrict sums, int T, int heads, int D, float factor,           \
                                        float scale, int flags, BIASES) {                                              \
    backward<DP, ROWS, COLS, false, true>(dqkv, qkv, dy, logs, sums, T, heads, D, factor, scale, flags, BIASES_OF);    \
  }                                                                                                                    \
  KERNEL BOUNDS(128, BLOCKS)                                                                                           \
      attention_dkv_biased_##DP##_##ROWS(float *__restrict dqkv, const float *__restrict qkv,                          \
                                         const float *__restrict dy, const float *__restrict logs,                     \
                                         const float *__restrict sums, int T, int heads, int D, float factor,          \
                                         float scale, int flags, BIASES) {                                             \
    backward<DP, ROWS, COLS, true, true>(dqkv, qkv, dy, logs, sums, T, heads, D, factor, scale, flags, BIASES_OF);     \
  }                                                                                                                    \
  KERNEL BOUNDS(128, BLOCKS)                                                                                           \
      attention_dbias_##DP##_##ROWS(float *__restrict dbias, const float *__restrict qkv, const float *__restrict dy,  \
                                    const float *__restrict logs, const float *__restrict sums, int T, int heads,      \
                                    int D, float factor, float scale, int flags, int count, BIASES) {                  \
    learned<DP, ROWS, COLS>(dbias, qkv, dy, logs, sums, T, heads, D, factor, scale, flags, count, BIASES_OF);          \
  }
