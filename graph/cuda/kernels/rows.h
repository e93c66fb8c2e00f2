// What kernels over rows share: the threads that have a row together, and their sums.
#pragma once
#include "prelude.h"

// dynamic is the shared memory that a launch asks for.
extern __shared__ double dynamic[];

static __device__ __forceinline__ long64 across(long64 v, int mask) {
  return __builtin_bit_cast(long64, across(__builtin_bit_cast(double, v), mask));
}

// ballot has a bit for every lane of the warp, set where v is not 0.
static __device__ __forceinline__ uint ballot(int v) {
  uint r;
  asm volatile("{ .reg .pred p; setp.ne.s32 p, %1, 0; vote.sync.ballot.b32 %0, p, 0xffffffff; }" : "=r"(r) : "r"(v));
  return r;
}

// values reads V neighbouring floats, four of them from an address of 16 bytes.
template <int V> static __device__ __forceinline__ void values(float (&v)[V], const float *p) {
  if constexpr (V == 4) {
    float4 q = *(const float4 *)p;
    v[0] = q.x, v[1] = q.y, v[2] = q.z, v[3] = q.w;
  } else {
    for (int i = 0; i < V; i++) v[i] = p[i];
  }
}
template <int V> static __device__ __forceinline__ void store(float *p, const float (&v)[V]) {
  if constexpr (V == 4) {
    *(float4 *)p = float4{v[0], v[1], v[2], v[3]};
  } else {
    for (int i = 0; i < V; i++) p[i] = v[i];
  }
}

// Team is the threads that have a row of k values together: a whole block if WIDE, else `lanes` lanes of a warp, a
// power of two. All threads of a block stay to the end: those of a team without a row have no values, and write nothing.
// A thread has the values at, at+step ... of its row, V neighbours each.
template <bool WIDE, int V> struct Team {
  int row, at, step, lanes;
  bool live;
  __device__ __forceinline__ Team(int rows, int lanes_) {
    lanes = lanes_;
    if (WIDE) {
      row = BX, at = TX * V, step = NX * V, live = true;
    } else {
      int r = BX * (NX / lanes) + TX / lanes;
      live = r < rows;
      row = live ? r : rows - 1;
      at = live ? (TX & (lanes - 1)) * V : 1 << 30, step = lanes * V;
    }
  }
  // sum and most combine a value of every thread of the team, in an order that does not change. Every thread gets it.
  __device__ __forceinline__ float sum(float v) { return all(v, [](float a, float b) { return a + b; }); }
  __device__ __forceinline__ double sum(double v) { return all(v, [](double a, double b) { return a + b; }); }
  __device__ __forceinline__ float most(float v) { return all(v, [](float a, float b) { return max_(a, b); }); }

  template <class T, class F> __device__ __forceinline__ T all(T v, F join) {
    if (!WIDE) {
      for (int m = lanes >> 1; m > 0; m >>= 1) v = join(v, across(v, m));
      return v;
    }
    T *room = (T *)dynamic;
    for (int m = 16; m > 0; m >>= 1) v = join(v, across(v, m));
    barrier();
    if (LANE == 0) room[WARP] = v;
    barrier();
    T s = room[0];
    for (int w = 1; w < NX / 32; w++) s = join(s, room[w]);
    return s;
  }
};

// ROWS makes the kernels of a body that is a template of WIDE and V: of teams within a warp and of whole blocks, and of
// each one that takes four values at once.
#define ROWS(name, params, args)                                                                                       \
  KERNEL BOUNDS(256, 4) name##_narrow params { name<false, 1> args; }                                                  \
  KERNEL BOUNDS(256, 4) name##_narrow4 params { name<false, 4> args; }                                                 \
  KERNEL BOUNDS(512, 2) name##_wide params { name<true, 1> args; }                                                     \
  KERNEL BOUNDS(512, 2) name##_wide4 params { name<true, 4> args; }
