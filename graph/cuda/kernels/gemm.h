// Products of matrices by tiles, for every transposition, in batches.
#pragma once
#include "tile.h"

// y [m,n] = a b for every product of a batch, whose operands and results are step_a, step_b and step_y elements apart.
// a is [m,k] with rows of lda elements, or [k,m] if it is transposed (TA); b [k,n], or [n,k] if it is (TB). Block x
// makes a tile of a product, block z the part from k = z*chunk on, whose result is step_z further on in y. chunk is a
// multiple of the engine's K. See finish.h for flags and other.
#define PRODUCT(E)                                                                                                      \
  float *__restrict y, const E *__restrict a, const E *__restrict b, const float *__restrict other,            \
      long64 step_a, long64 step_b, long64 step_y, long64 step_z, int m, int n, int k, int lda, int ldb, int ldy,      \
      int tiles_m, int tiles_n, int chunk, int flags
template <class ENGINE, bool TA, bool TB, int BM, int BN> static __device__ __forceinline__ void gemm(PRODUCT(typename ENGINE::Element)) {
  constexpr int THREADS = THREADS_OF(BM, BN);
  Corner c(BX, tiles_m, tiles_n, BM, BN);
  if (flags & SYMMETRIC && c.row > c.col) return;
  a += c.batch * step_a + (TA ? (long64)c.row : (long64)c.row * lda);
  b += c.batch * step_b + (TB ? (long64)c.col * ldb : (long64)c.col);
  int from = BZ * chunk, end = imin(k, from + chunk);
  typename MatrixFor<ENGINE, !TA, BM, THREADS>::Type as(a, lda, m - c.row, from, end, flags & VECTOR_A);
  typename MatrixFor<ENGINE, TB, BN, THREADS>::Type bs(b, ldb, n - c.col, from, end, flags & VECTOR_B);
  Finish<RowsApart, true> finish = {y + BZ * step_z + c.batch * step_y, other + (flags & BIAS ? 0 : c.batch * step_y),
                                    {ldy}, c.row, c.col, m, n, flags};
  product<ENGINE, BM, BN>(as, bs, from, end, finish);
}

// GEMMS makes the kernels of a tile's size: not, second, first and both operands transposed.
#define GEMM(ENGINE, TA, TB, BM, BN, BLOCKS, NAME)                                                                     \
  KERNEL BOUNDS(THREADS_OF(BM, BN), BLOCKS) NAME(PRODUCT(ENGINE::Element)) {                                                            \
    gemm<ENGINE, TA, TB, BM, BN>(y, a, b, other, step_a, step_b, step_y, step_z, m, n, k, lda, ldb, ldy, tiles_m,      \
                                 tiles_n, chunk, flags);                                                               \
  }
#define GEMMS(ENGINE, BM, BN, BLOCKS, NAME, SIZE)                                                                      \
  GEMM(ENGINE, false, false, BM, BN, BLOCKS, NAME##_nn##SIZE)                                                          \
  GEMM(ENGINE, false, true, BM, BN, BLOCKS, NAME##_nt##SIZE)                                                           \
  GEMM(ENGINE, true, false, BM, BN, BLOCKS, NAME##_tn##SIZE)                                                           \
  GEMM(ENGINE, true, true, BM, BN, BLOCKS, NAME##_tt##SIZE)
