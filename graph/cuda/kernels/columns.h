// Sums of the columns of matrices [rows,c], in two passes: blocks add up parts of the rows, and then the parts are
// added. A block has `per` groups of V neighbouring columns, and NX/per threads for each, that take rows in turn. Its
// number BX is that of its strip of columns and, above, of its matrix among several; BY is its part of the rows.
#pragma once
#include "rows.h"

struct Columns {
  int rows, c, per, across, height; // height: rows of a part
  double *parts;                    // [matrices][parts][S][c]
};

// Place is where a thread works.
template <int V> struct Place {
  int col, r, ty, from, to;
  int matrix;
  bool live;
  __device__ __forceinline__ Place(const Columns &m) {
    matrix = BX / m.across;
    col = (BX % m.across * m.per + TX % m.per) * V;
    live = col < m.c;
    r = TX / m.per, ty = NX / m.per;
    from = BY * m.height;
    to = imin(from + m.height, m.rows);
  }
};

// column_sums takes S sums a column. part(row, s) adds a row's values of columns col .. col+V-1 to s[S][V];
// done(matrix, column, sums) gets a column's S sums, here where there is one part, else in finish_columns.
template <int V, int S, class Part, class Done>
static __device__ __forceinline__ void column_sums(const Columns &m, Part part, Done done) {
  Place<V> p(m);
  double total[S * V];
  for (int i = 0; i < S * V; i++) total[i] = 0;
  if (p.live) {
    int row = p.from + p.r;
    for (; row + 3 * p.ty < p.to; row += 4 * p.ty) {
      float s[S][V] = {};
#pragma unroll
      for (int u = 0; u < 4; u++) part(p, row + u * p.ty, s);
      for (int i = 0; i < S * V; i++) total[i] += s[i / V][i % V];
    }
    for (; row < p.to; row += p.ty) {
      float s[S][V] = {};
      part(p, row, s);
      for (int i = 0; i < S * V; i++) total[i] += s[i / V][i % V];
    }
  }
  for (int i = 0; i < S * V; i++) dynamic[i * NX + TX] = total[i];
  barrier();
  for (int n = p.ty; n > 1;) {
    int h = (n + 1) / 2;
    if (p.r < n - h)
      for (int i = 0; i < S * V; i++) dynamic[i * NX + TX] += dynamic[i * NX + TX + h * m.per];
    barrier();
    n = h;
  }
  if (p.r > 0 || !p.live) return;
  for (int v = 0; v < V; v++) {
    double sums[S];
    for (int s = 0; s < S; s++) {
      sums[s] = dynamic[(s * V + v) * NX + TX];
      if (GY > 1) m.parts[(((long64)p.matrix * GY + BY) * S + s) * m.c + p.col + v] = sums[s];
    }
    if (GY == 1) done(p.matrix, p.col + v, sums);
  }
}

// finish_columns adds the parts [matrices][high][S][c]: 8 columns a block of 1024 threads, which are 128 of a time.
// part(at, sums) adds a part's S sums of a column, which begin at parts[at], c apart.
template <int S, class Part, class Done>
static __device__ __forceinline__ void finish_columns(int high, int c, Part part, Done done) {
  int strips = (c + 7) / 8, matrix = BX / strips, col = BX % strips * 8 + (TX & 7), turn = TX >> 3;
  double total[S];
  for (int s = 0; s < S; s++) total[s] = 0;
  if (col < c)
    for (int p = turn; p < high; p += 128) part(p, ((long64)matrix * high + p) * S * c + col, total);
  for (int s = 0; s < S; s++) dynamic[s * 1024 + TX] = total[s];
  for (int h = 64; h > 0; h >>= 1) {
    barrier();
    if (turn < h)
      for (int s = 0; s < S; s++) dynamic[s * 1024 + TX] += dynamic[s * 1024 + TX + h * 8];
  }
  if (turn > 0 || col >= c) return;
  for (int s = 0; s < S; s++) total[s] = dynamic[s * 1024 + TX];
  done(matrix, col, total);
}

// finish_sums is finish_columns of sums.
template <int S, class Done>
static __device__ __forceinline__ void finish_sums(const double *parts, int high, int c, Done done) {
  finish_columns<S>(
      high, c,
      [&](int, long64 at, double (&total)[S]) {
        for (int s = 0; s < S; s++) total[s] += parts[at + (long64)s * c];
      },
      done);
}
