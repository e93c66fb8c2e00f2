// Sums over axes, sums of squares, and counts. Sums are added up in double precision behind the first few values.
#include "columns.h"

// sum_columns adds the rows of matrices x [matrices,rows,c], or the squares: y [matrices,c], times scale. See
// columns.h; shared: V doubles a thread.
template <int V>
static __device__ __forceinline__ void sum_columns(float *y, const float *x, float scale, int squares, Columns m) {
  column_sums<V, 1>(
      m,
      [&](const Place<V> &p, int row, float (&s)[1][V]) {
        float q[V];
        values<V>(q, x + ((long64)p.matrix * m.rows + row) * m.c + p.col);
        for (int v = 0; v < V; v++) s[0][v] = squares ? fma_(q[v], q[v], s[0][v]) : s[0][v] + q[v];
      },
      [&](int matrix, int col, const double (&s)[1]) { y[(long64)matrix * m.c + col] = (float)(s[0] * scale); });
}
KERNEL BOUNDS(256, 4)
    sum_columns_1(float *y, const float *x, float scale, int squares, int rows, int c, int per, int across, int height,
                  double *parts) {
  sum_columns<1>(y, x, scale, squares, {rows, c, per, across, height, parts});
}
KERNEL BOUNDS(256, 4)
    sum_columns_4(float *y, const float *x, float scale, int squares, int rows, int c, int per, int across, int height,
                  double *parts) {
  sum_columns<4>(y, x, scale, squares, {rows, c, per, across, height, parts});
}

// sum_columns_finish adds the parts [matrices][high][c], see columns.h. Shared: 1024 doubles.
KERNEL BOUNDS(1024, 1) sum_columns_finish(float *y, const double *parts, float scale, int high, int c) {
  finish_sums<1>(parts, high, c, [&](int matrix, int col, const double (&s)[1]) {
    y[(long64)matrix * c + col] = (float)(s[0] * scale);
  });
}

// sum_few adds the rows of x [matrices,rows,c] where these are few, one thread an element of y [matrices,c].
KERNEL BOUNDS(256, 4)
    sum_few(float *y, const float *x, float scale, int squares, int rows, int c, int n) {
  int i = BX * 256 + TX;
  if (i >= n) return;
  const float *p = x + (long64)(i / c) * rows * c + i % c;
  double s = 0;
  int row = 0;
  for (; row + 4 <= rows; row += 4) {
    float part = 0;
#pragma unroll
    for (int u = 0; u < 4; u++) {
      float q = p[(long64)(row + u) * c];
      part = squares ? fma_(q, q, part) : part + q;
    }
    s += part;
  }
  for (; row < rows; row++) {
    float q = p[(long64)row * c];
    s += squares ? (double)(q * q) : (double)q;
  }
  y[i] = (float)(s * scale);
}

// run_sum is a thread's part of the sum of a row.
template <int V, class F> static __device__ __forceinline__ double run_sum(int at, int step, int k, F f) {
  double s = 0;
  int i = at;
  for (; i + 3 * step < k; i += 4 * step) {
    float part = 0;
#pragma unroll
    for (int u = 0; u < 4; u++) part += f(i + u * step);
    s += part;
  }
  for (; i < k; i += step) s += f(i);
  return s;
}

// sum_rows adds up the rows of x [rows,k], or the squares: y [rows], times scale.
template <bool WIDE, int V>
static __device__ __forceinline__ void sum_rows(float *y, const float *x, float scale, int squares, int rows, int k,
                                                int lanes) {
  Team<WIDE, V> t(rows, lanes);
  x += (long64)t.row * k;
  double s = t.sum(run_sum<V>(t.at, t.step, k, [&](int i) {
    float q[V], part = 0;
    values<V>(q, x + i);
    for (int v = 0; v < V; v++) part = squares ? fma_(q[v], q[v], part) : part + q[v];
    return part;
  }));
  if (t.live && t.at == 0) y[t.row] = (float)(s * scale);
}
ROWS(sum_rows, (float *y, const float *x, float scale, int squares, int rows, int k, int lanes),
     (y, x, scale, squares, rows, k, lanes))

