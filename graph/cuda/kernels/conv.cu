// Convolutions in float32, in three directions: see conv.h. The scale and shift of the norm of a convolution's images.
#include "conv.h"

CONVS(Float32, 128, 128, 2, conv, _128x128)
CONVS(Float32, 128, 64, 3, conv, _128x64)
CONVS(Float32, 64, 64, 6, conv, _64x64)
CONVS_NORM(Float32, 128, 128, 2, conv, _128x128)
CONVS_NORM(Float32, 128, 64, 3, conv, _128x64)
CONVS_NORM(Float32, 64, 64, 6, conv, _64x64)

// norm_scale makes scale and shift [2,C] from a batch norm's stats [2,C] (mean, variance) and gamma and beta [C], which
// may be absent. One thread a channel.
KERNEL BOUNDS(256, 1)
    norm_scale(float *__restrict y, const float *__restrict stats, const float *__restrict gamma,
               const float *__restrict beta, float eps, int C) {
  int c = BX * 256 + TX;
  if (c >= C) return;
  float scale = 1.0f / sqrt_(stats[C + c] + eps), shift = 0;
  if (gamma) {
    scale *= gamma[c];
    shift = beta[c];
  }
  y[c] = scale;
  y[C + c] = fma_(-stats[c], scale, shift);
}
