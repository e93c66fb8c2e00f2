// Products of matrices in float32, for every transposition, in batches; the sum of products that were split along k.
#include "tile.h"

// y [m,n] = a b for every product of a batch, whose operands and results are step_a, step_b and step_y elements apart.
// a is [m,k] with rows of lda elements, or [k,m] if it is transposed (TA); b [k,n], or [n,k] if it is (TB). Block x
// makes a tile of a product, block z the part from k = z*chunk on, whose result is step_z further on in y. chunk is a
// multiple of DEPTH. See finish.h for flags and other.
#define PRODUCT                                                                                                        \
  float *__restrict y, const float *__restrict a, const float *__restrict b, const float *__restrict other,            \
      long64 step_a, long64 step_b, long64 step_y, long64 step_z, int m, int n, int k, int lda, int ldb, int ldy,      \
      int tiles_m, int tiles_n, int chunk, int flags
template <bool TA, bool TB, int BM, int BN> static __device__ __forceinline__ void gemm(PRODUCT) {
  constexpr int THREADS = THREADS_OF(BM, BN);
  Corner c(BX, tiles_m, tiles_n, BM, BN);
  if (flags & SYMMETRIC && c.row > c.col) return;
  a += c.batch * step_a + (TA ? (long64)c.row : (long64)c.row * lda);
  b += c.batch * step_b + (TB ? (long64)c.col * ldb : (long64)c.col);
  int from = BZ * chunk, end = imin(k, from + chunk);
  Matrix<!TA, BM, DEPTH, THREADS> as(a, lda, m - c.row, from, end, flags & VECTOR_A);
  Matrix<TB, BN, DEPTH, THREADS> bs(b, ldb, n - c.col, from, end, flags & VECTOR_B);
  Finish<RowsApart, true> finish = {y + BZ * step_z + c.batch * step_y, other + (flags & BIAS ? 0 : c.batch * step_y),
                                    {ldy}, c.row, c.col, m, n, flags};
  product<BM, BN>(as, bs, from, end, finish);
}

#define GEMM(TA, TB, BM, BN, BLOCKS, NAME)                                                                             \
  KERNEL BOUNDS(THREADS_OF(BM, BN), BLOCKS) NAME(PRODUCT) {                                                            \
    gemm<TA, TB, BM, BN>(y, a, b, other, step_a, step_b, step_y, step_z, m, n, k, lda, ldb, ldy, tiles_m, tiles_n,     \
                         chunk, flags);                                                                                \
  }
#define GEMMS(TA, TB, NAME)                                                                                            \
  GEMM(TA, TB, 128, 128, 2, gemm_##NAME##_128x128)                                                                     \
  GEMM(TA, TB, 128, 64, 4, gemm_##NAME##_128x64)                                                                       \
  GEMM(TA, TB, 64, 64, 8, gemm_##NAME##_64x64)
GEMMS(false, false, nn)
GEMMS(false, true, nt)
GEMMS(true, false, tn)
GEMMS(true, true, tt)

// product_sum adds the parts of split products, [parts][batch,m,n], in order, and stores them as the products would
// have been: rows ldy, products step_y elements apart. One thread an element.
KERNEL BOUNDS(256, 4)
    product_sum(float *__restrict y, const float *__restrict x, const float *__restrict other, long64 step_y, int m,
                int n, int ldy, int parts, int flags, long64 size) {
  long64 i = (long64)BX * 256 + TX;
  if (i >= size) return;
  float s = 0;
  for (int p = 0; p < parts; p++) s += x[p * size + i];
  long64 row = i / n;
  int col = (int)(i - row * n);
  long64 batch = row / m, at = batch * step_y + (row - batch * m) * ldy + col;
  float o = 0;
  if (flags & BIAS) o = other[col];
  else if (flags & PLUS || flags >> SLOPE_BIT) o = other[at];
  y[at] = finished(s, o, flags);
}
