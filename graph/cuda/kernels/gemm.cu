// Products of matrices in float32, and the sum of products that were split along k.
#include "gemm.h"

GEMMS(Float32, 128, 128, 2, gemm, _128x128)
GEMMS(Float32, 128, 64, 3, gemm, _128x64)
GEMMS(Float32, 64, 64, 6, gemm, _64x64)

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
  if (flags >> SLOPE_BIT) s *= slope(flags >> SLOPE_BIT, o);
  y[at] = finished(s, o, flags);
}
