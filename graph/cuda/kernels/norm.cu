// Batch norm of x [rows,c], channels last: statistics, the norm and its gradient.
#include "columns.h"

// Moments are the number of some values, their mean and the sum of the squares of their differences from it.
struct Moments {
  float n, mean, m2;
};

// both are the moments of the values of a and b together (Chan, Golub, LeVeque 1979).
static __device__ __forceinline__ Moments both(Moments a, Moments b) {
  float n = a.n + b.n;
  if (b.n == 0) return a;
  float d = b.mean - a.mean, share = b.n / n;
  return {n, fma_(d, share, a.mean), a.m2 + b.m2 + d * d * a.n * share};
}

// batch_stats writes mean and biased variance of every column of x [rows,c] to y [2,c], or those of parts of the rows
// to parts [parts][2][c]: mean and sum of squared differences. Shared: 3V floats a thread.
template <int V>
static __device__ __forceinline__ void batch_stats(float *y, float *parts, const float *x, Columns m) {
  Place<V> p(m);
  Moments all[V];
  for (int v = 0; v < V; v++) all[v] = {0, 0, 0};
  if (p.live) {
    int row = p.from + p.r;
    const int many = 8;
    for (; row + (many - 1) * p.ty < p.to; row += many * p.ty) {
      float q[many][V];
#pragma unroll
      for (int u = 0; u < many; u++) values<V>(q[u], x + (long64)(row + u * p.ty) * m.c + p.col);
      for (int v = 0; v < V; v++) {
        Moments b = {many, 0, 0};
        for (int u = 0; u < many; u++) b.mean += q[u][v];
        b.mean *= 1.0f / many;
        for (int u = 0; u < many; u++) b.m2 = fma_(q[u][v] - b.mean, q[u][v] - b.mean, b.m2);
        all[v] = both(all[v], b);
      }
    }
    for (; row < p.to; row += p.ty) {
      float q[V];
      values<V>(q, x + (long64)row * m.c + p.col);
      for (int v = 0; v < V; v++) all[v] = both(all[v], {1, q[v], 0});
    }
  }
  float *room = (float *)dynamic;
  for (int v = 0; v < V; v++) {
    float *at = room + 3 * v * NX;
    at[TX] = all[v].n, at[NX + TX] = all[v].mean, at[2 * NX + TX] = all[v].m2;
  }
  barrier();
  for (int n = p.ty; n > 1;) {
    int h = (n + 1) / 2, other = TX + h * m.per;
    if (p.r < n - h)
      for (int v = 0; v < V; v++) {
        float *at = room + 3 * v * NX;
        all[v] = both(all[v], {at[other], at[NX + other], at[2 * NX + other]});
        at[TX] = all[v].n, at[NX + TX] = all[v].mean, at[2 * NX + TX] = all[v].m2;
      }
    barrier();
    n = h;
  }
  if (p.r > 0 || !p.live) return;
  for (int v = 0; v < V; v++) {
    if (GY == 1) {
      y[p.col + v] = all[v].mean;
      y[m.c + p.col + v] = all[v].m2 / all[v].n;
    } else {
      parts[(long64)BY * 2 * m.c + p.col + v] = all[v].mean;
      parts[((long64)BY * 2 + 1) * m.c + p.col + v] = all[v].m2;
    }
  }
}
KERNEL BOUNDS(256, 4)
    batch_stats_1(float *y, float *parts, const float *x, int rows, int c, int per, int across, int height) {
  batch_stats<1>(y, parts, x, {rows, c, per, across, height, 0});
}
KERNEL BOUNDS(256, 4)
    batch_stats_4(float *y, float *parts, const float *x, int rows, int c, int per, int across, int height) {
  batch_stats<4>(y, parts, x, {rows, c, per, across, height, 0});
}

// batch_stats_finish joins the moments parts [high][2][c] of `height` rows each, fewer in the last part, of all `rows`:
// y [2,c]. Means are taken as differences from the first part's. Shared: 2048 doubles.
KERNEL BOUNDS(1024, 1)
    batch_stats_finish(float *y, const float *parts, int rows, int c, int height, int high) {
  finish_columns<2>(
      high, c,
      [&](int p, long64 at, double (&total)[2]) {
        double n = imin(height, rows - p * height);
        double d = (double)parts[at] - (double)parts[at - (long64)p * 2 * c];
        total[0] += n * d;
        total[1] += parts[at + c] + n * d * d;
      },
      [&](int, int col, const double (&s)[2]) {
        double d = s[0] / rows, var = s[1] / rows - d * d;
        y[col] = (float)(parts[col] + d);
        y[c + col] = var < 0 ? 0 : (float)var;
      });
}

