// The functions that generated kernels are made of: f_NAME is the Unary NAME of package op, and d_NAME its derivative at
// x, or at y where op.Unaries says so. The generator (chain.go) puts their bodies in place of calls, so none may call
// another function that is not inlined, and each has one return value.
#include "prelude.h"

#define FUNCTION extern "C" __device__ __attribute__((noinline))

// erf_: its series below 1; above, the approximation 7.1.26 of Abramowitz and Stegun (1964) to 1.5e-7.
static __device__ __forceinline__ float erf_(float x) {
  float z = x * x;
  float p = fma_(z, 1.31225322e-8f * -1.0f, 1.45038522e-7f);
  p = fma_(z, p, -1.45891690e-6f);
  p = fma_(z, p, 1.32275132e-5f);
  p = fma_(z, p, -1.06837607e-4f);
  p = fma_(z, p, 7.57575758e-4f);
  p = fma_(z, p, -4.62962963e-3f);
  p = fma_(z, p, 2.38095238e-2f);
  p = fma_(z, p, -1.0e-1f);
  p = fma_(z, p, 3.33333333e-1f);
  float small = 1.12837916709551f * fma_(-x * z, p, x);
  float a = abs_(x), t = 1.0f / fma_(0.3275911f, a, 1.0f);
  float q = fma_(t, 1.061405429f, -1.453152027f);
  q = fma_(t, q, 1.421413741f);
  q = fma_(t, q, -0.284496736f);
  q = fma_(t, q, 0.254829592f);
  float y = 1.0f - t * q * exp_(-z);
  return a < 1.0f ? small : (x < 0 ? -y : y);
}

// turn reduces x to r in [-pi/4, pi/4] and the quarter turns taken off, in float64.
static __device__ __forceinline__ float turn(float x, int *quarter) {
  double n = __builtin_rint((double)x * 0.63661977236758134308);
  *quarter = (int)((long64)n & 3);
  return (float)(((double)x - n * 1.5707963267948965580) - n * 6.1232339957367658860e-17);
}
static __device__ __forceinline__ float sine(float r) {
  float z = r * r, p = fma_(z, 2.7557319e-6f, -1.9841270e-4f);
  p = fma_(z, p, 8.3333333e-3f);
  p = fma_(z, p, -1.6666667e-1f);
  return fma_(r * z, p, r);
}
static __device__ __forceinline__ float cosine(float r) {
  float z = r * r, p = fma_(z, 2.4801587e-5f, -1.3888889e-3f);
  p = fma_(z, p, 4.1666667e-2f);
  p = fma_(z, p, -0.5f);
  return fma_(z, p, 1.0f);
}
static __device__ __forceinline__ float sin_(float x) {
  int q;
  float r = turn(x, &q), y = q & 1 ? cosine(r) : sine(r);
  return q & 2 ? -y : y;
}
static __device__ __forceinline__ float cos_(float x) {
  int q;
  float r = turn(x, &q), y = q & 1 ? sine(r) : cosine(r);
  return (q + 1) & 2 ? -y : y;
}

static __device__ __forceinline__ float gelu_arg(float x) {
  return 0.797884560802865f * fma_(0.044715f * x, x * x, x);
}

FUNCTION float f_exp(float x) { return exp_(x); }
FUNCTION float f_log(float x) { return log_(x); }
FUNCTION float f_sqrt(float x) { return sqrt_(x); }
FUNCTION float f_rsqrt(float x) { return 1.0f / sqrt_(x); }
FUNCTION float f_square(float x) { return x * x; }
FUNCTION float f_abs(float x) { return abs_(x); }
FUNCTION float f_neg(float x) { return -x; }
FUNCTION float f_relu(float x) { return x < 0 ? 0.0f : x; }
FUNCTION float f_cos(float x) { return cos_(x); }
FUNCTION float f_sin(float x) { return sin_(x); }
FUNCTION float f_tanh(float x) { return tanh_(x); }
FUNCTION float f_sigmoid(float x) { return sigmoid(x); }
FUNCTION float f_softplus(float x) {
  float t = exp_(-abs_(x)), u = 1.0f + t;
  float l = u == 1.0f ? t : log_(u) * (t / (u - 1.0f));
  return (x < 0 ? 0.0f : x) + l;
}
FUNCTION float f_silu(float x) { return x * sigmoid(x); }
FUNCTION float f_reciprocal(float x) { return 1.0f / x; }
FUNCTION float f_gelu(float x) { return 0.5f * x * (1.0f + erf_(x * 0.707106781186548f)); }
FUNCTION float f_gelu_tanh(float x) { return 0.5f * x * (1.0f + tanh_(gelu_arg(x))); }