// sum_parts adds up parts of long rows x [GY,k], of `height` values each: parts [GY][GX].
template <int V>
static __device__ __forceinline__ void sum_parts(double *parts, const float *x, int squares, int k, int height) {
  int from = BX * height, to = imin(k - from, height) + from;
  Team<true, V> t(1, 32);
  x += (long64)BY * k;
  double s = t.sum(run_sum<V>(from + t.at, t.step, to, [&](int i) {
    float q[V], part = 0;
    values<V>(q, x + i);
    for (int v = 0; v < V; v++) part = squares ? fma_(q[v], q[v], part) : part + q[v];
    return part;
  }));
  if (TX == 0) parts[BY * GX + BX] = s;
}
KERNEL BOUNDS(256, 4) sum_parts_1(double *parts, const float *x, int squares, int k, int height) {
  sum_parts<1>(parts, x, squares, k, height);
}
KERNEL BOUNDS(256, 4) sum_parts_4(double *parts, const float *x, int squares, int k, int height) {
  sum_parts<4>(parts, x, squares, k, height);
}

// sum_parts_finish adds the parts [rows][high] of rows, a block each: y [rows].
KERNEL BOUNDS(256, 4) sum_parts_finish(float *y, const double *parts, float scale, int high) {
  Team<true, 1> t(1, 32);
  double s = 0;
  for (int i = TX; i < high; i += NX) s += parts[BX * high + i];
  s = t.sum(s);
  if (TX == 0) y[BX] = (float)(s * scale);
}

// Trust is what LARS's ratio is made of: the sums of squares of p, g and g + wd*p.
struct Trust {
  double p, g, u;
};

// ratio is LARS's trust ratio.
static __device__ __forceinline__ float ratio(Trust s, float wd, float lr, double eta, double eps, int official,
                                              int clip) {
  double r = 1, p = sqrt_(s.p), g = sqrt_(s.g), u = sqrt_(s.u);
  if (official && p > 0 && u > 0) r = eta * p / u;
  if (!official && p > 0 && g > 0) r = eta * p / (g + wd * p + eps);
  if (clip) {
    r = r / lr;
    if (r > 1) r = 1;
  }
  return (float)r;
}

// trust_ratio adds up the squares of p, g and g + wd*p [n], in parts of `height` values a block: parts [GX][3], or y
// itself where there is one block.
KERNEL BOUNDS(256, 4)
    trust_ratio(float *y, double *parts, const float *p, const float *g, const float *wd, const float *lr, double eta,
                double eps, int official, int clip, int n, int height) {
  int from = BX * height, to = imin(n - from, height) + from;
  Team<true, 1> t(1, 32);
  float decay = *wd;
  Trust s = {0, 0, 0};
  for (int i = from + TX; i < to; i += 4 * NX) {
    float pp = 0, gg = 0, uu = 0;
#pragma unroll
    for (int u = 0; u < 4; u++) {
      int j = i + u * NX;
      float a = j < to ? p[j] : 0, b = j < to ? g[j] : 0, c = fma_(decay, a, b);
      pp = fma_(a, a, pp), gg = fma_(b, b, gg), uu = fma_(c, c, uu);
    }
    s.p += pp, s.g += gg, s.u += uu;
  }
  s = {t.sum(s.p), t.sum(s.g), t.sum(s.u)};
  if (TX > 0) return;
  if (GX == 1) {
    *y = ratio(s, decay, *lr, eta, eps, official, clip);
  } else {
    parts[3 * BX] = s.p, parts[3 * BX + 1] = s.g, parts[3 * BX + 2] = s.u;
  }
}

// trust_ratio_finish makes the ratio from the parts [high][3], one block.
KERNEL BOUNDS(256, 4)
    trust_ratio_finish(float *y, const double *parts, const float *wd, const float *lr, double eta, double eps,
                       int official, int clip, int high) {
  Team<true, 1> t(1, 32);
  Trust s = {0, 0, 0};
  for (int i = TX; i < high; i += NX) s.p += parts[3 * i], s.g += parts[3 * i + 1], s.u += parts[3 * i + 2];
  s = {t.sum(s.p), t.sum(s.g), t.sum(s.u)};
  if (TX == 0) *y = ratio(s, *wd, *lr, eta, eps, official, clip);
}

