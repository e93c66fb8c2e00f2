// Products of matrices on tensor cores whose operands were rounded to bfloat16 beforehand, and that rounding.
#include "gemm.h"
#include "halves.h"

GEMMS(Piped, 128, 128, 2, gemm_halves, _128x128)
GEMMS(Piped, 128, 64, 3, gemm_halves, _128x64)
GEMMS(Piped, 64, 64, 6, gemm_halves, _64x64)

// halve rounds x [rows,cols] to bfloat16, rows of ld elements filled up with zeros, ld a multiple of eight. With scale
// [2,channels] x goes through a norm first: x*scale[c] + shift[c] by channel, cols being channels, and then max(x, 0) if
// relu. Eight elements a thread. vector says that rows of x begin at multiples of 16 bytes.
KERNEL BOUNDS(256, 4)
    halve(ushort *__restrict y, const float *__restrict x, const float *__restrict scale, int cols, int ld, int relu,
          int vector, long64 size) {
  long64 q = (long64)BX * 256 + TX;
  if (q >= size) return;
  long64 row = q / (ld / 8);
  int c = (int)(q - row * (ld / 8)) * 8;
  float v[8];
  const float *from = x + row * cols + c;
  if (vector && c + 8 <= cols) {
    float4 a = ((const float4 *)from)[0], b = ((const float4 *)from)[1];
    v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w, v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
  } else {
#pragma unroll
    for (int i = 0; i < 8; i++) v[i] = c + i < cols ? from[i] : 0.0f;
  }
  if (scale) {
#pragma unroll
    for (int i = 0; i < 8; i++) v[i] = c + i < cols ? Norm::of(v[i], scale[c + i], scale[cols + c + i], relu) : 0.0f;
  }
  ((uint4 *)y)[q] = {bf16_pair(v[0], v[1]), bf16_pair(v[2], v[3]), bf16_pair(v[4], v[5]), bf16_pair(v[6], v[7])};
}
