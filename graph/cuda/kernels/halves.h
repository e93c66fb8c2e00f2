// Piped is the engine of tiles for operands that were rounded to bfloat16 before (halve, below), sm_80: slices go from
// memory to shared memory by asynchronous copies, STAGES of them under way at a time, 32 along k. Its loaders read
// what those of tile.h and images.h do, eight elements at a time: rows begin at multiples of 16 bytes, and channels of
// a group are a multiple of eight.
#pragma once
#include "images.h"
#include "tensor.h"

// Eights are the vectors of a slice [T,32] that one of THREADS threads moves, and where they go.
template <bool ALONG_K, int T, int THREADS> struct Eights {
  enum { K = 32, COUNT = T * K / 8 / THREADS, TILE = T, ALONG = ALONG_K };
  static __device__ __forceinline__ int i_of(int v) {
    int q = TX + v * THREADS;
    return ALONG_K ? q / (K / 8) : q % (T / 8) * 8;
  }
  static __device__ __forceinline__ int k_of(int v) {
    int q = TX + v * THREADS;
    return ALONG_K ? q % (K / 8) * 8 : q / (T / 8);
  }
  static __device__ __forceinline__ uint place(int v) {
    return 2 * (ALONG_K ? i_of(v) * (K + 8) + k_of(v) : k_of(v) * (T + 8) + i_of(v));
  }
};

template <bool ALONG_K, int T, int THREADS> struct HalfMatrix : Eights<ALONG_K, T, THREADS> {
  typedef Eights<ALONG_K, T, THREADS> Base;
  const ushort *p;
  int ld, extent, k, end;
  __device__ __forceinline__ HalfMatrix(const ushort *p, int ld, int extent, int k, int end, bool)
      : p(p), ld(ld), extent(extent), k(k), end(end) {}
  __device__ __forceinline__ void send(uint slice) {
#pragma unroll
    for (int v = 0; v < Base::COUNT; v++) {
      int i = Base::i_of(v), kk = k + Base::k_of(v);
      bool there = i < extent && kk < end;
      copy16(slice + Base::place(v), there ? p + (ALONG_K ? (long64)i * ld + kk : (long64)kk * ld + i) : p, there);
    }
    k += Base::K;
  }
};

template <int T, int THREADS> struct HalfWindows : Eights<true, T, THREADS> {
  typedef Eights<true, T, THREADS> Base;
  const ushort *images, *p[Base::COUNT];
  int y[Base::COUNT], x[Base::COUNT];
  Geometry g;
  Walk walk;
  __device__ __forceinline__ HalfWindows(const ushort *images, const Geometry &g, const Norm &, int row, int rows, int k,
                                         bool)
      : images(images), g(g), walk(k + Base::k_of(0), Base::K, g.taps_w, g.inner) {
#pragma unroll
    for (int v = 0; v < Base::COUNT; v++) {
      int r = row + Base::i_of(v), h = r / g.wide, b = h / g.high;
      y[v] = (h - b * g.high) * g.stride_h + g.start_h;
      x[v] = (r - h * g.wide) * g.stride_w + g.start_w;
      p[v] = images + ((long64)b * g.H * g.W + (long64)y[v] * g.W + x[v]) * g.C;
      if (r >= rows) y[v] = -0x40000000; // outside every image
    }
  }
  __device__ __forceinline__ void send(uint slice) {
    int down = walk.h * g.step_h, right = walk.w * g.step_w;
    long64 at = (long64)(down * g.W + right) * g.C + walk.c;
#pragma unroll
    for (int v = 0; v < Base::COUNT; v++) {
      bool there = walk.h < g.taps_h && (uint)(y[v] + down) < (uint)g.H && (uint)(x[v] + right) < (uint)g.W;
      copy16(slice + Base::place(v), there ? p[v] + at : images, there);
    }
    walk.next();
  }
};

