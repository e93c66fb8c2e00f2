// Sorting rows. A key has an element's order in its upper half and its place in the row below, so that no two keys of a
// row are equal and equal elements keep their order. Pieces of rows are sorted in shared memory; where a row has
// several, sorted runs are merged in pairs. Runs are cut to the `keep` smallest keys.
#include "rows.h"

// rising maps floats to whole numbers of the same order; both zeros are one.
static __device__ __forceinline__ uint rising(uint b) {
  if (b << 1 == 0) b = 0;
  return b >> 31 ? ~b : b | 0x80000000u;
}

// key_of is the key of element `at` of a row: x is a float, or int32 with `integers`; the smallest come first or, with
// `largest`, the largest, NaN before all numbers.
static __device__ __forceinline__ ulong64 key_of(uint x, int at, int integers, int largest) {
  uint order = integers ? x ^ 0x80000000u : rising(x);
  if (largest) {
    bool nan = !integers && (x & 0x7fffffffu) > 0x7f800000u;
    order = nan ? 0 : ~order;
  }
  return (ulong64)order << 32 | (uint)at;
}

// sort_pieces sorts the keys of pieces of `piece` (a power of two) elements of x [rows,n]. A block has `teams` pieces.
// The keys go to runs [rows,pieces,min(keep,piece)] or, where a row has one piece and runs is null, the places to
// y [rows,keep]. Shared: teams*piece doubles.
KERNEL BOUNDS(1024, 1)
    sort_pieces(ulong64 *runs, int *y, const uint *x, int integers, int largest, int rows, int n, int keep, int piece,
                int teams) {
  ulong64 *keys = (ulong64 *)dynamic;
  int pieces = (n + piece - 1) / piece, size = piece * teams;
  for (int i = TX; i < size; i += NX) {
    int team = BX * teams + i / piece, row = team / pieces, at = team % pieces * piece + i % piece;
    keys[i] = row < rows && at < n ? key_of(x[(long64)row * n + at], at, integers, largest) : ~0ull;
  }
  barrier();
  for (int run = 2; run <= piece; run <<= 1)
    for (int far = run >> 1; far > 0; far >>= 1) {
      for (int t = TX; t < size / 2; t += NX) {
        int i = (t & ~(far - 1)) * 2 + (t & (far - 1));
        ulong64 a = keys[i], b = keys[i + far];
        bool up = (i & (piece - 1) & run) == 0;
        if ((a > b) == up) keys[i] = b, keys[i + far] = a;
      }
      // Pairs up to 32 apart stay with a warp.
      if (far > 32 || (far == 1 && run > 32)) {
        barrier();
      } else {
        warp_barrier();
      }
    }
  barrier();
  int kept = imin(keep, piece);
  for (int i = TX; i < size; i += NX) {
    int team = BX * teams + i / piece, row = team / pieces, at = i % piece;
    if (row >= rows || at >= kept || team % pieces * piece + at >= n) continue;
    if (runs) {
      runs[(long64)team * kept + at] = keys[i];
    } else {
      y[(long64)row * keep + at] = (int)(uint)keys[i];
    }
  }
}

// few_keys finds the `keep` smallest keys of pieces of 4096 elements, as sort_pieces makes them, for a small number: a
// block has a piece, 16 keys a thread, and takes the smallest of all again and again. To runs [rows,pieces,keep] or,
// where a row has one piece, its places to y [rows,keep]. Shared: 8 doubles.
KERNEL BOUNDS(256, 4)
    few_keys(ulong64 *runs, int *y, const uint *x, int integers, int largest, int n, int keep) {
  const int many = 16, piece = 256 * many;
  int pieces = (n + piece - 1) / piece, row = BX / pieces, from = BX % pieces * piece;
  ulong64 keys[many], *room = (ulong64 *)dynamic;
#pragma unroll
  for (int u = 0; u < many; u++) {
    int at = from + u * 256 + TX;
    keys[u] = at < n ? key_of(x[(long64)row * n + at], at, integers, largest) : ~0ull;
  }
  for (int k = 0; k < imin(keep, n - from); k++) {
    ulong64 mine = keys[0];
#pragma unroll
    for (int u = 1; u < many; u++) mine = keys[u] < mine ? keys[u] : mine;
    ulong64 least = mine;
    for (int m = 16; m > 0; m >>= 1) {
      ulong64 other = (ulong64)across((long64)least, m);
      least = other < least ? other : least;
    }
    barrier();
    if (LANE == 0) room[WARP] = least;
    barrier();
    least = room[0];
    for (int w = 1; w < 8; w++) least = room[w] < least ? room[w] : least;
    if (least != mine) continue;
#pragma unroll
    for (int u = 0; u < many; u++) keys[u] = keys[u] == least ? ~0ull : keys[u];
    if (runs) {
      runs[(long64)BX * keep + k] = least;
    } else {
      y[(long64)row * keep + k] = (int)(uint)least;
    }
  }
}

