// Convolutions whose groups have one channel, in three directions. The common ones, stride and dilation 1 and an output
// for every channel, hold what neighbouring pixels share in registers; all others take a thread an element.
#include "finish.h"

enum { RUN = 4 }; // neighbouring pixels of a thread

static __device__ __forceinline__ float4 fma4(float4 a, float4 b, float4 c) {
  return {fma_(a.x, b.x, c.x), fma_(a.y, b.y, c.y), fma_(a.z, b.z, c.z), fma_(a.w, b.w, c.w)};
}
static __device__ __forceinline__ float4 load4(const float *p, int flags) {
  float4 v = *(const float4 *)p;
  return flags & ROUND_INPUTS ? float4{bf16_of(v.x), bf16_of(v.y), bf16_of(v.z), bf16_of(v.w)} : v;
}
static __device__ __forceinline__ float load1(const float *p, int flags) {
  return flags & ROUND_INPUTS ? bf16_of(*p) : *p;
}

// y [B,OH,OW,C] from x [B,H,W,C] and w [KH,KW,C], of which taps run backwards if flip: four pixels and four channels a
// thread, size threads. It is the convolution, and its gradient with respect to images with padding KH-1-pad.
template <int KW>
static __device__ __forceinline__ void rows(float *__restrict y, const float *__restrict x, const float *__restrict w,
                                            int H, int W, int C, int OH, int OW, int KH, int pad_h, int pad_w, int flip,
                                            int flags, long64 size) {
  long64 q = (long64)BX * 256 + TX;
  if (q >= size) return;
  int across = C / 4, runs = (OW + RUN - 1) / RUN;
  long64 row = q / across;
  int c = (int)(q - row * across) * 4;
  int image = (int)(row / runs), ow = (int)(row - (long64)image * runs) * RUN;
  int b = image / OH, oh = image - b * OH;
  float4 sum[RUN];
#pragma unroll
  for (int r = 0; r < RUN; r++) sum[r] = {0, 0, 0, 0};
#pragma unroll 1
  for (int kh = 0; kh < KH; kh++) {
    int h = oh + kh - pad_h;
    if (h < 0 || h >= H) continue;
    const float *from = x + ((long64)b * H + h) * W * C + c;
    float4 in[RUN + KW - 1];
#pragma unroll
    for (int i = 0; i < RUN + KW - 1; i++) {
      int at = ow + i - pad_w;
      in[i] = {0, 0, 0, 0};
      if (at >= 0 && at < W) in[i] = load4(from + (long64)at * C, flags);
    }
    const float *tap = w + (long64)(flip ? KH - 1 - kh : kh) * KW * C + c;
#pragma unroll
    for (int kw = 0; kw < KW; kw++) {
      float4 t = load4(tap + (flip ? KW - 1 - kw : kw) * C, flags);
#pragma unroll
      for (int r = 0; r < RUN; r++) sum[r] = fma4(in[r + kw], t, sum[r]);
    }
  }
  float *to = y + (((long64)b * OH + oh) * OW + ow) * C + c;
#pragma unroll
  for (int r = 0; r < RUN; r++) {
    if (ow + r >= OW) continue;
    float4 v = sum[r];
    if (flags & ROUNDED) v = {bf16_of(v.x), bf16_of(v.y), bf16_of(v.z), bf16_of(v.w)};
    *(float4 *)(to + r * C) = v;
  }
}

// Gradient with respect to w [KH,KW,C] of x [B,H,W,C] and dy [B,OH,OW,C], in parts: a block adds up the taps of row kh
// = block y, for 128 channels, over every parts-th row of pixels from block z on; warps take rows in turn. The result
// is [parts,KH,KW,C].
template <int KW>
static __device__ __forceinline__ void taps(float *__restrict y, const float *__restrict x, const float *__restrict dy,
                                            int H, int W, int C, int OH, int OW, int KH, int pad_h, int pad_w,
                                            int lines, int flags) {
  __shared__ __attribute__((aligned(16))) float room[8 * KW * 128];
  int c = BX * 128 + LANE * 4, kh = BY;
  float4 sum[KW];
#pragma unroll
  for (int k = 0; k < KW; k++) sum[k] = {0, 0, 0, 0};
  if (c < C) {
#pragma unroll 1
    for (int line = BZ * 8 + WARP; line < lines; line += GZ * 8) {
      int b = line / OH, h = line - b * OH + kh - pad_h;
      if (h < 0 || h >= H) continue;
      const float *from = x + ((long64)b * H + h) * W * C + c, *of = dy + (long64)line * OW * C + c;
#pragma unroll 1
      for (int ow = 0; ow < OW; ow += RUN) {
        float4 in[RUN + KW - 1];
#pragma unroll
        for (int i = 0; i < RUN + KW - 1; i++) {
          int at = ow + i - pad_w;
          in[i] = {0, 0, 0, 0};
          if (at >= 0 && at < W) in[i] = load4(from + (long64)at * C, flags);
        }
#pragma unroll
        for (int r = 0; r < RUN; r++) {
          if (ow + r >= OW) continue;
          float4 d = load4(of + (long64)(ow + r) * C, flags);
#pragma unroll
          for (int k = 0; k < KW; k++) sum[k] = fma4(in[r + k], d, sum[k]);
        }
      }
    }
  }
#pragma unroll
  for (int k = 0; k < KW; k++) *(float4 *)(room + (WARP * KW + k) * 128 + LANE * 4) = sum[k];
  barrier();
  for (int q = TX; q < KW * 128; q += 256) {
    float s = 0;
    for (int i = 0; i < 8; i++) s += room[i * KW * 128 + q];
    int k = q / 128, channel = BX * 128 + q % 128;
    if (channel < C) y[(((long64)BZ * KH + kh) * KW + k) * C + channel] = s;
  }
}

