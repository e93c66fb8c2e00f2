// Softmax and what is made of it, for every row of x [rows,k].
#include "rows.h"

// Top is the largest value of a row, 0 if that is -infinity, the sum of e^(x - top), and its logarithm.
struct Top {
  float top, sum, rest;
};

// base is what to subtract from values up to m.
static __device__ __forceinline__ float base(float m) { return m == -INFINITY_ ? 0.0f : m; }

// log_sum_exp reads the row once: a thread's sum is brought down whenever it meets a larger value.
template <bool WIDE, int V>
static __device__ __forceinline__ Top log_sum_exp(Team<WIDE, V> &t, const float *x, int k) {
  float top = -INFINITY_, s = 0;
  auto take = [&](const float *q, int n) {
    float m = q[0];
    for (int i = 1; i < n; i++) m = max_(m, q[i]);
    if (m > top) {
      if (top != -INFINITY_) s *= exp_(top - m);
      top = m;
    }
    float b = base(top);
    for (int i = 0; i < n; i++) s += exp_(q[i] - b);
  };
  const int many = V == 4 ? 2 : 4;
  int i = t.at;
  for (; i + (many - 1) * t.step < k; i += many * t.step) {
    float q[many * V];
#pragma unroll
    for (int u = 0; u < many; u++) values<V>(*(float(*)[V])(q + u * V), x + i + u * t.step);
    take(q, many * V);
  }
  for (; i < k; i += t.step) {
    float q[V];
    values<V>(q, x + i);
    take(q, V);
  }
  float all = base(t.most(top));
  if (top != -INFINITY_) s *= exp_(top - all);
  s = t.sum(s);
  return {all, s, log_(s)};
}

// softmax is e^x over its sum, or with log the logarithm of that. y may be x.
template <bool WIDE, int V>
static __device__ __forceinline__ void softmax(float *y, const float *x, int log, int rows, int k, int lanes) {
  Team<WIDE, V> t(rows, lanes);
  x += (long64)t.row * k, y += (long64)t.row * k;
  Top l = log_sum_exp(t, x, k);
  if (!t.live) return;
  // A row without finite values is NaN, as its largest value less itself is.
  float zero = l.sum == 0 ? NAN_ : 0.0f, scale = 1.0f / l.sum;
  for (int i = t.at; i < k; i += t.step) {
    float q[V];
    values<V>(q, x + i);
    for (int v = 0; v < V; v++) {
      q[v] = q[v] - l.top + zero;
      q[v] = log ? q[v] - l.rest : exp_(q[v]) * scale;
    }
    store<V>(y + i, q);
  }
}
ROWS(softmax, (float *y, const float *x, int log, int rows, int k, int lanes), (y, x, log, rows, k, lanes))

// softmax_grad is y*(dy - sum(dy*y)), or of the logarithm dy - e^y*sum(dy). dx may be dy or y.
template <bool WIDE, int V>
static __device__ __forceinline__ void softmax_grad(float *dx, const float *dy, const float *y, int log, int rows,
                                                    int k, int lanes) {
  Team<WIDE, V> t(rows, lanes);
  long64 at = (long64)t.row * k;
  y += at, dx += at, dy += at;
  float s = 0;
  for (int i = t.at; i < k; i += t.step) {
    float d[V], q[V];
    values<V>(d, dy + i);
    values<V>(q, y + i);
    for (int v = 0; v < V; v++) s = log ? s + d[v] : fma_(d[v], q[v], s);
  }
  s = t.sum(s);
  if (!t.live) return;
  for (int i = t.at; i < k; i += t.step) {
    float d[V], q[V];
    values<V>(d, dy + i);
    values<V>(q, y + i);
    for (int v = 0; v < V; v++) d[v] = log ? d[v] - exp_(q[v]) * s : q[v] * (d[v] - s);
    store<V>(dx + i, d);
  }
}
ROWS(softmax_grad, (float *dx, const float *dy, const float *y, int log, int rows, int k, int lanes),
     (dx, dy, y, log, rows, k, lanes))

// logsumexp is log(sum e^x) of every row, y [rows].
template <bool WIDE, int V>
static __device__ __forceinline__ void logsumexp(float *y, const float *x, int rows, int k, int lanes) {
  Team<WIDE, V> t(rows, lanes);
  Top l = log_sum_exp(t, x + (long64)t.row * k, k);
  if (t.live && t.at == 0) y[t.row] = l.top + l.rest;
}
ROWS(logsumexp, (float *y, const float *x, int rows, int k, int lanes), (y, x, rows, k, lanes))