FUNCTION float d_exp(float y) { return y; }
FUNCTION float d_log(float x) { return 1.0f / x; }
FUNCTION float d_sqrt(float y) { return 0.5f / y; }
FUNCTION float d_rsqrt(float y) { return -0.5f * y * y * y; }
FUNCTION float d_square(float x) { return 2.0f * x; }
FUNCTION float d_abs(float x) { return x > 0 ? 1.0f : (x < 0 ? -1.0f : 0.0f); }
FUNCTION float d_neg(float) { return -1.0f; }
FUNCTION float d_relu(float y) { return y > 0 ? 1.0f : 0.0f; }
FUNCTION float d_cos(float x) { return -sin_(x); }
FUNCTION float d_sin(float x) { return cos_(x); }
FUNCTION float d_tanh(float y) { return 1.0f - y * y; }
FUNCTION float d_sigmoid(float y) { return y * (1.0f - y); }
FUNCTION float d_softplus(float x) { return sigmoid(x); }
FUNCTION float d_silu(float x) {
  float s = sigmoid(x);
  return s * (1.0f + x * (1.0f - s));
}
FUNCTION float d_reciprocal(float y) { return -y * y; }
FUNCTION float d_gelu(float x) {
  return 0.5f * (1.0f + erf_(x * 0.707106781186548f)) + x * exp_(-0.5f * x * x) * 0.398942280401433f;
}
FUNCTION float d_gelu_tanh(float x) {
  float t = tanh_(gelu_arg(x));
  return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * 0.797884560802865f * (1.0f + 0.134145f * x * x);
}

FUNCTION float f_round(float x) { return bf16_of(x); }

// Random numbers: see RandomOp of package op. All integer steps, and the uniform numbers made of them, are the
// processor's bit for bit.
static __device__ __forceinline__ ulong64 mix64(ulong64 z) {
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ z >> 27) * 0x94D049BB133111EBull;
  return z ^ z >> 31;
}
static __device__ __forceinline__ ulong64 number(float k0, float k1, float step, int draw, ulong64 i) {
  ulong64 s = mix64((ulong64)(long64)k0 << 24 ^ (ulong64)(long64)k1);
  s = mix64(s + (ulong64)(long64)step);
  s = mix64(s + (ulong64)(long64)draw);
  return mix64(s + i * 0x9E3779B97F4A7C15ull);
}
FUNCTION float r_uniform(float k0, float k1, float step, int draw, ulong64 i) {
  return (float)(uint)(number(k0, k1, step, draw, i) >> 40) * 5.9604644775390625e-8f;
}
// r_below is 1 where the uniform number is below p, else 0.
FUNCTION float r_below(float k0, float k1, float step, int draw, ulong64 i, double p) {
  double u = (double)(uint)(number(k0, k1, step, draw, i) >> 40) * 5.9604644775390625e-8;
  return u < p ? 1.0f : 0.0f;
}

// log_64 is the natural logarithm in float64 to 1 unit of the last place, of normal numbers above 0.
static __device__ __forceinline__ double log_64(double x) {
  long64 b = __builtin_bit_cast(long64, x);
  int e = (int)(b >> 52) - 1023;
  double m = __builtin_bit_cast(double, (b & 0xfffffffffffffll) | 0x3ff0000000000000ll);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    e++;
  }
  double f = m - 1, s = f / (2 + f), z = s * s, w = z * z;
  double t1 = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  double t2 = z * (6.666666666666735130e-01 +
                   w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  double r = t1 + t2, h = 0.5 * f * f, n = (double)e;
  return n * 6.93147180369123816490e-01 - ((h - (s * (h + r) + n * 1.90821492927058770002e-10)) - f);
}