#define ROWS(KW)                                                                                                       \
  KERNEL BOUNDS(256, 2)                                                                                                \
      depthwise_rows_##KW(float *__restrict y, const float *__restrict x, const float *__restrict w, int H, int W,     \
                          int C, int OH, int OW, int KH, int pad_h, int pad_w, int flip, int flags, long64 size) {     \
    rows<KW>(y, x, w, H, W, C, OH, OW, KH, pad_h, pad_w, flip, flags, size);                                           \
  }                                                                                                                    \
  KERNEL BOUNDS(256, 2)                                                                                                \
      depthwise_taps_##KW(float *__restrict y, const float *__restrict x, const float *__restrict dy, int H, int W,    \
                          int C, int OH, int OW, int KH, int pad_h, int pad_w, int lines, int flags) {                 \
    taps<KW>(y, x, dy, H, W, C, OH, OW, KH, pad_h, pad_w, lines, flags);                                               \
  }
ROWS(3)
ROWS(5)
ROWS(7)

// depthwise: y [B,OH,OW,C*each] from x [B,H,W,C] and w [KH,KW,C*each]: one thread an element.
KERNEL BOUNDS(256, 2)
    depthwise(float *__restrict y, const float *__restrict x, const float *__restrict w, int H, int W, int C, int each,
              int OH, int OW, int KH, int KW, int stride_h, int stride_w, int pad_h, int pad_w, int dilation_h,
              int dilation_w, int flags, long64 size) {
  long64 q = (long64)BX * 256 + TX;
  if (q >= size) return;
  int outputs = C * each;
  long64 pixel = q / outputs;
  int o = (int)(q - pixel * outputs), c = o / each;
  int row = (int)(pixel / OW), ow = (int)(pixel - (long64)row * OW), b = row / OH, oh = row - b * OH;
  float sum = 0;
  for (int kh = 0; kh < KH; kh++) {
    int h = oh * stride_h + kh * dilation_h - pad_h;
    if (h < 0 || h >= H) continue;
    for (int kw = 0; kw < KW; kw++) {
      int at = ow * stride_w + kw * dilation_w - pad_w;
      if (at < 0 || at >= W) continue;
      sum = fma_(load1(x + (((long64)b * H + h) * W + at) * C + c, flags),
                 load1(w + (long64)(kh * KW + kw) * outputs + o, flags), sum);
    }
  }
  y[q] = flags & ROUNDED ? bf16_of(sum) : sum;
}

// depthwise_dx: the gradient y [B,H,W,C] with respect to images, from dy [B,OH,OW,C*each] and w: one thread an element.
KERNEL BOUNDS(256, 2)
    depthwise_dx(float *__restrict y, const float *__restrict dy, const float *__restrict w, int H, int W, int C,
                 int each, int OH, int OW, int KH, int KW, int stride_h, int stride_w, int pad_h, int pad_w,
                 int dilation_h, int dilation_w, int flags, long64 size) {
  long64 q = (long64)BX * 256 + TX;
  if (q >= size) return;
  int outputs = C * each;
  long64 pixel = q / C;
  int c = (int)(q - pixel * C);
  int row = (int)(pixel / W), at = (int)(pixel - (long64)row * W), b = row / H, h = row - b * H;
  float sum = 0;
  for (int kh = 0; kh < KH; kh++) {
    int up = h + pad_h - kh * dilation_h, oh = up / stride_h;
    if (up < 0 || oh * stride_h != up || oh >= OH) continue;
    for (int kw = 0; kw < KW; kw++) {
      int left = at + pad_w - kw * dilation_w, ow = left / stride_w;
      if (left < 0 || ow * stride_w != left || ow >= OW) continue;
      const float *of = dy + (((long64)b * OH + oh) * OW + ow) * outputs + c * each;
      const float *tap = w + (long64)(kh * KW + kw) * outputs + c * each;
      for (int e = 0; e < each; e++) sum = fma_(load1(of + e, flags), load1(tap + e, flags), sum);
    }
  }
  y[q] = sum;
}

// depthwise_dw: the gradient with respect to w [KH,KW,C*each], in parts: a block adds up tap (block y) of 32 outputs
// over every 8*parts-th pixel of dy [pixels,C*each], warps in turn. The result is [parts,KH,KW,C*each].
KERNEL BOUNDS(256, 2)
    depthwise_dw(float *__restrict y, const float *__restrict x, const float *__restrict dy, int H, int W, int C,
                 int each, int OH, int OW, int KH, int KW, int stride_h, int stride_w, int pad_h, int pad_w,
                 int dilation_h, int dilation_w, int flags, int pixels) {
  __shared__ float room[256];
  int outputs = C * each, o = BX * 32 + LANE, kh = BY / KW, kw = BY - kh * KW;
  float sum = 0;
  if (o < outputs) {
    for (int p = BZ * 8 + WARP; p < pixels; p += GZ * 8) {
      int row = p / OW, b = row / OH;
      int h = (row - b * OH) * stride_h + kh * dilation_h - pad_h;
      int at = (p - row * OW) * stride_w + kw * dilation_w - pad_w;
      if (h < 0 || h >= H || at < 0 || at >= W) continue;
      sum = fma_(load1(x + (((long64)b * H + h) * W + at) * C + o / each, flags),
                 load1(dy + (long64)p * outputs + o, flags), sum);
    }
  }
  room[TX] = sum;
  barrier();
  if (WARP == 0 && o < outputs) {
    float s = 0;
    for (int i = 0; i < 8; i++) s += room[i * 32 + LANE];
    y[((long64)BZ * KH * KW + BY) * outputs + o] = s;
  }
}