// sort_merge merges neighbouring runs from [rows,count,min(keep,reach)], each of the keys of `reach` elements of a row
// of n, to runs to [rows,(count+1)/2,min(keep,2*reach)], or, unless `to` is there, their places to y [rows,keep]: one
// thread a key. It finds the key's place by the number of smaller ones in the other run.
KERNEL BOUNDS(256, 4)
    sort_merge(ulong64 *to, int *y, const ulong64 *from, int rows, int n, int keep, int count, int reach, int size) {
  int t = BX * 256 + TX;
  if (t >= size) return;
  int kept = imin(keep, reach), wide = reach > keep / 2 ? keep : 2 * reach;
  int i = t % kept, run = t / kept % count, row = t / kept / count;
  const ulong64 *all = from + (long64)row * count * kept;
  if (i >= n - run * reach) return;
  ulong64 key = all[(long64)run * kept + i];
  int other = run ^ 1, low = 0;
  if (other < count) {
    const ulong64 *keys = all + (long64)other * kept;
    int high = imin(kept, n - other * reach);
    while (low < high) {
      int mid = (low + high) / 2;
      if (keys[mid] < key) {
        low = mid + 1;
      } else {
        high = mid;
      }
    }
  }
  if (i + low >= wide) return;
  if (to) {
    to[((long64)row * ((count + 1) / 2) + run / 2) * wide + i + low] = key;
  } else {
    y[(long64)row * keep + i + low] = (int)(uint)key;
  }
}

// scatter_starts finds where the numbers from every row on begin among the sorted keys [n] of row numbers, one thread a
// row: starts [rows+1]. A number that is no row is reported.
KERNEL BOUNDS(256, 4)
    scatter_starts(int *starts, const ulong64 *keys, int n, ulong64 *error, int operation, int rows) {
  int row = BX * 256 + TX;
  if (row == 0 && n > 0) {
    int least = (int)((uint)(keys[0] >> 32) ^ 0x80000000u), most = (int)((uint)(keys[n - 1] >> 32) ^ 0x80000000u);
    if (least < 0) report(error, operation, least);
    if (most >= rows - 1) report(error, operation, most);
  }
  if (row >= rows) return;
  ulong64 from = (ulong64)((uint)row ^ 0x80000000u) << 32;
  int low = 0, high = n;
  while (low < high) {
    int mid = (low + high) / 2;
    if (keys[mid] < from) {
      low = mid + 1;
    } else {
      high = mid;
    }
  }
  starts[row] = low;
}

// scatter_add adds row i of x [n,width] to row ids[i] of y [GX,width], from the sorted keys of ids and where those of a
// row begin. A block has a row of y and, by BY, a strip of `units` groups of V columns; NX/units threads add every so
// many-th row of x each, and then their sums are added. Shared: V floats a thread.
template <int V>
static __device__ __forceinline__ void scatter_add(float *y, const float *x, const ulong64 *keys, const int *starts,
                                                   int width, int units) {
  int row = BX, turn = TX / units, turns = NX / units, col = (BY * units + TX % units) * V;
  int from = starts[row], to = starts[row + 1];
  float s[V] = {}, *room = (float *)dynamic;
  bool live = col < width;
  if (live) {
    const int many = 4;
    int i = from + turn;
    for (; i + (many - 1) * turns < to; i += many * turns) {
      float q[many][V];
#pragma unroll
      for (int u = 0; u < many; u++) values<V>(q[u], x + (long64)(uint)keys[i + u * turns] * width + col);
      for (int u = 0; u < many; u++)
        for (int v = 0; v < V; v++) s[v] += q[u][v];
    }
    for (; i < to; i += turns) {
      float q[V];
      values<V>(q, x + (long64)(uint)keys[i] * width + col);
      for (int v = 0; v < V; v++) s[v] += q[v];
    }
  }
  for (int n = imin(turns, to - from); n > 1;) { // the same for all threads
    for (int v = 0; v < V; v++) room[v * NX + TX] = s[v];
    barrier();
    int h = (n + 1) / 2;
    if (turn < n - h)
      for (int v = 0; v < V; v++) s[v] += room[v * NX + TX + h * units];
    barrier();
    n = h;
  }
  if (live && turn == 0) store<V>(y + (long64)row * width + col, s);
}
KERNEL BOUNDS(256, 4)
    scatter_add_1(float *y, const float *x, const ulong64 *keys, const int *starts, int width, int units) {
  scatter_add<1>(y, x, keys, starts, width, units);
}
KERNEL BOUNDS(256, 4)
    scatter_add_4(float *y, const float *x, const ulong64 *keys, const int *starts, int width, int units) {
  scatter_add<4>(y, x, keys, starts, width, units);
}