// r_normal is the inverse distribution function of the normal distribution (Wichura 1988, algorithm AS 241) in float64,
// rounded once.
FUNCTION float r_normal(float k0, float k1, float step, int draw, ulong64 i) {
  uint bits = (uint)(number(k0, k1, step, draw, i) >> 32);
  double x = ((double)bits + 0.5) / 2147483648.0 - 1.0, a = x < 0 ? -x : x, p, q;
  if (a <= 0.85) {
    double r = 0.180625 - 0.25 * a * a;
    p = a * (((((((8.8709406962545514830200e2 * r + 1.1819493347062294404278e4) * r + 2.3782041382114385731252e4) * r +
                 1.6235862515167375384252e4) * r + 4.8548868893843886794648e3) * r + 6.9706266534389598238465e2) * r +
              4.7072688112383978012285e1) * r + 1.1975323115670912564578e0);
    q = ((((((5.2264952788528545610e3 * r + 2.8729085735721942674e4) * r + 3.9307895800092710610e4) * r +
            2.1213794301586595867e4) * r + 5.3941960214247511077e3) * r + 6.8718700749205790830e2) * r +
         4.2313330701600911252e1) * r + 1.0;
  } else {
    double r = sqrt_(0.693147180559945309417 - log_64(1.0 - a));
    if (r <= 5.0) {
      r -= 1.6;
      p = ((((((7.74545014278341407640e-4 * r + 2.27238449892691845833e-2) * r + 2.41780725177450611770e-1) * r +
              1.27045825245236838258e0) * r + 3.64784832476320460504e0) * r + 5.76949722146069140550e0) * r +
           4.63033784615654529590e0) * r + 1.42343711074968357734e0;
      q = ((((((1.4859850019840355905497876e-9 * r + 7.7441459065157709165577218e-4) * r +
               2.1494160384252876777097297e-2) * r + 2.0945065210512749128288442e-1) * r +
             9.7547832001787427186894837e-1) * r + 2.3707661626024532365971225e0) * r +
           2.9036514445419946173133295e0) * r + 1.4142135623730950488016887e0;
    } else {
      r -= 5.0;
      p = ((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 1.24266094738807843860e-3) * r +
              2.65321895265761230930e-2) * r + 2.96560571828504891230e-1) * r + 1.78482653991729133580e0) * r +
           5.46378491116411436990e0) * r + 6.65790464350110377720e0;
      q = ((((((2.891024605872965461538222e-15 * r + 2.010321207683943062279931e-7) * r +
               2.611088405080593625138020e-5) * r + 1.112800997078859844711555e-3) * r +
             2.103693768272068968719679e-2) * r + 1.936480946950659106176712e-1) * r +
           8.482908416595164588112026e-1) * r + 1.414213562373095048801689e0;
    }
  }
  double y = 1.4142135623730950488 * (p / q);
  return (float)(x < 0 ? -y : y);
}

// pow_64 is beta^n for 0 < beta < 1 and a whole n >= 0, by squaring.
static __device__ __forceinline__ double pow_64(double beta, float n) {
  double y = 1, b = beta;
  for (uint k = (uint)n; k > 0; k >>= 1) {
    if (k & 1) y *= b;
    b *= b;
  }
  return y;
}

// adam_settings writes what Adam's step takes of its settings: 1 - lr*wd, the rate over the bias correction of the first
// moment, and 1 over the root of that of the second.
KERNEL BOUNDS(32, 1)
    adam_settings(float *y, const float *lr, const float *wd, const float *step, double beta1, double beta2) {
  if (TX != 0) return;
  double rate = *lr;
  y[0] = (float)(1 - rate * (double)*wd);
  y[1] = (float)(rate / (1 - pow_64(beta1, *step)));
  y[2] = (float)(1 / sqrt_(1 - pow_64(beta2, *step)));
}
