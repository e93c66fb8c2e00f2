// Factors of matrices in double precision, a block a matrix, and the assignment of rows to columns.
#include "rows.h"

#define PANEL 16 // rows or columns that are made together

// inverse_cholesky is the inverse w of the Cholesky factor of the symmetric part of x [GX,n,n]: w x w' = I. It works on
// l and w [GX,n,n] in double precision, l by columns. A row that shows that the matrix is not positive definite is
// reported. Shared: PANEL*PANEL doubles, twice. 256 threads.
KERNEL BOUNDS(256, 1)
    inverse_cholesky(float *y, const float *x, double *l, double *w, int n, ulong64 *error, int operation) {
  double *corner = dynamic, *tile = dynamic + PANEL * PANEL;
  long64 size = (long64)n * n;
  x += BX * size, y += BX * size, l += BX * size, w += BX * size;
  for (int from = 0; from < n; from += PANEL) { // the factor, by panels of columns: a thread a row
    int wide = imin(PANEL, n - from);
    for (int top = from; top < n; top += NX) {
      int i = top + TX;
      double s[PANEL];
#pragma unroll
      for (int c = 0; c < PANEL; c++) {
        s[c] = 0;
        if (i < n && c < wide) s[c] = ((double)x[(long64)i * n + from + c] + (double)x[(long64)(from + c) * n + i]) / 2;
      }
      for (int k = 0; k < from; k += PANEL) { // from is a multiple of PANEL
        barrier();
        int c = TX % PANEL, r = TX / PANEL;
        tile[TX] = c < wide ? l[(long64)(k + r) * n + from + c] : 0; // [k][c]
        barrier();
        if (i < n)
#pragma unroll
          for (int j = 0; j < PANEL; j++) {
            double v = l[(long64)(k + j) * n + i];
#pragma unroll
            for (int c = 0; c < PANEL; c++) s[c] -= v * tile[j * PANEL + c];
          }
      }
      if (top == from) { // the corner's factor, by the threads that have its rows, column after column
        barrier();
        if (TX < wide)
#pragma unroll
          for (int c = 0; c < PANEL; c++) corner[TX * PANEL + c] = s[c];
        barrier();
        for (int c = 0; c < wide; c++) {
          double root = corner[c * PANEL + c];
          if (!(root > 0) && TX == 0) report(error, operation, from + c);
          root = sqrt_(root);
          double mine = TX < wide ? corner[TX * PANEL + c] : 0;
          barrier();
          if (TX >= c && TX < wide) corner[TX * PANEL + c] = TX == c ? root : mine / root;
          barrier();
          int a = TX / PANEL, b = TX % PANEL;
          if (b > c && b <= a && a < wide)
            corner[a * PANEL + b] -= corner[a * PANEL + c] * corner[b * PANEL + c];
          barrier();
        }
      }
      if (i < n) {
#pragma unroll
        for (int c = 0; c < PANEL; c++) {
          double v = s[c];
          if (i >= from + wide && c < wide) {
#pragma unroll
            for (int j = 0; j < PANEL; j++)
              if (j < c) v -= s[j] * corner[c * PANEL + j];
            v /= corner[c * PANEL + c];
            s[c] = v;
          }
          if (i < from + wide) v = c <= i - from ? corner[(i - from) * PANEL + c] : 0;
          if (c < wide) l[(long64)(from + c) * n + i] = v;
        }
      }
    }
    barrier();
  }
  for (int from = 0; from < n; from += PANEL) { // its inverse, by panels of rows: a thread a column
    int high = imin(PANEL, n - from);
    for (int left = 0; left < from + high; left += NX) {
      int j = left + TX;
      double s[PANEL];
#pragma unroll
      for (int r = 0; r < PANEL; r++) s[r] = j == from + r ? 1 : 0;
      for (int k = 0; k < from; k += PANEL) {
        barrier();
        int r = TX % PANEL, c = TX / PANEL;
        tile[TX] = r < high ? l[(long64)(k + c) * n + from + r] : 0; // [k][r]
        barrier();
        if (j < k + PANEL)
#pragma unroll
          for (int i = 0; i < PANEL; i++) {
            double v = j <= k + i ? w[(long64)(k + i) * n + j] : 0;
#pragma unroll
            for (int r = 0; r < PANEL; r++) s[r] -= v * tile[i * PANEL + r];
          }
      }
      barrier();
      int r = TX % PANEL, c = TX / PANEL;
      corner[TX] = r < high && c < high ? l[(long64)(from + c) * n + from + r] : 0; // [c][r]
      barrier();
      if (j < from + high) {
#pragma unroll
        for (int r = 0; r < PANEL; r++) {
#pragma unroll
          for (int c = 0; c < PANEL; c++)
            if (c < r) s[r] -= s[c] * corner[c * PANEL + r];
          if (r < high) s[r] /= corner[r * PANEL + r];
          if (r < high && j <= from + r) w[(long64)(from + r) * n + j] = s[r];
        }
      }
    }
    barrier();
  }
  for (int i = TX; i < n * n; i += NX) y[i] = i % n <= i / n ? (float)w[i] : 0.0f;
}

