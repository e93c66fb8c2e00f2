// Tokens of images by number, and rows of memories that are replaced. Elements are 32 bits of any type.
#include "rows.h"

// gather_tokens copies token ids[b,k] of x [B,tokens,width] to token k of image b of y [B,K,width], V words a thread.
template <int V>
static __device__ __forceinline__ void gather_tokens(float *y, const float *x, const int *ids, int tokens, int k,
                                                     int width, ulong64 *error, int operation, int size) {
  int t = BX * 256 + TX;
  if (t >= size) return;
  int across = width / V, at = t / across, col = t % across * V, id = ids[at];
  if (id < 0 || id >= tokens) {
    report(error, operation, id);
    return;
  }
  float q[V];
  values<V>(q, x + ((long64)(at / k) * tokens + id) * width + col);
  store<V>(y + (long64)at * width + col, q);
}
KERNEL BOUNDS(256, 4)
    gather_tokens_1(float *y, const float *x, const int *ids, int tokens, int k, int width, ulong64 *error,
                    int operation, int size) {
  gather_tokens<1>(y, x, ids, tokens, k, width, error, operation, size);
}
KERNEL BOUNDS(256, 4)
    gather_tokens_4(float *y, const float *x, const int *ids, int tokens, int k, int width, ulong64 *error,
                    int operation, int size) {
  gather_tokens<4>(y, x, ids, tokens, k, width, error, operation, size);
}

// scatter_tokens adds token k of image b of x [B,K,width] to token ids[b,k] of y [B,tokens,width], in order of k: a
// warp a token of y, which looks for its number among the ids.
template <int V>
static __device__ __forceinline__ void scatter_tokens(float *y, const float *x, const int *ids, int tokens, int k,
                                                      int width, ulong64 *error, int operation, int size) {
  int at = BX * 8 + WARP;
  if (at >= size) return;
  int image = at / tokens, token = at % tokens;
  ids += (long64)image * k;
  x += (long64)image * k * width;
  y += (long64)at * width;
  if (token == 0)
    for (int i = LANE; i < k; i += 32)
      if (ids[i] < 0 || ids[i] >= tokens) report(error, operation, ids[i]);
  for (int tile = 0; tile < width; tile += 32 * V) {
    int col = tile + LANE * V;
    float s[V] = {};
    for (int i = 0; i < k; i += 32) {
      int mine = i + LANE < k && ids[i + LANE] == token;
      for (uint found = ballot(mine); found; found &= found - 1) {
        if (col >= width) continue;
        float q[V];
        values<V>(q, x + (long64)(i + __builtin_ctz(found)) * width + col);
        for (int v = 0; v < V; v++) s[v] += q[v];
      }
    }
    if (col < width) store<V>(y + col, s);
  }
}
KERNEL BOUNDS(256, 4)
    scatter_tokens_1(float *y, const float *x, const int *ids, int tokens, int k, int width, ulong64 *error,
                     int operation, int size) {
  scatter_tokens<1>(y, x, ids, tokens, k, width, error, operation, size);
}
KERNEL BOUNDS(256, 4)
    scatter_tokens_4(float *y, const float *x, const int *ids, int tokens, int k, int width, ulong64 *error,
                     int operation, int size) {
  scatter_tokens<4>(y, x, ids, tokens, k, width, error, operation, size);
}

// put_at is queue [k,width] with its rows at, at+1 ... replaced by rows [n,width], going on with row 0 behind the last;
// at is counter or, unless that is there, place. Where y is the queue, only the n rows are written: one thread an
// element.
KERNEL BOUNDS(256, 4)
    put_at(uint *y, const uint *queue, const int *counter, const float *place, const uint *rows, int k, int n,
           int width, ulong64 *error, int operation, int size) {
  int t = BX * 256 + TX;
  if (t >= size) return;
  int i = t / width, col = t % width, at = 0;
  if (counter) {
    at = *counter;
    if (at < 0 && t == 0) report(error, operation, at);
    if (at < 0) return;
    at %= k;
  } else {
    float p = *place;
    bool good = p >= 0 && p <= 9007199254740992.0f && p == __builtin_truncf(p);
    if (!good && t == 0) report(error, operation, (int)p);
    if (!good) return;
    at = (int)((long64)p % k);
  }
  if (y == queue) {
    int row = at + i < k ? at + i : at + i - k;
    y[(long64)row * width + col] = rows[t];
    return;
  }
  int from = i >= at ? i - at : i - at + k;
  y[t] = from < n ? rows[(long64)from * width + col] : queue[t];
}

// keep_rows copies a memory of `size` words.
KERNEL BOUNDS(256, 4) keep_rows(uint *y, const uint *x, int size) {
  int t = BX * 256 + TX;
  if (t < size) y[t] = x[t];
}

// put_rows replaces row ids[i] of y [rows,width] by row i of x [n,width], a warp a value. Of several values for a row
// the last one stays: a warp looks whether there is a later one. Below 0 nothing is replaced.
KERNEL BOUNDS(256, 4)
    put_rows(uint *y, const uint *x, const int *ids, int n, int rows, int width, ulong64 *error, int operation) {
  int i = BX * 8 + WARP;
  if (i >= n) return;
  int id = ids[i];
  if (id >= rows && LANE == 0) report(error, operation, id);
  if (id < 0 || id >= rows) return;
  for (int j = i + 1; j < n; j += 32)
    if (ballot(j + LANE < n && ids[j + LANE] == id)) return;
  for (int col = LANE; col < width; col += 32) y[(long64)id * width + col] = x[(long64)i * width + col];
}

// mirror is the symmetric matrices with the lower triangles of x [size/(n*n),n,n], one thread an element.
KERNEL BOUNDS(256, 4) mirror(float *y, const float *x, int n, int size) {
  int t = BX * 256 + TX;
  if (t >= size) return;
  int i = t / n % n, j = t % n;
  y[t] = x[t - i * n - j + imax(i, j) * n + imin(i, j)];
}