// argmax_of is the place of the first largest value of a row: nothing is larger than a first value that is NaN, and NaN
// is larger than nothing.
template <bool WIDE, int V>
static __device__ __forceinline__ int argmax_of(Team<WIDE, V> &t, const float *x, int k) {
  float top = -INFINITY_;
  int best = k;
  for (int i = t.at; i < k; i += t.step) {
    float q[V];
    values<V>(q, x + i);
    for (int v = 0; v < V; v++)
      if (q[v] > top || (best == k && q[v] == top)) top = q[v], best = i + v;
  }
  // The larger value first, then the smaller place, as one number.
  uint b = bits_of(top + 0.0f);
  long64 key = (long64)(b >> 31 ? ~b : b | 0x80000000u) << 31 | (0x7fffffff - best);
  key = t.all(key, [](long64 a, long64 b) { return a > b ? a : b; });
  return x[0] == x[0] ? 0x7fffffff - (int)(key & 0x7fffffff) : 0;
}

// argmax is the place of the first largest value of every row of x [rows,k].
template <bool WIDE, int V>
static __device__ __forceinline__ void argmax(int *y, const float *x, int rows, int k, int lanes) {
  Team<WIDE, V> t(rows, lanes);
  int at = argmax_of(t, x + (long64)t.row * k, k);
  if (t.live && t.at == 0) y[t.row] = at;
}
ROWS(argmax, (int *y, const float *x, int rows, int k, int lanes), (y, x, rows, k, lanes))

// hits is 1 for every row of x [rows,k] whose argmax is its label, else 0.
template <bool WIDE, int V>
static __device__ __forceinline__ void hits(int *y, const float *x, const int *labels, ulong64 *error,
                                            int operation, int rows, int k, int lanes) {
  Team<WIDE, V> t(rows, lanes);
  int at = argmax_of(t, x + (long64)t.row * k, k);
  if (!t.live || t.at > 0) return;
  int label = labels[t.row];
  if (label >= k) report(error, operation, label);
  y[t.row] = at == label;
}
ROWS(hits,
     (int *y, const float *x, const int *labels, ulong64 *error, int operation, int rows, int k, int lanes),
     (y, x, labels, error, operation, rows, k, lanes))

// of_labelled is x [] times n over the number of labels [n] that are not negative, 0 without any; and, where hits [n]
// are given instead of x, their share of these labels, NaN without any. One block.
KERNEL BOUNDS(256, 4) of_labelled(float *y, const float *x, const int *hits, const int *labels, int n) {
  Team<true, 1> t(1, 32);
  double labelled = 0, hit = 0;
  for (int i = TX; i < n; i += NX) {
    labelled += labels[i] >= 0;
    if (hits) hit += hits[i];
  }
  labelled = t.sum(labelled);
  hit = t.sum(hit);
  if (TX > 0) return;
  if (hits) {
    *y = (float)(hit / labelled);
  } else {
    *y = labelled > 0 ? (float)(*x * (n / labelled)) : 0;
  }
}

// square_list sums the squares of parts of many values: a block reads its address, as two words, and its number of
// elements from list [GX,4], and writes to parts [GX].
KERNEL BOUNDS(256, 4) square_list(double *parts, const uint4 *list) {
  uint4 row = list[BX];
  const float *x = (const float *)((ulong64)row.y << 32 | row.x);
  int n = (int)row.z, fours = row.x % 16 == 0 ? n / 4 : 0;
  Team<true, 1> t(1, 32);
  double s = run_sum<4>(TX, NX, fours, [&](int i) {
    float q[4], part = 0;
    values<4>(q, x + 4 * i);
    for (int v = 0; v < 4; v++) part = fma_(q[v], q[v], part);
    return part;
  });
  s += run_sum<1>(4 * fours + TX, NX, n, [&](int i) { return x[i] * x[i]; });
  s = t.sum(s);
  if (TX == 0) parts[BX] = s;
}

// square_list_finish adds the parts: a block reads the address of its sum, the first part and how many there are from
// list [GX,4].
KERNEL BOUNDS(256, 4) square_list_finish(const double *parts, const uint4 *list) {
  uint4 row = list[BX];
  float *y = (float *)((ulong64)row.y << 32 | row.x);
  Team<true, 1> t(1, 32);
  double s = 0;
  for (int i = TX; i < (int)row.w; i += NX) s += parts[row.z + i];
  s = t.sum(s);
  if (TX == 0) *y = (float)s;
}
