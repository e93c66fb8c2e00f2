// Products of tiles. A block makes a tile [BM,BN] of a product: it walks along k in steps of K, brings slices of both
// operands to shared memory, the next one while it multiplies this one, and every warp adds up [32,64]. An operand is a
// loader: an object that reads slices [T,K] of a matrix, or of what a convolution makes of images, into registers, four
// elements at a time along its contiguous axis. How slices lie in shared memory and are multiplied is an engine's
// business: Float32 is below, those of tensor cores are in tensor.h.
#pragma once
#include "finish.h"

// THREADS_OF is the threads of a block: a warp makes [32,64].
#define THREADS_OF(BM, BN) ((BM) * (BN) / 64)

static constexpr int most_of(int a, int b) { return a > b ? a : b; }

static __device__ __forceinline__ float4 bf16_of(float4 v) {
  return {bf16_of(v.x), bf16_of(v.y), bf16_of(v.z), bf16_of(v.w)};
}

// Slots are the vectors of a slice [T,K] that one of THREADS threads moves: neighbours along k if ALONG_K, else along
// the other axis, i.
template <bool ALONG_K, int T, int K, int THREADS> struct Slots {
  enum { COUNT = T * K / 4 / THREADS, TILE = T, ALONG = ALONG_K };
  static_assert(COUNT * 4 * THREADS == T * K, "a slice is shared out evenly");
  float4 r[COUNT];
  static __device__ __forceinline__ int i_of(int v) {
    int q = TX + v * THREADS;
    return ALONG_K ? q / (K / 4) : q % (T / 4) * 4;
  }
  static __device__ __forceinline__ int k_of(int v) {
    int q = TX + v * THREADS;
    return ALONG_K ? q % (K / 4) * 4 : q / (T / 4);
  }
  // value is a vector as it is multiplied. Loaders that change what they read have their own.
  __device__ __forceinline__ float4 value(int v) const { return r[v]; }
};

// Matrix loads slices of a matrix: element (i,k) is p[i*ld+k] if ALONG_K, else p[k*ld+i]. i is below extent, k below
// end; beyond are zeros.
template <bool ALONG_K, int T, int K, int THREADS> struct Matrix : Slots<ALONG_K, T, K, THREADS> {
  typedef Slots<ALONG_K, T, K, THREADS> Base;
  const float *p;
  int ld, extent, k, end;
  bool vector;

  __device__ __forceinline__ Matrix(const float *p, int ld, int extent, int k, int end, bool vector)
      : p(p), ld(ld), extent(extent), k(k), end(end), vector(vector) {}

  // next loads a slice and moves on.
  __device__ __forceinline__ void next() {
    bool inside = vector && extent >= T && k + K <= end;
#pragma unroll
    for (int v = 0; v < Base::COUNT; v++) {
      int i = Base::i_of(v), kk = k + Base::k_of(v);
      const float *from = p + (ALONG_K ? (long64)i * ld + kk : (long64)kk * ld + i);
      if (inside) {
        this->r[v] = *(const float4 *)from;
      } else {
        int left = ALONG_K ? (i < extent ? end - kk : 0) : (kk < end ? extent - i : 0);
        this->r[v] = fetch(from, left, vector);
      }
    }
    k += K;
  }
};

// Corner says which tile of which product of a batch a block makes. Neighbouring blocks take tiles of eight rows of
// tiles, so that they read the same slices at about the same time.
struct Corner {
  int batch, row, col; // first row and column
  __device__ __forceinline__ Corner(int block, int tiles_m, int tiles_n, int bm, int bn) {
    int per = tiles_m * tiles_n, t = block % per, wide = 8 * tiles_n;
    batch = block / per;
    int first = t / wide * 8, high = imin(8, tiles_m - first);
    row = (first + t % wide % high) * bm;
    col = t % wide / high * bn;
  }
};

