// What convolutions multiply, as loaders of slices (see tile.h): the matrix of all windows of images, a row a pixel of
// the result and a column a tap and channel; that matrix along its other axis; and weights as the gradient with
// respect to images reads them. None is ever stored. Images are [B,H,W,C], channels last; a group has some
// neighbouring channels.
#pragma once
#include "tile.h"

// Walk steps through taps (h,w) and channels c of a group, k = (h*wide + w)*inner + c, K at a time.
struct Walk {
  int h, w, c, wide, inner, step_h, step_w, step_c;
  __device__ __forceinline__ Walk(int k, int K, int wide, int inner) : wide(wide), inner(inner) {
    int t = k / inner;
    c = k - t * inner;
    h = t / wide;
    w = t - h * wide;
    t = K / inner;
    step_c = K - t * inner;
    step_h = t / wide;
    step_w = t - step_h * wide;
  }
  __device__ __forceinline__ void on(int by_h, int by_w, int by_c) {
    c += by_c;
    w += by_w;
    h += by_h;
    if (c >= inner) {
      c -= inner;
      w++;
    }
    if (w >= wide) {
      w -= wide;
      h++;
    }
  }
  __device__ __forceinline__ void next() { on(step_h, step_w, step_c); }
  __device__ __forceinline__ void one() { on(0, 0, 1); }
};

// Geometry is how windows lie on images. Tap (h,w) of the window of pixel (y,x) is the image's pixel
// (y*stride_h + start_h + h*step_h, x*stride_w + start_w + w*step_w); outside, images are zero.
struct Geometry {
  int H, W, C;          // images, with all their channels
  int taps_h, taps_w, inner; // taps, and channels of a group
  int high, wide;       // pixels (y,x) of the result
  int stride_h, stride_w, start_h, start_w, step_h, step_w;
};

// Norm is a batch norm of images while they are read: x*scale[c] + shift[c] with channels of a group, then max(x, 0) if
// relu. Padding stays zero.
struct Norm {
  const float *scale, *shift;
  bool relu;
  static __device__ __forceinline__ float of(float x, float scale, float shift, bool relu) {
    x = fma_(x, scale, shift);
    return relu && x < 0 ? 0.0f : x;
  }
};

static __device__ __forceinline__ float4 four(const float *p, bool vector) {
  if (vector) return *(const float4 *)p;
  return {p[0], p[1], p[2], p[3]};
}

// normed applies a norm to the elements of x whose bit is set in mask.
static __device__ __forceinline__ float4 normed(float4 x, float4 scale, float4 shift, bool relu, int mask) {
  x.x = mask & 1 ? Norm::of(x.x, scale.x, shift.x, relu) : 0.0f;
  x.y = mask & 2 ? Norm::of(x.y, scale.y, shift.y, relu) : 0.0f;
  x.z = mask & 4 ? Norm::of(x.z, scale.z, shift.z, relu) : 0.0f;
  x.w = mask & 8 ? Norm::of(x.w, scale.w, shift.w, relu) : 0.0f;
  return x;
}

