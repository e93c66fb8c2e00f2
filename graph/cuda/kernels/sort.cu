// Sorting rows. A key has an element's order in its upper half and its place in the row below, so that no two keys of a
// row are equal and equal elements keep their order. Pieces of rows are sorted in shared memory; where a row has
// several, sorted runs are merged in pairs. Runs are cut to the `keep` smallest keys.
#include "rows.h"

// rising maps floats to whole numbers of the same order; both zeros are one.
static __device__ __forceinline__ uint rising(uint b) {
  if (b << 1 == 0) b = 0;
  return b >> 31 ? ~b : b | 0x80000000u;
}

// sort_pieces sorts pieces of `piece` (a power of two) elements of x [rows,n], which are floats, or int32 with
// `integers`; the smallest come first or, with `largest`, the largest, NaN before all numbers. A block has `teams`
// pieces at a time. The keys go to runs [rows,pieces,min(keep,piece)] or, where a row has one piece and runs is null,
// the places to y [rows,keep]. Shared: teams*piece doubles.
KERNEL BOUNDS(1024, 1)
    sort_pieces(ulong64 *runs, int *y, const uint *x, int integers, int largest, int rows, int n, int keep, int piece,
                int teams) {
  ulong64 *keys = (ulong64 *)dynamic;
  int pieces = (n + piece - 1) / piece, size = piece * teams;
  for (int i = TX; i < size; i += NX) {
    int team = BX * teams + i / piece, row = team / pieces, at = team % pieces * piece + i % piece;
    ulong64 key = ~0ull;
    if (row < rows && at < n) {
      uint b = x[(long64)row * n + at], order = integers ? b ^ 0x80000000u : rising(b);
      if (largest) {
        bool nan = !integers && (b & 0x7fffffffu) > 0x7f800000u;
        order = nan ? 0 : ~order;
      }
      key = (ulong64)order << 32 | (uint)at;
    }
    keys[i] = key;
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

// scatter_add adds row i of x [n,width] to row ids[i] of y [rows,width], in order of i, from the sorted keys [n] of
// ids: V neighbouring columns a thread. A number that is no row is reported.
template <int V>
static __device__ __forceinline__ void scatter_add(float *y, const float *x, const ulong64 *keys, int n, int rows,
                                                   int width, ulong64 *error, int operation, int size) {
  int t = BX * 256 + TX;
  if (t == 0 && n > 0) {
    int least = (int)((uint)(keys[0] >> 32) ^ 0x80000000u), most = (int)((uint)(keys[n - 1] >> 32) ^ 0x80000000u);
    if (least < 0) report(error, operation, least);
    if (most >= rows) report(error, operation, most);
  }
  if (t >= size) return;
  int across = width / V, row = t / across, col = t % across * V;
  auto first = [&](ulong64 key) { // of the keys from key on
    int low = 0, high = n;
    while (low < high) {
      int mid = (low + high) / 2;
      if (keys[mid] < key) {
        low = mid + 1;
      } else {
        high = mid;
      }
    }
    return low;
  };
  ulong64 order = (uint)row ^ 0x80000000u;
  int from = first(order << 32), to = first((order + 1) << 32);
  float s[V] = {};
  for (; from + 4 <= to; from += 4) {
    float q[4][V];
#pragma unroll
    for (int u = 0; u < 4; u++) values<V>(q[u], x + (long64)(uint)keys[from + u] * width + col);
    for (int u = 0; u < 4; u++)
      for (int v = 0; v < V; v++) s[v] += q[u][v];
  }
  for (; from < to; from++) {
    float q[V];
    values<V>(q, x + (long64)(uint)keys[from] * width + col);
    for (int v = 0; v < V; v++) s[v] += q[v];
  }
  store<V>(y + (long64)row * width + col, s);
}
KERNEL BOUNDS(256, 4)
    scatter_add_1(float *y, const float *x, const ulong64 *keys, int n, int rows, int width, ulong64 *error,
                  int operation, int size) {
  scatter_add<1>(y, x, keys, n, rows, width, error, operation, size);
}
KERNEL BOUNDS(256, 4)
    scatter_add_4(float *y, const float *x, const ulong64 *keys, int n, int rows, int width, ulong64 *error,
                  int operation, int size) {
  scatter_add<4>(y, x, keys, n, rows, width, error, operation, size);
}