// polar is u v' of the singular value decomposition u s v' of every matrix x [GX,m,n], without the directions whose s
// is below a millionth of the largest. The k = min(m,n) rows or columns, rows [GX,k,long] in double precision, are
// turned in pairs until all are orthogonal (one-sided Jacobi: Hestenes 1958); turns [GX,k,k] are the products of all
// turns. A warp has a pair; the pairs of a round have no row in common. A value that is not finite is reported with its
// row. Shared: 32+k doubles.
KERNEL BOUNDS(256, 1)
    polar(float *y, const float *x, double *rows, double *turns, int m, int n, ulong64 *error, int operation) {
  int k = imin(m, n), length = imax(m, n), even = k + (k & 1), warps = NX / 32;
  double *scale = dynamic + 32, all = 0;
  int *turned = (int *)dynamic;
  x += (long64)BX * m * n, y += (long64)BX * m * n;
  rows += (long64)BX * k * length, turns += (long64)BX * k * k;
  for (int i = TX; i < m * n; i += NX) {
    int row = i / n, col = i % n;
    float v = x[i];
    if (!(v - v == 0)) report(error, operation, row);
    v = v - v == 0 ? v : 0;
    rows[m <= n ? i : col * length + row] = v;
    all += (double)v * v;
  }
  double least = 1e-28 * Team<true, 1>(1, 32).sum(all); // squares of rows that are nothing but rounding
  for (int i = TX; i < k * k; i += NX) turns[i] = i / k == i % k;
  barrier();
  for (int sweep = 0; sweep < 40; sweep++) {
    int mine = 0;
    for (int round = 0; round < even - 1; round++) {
      for (int pair = WARP; pair < even / 2; pair += warps) { // a tournament: the last one stays, all others go round
        int a = pair == 0 ? even - 1 : (round + pair) % (even - 1), b = (round + even - 1 - pair) % (even - 1);
        if (a >= k || b >= k) continue;
        double *p = rows + (long64)a * length, *q = rows + (long64)b * length, pp = 0, qq = 0, pq = 0;
        for (int i = LANE; i < length; i += 32) {
          double u = p[i], v = q[i];
          pp += u * u, qq += v * v, pq += u * v;
        }
        pp = warp_sum(pp), qq = warp_sum(qq), pq = warp_sum(pq);
        if (!(pp > least && qq > least && pq * pq > 1e-26 * pp * qq)) continue; // as good as orthogonal
        double zeta = (qq - pp) / (2 * pq);
        double t = (zeta < 0 ? -1 : 1) / ((zeta < 0 ? -zeta : zeta) + sqrt_(1 + zeta * zeta));
        double c = 1 / sqrt_(1 + t * t), s = c * t;
        for (int i = LANE; i < length; i += 32) {
          double u = p[i], v = q[i];
          p[i] = c * u - s * v, q[i] = s * u + c * v;
        }
        p = turns + (long64)a * k, q = turns + (long64)b * k;
        for (int i = LANE; i < k; i += 32) {
          double u = p[i], v = q[i];
          p[i] = c * u - s * v, q[i] = s * u + c * v;
        }
        mine = 1;
      }
      barrier();
    }
    if (LANE == 0) turned[WARP] = mine;
    barrier();
    int more = 0;
    for (int w = 0; w < warps; w++) more |= turned[w];
    barrier();
    if (!more) break;
  }
  // rows = turns * x' is s v', so that turns' * rows/s is what is wanted.
  for (int i = WARP; i < k; i += warps) {
    double s = 0;
    for (int j = LANE; j < length; j += 32) s += rows[(long64)i * length + j] * rows[(long64)i * length + j];
    s = warp_sum(s);
    if (LANE == 0) scale[i] = s;
  }
  barrier();
  double most = 0;
  for (int i = 0; i < k; i++) most = scale[i] > most ? scale[i] : most;
  barrier();
  for (int i = TX; i < k; i += NX) scale[i] = scale[i] > 1e-12 * most ? 1 / sqrt_(scale[i]) : 0;
  barrier();
  for (int i = TX; i < m * n; i += NX) {
    int row = m <= n ? i / n : i % n, col = m <= n ? i % n : i / n;
    double s = 0;
    for (int e = 0; e < k; e++) s += turns[(long64)e * k + row] * scale[e] * rows[(long64)e * length + col];
    y[i] = (float)s;
  }
}