// Windows loads slices of the matrix of windows along k, from row and k on. x points to the group's first channel.
template <bool NORM, int T, int K, int THREADS> struct Windows : Slots<true, T, K, THREADS> {
  typedef Slots<true, T, K, THREADS> Base;
  static_assert(THREADS % (K / 4) == 0, "a thread's vectors lie at the same k");
  const float *p[Base::COUNT]; // the pixel of the window's tap (0,0)
  int y[Base::COUNT], x[Base::COUNT], mask[Base::COUNT];
  Geometry g;
  Walk walk;
  Norm norm;
  float4 scale, shift;
  bool vector;

  __device__ __forceinline__ Windows(const float *images, const Geometry &g, const Norm &norm, int row, int rows, int k,
                                     bool vector)
      : g(g), walk(k + Base::k_of(0), K, g.taps_w, g.inner), norm(norm), vector(vector) {
#pragma unroll
    for (int v = 0; v < Base::COUNT; v++) {
      int r = row + Base::i_of(v), h = r / g.wide, b = h / g.high;
      y[v] = (h - b * g.high) * g.stride_h + g.start_h;
      x[v] = (r - h * g.wide) * g.stride_w + g.start_w;
      p[v] = images + ((long64)b * g.H * g.W + (long64)y[v] * g.W + x[v]) * g.C;
      if (r >= rows) y[v] = -0x40000000; // outside every image
    }
  }

  // inside reports whether a tap of vector v lies on the image.
  __device__ __forceinline__ bool inside(int v, const Walk &t) const {
    return t.h < g.taps_h && (uint)(y[v] + t.h * g.step_h) < (uint)g.H && (uint)(x[v] + t.w * g.step_w) < (uint)g.W;
  }
  __device__ __forceinline__ long64 offset(const Walk &t) const {
    return (long64)(t.h * g.step_h * g.W + t.w * g.step_w) * g.C + t.c;
  }

  __device__ __forceinline__ void next() {
    if (vector) {
      long64 at = offset(walk);
#pragma unroll
      for (int v = 0; v < Base::COUNT; v++) {
        bool in = inside(v, walk);
        this->r[v] = {0, 0, 0, 0};
        if (in) this->r[v] = *(const float4 *)(p[v] + at);
        mask[v] = in ? 15 : 0;
      }
      if (NORM && walk.h < g.taps_h) {
        scale = four(norm.scale + walk.c, true);
        shift = four(norm.shift + walk.c, true);
      }
    } else {
      Walk t = walk;
#pragma unroll
      for (int v = 0; v < Base::COUNT; v++) {
        this->r[v] = {0, 0, 0, 0};
        mask[v] = 0;
      }
      scale = shift = {0, 0, 0, 0};
#pragma unroll
      for (int e = 0; e < 4; e++) {
        long64 at = offset(t);
#pragma unroll
        for (int v = 0; v < Base::COUNT; v++) {
          if (inside(v, t)) {
            (&this->r[v].x)[e] = p[v][at];
            mask[v] |= 1 << e;
          }
        }
        if (NORM && t.h < g.taps_h) {
          (&scale.x)[e] = norm.scale[t.c];
          (&shift.x)[e] = norm.shift[t.c];
        }
        t.one();
      }
    }
    walk.next();
  }

  __device__ __forceinline__ float4 value(int v) const {
    return NORM ? normed(this->r[v], scale, shift, norm.relu, mask[v]) : this->r[v];
  }
};

// Taps loads slices of the matrix of windows along i, which here stands for tap and channel; k is the pixel. It starts
// at i = col and k, and ends before end.
template <bool NORM, int T, int K, int THREADS> struct Taps : Slots<false, T, K, THREADS> {
  typedef Slots<false, T, K, THREADS> Base;
  static_assert(THREADS % (T / 4) == 0, "a thread's vectors lie at the same i");
  const float *images;
  Geometry g;
  int h[4], w[4], at[4]; // by element of a vector: its tap's place in the window, and its offset there
  int b[Base::COUNT], y[Base::COUNT], x[Base::COUNT], mask[Base::COUNT];
  int k, end, step_b, step_y, step_x;
  bool relu, vector;
  float4 scale, shift;

  __device__ __forceinline__ Taps(const float *images, const Geometry &g, const Norm &norm, int col, int k, int end,
                                  bool vector)
      : images(images), g(g), k(k), end(end), relu(norm.relu), vector(vector) {
    Walk t(col + Base::i_of(0), 1, g.taps_w, g.inner);
    scale = shift = {0, 0, 0, 0};
#pragma unroll
    for (int e = 0; e < 4; e++) {
      h[e] = t.h * g.step_h + g.start_h;
      w[e] = t.w * g.step_w + g.start_w;
      at[e] = (h[e] * g.W + w[e]) * g.C + t.c;
      if (t.h >= g.taps_h) h[e] = -0x40000000;
      else if (NORM) {
        (&scale.x)[e] = norm.scale[t.c];
        (&shift.x)[e] = norm.shift[t.c];
      }
      t.one();
    }
#pragma unroll
    for (int v = 0; v < Base::COUNT; v++) {
      int r = k + Base::k_of(v), row = r / g.wide;
      b[v] = row / g.high;
      y[v] = row - b[v] * g.high;
      x[v] = r - row * g.wide;
    }
    int t_ = K / g.wide;
    step_x = K - t_ * g.wide;
    step_b = t_ / g.high;
    step_y = t_ - step_b * g.high;
  }

  __device__ __forceinline__ void next() {
#pragma unroll
    for (int v = 0; v < Base::COUNT; v++) {
      int top = y[v] * g.stride_h, left = x[v] * g.stride_w;
      const float *p = images + ((long64)b[v] * g.H * g.W + (long64)top * g.W + left) * g.C;
      bool on = k + Base::k_of(v) < end;
      this->r[v] = {0, 0, 0, 0};
      mask[v] = 0;
      if (vector) {
        if (on && (uint)(top + h[0]) < (uint)g.H && (uint)(left + w[0]) < (uint)g.W) {
          this->r[v] = *(const float4 *)(p + at[0]);
          mask[v] = 15;
        }
      } else {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          if (on && (uint)(top + h[e]) < (uint)g.H && (uint)(left + w[e]) < (uint)g.W) {
            (&this->r[v].x)[e] = p[at[e]];
            mask[v] |= 1 << e;
          }
        }
      }
      b[v] += step_b;
      y[v] += step_y;
      x[v] += step_x;
      if (x[v] >= g.wide) {
        x[v] -= g.wide;
        y[v]++;
      }
      if (y[v] >= g.high) {
        y[v] -= g.high;
        b[v]++;
      }
    }
    k += K;
  }

  __device__ __forceinline__ float4 value(int v) const {
    return NORM ? normed(this->r[v], scale, shift, relu, mask[v]) : this->r[v];
  }
};

