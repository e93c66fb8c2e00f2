#!/usr/bin/env bash
# Compares the 3x3 convolutions of stride 1 of ResNet-18 (32x32 images) with PyTorch on this machine: forward, and backward by images and by
# weights, in float32, 2 threads, in turn: medians, the better of PyTorch's layouts, the ratio of each shape and their geometric mean.
#   bench/conv.sh [rounds] [seconds a measurement]
# Needs PyTorch for /usr/bin/python3 (Debian: python3-torch). About four minutes. Ours is BenchmarkConv of graph/cpu/kern.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-/usr/bin/python3}
. bench/openblas.sh
unset OMP_NUM_THREADS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -c -o "$work/kern.test" ./graph/cpu/kern
"$python" - "$work/kern.test" "${1:-3}" "${2:-0.3}" <<'P'
import math, os, re, statistics, subprocess, sys, time
import torch

binary, rounds, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
threads = 2
torch.set_num_threads(threads)
torch.manual_seed(1)
shapes = [(batch, size, channels) for batch in (64, 256) for channels, size in ((64, 32), (128, 16), (256, 8), (512, 4))]

def ours(batch, size, c):
    """Milliseconds of the three directions."""
    name = "^BenchmarkConv$/_%dx%dx%dx%d_to_%d_k3x3_s1x1_p1x1_d1x1_g1$" % (batch, size, size, c, c)
    out = subprocess.run([binary, "-test.run=^$", "-test.bench=" + name, "-test.benchtime=%gs" % seconds],
                         env={**os.environ, "GOMAXPROCS": str(threads)}, check=True, capture_output=True, text=True).stdout
    found = {d: float(ns) / 1e6 for d, ns in re.findall(r"BenchmarkConv/(\w+?)_\S+\s+\d+\s+([0-9.]+) ns/op", out)}
    return [found[d] for d in ("forward", "data", "weights")]

def theirs(batch, size, c, layout):
    """Milliseconds of forward, and of both gradients together."""
    x = torch.randn(batch, c, size, size).contiguous(memory_format=layout).requires_grad_()
    conv = torch.nn.Conv2d(c, c, 3, padding=1, bias=False).to(memory_format=layout)
    dy = torch.randn(batch, c, size, size).contiguous(memory_format=layout)
    def forward():
        return conv(x)
    y = conv(x)
    def backward():
        torch.autograd.grad(y, (x, conv.weight), dy, retain_graph=True)
    def timed(f):
        f(), f()
        took, begin = [], time.perf_counter()
        while time.perf_counter() - begin < seconds or len(took) < 3:
            start = time.perf_counter()
            f()
            took.append(time.perf_counter() - start)
        return 1e3 * statistics.median(took)
    return [timed(forward), timed(backward)]

layouts = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
print("PyTorch %s, %d threads; %d rounds of %g s; milliseconds" % (torch.__version__, threads, rounds, seconds))
print("| batch x H x W, channels | ours: forward | by images | by weights | sum | PyTorch: forward | backward | sum | its layout | ratio |")
print("|---|---|---|---|---|---|---|---|---|---|")
ratios = []
for shape in shapes:
    mine, peer = [], {layout: [] for layout in layouts}
    for _ in range(rounds):
        mine.append(ours(*shape))
        for layout, format in layouts.items():
            peer[layout].append(theirs(*shape, format))
        time.sleep(0.1)  # until PyTorch's threads sleep
    a = [statistics.median(r) for r in zip(*mine)]
    each = {layout: [statistics.median(r) for r in zip(*runs)] for layout, runs in peer.items()}
    best = min(each, key=lambda layout: sum(each[layout]))
    b = each[best]
    ratios.append(sum(b) / sum(a))
    print("| %dx%dx%d, %d | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %s | %.2f |" %
          (shape[0], shape[1], shape[1], shape[2], *a, sum(a), *b, sum(b), best, ratios[-1]), flush=True)
print("| geometric mean | | | | | | | | | %.2f |" % math.exp(statistics.fmean(map(math.log, ratios))))
P
