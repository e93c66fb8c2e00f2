// Recurrent layers: all steps of some rows of the batch by one block. Weights w [h,gates*h] are read at every step,
// from the second on out of the cache.
#include "rows.h"

// products makes, for R rows of states h [R,n] in shared memory, the G products with columns j, n+j ... of w and their
// bias. The sums run in order of the states.
template <int G, int R>
static __device__ __forceinline__ void products(float (&s)[R][G], const float *h, const float *w, const float *b,
                                                int n, int j) {
  for (int r = 0; r < R; r++)
    for (int g = 0; g < G; g++) s[r][g] = b[g * n + j];
#pragma unroll(R == 8 ? 4 : 8)
  for (int k = 0; k < n; k++) {
    float v[G];
#pragma unroll
    for (int g = 0; g < G; g++) v[g] = w[(long64)k * G * n + g * n + j];
#pragma unroll
    for (int r = 0; r < R; r++)
#pragma unroll
      for (int g = 0; g < G; g++) s[r][g] = fma_(h[r * n + k], v[g], s[r][g]);
  }
}

// recurrent is the states y [batch,t,n] of a GRU (G = 3) or LSTM (G = 4) from projected inputs x [batch,t,G*n], the
// weights w [n,G*n] and bias b [G*n] of the state before. A block has R rows. Shared: 2 states of R*n floats in turn,
// and R*n cells of an LSTM.
template <int G, int R>
static __device__ __forceinline__ void recurrent(float *y, const float *x, const float *w, const float *b, int batch,
                                                 int t, int n) {
  float *now = (float *)dynamic, *next = now + R * n, *cell = next + R * n;
  for (int i = TX; i < R * n; i += NX) {
    now[i] = 0;
    if (G == 4) cell[i] = 0;
  }
  barrier();
  for (int step = 0; step < t; step++) {
    for (int j = TX; j < n; j += NX) {
      float s[R][G];
      products<G, R>(s, now, w, b, n, j);
#pragma unroll
      for (int r = 0; r < R; r++) {
        int row = BX * R + r;
        if (row >= batch) continue;
        const float *in = x + ((long64)row * t + step) * G * n + j;
        float h;
        if (G == 4) {
          float c = sigmoid(in[0] + s[r][0]) * tanh_(in[2 * n] + s[r][2]);
          c += sigmoid(in[n] + s[r][1]) * cell[r * n + j];
          cell[r * n + j] = c;
          h = sigmoid(in[3 * n] + s[r][G - 1]) * tanh_(c);
        } else {
          float reset = sigmoid(in[0] + s[r][0]), keep = sigmoid(in[n] + s[r][1]);
          float fresh = tanh_(in[2 * n] + reset * s[r][2]);
          h = (1 - keep) * fresh + keep * now[r * n + j];
        }
        next[r * n + j] = h;
        y[((long64)row * t + step) * n + j] = h;
      }
    }
    barrier();
    float *swap = now;
    now = next, next = swap;
  }
}
#define RECURRENT(name, G, R)                                                                                          \
  KERNEL BOUNDS(512, 1) name(float *y, const float *x, const float *w, const float *b, int batch, int t, int n) {      \
    recurrent<G, R>(y, x, w, b, batch, t, n);                                                                          \
  }
RECURRENT(gru_1, 3, 1)
RECURRENT(gru_2, 3, 2)
RECURRENT(gru_4, 3, 4)
RECURRENT(lstm_1, 4, 1)
RECURRENT(lstm_2, 4, 2)
RECURRENT(lstm_4, 4, 4)

// recurrent_gates makes the gates of all steps again, each from the state before it: gates [batch,t,4,n], of a GRU
// reset, keep, new, and new's product with the state; of an LSTM in, forget, new, out. A block has 8 steps, whichever
// rows they are of. Shared: 8*n floats.
template <int G>
static __device__ __forceinline__ void recurrent_gates(float *gates, const float *x, const float *w, const float *b,
                                                       const float *y, int steps, int t, int n) {
  const int R = 8;
  float *h = (float *)dynamic;
  int first = BX * R;
  for (int i = TX; i < R * n; i += NX) {
    int at = first + i / n;
    h[i] = at < steps && at % t > 0 ? y[(long64)(at - 1) * n + i % n] : 0;
  }
  barrier();
  for (int j = TX; j < n; j += NX) {
    float s[R][G];
    products<G, R>(s, h, w, b, n, j);
#pragma unroll
    for (int r = 0; r < R; r++) {
      int at = first + r;
      if (at >= steps) continue;
      const float *in = x + (long64)at * G * n + j;
      float *out = gates + (long64)at * 4 * n + j;
      float first_gate = sigmoid(in[0] + s[r][0]);
      out[0] = first_gate;
      out[n] = sigmoid(in[n] + s[r][1]);
      if (G == 4) {
        out[2 * n] = tanh_(in[2 * n] + s[r][2]);
        out[3 * n] = sigmoid(in[3 * n] + s[r][G - 1]);
      } else {
        out[2 * n] = tanh_(in[2 * n] + first_gate * s[r][2]);
        out[3 * n] = s[r][2];
      }
    }
  }
}
KERNEL BOUNDS(256, 2)
    gru_gates(float *gates, const float *x, const float *w, const float *b, const float *y, int steps, int t, int n) {
  recurrent_gates<3>(gates, x, w, b, y, steps, t, n);
}
KERNEL BOUNDS(256, 2)
    lstm_gates(float *gates, const float *x, const float *w, const float *b, const float *y, int steps, int t, int n) {
  recurrent_gates<4>(gates, x, w, b, y, steps, t, n);
}

