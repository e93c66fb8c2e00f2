// Norms of rows of x [rows,k]: layer norm, its gradient, and rows of length 1. The threads of a team read their row
// again and again; from the second time on it is in the cache.
#include "columns.h"

// Stats are the mean of a row and 1/sqrt(var + eps).
struct Stats {
  float mean, rstd;
};
template <bool WIDE, int V>
static __device__ __forceinline__ Stats stats_of(Team<WIDE, V> &t, const float *x, int k, float eps) {
  float s = 0;
  for (int i = t.at; i < k; i += t.step) {
    float q[V], part = 0;
    values<V>(q, x + i);
    for (int v = 0; v < V; v++) part += q[v];
    s += part;
  }
  float mean = t.sum(s) / (float)k;
  s = 0;
  for (int i = t.at; i < k; i += t.step) {
    float q[V];
    values<V>(q, x + i);
    for (int v = 0; v < V; v++) s = fma_(q[v] - mean, q[v] - mean, s);
  }
  return {mean, 1.0f / sqrt_(t.sum(s) / (float)k + eps)};
}

// layer_norm is (x - mean)*rstd*gamma + beta.
template <bool WIDE, int V>
static __device__ __forceinline__ void layer_norm(float *y, const float *x, const float *gamma, const float *beta,
                                                  float eps, int rows, int k, int lanes) {
  Team<WIDE, V> t(rows, lanes);
  x += (long64)t.row * k, y += (long64)t.row * k;
  Stats s = stats_of(t, x, k, eps);
  if (!t.live) return;
  for (int i = t.at; i < k; i += t.step) {
    float q[V], g[V], b[V];
    values<V>(q, x + i);
    values<V>(g, gamma + i);
    values<V>(b, beta + i);
    for (int v = 0; v < V; v++) q[v] = fma_((q[v] - s.mean) * s.rstd, g[v], b[v]);
    store<V>(y + i, q);
  }
}
ROWS(layer_norm,
     (float *y, const float *x, const float *gamma, const float *beta, float eps, int rows, int k, int lanes),
     (y, x, gamma, beta, eps, rows, k, lanes))

// layer_norm_dx is rstd*(d - mean(d) - xhat*mean(d*xhat)) with d = dy*gamma. dx may be dy.
template <bool WIDE, int V>
static __device__ __forceinline__ void layer_norm_dx(float *dx, const float *dy, const float *x, const float *gamma,
                                                     float eps, int rows, int k, int lanes) {
  Team<WIDE, V> t(rows, lanes);
  long64 at = (long64)t.row * k;
  x += at, dx += at, dy += at;
  Stats s = stats_of(t, x, k, eps);
  float a = 0, b = 0;
  for (int i = t.at; i < k; i += t.step) {
    float q[V], g[V], d[V];
    values<V>(q, x + i);
    values<V>(g, gamma + i);
    values<V>(d, dy + i);
    for (int v = 0; v < V; v++) {
      float m = d[v] * g[v];
      a += m;
      b = fma_(m, (q[v] - s.mean) * s.rstd, b);
    }
  }
  a = t.sum(a) / (float)k;
  b = t.sum(b) / (float)k;
  if (!t.live) return;
  for (int i = t.at; i < k; i += t.step) {
    float q[V], g[V], d[V];
    values<V>(q, x + i);
    values<V>(g, gamma + i);
    values<V>(d, dy + i);
    for (int v = 0; v < V; v++) d[v] = s.rstd * (d[v] * g[v] - a - (q[v] - s.mean) * s.rstd * b);
    store<V>(dx + i, d);
  }
}
ROWS(layer_norm_dx,
     (float *dx, const float *dy, const float *x, const float *gamma, float eps, int rows, int k, int lanes),
     (dx, dy, x, gamma, eps, rows, k, lanes))

// row_stats writes mean and 1/sqrt(var + eps) of every row to y [rows,2].
template <bool WIDE, int V>
static __device__ __forceinline__ void row_stats(float2 *y, const float *x, float eps, int rows, int k, int lanes) {
  Team<WIDE, V> t(rows, lanes);
  Stats s = stats_of(t, x + (long64)t.row * k, k, eps);
  if (t.live && t.at == 0) y[t.row] = float2{s.mean, s.rstd};
}
ROWS(row_stats, (float2 *y, const float *x, float eps, int rows, int k, int lanes), (y, x, eps, rows, k, lanes))