template <int T, int THREADS> struct HalfTaps : Eights<false, T, THREADS> {
  typedef Eights<false, T, THREADS> Base;
  static_assert(THREADS % (T / 8) == 0, "a thread's vectors lie at the same i");
  const ushort *images;
  Geometry g;
  int h, w, at; // the tap's place in the window, and its offset there
  int b[Base::COUNT], y[Base::COUNT], x[Base::COUNT];
  int k, end, step_b, step_y, step_x;
  __device__ __forceinline__ HalfTaps(const ushort *images, const Geometry &g, const Norm &, int col, int k, int end, bool)
      : images(images), g(g), k(k), end(end) {
    Walk t(col + Base::i_of(0), 1, g.taps_w, g.inner);
    h = t.h * g.step_h + g.start_h;
    w = t.w * g.step_w + g.start_w;
    at = (h * g.W + w) * g.C + t.c;
    if (t.h >= g.taps_h) h = -0x40000000;
#pragma unroll
    for (int v = 0; v < Base::COUNT; v++) {
      int r = k + Base::k_of(v), row = r / g.wide;
      b[v] = row / g.high;
      y[v] = row - b[v] * g.high;
      x[v] = r - row * g.wide;
    }
    int rows = Base::K / g.wide;
    step_x = Base::K - rows * g.wide;
    step_b = rows / g.high;
    step_y = rows - step_b * g.high;
  }
  __device__ __forceinline__ void send(uint slice) {
#pragma unroll
    for (int v = 0; v < Base::COUNT; v++) {
      int top = y[v] * g.stride_h, left = x[v] * g.stride_w;
      bool there = k + Base::k_of(v) < end && (uint)(top + h) < (uint)g.H && (uint)(left + w) < (uint)g.W;
      const ushort *from = images + ((long64)b[v] * g.H * g.W + (long64)top * g.W + left) * g.C + at;
      copy16(slice + Base::place(v), there ? from : images, there);
      b[v] += step_b;
      y[v] += step_y;
      x[v] += step_x;
      if (x[v] >= g.wide) {
        x[v] -= g.wide;
        y[v]++;
      }
      if (y[v] >= g.high) {
        y[v] -= g.high;
        b[v]++;
      }
    }
    k += Base::K;
  }
};

template <int T, int THREADS> struct HalfWeights : Eights<true, T, THREADS> {
  typedef Eights<true, T, THREADS> Base;
  const ushort *p;
  int ld, tap_h, tap_w, taps_h, rows;
  Walk walk;
  __device__ __forceinline__ HalfWeights(const ushort *w, int ld, int tap_h, int tap_w, int taps_h, int taps_w, int inner,
                                         int row, int rows, int k, bool)
      : p(w + (long64)row * ld), ld(ld), tap_h(tap_h), tap_w(tap_w), taps_h(taps_h), rows(rows - row),
        walk(k + Base::k_of(0), Base::K, taps_w, inner) {}
  __device__ __forceinline__ void send(uint slice) {
    long64 at = (long64)walk.h * tap_h + walk.w * tap_w + walk.c;
#pragma unroll
    for (int v = 0; v < Base::COUNT; v++) {
      bool there = walk.h < taps_h && Base::i_of(v) < rows;
      copy16(slice + Base::place(v), there ? p + at + (long64)Base::i_of(v) * ld : p, there);
    }
    walk.next();
  }
};

extern __shared__ __attribute__((aligned(16))) char slices_[];

struct Piped {
  enum { K = 32, PIPED = 1, STAGES = 3 };
  typedef ushort Element;
  template <int BM, int BN, class A, class B, class F>
  static __device__ __forceinline__ void product(A &a, B &b, int k, int end, const F &finish) {
    typedef Halves16<A, B, K> Work;
    constexpr int BYTES = Work::A_BYTES + Work::B_BYTES;
    const int row = WARP / (BN / 64) * 32, col = WARP % (BN / 64) * 64, steps = (end - k + K - 1) / K;
    const uint to = shared_address(slices_);
    Work work;
    work.zero();
    int next = 0, fill = 0, now = 0; // slices that were sent; places of the next one and of this one
#pragma unroll 1
    for (; next < STAGES - 1; next++) {
      if (next < steps) {
        a.send(to + fill * BYTES);
        b.send(to + fill * BYTES + Work::A_BYTES);
      }
      copies_end();
      fill++;
    }
#pragma unroll 1
    for (int s = 0; s < steps; s++) {
      copies_wait<STAGES - 2>();
      barrier();
      // All are done with the slice before this one: the next one takes its place.
      if (next < steps) {
        a.send(to + fill * BYTES);
        b.send(to + fill * BYTES + Work::A_BYTES);
        next++;
      }
      copies_end();
      fill = fill == STAGES - 1 ? 0 : fill + 1;
      work.multiply(slices_ + now * BYTES, slices_ + now * BYTES + Work::A_BYTES, row, col);
      now = now == STAGES - 1 ? 0 : now + 1;
    }
    copies_wait<0>();
    barrier();
    spread_tile<BM, BN>(work, (float *)slices_, row, col, finish);
  }
};

template <bool ALONG_K, int T, int THREADS> struct MatrixFor<Piped, ALONG_K, T, THREADS> {
  typedef HalfMatrix<ALONG_K, T, THREADS> Type;
};
template <bool NORM, int T, int THREADS> struct WindowsFor<Piped, NORM, T, THREADS> {
  typedef HalfWindows<T, THREADS> Type;
};
template <bool NORM, int T, int THREADS> struct TapsFor<Piped, NORM, T, THREADS> {
  typedef HalfTaps<T, THREADS> Type;
};
template <int T, int THREADS> struct WeightsFor<Piped, T, THREADS> {
  typedef HalfWeights<T, THREADS> Type;
};