// Weights loads slices of weights w [KH,KW,I,O] along k = (h,w,o), of a group's outputs o, where i is the input
// channel. Tap (h,w) is the weights' tap (first_h + h*by_h, first_w + w*by_w). w points to the group's first output.
template <int T, int K, int THREADS> struct Weights : Slots<true, T, K, THREADS> {
  typedef Slots<true, T, K, THREADS> Base;
  static_assert(THREADS % (K / 4) == 0, "a thread's vectors lie at the same k");
  const float *p;
  int ld, tap_h, tap_w; // elements from an input channel, and from taps h and w, to the next
  int taps_h, rows;     // input channels from the tile's corner on
  Walk walk;
  bool vector;

  __device__ __forceinline__ Weights(const float *w, int ld, int tap_h, int tap_w, int taps_h, int taps_w, int inner,
                                     int row, int rows, int k, bool vector)
      : p(w + (long64)row * ld), ld(ld), tap_h(tap_h), tap_w(tap_w), taps_h(taps_h), rows(rows - row),
        walk(k + Base::k_of(0), K, taps_w, inner), vector(vector) {}

  __device__ __forceinline__ void next() {
    Walk t = walk;
    if (vector) {
      const float *from = p + (long64)t.h * tap_h + t.w * tap_w + t.c;
#pragma unroll
      for (int v = 0; v < Base::COUNT; v++) {
        this->r[v] = {0, 0, 0, 0};
        if (t.h < taps_h && Base::i_of(v) < rows) this->r[v] = *(const float4 *)(from + (long64)Base::i_of(v) * ld);
      }
    } else {
#pragma unroll
      for (int v = 0; v < Base::COUNT; v++) this->r[v] = {0, 0, 0, 0};
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const float *from = p + (long64)t.h * tap_h + t.w * tap_w + t.c;
#pragma unroll
        for (int v = 0; v < Base::COUNT; v++)
          if (t.h < taps_h && Base::i_of(v) < rows) (&this->r[v].x)[e] = from[(long64)Base::i_of(v) * ld];
        t.one();
      }
    }
    walk.next();
  }
};

// WindowsFor, TapsFor and WeightsFor are an engine's loaders.
template <class ENGINE, bool NORM, int T, int THREADS> struct WindowsFor {
  typedef Windows<NORM, T, ENGINE::K, THREADS> Type;
};
template <class ENGINE, bool NORM, int T, int THREADS> struct TapsFor {
  typedef Taps<NORM, T, ENGINE::K, THREADS> Type;
};
template <class ENGINE, int T, int THREADS> struct WeightsFor {
  typedef Weights<T, ENGINE::K, THREADS> Type;
};
