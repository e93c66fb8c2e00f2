// Convolutions as products of tiles in three directions. The kernels of every engine and tile are in conv*.cu.
#pragma once
#include "images.h"

#define GEOMETRY                                                                                                       \
  int H, int W, int C, int taps_h, int taps_w, int inner, int high, int wide, int stride_h, int stride_w, int start_h, \
      int start_w, int step_h, int step_w
#define GEOMETRY_OF                                                                                                    \
  H, W, C, taps_h, taps_w, inner, high, wide, stride_h, stride_w, start_h, start_w, step_h, step_w

// conv_forward: y [m,n] of every group is windows of x [B,H,W,C], a row a pixel of [B,high,wide], times weights w
// [taps_h*taps_w*inner, outputs]. inner channels of x and n of outputs outputs belong to a group. scale [2,C] is scale
// and shift of the images' norm. Block x makes a tile of a group, block z the part from k = z*chunk on, whose result
// is step_z further on; rows of y are ldy elements apart, groups step_y.
#define CONV_FORWARD(E) \
  float *__restrict y, const E *__restrict x, const E *__restrict w, const float *__restrict scale,            \
      long64 step_y, long64 step_z, int m, int n, int outputs, int ldy, GEOMETRY, int tiles_m, int tiles_n, int chunk, \
      int flags
#define CONV_FORWARD_OF                                                                                                \
  y, x, w, scale, step_y, step_z, m, n, outputs, ldy, GEOMETRY_OF, tiles_m, tiles_n, chunk, flags

template <class ENGINE, bool NORM, int BM, int BN>
static __device__ __forceinline__ void conv_forward(CONV_FORWARD(typename ENGINE::Element)) {
  constexpr int THREADS = THREADS_OF(BM, BN);
  Corner c(BX, tiles_m, tiles_n, BM, BN);
  int from = BZ * chunk, end = imin(taps_h * taps_w * inner, from + chunk);
  Geometry g = {GEOMETRY_OF};
  Norm norm = {scale + c.batch * inner, scale + C + c.batch * inner, (flags & NORMED_RELU) != 0};
  typename WindowsFor<ENGINE, NORM, BM, THREADS>::Type a(x + c.batch * inner, g, norm, c.row, m, from, flags & VECTOR_A);
  typename MatrixFor<ENGINE, false, BN, THREADS>::Type b(w + c.batch * n + c.col, outputs, n - c.col, from, end, flags & VECTOR_B);
  Finish<RowsApart, false> finish = {y + BZ * step_z + c.batch * step_y, 0, {ldy}, c.row, c.col, m, n, flags};
  product<ENGINE, BM, BN>(a, b, from, end, finish);
}

// conv_dw: y [m,n] of every group, m = taps_h*taps_w*inner, is the windows of x, transposed, times dy [pixels,outputs],
// pixels those of [B,high,wide]. The rest is as of conv_forward.
#define CONV_DW(E) \
  float *__restrict y, const E *__restrict x, const E *__restrict dy, const float *__restrict scale,           \
      long64 step_y, long64 step_z, int n, int pixels, int outputs, int ldy, GEOMETRY, int tiles_m, int tiles_n,       \
      int chunk, int flags
#define CONV_DW_OF                                                                                                     \
  y, x, dy, scale, step_y, step_z, n, pixels, outputs, ldy, GEOMETRY_OF, tiles_m, tiles_n, chunk, flags

template <class ENGINE, bool NORM, int BM, int BN> static __device__ __forceinline__ void conv_dw(CONV_DW(typename ENGINE::Element)) {
  constexpr int THREADS = THREADS_OF(BM, BN);
  Corner c(BX, tiles_m, tiles_n, BM, BN);
  int from = BZ * chunk, end = imin(pixels, from + chunk), m = taps_h * taps_w * inner;
  Geometry g = {GEOMETRY_OF};
  Norm norm = {scale + c.batch * inner, scale + C + c.batch * inner, (flags & NORMED_RELU) != 0};
  typename TapsFor<ENGINE, NORM, BM, THREADS>::Type a(x + c.batch * inner, g, norm, c.row, from, end, flags & VECTOR_A);
  typename MatrixFor<ENGINE, false, BN, THREADS>::Type b(dy + c.batch * n + c.col, outputs, n - c.col, from, end, flags & VECTOR_B);
  Finish<RowsApart, false> finish = {y + BZ * step_z + c.batch * step_y, 0, {ldy}, c.row, c.col, m, n, flags};
  product<ENGINE, BM, BN>(a, b, from, end, finish);
}