// assign gives every row of costs [n,n] a column of its own, y [n], so that the costs add up to the least, by shortest
// augmenting paths with potentials, as package internal/assign. One block has all columns; room is 4(n+1) doubles, in
// shared memory after 64 doubles that the block needs, or else where room is.
KERNEL BOUNDS(256, 1) assign(int *y, const float *cost, double *room, int n, ulong64 *error, int operation) {
  struct Best {
    double least;
    int at;
  };
  double *leasts = dynamic;
  int *places = (int *)(dynamic + 32);
  if (!room) room = dynamic + 64;
  double *rows = room, *cols = rows + n + 1, *least = cols + n + 1; // potentials; the way from the tree
  int *row_of = (int *)(least + n + 1), *from = row_of + n + 1;     // row and column 0 stand for none
  int bad = 0;
  for (int i = TX; i < n * n; i += NX) {
    float c = cost[i];
    if (!(c - c == 0)) report(error, operation, i / n), bad = 1;
  }
  for (int j = TX; j <= n; j += NX) rows[j] = 0, cols[j] = 0, row_of[j] = 0;
  uint any = ballot(bad);
  if (LANE == 0) places[WARP] = any != 0;
  barrier();
  for (int w = 0; w < NX / 32; w++) bad |= places[w];
  if (bad) return; // all threads
  const double infinite = __builtin_huge_val();
  for (int row = 1; row <= n; row++) {
    barrier();
    for (int j = TX; j <= n; j += NX) least[j] = infinite, from[j] = 0;
    if (TX == 0) row_of[0] = row;
    barrier();
    int column = 0;
    for (;;) {
      int i = row_of[column];
      if (i == 0) break;
      // A column of the tree has `from` below 0: the column before it, less n+1.
      Best best = {infinite, n + 1};
      for (int j = 1 + TX; j <= n; j += NX) {
        if (j == column) from[j] -= n + 1;
        if (from[j] < 0) continue;
        double d = (double)cost[(long64)(i - 1) * n + j - 1] - rows[i] - cols[j];
        if (d < least[j]) least[j] = d, from[j] = column;
        if (least[j] < best.least || best.at > n) best = {least[j], j};
      }
      auto join = [&](double other, int at) {
        if (other < best.least || (other == best.least && at < best.at) || best.at > n)
          if (at <= n) best = {other, at};
      };
      for (int m = 16; m > 0; m >>= 1) {
        double other = across(best.least, m);
        int at = across(best.at, m);
        join(other, at);
      }
      if (LANE == 0) leasts[WARP] = best.least, places[WARP] = best.at;
      barrier();
      best = {leasts[0], places[0]};
      for (int w = 1; w < NX / 32; w++) join(leasts[w], places[w]);
      double step = best.least;
      for (int j = TX; j <= n; j += NX) {
        if (j == 0 || from[j] < 0) {
          rows[row_of[j]] += step;
          cols[j] -= step;
        } else {
          least[j] -= step;
        }
      }
      column = best.at;
      barrier();
    }
    barrier(); // all have seen that the column is free
    if (TX == 0)
      while (column != 0) { // exchange along the path
        int before = from[column] < 0 ? from[column] + n + 1 : from[column];
        row_of[column] = row_of[before];
        column = before;
      }
  }
  barrier();
  for (int j = 1 + TX; j <= n; j += NX) y[row_of[j] - 1] = j - 1;
}