// Channel is what a batch norm does to a channel: (x - mean)*scale + shift, with scale = gamma/sqrt(var + eps).
struct Channel {
  float mean, rstd, scale, shift;
};
static __device__ __forceinline__ Channel channel(const float *stats, const float *gamma, const float *beta, float eps,
                                                  int c, int col) {
  Channel k;
  k.mean = stats[col];
  k.rstd = 1.0f / sqrt_(stats[c + col] + eps);
  k.scale = gamma ? k.rstd * gamma[col] : k.rstd;
  k.shift = beta ? beta[col] : 0.0f;
  return k;
}
static __device__ __forceinline__ float normed(const Channel &k, float x) { return fma_(x - k.mean, k.scale, k.shift); }

// batch_norm is x [rows,c] normalised, with gamma and beta [c] unless they are null, plus a residual unless it is null,
// then ReLU and rounding to bfloat16 if these are set. y may be x or the residual.
template <int V>
static __device__ __forceinline__ void batch_norm(float *y, const float *x, const float *stats, const float *gamma,
                                                  const float *beta, const float *residual, float eps, int relu,
                                                  int rounded, Columns m) {
  Place<V> p(m);
  if (!p.live) return;
  Channel k[V];
  for (int v = 0; v < V; v++) k[v] = channel(stats, gamma, beta, eps, m.c, p.col + v);
  auto finish = [&](float (&q)[V], const float (&add)[V]) {
    for (int v = 0; v < V; v++) {
      q[v] = normed(k[v], q[v]) + add[v];
      if (relu && q[v] <= 0) q[v] = 0;
      if (rounded) q[v] = bf16_of(q[v]);
    }
  };
  const int many = 4;
  int row = p.from + p.r;
  for (; row + (many - 1) * p.ty < p.to; row += many * p.ty) {
    float q[many][V], add[many][V] = {};
#pragma unroll
    for (int u = 0; u < many; u++) {
      long64 at = (long64)(row + u * p.ty) * m.c + p.col;
      values<V>(q[u], x + at);
      if (residual) values<V>(add[u], residual + at);
    }
#pragma unroll
    for (int u = 0; u < many; u++) {
      finish(q[u], add[u]);
      store<V>(y + (long64)(row + u * p.ty) * m.c + p.col, q[u]);
    }
  }
  for (; row < p.to; row += p.ty) {
    float q[V], add[V] = {};
    long64 at = (long64)row * m.c + p.col;
    values<V>(q, x + at);
    if (residual) values<V>(add, residual + at);
    finish(q, add);
    store<V>(y + at, q);
  }
}
KERNEL BOUNDS(256, 4)
    batch_norm_1(float *y, const float *x, const float *stats, const float *gamma, const float *beta,
                 const float *residual, float eps, int relu, int rounded, int rows, int c, int per, int across,
                 int height) {
  batch_norm<1>(y, x, stats, gamma, beta, residual, eps, relu, rounded, {rows, c, per, across, height, 0});
}
KERNEL BOUNDS(256, 4)
    batch_norm_4(float *y, const float *x, const float *stats, const float *gamma, const float *beta,
                 const float *residual, float eps, int relu, int rounded, int rows, int c, int per, int across,
                 int height) {
  batch_norm<4>(y, x, stats, gamma, beta, residual, eps, relu, rounded, {rows, c, per, across, height, 0});
}