// cross_entropy is -sum(target * log softmax(x)), y [rows]. The targets are soft [rows,k], or, where soft is null,
// labels [rows], of whose target `smoothing` is spread evenly. A negative label gives 0; one of k or more is reported.
template <bool WIDE, int V>
static __device__ __forceinline__ void cross_entropy(float *y, const float *x, const float *soft, const int *labels,
                                                     float smoothing, ulong64 *error, int operation, int rows, int k,
                                                     int lanes) {
  Team<WIDE, V> t(rows, lanes);
  x += (long64)t.row * k;
  Top l = log_sum_exp(t, x, k);
  float s = 0;
  if (soft || smoothing != 0) {
    if (soft) soft += (long64)t.row * k;
    for (int i = t.at; i < k; i += t.step) {
      float q[V], p[V];
      values<V>(q, x + i);
      if (soft) values<V>(p, soft + i);
      for (int v = 0; v < V; v++) {
        float e = q[v] - l.top - l.rest;
        if (!soft) s -= e;
        if (soft && p[v] != 0) s = fma_(-p[v], e, s); // what has no target does not count, be it infinite
      }
    }
    s = t.sum(s);
  }
  if (!t.live || t.at > 0) return;
  if (!soft) {
    int label = labels[t.row];
    if (label >= k) {
      report(error, operation, label);
      return;
    }
    float own = label < 0 ? 0 : (smoothing - 1) * (x[label] - l.top - l.rest);
    if (smoothing != 0) own = fma_(smoothing / (float)k, s, own);
    s = label < 0 ? 0 : own;
  }
  y[t.row] = s;
}
ROWS(cross_entropy,
     (float *y, const float *x, const float *soft, const int *labels, float smoothing, ulong64 *error, int operation,
      int rows, int k, int lanes),
     (y, x, soft, labels, smoothing, error, operation, rows, k, lanes))

// cross_entropy_grad is dy*(softmax(x)*sum(target) - target). dx may be x.
template <bool WIDE, int V>
static __device__ __forceinline__ void cross_entropy_grad(float *dx, const float *dy, const float *x,
                                                          const float *soft, const int *labels, float smoothing,
                                                          ulong64 *error, int operation, int rows, int k, int lanes) {
  Team<WIDE, V> t(rows, lanes);
  long64 at = (long64)t.row * k;
  x += at, dx += at;
  Top l = log_sum_exp(t, x, k);
  float mass = 1, even = smoothing / (float)k;
  int label = 0;
  if (soft) {
    soft += at;
    mass = 0;
    for (int i = t.at; i < k; i += t.step) {
      float p[V];
      values<V>(p, soft + i);
      for (int v = 0; v < V; v++) mass += p[v];
    }
    mass = t.sum(mass);
  } else {
    label = labels[t.row];
  }
  if (!t.live) return;
  float d = dy[t.row];
  if (label >= k) {
    if (t.at == 0) report(error, operation, label);
    label = -1;
  }
  float scale = mass / l.sum;
  for (int i = t.at; i < k; i += t.step) {
    float q[V], p[V];
    values<V>(q, x + i);
    if (soft) values<V>(p, soft + i);
    for (int v = 0; v < V; v++) {
      float target = soft ? p[v] : label == i + v ? even + (1 - smoothing) : even;
      q[v] = label < 0 ? 0 : d * fma_(exp_(q[v] - l.top), scale, -target);
    }
    store<V>(dx + i, q);
  }
}
ROWS(cross_entropy_grad,
     (float *dx, const float *dy, const float *x, const float *soft, const int *labels, float smoothing,
      ulong64 *error, int operation, int rows, int k, int lanes),
     (dx, dy, x, soft, labels, smoothing, error, operation, rows, k, lanes))

// mask_diagonal is x [n,n] with `value` on the diagonal, one thread an element. y may be x.
KERNEL BOUNDS(256, 4) mask_diagonal(float *y, const float *x, float value, int n, int size) {
  int i = BX * 256 + TX;
  if (i >= size) return;
  y[i] = i / n == i % n ? value : x[i];
}
