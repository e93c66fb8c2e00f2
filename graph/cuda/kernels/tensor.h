// Engines of tiles for tensor cores (see tile.h), sm_80: BFloat16 rounds operands to bfloat16 and TFloat32 to 10 bits
// of mantissa when it stores slices; both add up in float32. A slice whose vectors lie along k is stored as [T][K]
// with some room between rows, all others as [K][T+8], so that a warp's reads of fragments hit every bank once.
#pragma once
#include "mma.h"
#include "tile.h"

// Sums are what a warp adds up: two by eight fragments of [16,8]. Lane l has rows l/4 and l/4+8 of each, and columns
// l%4*2 and the next.
struct Sums {
  float sum[2][8][4];
  __device__ __forceinline__ void zero() {
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
      for (int j = 0; j < 8; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) sum[i][j][e] = 0;
  }
  __device__ __forceinline__ void spread(float *s, int ld, int col) const {
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
      for (int j = 0; j < 8; j++) {
        float *to = s + (i * 16 + LANE / 4) * ld + col + j * 8 + LANE % 4 * 2;
        *(float2 *)to = {sum[i][j][0], sum[i][j][1]};
        *(float2 *)(to + 8 * ld) = {sum[i][j][2], sum[i][j][3]};
      }
  }
};

// Halves16 multiplies slices of DEPTH in bfloat16.
template <class A, class B, int DEPTH> struct Halves16 : Sums {
  // Elements from row to row of a slice.
  enum { LA = A::ALONG ? DEPTH + 8 : A::TILE + 8, LB = B::ALONG ? DEPTH + 8 : B::TILE + 8 };
  enum { A_BYTES = 2 * LA * (A::ALONG ? A::TILE : DEPTH), B_BYTES = 2 * LB * (B::ALONG ? B::TILE : DEPTH) };
  __device__ __forceinline__ void multiply(const char *as, const char *bs, int row, int col) {
    // Lanes 0 to 7 point to the rows of a matrix of 8x8, the next eight to those of the next one.
    const int i = LANE % 8, low = LANE / 8 % 2 * 8, high = LANE / 16 * 8;
    uint a = shared_address(as) + 2 * (A::ALONG ? (row + i + low) * LA + high : (i + high) * LA + row + low);
    uint b = shared_address(bs) + 2 * (B::ALONG ? (col + i + high) * LB + low : (i + low) * LB + col + high);
#pragma unroll
    for (int k = 0; k < DEPTH; k += 16) {
      uint x[2][4];
#pragma unroll
      for (int f = 0; f < 2; f++) matrices<!A::ALONG>(x[f], a + 2 * (A::ALONG ? f * 16 * LA + k : f * 16 + k * LA));
#pragma unroll
      for (int f = 0; f < 4; f++) {
        uint y[4];
        matrices<!B::ALONG>(y, b + 2 * (B::ALONG ? f * 16 * LB + k : f * 16 + k * LB));
#pragma unroll
        for (int g = 0; g < 2; g++) {
          mma_bf16(sum[g][2 * f], x[g], y[0], y[1]);
          mma_bf16(sum[g][2 * f + 1], x[g], y[2], y[3]);
        }
      }
    }
  }
};

struct BFloat16 {
  enum { K = 16, PIPED = 0 };
  typedef float Element;
  template <class A, class B> struct Work : Halves16<A, B, K> {
    template <class L> static __device__ __forceinline__ void put(const L &l, char *slice, bool) {
      constexpr int ld = L::ALONG ? K + 8 : L::TILE + 8;
#pragma unroll
      for (int v = 0; v < L::COUNT; v++) {
        float4 x = l.value(v);
        int at = L::ALONG ? l.i_of(v) * ld + l.k_of(v) : l.k_of(v) * ld + l.i_of(v);
        *(uint2 *)(slice + 2 * at) = {bf16_pair(x.x, x.y), bf16_pair(x.z, x.w)};
      }
    }
  };
};

struct TFloat32 {
  enum { K = 16, PIPED = 0 };
  typedef float Element;
  template <class A, class B> struct Work : Sums {
    enum { LA = A::ALONG ? K + 4 : A::TILE + 8, LB = B::ALONG ? K + 4 : B::TILE + 8 };
    enum { A_BYTES = 4 * LA * (A::ALONG ? A::TILE : K), B_BYTES = 4 * LB * (B::ALONG ? B::TILE : K) };
    template <class L> static __device__ __forceinline__ void put(const L &l, char *slice, bool) {
      constexpr int ld = L::ALONG ? K + 4 : L::TILE + 8;
#pragma unroll
      for (int v = 0; v < L::COUNT; v++) {
        float4 x = l.value(v);
        int at = L::ALONG ? l.i_of(v) * ld + l.k_of(v) : l.k_of(v) * ld + l.i_of(v);
        *(uint4 *)(slice + 4 * at) = {tf32_of(x.x), tf32_of(x.y), tf32_of(x.z), tf32_of(x.w)};
      }
    }
    __device__ __forceinline__ void multiply(const char *as, const char *bs, int row, int col) {
      // Four words of a row are as a row of a matrix of 8x8 halves; columns are read word by word.
      const int i = LANE % 8, low = LANE / 8 % 2, high = LANE / 16;
#pragma unroll
      for (int k = 0; k < K; k += 8) {
        uint x[2][4];
#pragma unroll
        for (int f = 0; f < 2; f++) {
          if (A::ALONG) {
            matrices<false>(x[f], shared_address(as) + 4 * ((row + f * 16 + i + low * 8) * LA + k + high * 4));
          } else {
            const uint *from = (const uint *)as + (k + LANE % 4) * LA + row + f * 16 + LANE / 4;
            x[f][0] = from[0];
            x[f][1] = from[8];
            x[f][2] = from[4 * LA];
            x[f][3] = from[4 * LA + 8];
          }
        }
#pragma unroll
        for (int f = 0; f < 4; f++) {
          uint y[4];
          if (B::ALONG) {
            matrices<false>(y, shared_address(bs) + 4 * ((col + f * 16 + i + high * 8) * LB + k + low * 4));
          } else {
            const uint *from = (const uint *)bs + (k + LANE % 4) * LB + col + f * 16 + LANE / 4;
            y[0] = from[0];
            y[1] = from[4 * LB];
            y[2] = from[8];
            y[3] = from[4 * LB + 8];
          }
#pragma unroll
          for (int g = 0; g < 2; g++) {
            mma_tf32(sum[g][2 * f], x[g], y[0], y[1]);
            mma_tf32(sum[g][2 * f + 1], x[g], y[2], y[3]);
          }
        }
      }
    }
  };
};
