// Pooling over windows of images [B,h,w,c], channels last, and its gradient.
#include "rows.h"

// Pool is the windows: of kernel kh x kw each, or, if adaptive, kh x kw bins of the image.
struct Pool {
  int h, w, c, oh, ow, kh, kw, sh, sw, ph, pw, adaptive, count_pad;
};

// Range is the part from..to of an axis.
struct Range {
  int from, to, count;
};

// window is what output i sees of an axis of size n, and how many pixels count.
static __device__ __forceinline__ Range window(const Pool &p, int i, int n, int kernel, int stride, int pad) {
  Range r;
  if (p.adaptive) {
    r.from = (int)((long64)i * n / kernel);
    r.to = (int)(((long64)(i + 1) * n + kernel - 1) / kernel);
    r.count = r.to - r.from;
    return r;
  }
  r.from = i * stride - pad;
  r.to = r.from + kernel;
  r.count = imin(r.to, n + pad) - r.from;
  r.from = imax(r.from, 0);
  r.to = imin(r.to, n);
  if (!p.count_pad) r.count = r.to - r.from;
  return r;
}

// windows are the outputs, of out, that see pixel i of an axis of size n.
static __device__ __forceinline__ Range windows(const Pool &p, int i, int n, int out, int kernel, int stride, int pad) {
  Range r;
  r.count = 0;
  if (p.adaptive) {
    r.from = (int)((long64)i * kernel / n);
    r.to = imin(out, (int)(((long64)(i + 1) * kernel - 1) / n) + 1);
    return r;
  }
  int first = i + pad - kernel + 1; // where the first window that reaches i may begin, counted from -pad
  r.from = first > 0 ? (first + stride - 1) / stride : 0;
  r.to = imin(out, (i + pad) / stride + 1);
  return r;
}

// pool is the mean or, with most, the largest value of every window, y [B,oh,ow,c]; where picked is there, it gets
// which pixel of the image, counted in rows, is the first largest. V channels a thread.
template <int V>
static __device__ __forceinline__ void pool(float *y, int *picked, const float *x, Pool p, int most, int size) {
  int t = BX * 256 + TX;
  if (t >= size) return;
  int across = p.c / V, col = t % across * V, at = t / across, j = at % p.ow, i = at / p.ow % p.oh;
  x += (long64)(at / p.ow / p.oh) * p.h * p.w * p.c + col;
  Range r = window(p, i, p.h, p.kh, p.sh, p.ph), c = window(p, j, p.w, p.kw, p.sw, p.pw);
  float s[V] = {};
  int best[V];
  for (int v = 0; v < V; v++) best[v] = -1;
  for (int a = r.from; a < r.to; a++)
    for (int b = c.from; b < c.to; b++) {
      float q[V];
      values<V>(q, x + (long64)(a * p.w + b) * p.c);
      for (int v = 0; v < V; v++) {
        if (!most) {
          s[v] += q[v];
        } else if (best[v] < 0 || q[v] > s[v]) {
          s[v] = q[v], best[v] = a * p.w + b;
        }
      }
    }
  long64 to = (long64)at * p.c + col;
  if (picked) {
    for (int v = 0; v < V; v++) s[v] = of_bits((uint)best[v]);
    store<V>((float *)picked + to, s);
    return;
  }
  float share = most ? 1.0f : 1.0f / (float)(r.count * c.count);
  for (int v = 0; v < V; v++) s[v] *= share;
  store<V>(y + to, s);
}
#define WINDOWS                                                                                                        \
  int h, int w, int c, int oh, int ow, int kh, int kw, int sh, int sw, int ph, int pw, int adaptive, int count_pad
#define POOL                                                                                                           \
  { h, w, c, oh, ow, kh, kw, sh, sw, ph, pw, adaptive, count_pad }
KERNEL BOUNDS(256, 4) pool_1(float *y, int *picked, const float *x, WINDOWS, int most, int size) {
  pool<1>(y, picked, x, POOL, most, size);
}
KERNEL BOUNDS(256, 4) pool_4(float *y, int *picked, const float *x, WINDOWS, int most, int size) {
  pool<4>(y, picked, x, POOL, most, size);
}

// pool_dx is the gradient by the images, dx [B,h,w,c], from dy [B,oh,ow,c]: every pixel takes its share from the
// windows that see it or, where picked is there, all of those that picked it. V channels a thread.
template <int V>
static __device__ __forceinline__ void pool_dx(float *dx, const float *dy, const int *picked, Pool p, int size) {
  int t = BX * 256 + TX;
  if (t >= size) return;
  int across = p.c / V, col = t % across * V, at = t / across, b = at % p.w, a = at / p.w % p.h;
  long64 image = (long64)(at / p.w / p.h) * p.oh * p.ow * p.c + col;
  Range r = windows(p, a, p.h, p.oh, p.kh, p.sh, p.ph), c = windows(p, b, p.w, p.ow, p.kw, p.sw, p.pw);
  float s[V] = {};
  for (int i = r.from; i < r.to; i++)
    for (int j = c.from; j < c.to; j++) {
      long64 from = image + (long64)(i * p.ow + j) * p.c;
      float d[V];
      values<V>(d, dy + from);
      if (picked) {
        float at[V]; // whole numbers, in the words of floats
        values<V>(at, (const float *)picked + from);
        for (int v = 0; v < V; v++)
          if ((int)bits_of(at[v]) == a * p.w + b) s[v] += d[v];
        continue;
      }
      int high = window(p, i, p.h, p.kh, p.sh, p.ph).count, wide = window(p, j, p.w, p.kw, p.sw, p.pw).count;
      float share = 1.0f / (float)(high * wide);
      for (int v = 0; v < V; v++) s[v] = fma_(d[v], share, s[v]);
    }
  store<V>(dx + (long64)at * p.c + col, s);
}
KERNEL BOUNDS(256, 4) pool_dx_1(float *dx, const float *dy, const int *picked, WINDOWS, int size) {
  pool_dx<1>(dx, dy, picked, POOL, size);
}
KERNEL BOUNDS(256, 4) pool_dx_4(float *dx, const float *dy, const int *picked, WINDOWS, int size) {
  pool_dx<4>(dx, dy, picked, POOL, size);
}