// turned is w [rows,cols] transposed, y [cols,rows], by tiles of 32x32 in blocks of 256 threads.
KERNEL BOUNDS(256, 4) turned(float *y, const float *w, int rows, int cols) {
  float *tile = (float *)dynamic; // [32][33]
  int row = BY * 32, col = BX * 32;
  for (int i = WARP; i < 32; i += 8)
    if (row + i < rows && col + LANE < cols) tile[i * 33 + LANE] = w[(long64)(row + i) * cols + col + LANE];
  barrier();
  for (int i = WARP; i < 32; i += 8)
    if (col + i < cols && row + LANE < rows) y[(long64)(col + i) * rows + row + LANE] = tile[LANE * 33 + i];
}

// recurrent_grad is the gradient with respect to the sums before the gates, d [batch,t,4,n], from dy [batch,t,n], the
// gates, the states y, and wt [G*n,n], the weights transposed. An LSTM's cells [batch,t,n] are made first. A block has
// R rows, a thread the same columns in every step. Shared: 4 sums and 2 gradients of R*n floats.
template <int G, int R>
static __device__ __forceinline__ void recurrent_grad(float *d, float *cells, const float *dy, const float *gates,
                                                      const float *y, const float *wt, int batch, int t, int n) {
  float *sums = (float *)dynamic, *dh = sums + 4 * R * n, *dc = dh + R * n; // sums: [R][4*n]
  for (int i = TX; i < R * n; i += NX) {
    int row = BX * R + i / n, j = i % n;
    dh[i] = 0, dc[i] = 0;
    if (G < 4 || row >= batch) continue;
    float c = 0;
    for (int step = 0; step < t; step++) {
      const float *g = gates + ((long64)row * t + step) * 4 * n + j;
      c = g[n] * c + g[0] * g[2 * n];
      cells[((long64)row * t + step) * n + j] = c;
    }
  }
  barrier();
  for (int step = t - 1; step >= 0; step--) {
    for (int i = TX; i < R * n; i += NX) {
      int row = BX * R + i / n, j = i % n;
      float e[4] = {0, 0, 0, 0}, back = 0;
      if (row < batch) {
        long64 at = (long64)row * t + step;
        const float *g = gates + at * 4 * n + j;
        float grad = dh[i] + dy[at * n + j], a = g[0], b = g[n], c = g[2 * n], o = g[3 * n];
        if (G == 4) {
          float tc = tanh_(cells[at * n + j]), before = step > 0 ? cells[(at - 1) * n + j] : 0;
          float dcell = fma_(grad * o, 1 - tc * tc, dc[i]);
          e[0] = dcell * c * a * (1 - a);
          e[1] = dcell * before * b * (1 - b);
          e[2] = dcell * a * (1 - c * c);
          e[3] = grad * tc * o * (1 - o);
          dc[i] = dcell * b;
        } else {
          float before = step > 0 ? y[(at - 1) * n + j] : 0;
          float dn = grad * (1 - b) * (1 - c * c);
          e[0] = dn * o * a * (1 - a);
          e[1] = grad * (before - c) * b * (1 - b);
          e[2] = dn * a;
          e[3] = dn;
          back = grad * b;
        }
#pragma unroll
        for (int q = 0; q < 4; q++) d[(at * 4 + q) * n + j] = e[q];
      }
      dh[i] = back;
#pragma unroll
      for (int q = 0; q < 4; q++) sums[i / n * 4 * n + q * n + j] = e[q];
    }
    barrier();
    for (int j = TX; j < n; j += NX) {
      float s[R];
#pragma unroll
      for (int r = 0; r < R; r++) s[r] = dh[r * n + j];
#pragma unroll 8
      for (int k = 0; k < G * n; k++) {
        float v = wt[(long64)k * n + j];
#pragma unroll
        for (int r = 0; r < R; r++) s[r] = fma_(sums[r * 4 * n + k], v, s[r]);
      }
#pragma unroll
      for (int r = 0; r < R; r++) dh[r * n + j] = s[r];
    }
    barrier();
  }
}
#define RECURRENT_GRAD(name, G, R)                                                                                     \
  KERNEL BOUNDS(512, 1)                                                                                                \
  name(float *d, float *cells, const float *dy, const float *gates, const float *y, const float *wt, int batch, int t, \
       int n) {                                                                                                        \
    recurrent_grad<G, R>(d, cells, dy, gates, y, wt, batch, t, n);                                                     \
  }
RECURRENT_GRAD(gru_grad_1, 3, 1)
RECURRENT_GRAD(gru_grad_2, 3, 2)
RECURRENT_GRAD(gru_grad_4, 3, 4)
RECURRENT_GRAD(lstm_grad_1, 4, 1)
RECURRENT_GRAD(lstm_grad_2, 4, 2)
RECURRENT_GRAD(lstm_grad_4, 4, 4)