// layer_norm_sums is the sums over the rows of dy and of dy*xhat, y [2,c], from what row_stats made. Shared: 2V doubles
// a thread. Its parts are added by two_sums_finish.
template <int V>
static __device__ __forceinline__ void layer_norm_sums(float *y, const float *dy, const float *x, const float2 *stats,
                                                       Columns m) {
  column_sums<V, 2>(
      m,
      [&](const Place<V> &p, int row, float (&s)[2][V]) {
        float d[V], q[V];
        float2 of = stats[row];
        values<V>(d, dy + (long64)row * m.c + p.col);
        values<V>(q, x + (long64)row * m.c + p.col);
        for (int v = 0; v < V; v++) {
          s[0][v] += d[v];
          s[1][v] = fma_(d[v], (q[v] - of.x) * of.y, s[1][v]);
        }
      },
      [&](int, int col, const double (&s)[2]) {
        y[col] = (float)s[0];
        y[m.c + col] = (float)s[1];
      });
}
KERNEL BOUNDS(256, 4)
    layer_norm_sums_1(float *y, const float *dy, const float *x, const float2 *stats, int rows, int c, int per,
                      int across, int height, double *parts) {
  layer_norm_sums<1>(y, dy, x, stats, {rows, c, per, across, height, parts});
}
KERNEL BOUNDS(256, 3)
    layer_norm_sums_4(float *y, const float *dy, const float *x, const float2 *stats, int rows, int c, int per,
                      int across, int height, double *parts) {
  layer_norm_sums<4>(y, dy, x, stats, {rows, c, per, across, height, parts});
}

// length_of is the Euclidean length of a row.
template <bool WIDE, int V>
static __device__ __forceinline__ float length_of(Team<WIDE, V> &t, const float *x, int k) {
  float s = 0;
  for (int i = t.at; i < k; i += t.step) {
    float q[V];
    values<V>(q, x + i);
    for (int v = 0; v < V; v++) s = fma_(q[v], q[v], s);
  }
  return sqrt_(t.sum(s));
}

// normalize is x/max(|x|, eps).
template <bool WIDE, int V>
static __device__ __forceinline__ void normalize(float *y, const float *x, float eps, int rows, int k, int lanes) {
  Team<WIDE, V> t(rows, lanes);
  x += (long64)t.row * k, y += (long64)t.row * k;
  float n = length_of(t, x, k);
  if (!t.live) return;
  n = 1.0f / (n < eps ? eps : n); // a length that is not a number stays so
  for (int i = t.at; i < k; i += t.step) {
    float q[V];
    values<V>(q, x + i);
    for (int v = 0; v < V; v++) q[v] *= n;
    store<V>(y + i, q);
  }
}
ROWS(normalize, (float *y, const float *x, float eps, int rows, int k, int lanes), (y, x, eps, rows, k, lanes))

// normalize_grad is (dy - u (u.dy))/|x| with u = x/|x|, and dy/eps where |x| is not above eps.
template <bool WIDE, int V>
static __device__ __forceinline__ void normalize_grad(float *dx, const float *dy, const float *x, float eps, int rows,
                                                      int k, int lanes) {
  Team<WIDE, V> t(rows, lanes);
  long64 at = (long64)t.row * k;
  x += at, dx += at, dy += at;
  float n = length_of(t, x, k), dot = 0;
  bool in = !(n <= eps);
  n = 1.0f / (in ? n : eps);
  for (int i = t.at; i < k; i += t.step) {
    float q[V], d[V];
    values<V>(q, x + i);
    values<V>(d, dy + i);
    for (int v = 0; v < V; v++) dot = fma_(q[v] * n, d[v], dot);
  }
  dot = t.sum(dot);
  if (!in) dot = 0;
  if (!t.live) return;
  for (int i = t.at; i < k; i += t.step) {
    float q[V], d[V];
    values<V>(q, x + i);
    values<V>(d, dy + i);
    for (int v = 0; v < V; v++) d[v] = (d[v] - q[v] * n * dot) * n;
    store<V>(dx + i, d);
  }
}
ROWS(normalize_grad, (float *dx, const float *dy, const float *x, float eps, int rows, int k, int lanes),
     (dx, dy, x, eps, rows, k, lanes))
