#!/usr/bin/env bash
# Compares float32 matrix products with OpenBLAS on this machine, shape by shape, with 1 and 2 threads, in turn: medians and their ratios.
#   OPENBLAS=path/to/libopenblas.so.0 bench/gemm.sh [rounds] [seconds a measurement]
# Needs OpenBLAS (Debian: libopenblas0-pthread, the default of OPENBLAS) and NumPy for /usr/bin/python3. About two minutes. Ours is
# BenchmarkGemm of graph/cpu/kern; OpenBLAS is called through ctypes, less what an empty call costs. With 1 thread both run on one and the
# same core: the cores of a shared machine are not equally fast at a time.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-/usr/bin/python3}
. bench/openblas.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -c -o "$work/kern.test" ./graph/cpu/kern
"$python" - "$work/kern.test" "${OPENBLAS:-libopenblas.so.0}" "${1:-5}" "${2:-0.2}" <<'P'
import ctypes, math, os, re, statistics, subprocess, sys, time
import numpy as np

binary, library, rounds, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
blas = ctypes.CDLL(library)
blas.openblas_get_corename.restype = ctypes.c_char_p
random = np.random.default_rng(1)
shapes = [("NN", 256, 256, 256), ("NN", 512, 512, 512), ("NN", 1024, 1024, 1024), ("NN", 2048, 2048, 2048), ("NN", 512, 2048, 512),
          ("NN", 512, 128, 2048), ("NT", 512, 512, 128), ("NN", 64, 512, 512), ("TN", 2048, 512, 512), ("NN", 8320, 576, 192),
          ("NN", 8320, 192, 192), ("NN", 8320, 768, 192), ("NN", 8320, 192, 768), ("TN", 192, 768, 8320), ("NT", 65, 65, 64), ("NN", 65, 64, 65)]

def ours(kind, m, n, k, threads):
    name = "^BenchmarkGemm$/^%s_%dx%dx%d_beta_0_pad_0$" % (kind, m, n, k)
    out = subprocess.run([binary, "-test.run=^$", "-test.bench=" + name, "-test.benchtime=%gs" % seconds],
                         env={**os.environ, "GOMAXPROCS": str(threads)}, check=True, capture_output=True, text=True).stdout
    return float(re.search(r"([0-9.]+) GFLOPS", out)[1])

def theirs(kind, m, n, k, threads):
    blas.openblas_set_num_threads(threads)
    a, b, c = (random.standard_normal(size, dtype=np.float32) for size in (m * k, k * n, m * n))
    def call(rows):
        row_major, trans = 101, {"N": 111, "T": 112}
        f, p, i = ctypes.c_float, lambda x: x.ctypes.data_as(ctypes.c_void_p), ctypes.c_int
        return (i(row_major), i(trans[kind[0]]), i(trans[kind[1]]), i(rows), i(n), i(k), f(1), p(a), i(m if kind[0] == "T" else k),
                p(b), i(k if kind[1] == "T" else n), f(0), p(c), i(n))
    def timed(args, times):
        start = time.perf_counter()
        for _ in range(times):
            blas.cblas_sgemm(*args)
        return time.perf_counter() - start
    full, empty = call(m), call(0)
    timed(full, 3)
    times = 1
    while (took := timed(full, times)) < seconds / 2:
        times *= 2
    times = max(1, round(times * seconds / took))
    return 2 * m * n * k * times / (timed(full, times) - timed(empty, times)) / 1e9

print("OpenBLAS kernels: %s; %d rounds of %g s" % (blas.openblas_get_corename().decode(), rounds, seconds))
print("| op(A)op(B) M x N x K | 1 thread: ours | OpenBLAS | ratio | 2 threads: ours | OpenBLAS | ratio |")
print("|---|---|---|---|---|---|---|")
ratios = {1: [], 2: []}
cores = os.sched_getaffinity(0)
for shape in shapes:
    row = "| %s %d x %d x %d |" % shape
    for threads in ratios:
        both = [[], []]
        os.sched_setaffinity(0, {max(cores)} if threads == 1 else cores)
        for _ in range(rounds):
            both[0].append(ours(*shape, threads))
            both[1].append(theirs(*shape, threads))
            time.sleep(0.1)  # until OpenBLAS's threads sleep
        a, b = map(statistics.median, both)
        ratios[threads].append(a / b)
        row += " %.0f | %.0f | %.2f |" % (a, b, a / b)
    print(row, flush=True)
mean = {t: math.exp(statistics.fmean(map(math.log, r))) for t, r in ratios.items()}
print("| geometric mean | | | %.2f | | | %.2f |" % (mean[1], mean[2]))
P