// conv_dx: y [images,H,W,C], n channels of it of every group, from dy [images,OH,OW,outputs] and w [KH,KW,n,outputs].
// The pixels whose row and column leave the same rests by the stride are a phase: they see the same taps. phases holds
// nine numbers each: the first row and column, how many rows and columns there are, how many taps down and right,
// where the window starts on dy, and the offset of the first tap in w; taps follow each other tap_h and tap_w elements
// apart in w and back_h and back_w pixels back on dy. inner outputs belong to a group. Block x makes a tile of a group
// of a phase; parts of k, with one phase alone, as of conv_forward; the rows of such a part are packed.
#define CONV_DX(E) \
  float *__restrict y, const E *__restrict dy, const E *__restrict w, const int *__restrict phases,            \
      long64 step_z, int images, int groups, int n, int H, int W, int C, int OH, int OW, int outputs, int inner,       \
      int tap_h, int tap_w, int back_h, int back_w, int stride_h, int stride_w, int tiles_m, int tiles_n, int chunk,   \
      int packed, int flags
#define CONV_DX_OF                                                                                                     \
  y, dy, w, phases, step_z, images, groups, n, H, W, C, OH, OW, outputs, inner, tap_h, tap_w, back_h, back_w,          \
      stride_h, stride_w, tiles_m, tiles_n, chunk, packed, flags

template <class ENGINE, int BM, int BN> static __device__ __forceinline__ void conv_dx(CONV_DX(typename ENGINE::Element)) {
  constexpr int THREADS = THREADS_OF(BM, BN);
  Corner c(BX, tiles_m, tiles_n, BM, BN);
  int phase = c.batch / groups, group = c.batch - phase * groups;
  const int *p = phases + 9 * phase;
  int row = p[0], col = p[1], high = p[2], wide = p[3], taps_h = p[4], taps_w = p[5], m = images * high * wide;
  if (c.row >= m) return;
  int from = BZ * chunk, end = imin(taps_h * taps_w * inner, from + chunk);
  Geometry g = {OH, OW, outputs, taps_h, imax(taps_w, 1), inner, high, wide, 1, 1, p[6], p[7], -back_h, -back_w};
  if (taps_w == 0) g.taps_h = 0;
  typename WindowsFor<ENGINE, false, BM, THREADS>::Type a(dy + group * inner, g, {0, 0, false}, c.row, m, from, flags & VECTOR_A);
  typename WeightsFor<ENGINE, BN, THREADS>::Type b(w + p[8] + group * inner, outputs, tap_h, tap_w, g.taps_h, g.taps_w, inner, c.col, n, from,
                            flags & VECTOR_B);
  Pixels to = {high, wide, (long64)H * W * C, stride_h * W * C, stride_w * C};
  float *at = y + ((long64)row * W + col) * C + group * n;
  if (packed) {
    to = {high, wide, (long64)H * W * n, W * n, n};
    at = y + BZ * step_z + group * (long64)m * n;
  }
  Finish<Pixels, false> finish = {at, 0, to, c.row, c.col, m, n, flags};
  product<ENGINE, BM, BN>(a, b, from, end, finish);
}

// CONVS makes the kernels of a tile's size, CONVS_NORM those whose images go through a norm.
#define CONV(ENGINE, BM, BN, BLOCKS, WHAT, PARAMETERS, ...)                                                            \
  KERNEL BOUNDS(THREADS_OF(BM, BN), BLOCKS) WHAT(PARAMETERS(ENGINE::Element)) { __VA_ARGS__; }
#define CONVS(ENGINE, BM, BN, BLOCKS, NAME, SIZE)                                                                      \
  CONV(ENGINE, BM, BN, BLOCKS, NAME##_forward##SIZE, CONV_FORWARD,                                                     \
       conv_forward<ENGINE, false, BM, BN>(CONV_FORWARD_OF))                                                           \
  CONV(ENGINE, BM, BN, BLOCKS, NAME##_dw##SIZE, CONV_DW, conv_dw<ENGINE, false, BM, BN>(CONV_DW_OF))                   \
  CONV(ENGINE, BM, BN, BLOCKS, NAME##_dx##SIZE, CONV_DX, conv_dx<ENGINE, BM, BN>(CONV_DX_OF))
#define CONVS_NORM(ENGINE, BM, BN, BLOCKS, NAME, SIZE)                                                                 \
  CONV(ENGINE, BM, BN, BLOCKS, NAME##_forward_norm##SIZE, CONV_FORWARD,                                                \
       conv_forward<ENGINE, true, BM, BN>(CONV_FORWARD_OF))                                                            \
  CONV(ENGINE, BM, BN, BLOCKS, NAME##_dw_norm##SIZE, CONV_DW, conv_dw<ENGINE, true, BM, BN>(CONV_DW_OF))