// Float32 multiplies and adds in float32: a thread adds up 8x8 elements. Slices are stored as [K][T+4].
struct Float32 {
  enum { K = 8, PIPED = 0 };
  typedef float Element; // of operands in memory
  template <class A, class B> struct Work {
    // A lane makes rows 4 lm + {0..3} and 16 more, columns 4 ln + {0..3} and 32 more of its warp's.
    enum { LA = A::TILE + 4, LB = B::TILE + 4, A_BYTES = 4 * K * LA, B_BYTES = 4 * K * LB };
    float sum[8][8];
    __device__ __forceinline__ void zero() {
#pragma unroll
      for (int i = 0; i < 8; i++)
#pragma unroll
        for (int j = 0; j < 8; j++) sum[i][j] = 0;
    }
    template <class L> static __device__ __forceinline__ void put(const L &l, char *slice, bool round) {
      constexpr int ld = L::TILE + 4;
#pragma unroll
      for (int v = 0; v < L::COUNT; v++) {
        float4 x = l.value(v);
        if (round) x = bf16_of(x);
        float *to = (float *)slice + l.k_of(v) * ld + l.i_of(v);
        if (L::ALONG) {
          to[0] = x.x;
          to[ld] = x.y;
          to[2 * ld] = x.z;
          to[3 * ld] = x.w;
        } else {
          *(float4 *)to = x;
        }
      }
    }
    __device__ __forceinline__ void multiply(const char *as, const char *bs, int row, int col) {
      const float *a = (const float *)as + row + LANE / 8 * 4, *b = (const float *)bs + col + LANE % 8 * 4;
#pragma unroll
      for (int k = 0; k < K; k++) {
        float4 a0 = *(const float4 *)(a + k * LA), a1 = *(const float4 *)(a + k * LA + 16);
        float4 b0 = *(const float4 *)(b + k * LB), b1 = *(const float4 *)(b + k * LB + 32);
        float x[8] = {a0.x, a0.y, a0.z, a0.w, a1.x, a1.y, a1.z, a1.w};
        float y[8] = {b0.x, b0.y, b0.z, b0.w, b1.x, b1.y, b1.z, b1.w};
#pragma unroll
        for (int i = 0; i < 8; i++)
#pragma unroll
          for (int j = 0; j < 8; j++) sum[i][j] = fma_(x[i], y[j], sum[i][j]);
      }
    }
    // spread stores the warp's 32 rows and 64 columns from column col of s on, whose rows are ld apart.
    __device__ __forceinline__ void spread(float *s, int ld, int col) const {
#pragma unroll
      for (int i = 0; i < 8; i++) {
        float *to = s + (LANE / 8 * 4 + i % 4 + i / 4 * 16) * ld + col + LANE % 8 * 4;
        *(float4 *)to = {sum[i][0], sum[i][1], sum[i][2], sum[i][3]};
        *(float4 *)(to + 32) = {sum[i][4], sum[i][5], sum[i][6], sum[i][7]};
      }
    }
  };
};

// spread_tile stores a block's sums: through shared memory, 32 rows at a time, and out in whole rows.
template <int BM, int BN, class W, class F>
static __device__ __forceinline__ void spread_tile(const W &work, float *shared, int row, int col, const F &finish) {
#pragma unroll 1
  for (int down = 0; down < BM; down += 32) {
    if (finish.row + down >= finish.m) return;
    if (row == down) work.spread(shared, BN + 4, col);
    barrier();
    finish.template store<THREADS_OF(BM, BN), BN>(shared, down);
    barrier();
  }
}

// product makes a tile of slices from k to end and stores it.
template <class ENGINE, int BM, int BN, class A, class B, class F>
static __device__ __forceinline__ void product(A &a, B &b, int k, int end, const F &finish) {
  if constexpr (ENGINE::PIPED) {
    ENGINE::template product<BM, BN>(a, b, k, end, finish);
  } else {
    typedef typename ENGINE::template Work<A, B> Work;
    constexpr int K = ENGINE::K, ROWS_BYTES = 32 * (BN + 4) * 4, SLICES = 2 * (Work::A_BYTES + Work::B_BYTES);
    __shared__ __attribute__((aligned(16))) char shared[most_of(SLICES, ROWS_BYTES)];
    char *as = shared, *bs = shared + 2 * Work::A_BYTES;
    const bool round = finish.flags & ROUND_INPUTS;
    const int row = WARP / (BN / 64) * 32, col = WARP % (BN / 64) * 64;
    Work work;
    work.zero();
    // The first turn only loads.
    int now = 1;
#pragma unroll 1
    for (int at = k - K; at < end; at += K) {
      const bool more = at + K < end;
      if (more) {
        a.next();
        b.next();
      }
      if (at >= k) work.multiply(as + now * Work::A_BYTES, bs + now * Work::B_BYTES, row, col);
      if (more) {
        now ^= 1;
        Work::put(a, as + now * Work::A_BYTES, round);
        Work::put(b, bs + now * Work::B_BYTES, round);
      }
      barrier();
    }
    spread_tile<BM, BN>(work, (float *)shared, row, col, finish);
  }
}

// MatrixFor is an engine's loader of matrices.
template <class ENGINE, bool ALONG_K, int T, int THREADS> struct MatrixFor {
  typedef Matrix<ALONG_K, T, ENGINE::K, THREADS> Type;
};