// batch_norm_sums is, for every channel, the sums of dy and of dy*xhat, y [2,c]. With relu, dy counts where the norm is
// above 0. Shared: 2V doubles a thread.
template <int V>
static __device__ __forceinline__ void batch_norm_sums(float *y, const float *dy, const float *x, const float *stats,
                                                       const float *gamma, const float *beta, float eps, int relu,
                                                       Columns m) {
  Place<V> at(m);
  Channel k[V] = {};
  if (at.live)
    for (int v = 0; v < V; v++) k[v] = channel(stats, gamma, beta, eps, m.c, at.col + v);
  column_sums<V, 2>(
      m,
      [&](const Place<V> &p, int row, float (&s)[2][V]) {
        float d[V], q[V];
        values<V>(d, dy + (long64)row * m.c + p.col);
        values<V>(q, x + (long64)row * m.c + p.col);
        for (int v = 0; v < V; v++) {
          if (relu && !(normed(k[v], q[v]) > 0)) d[v] = 0;
          s[0][v] += d[v];
          s[1][v] = fma_(d[v], (q[v] - k[v].mean) * k[v].rstd, s[1][v]);
        }
      },
      [&](int, int col, const double (&s)[2]) {
        y[col] = (float)s[0];
        y[m.c + col] = (float)s[1];
      });
}
KERNEL BOUNDS(256, 4)
    batch_norm_sums_1(float *y, const float *dy, const float *x, const float *stats, const float *gamma,
                      const float *beta, float eps, int relu, int rows, int c, int per, int across, int height,
                      double *parts) {
  batch_norm_sums<1>(y, dy, x, stats, gamma, beta, eps, relu, {rows, c, per, across, height, parts});
}
KERNEL BOUNDS(256, 3)
    batch_norm_sums_4(float *y, const float *dy, const float *x, const float *stats, const float *gamma,
                      const float *beta, float eps, int relu, int rows, int c, int per, int across, int height,
                      double *parts) {
  batch_norm_sums<4>(y, dy, x, stats, gamma, beta, eps, relu, {rows, c, per, across, height, parts});
}

// two_sums_finish adds up the parts of a pair of sums, y [2,c]. Shared: 2048 doubles.
KERNEL BOUNDS(1024, 1) two_sums_finish(float *y, const double *parts, int high, int c) {
  finish_sums<2>(parts, high, c, [&](int, int col, const double (&s)[2]) {
    y[col] = (float)s[0];
    y[c + col] = (float)s[1];
  });
}

// batch_norm_dx is gamma*rstd*(dy - sums[0]/n - xhat*sums[1]/n), or gamma*rstd*dy without sums. share is 1/n. gamma may
// be null; with relu, dy counts where the norm with beta is above 0. dx may be dy or x.
template <int V>
static __device__ __forceinline__ void batch_norm_dx(float *dx, const float *dy, const float *x, const float *stats,
                                                     const float *sums, const float *gamma, const float *beta,
                                                     float eps, float share, int relu, Columns m) {
  Place<V> p(m);
  if (!p.live) return;
  Channel k[V];
  float s0[V], s1[V];
  for (int v = 0; v < V; v++) {
    k[v] = channel(stats, gamma, beta, eps, m.c, p.col + v);
    s0[v] = sums ? sums[p.col + v] * share : 0.0f;
    s1[v] = sums ? sums[m.c + p.col + v] * share : 0.0f;
  }
  auto finish = [&](float (&d)[V], const float (&q)[V]) {
    for (int v = 0; v < V; v++) {
      if (relu && !(normed(k[v], q[v]) > 0)) d[v] = 0;
      float xhat = (q[v] - k[v].mean) * k[v].rstd;
      d[v] = (d[v] - s0[v] - xhat * s1[v]) * k[v].scale;
    }
  };
  const int many = 4;
  int row = p.from + p.r;
  for (; row + (many - 1) * p.ty < p.to; row += many * p.ty) {
    float d[many][V], q[many][V];
#pragma unroll
    for (int u = 0; u < many; u++) {
      long64 at = (long64)(row + u * p.ty) * m.c + p.col;
      values<V>(d[u], dy + at);
      values<V>(q[u], x + at);
    }
#pragma unroll
    for (int u = 0; u < many; u++) {
      finish(d[u], q[u]);
      store<V>(dx + (long64)(row + u * p.ty) * m.c + p.col, d[u]);
    }
  }
  for (; row < p.to; row += p.ty) {
    float d[V], q[V];
    long64 at = (long64)row * m.c + p.col;
    values<V>(d, dy + at);
    values<V>(q, x + at);
    finish(d, q);
    store<V>(dx + at, d);
  }
}
KERNEL BOUNDS(256, 4)
    batch_norm_dx_1(float *dx, const float *dy, const float *x, const float *stats, const float *sums,
                    const float *gamma, const float *beta, float eps, float share, int relu, int rows, int c, int per,
                    int across, int height) {
  batch_norm_dx<1>(dx, dy, x, stats, sums, gamma, beta, eps, share, relu, {rows, c, per, across, height, 0});
}
KERNEL BOUNDS(256, 3)
    batch_norm_dx_4(float *dx, const float *dy, const float *x, const float *stats, const float *sums,
                    const float *gamma, const float *beta, float eps, float share, int relu, int rows, int c, int per,
                    int across, int height) {
  batch_norm_dx<4>(dx, dy, x, stats, sums, gamma, beta, eps, share, relu, {rows, c, per, across, height, 0});
}
