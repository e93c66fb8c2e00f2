#!/usr/bin/env bash
# Compares training steps with PyTorch on this machine: both in turn, medians, the best of PyTorch's layouts and waiting policies. How many times
# as fast is the median ratio of neighbours, a run of PyTorch and the one of ours just before, for the layout and policy with the least: a machine
# whose own speed changes from minute to minute would else compare one's good minutes with the other's bad ones. A single round takes the least of
# single ratios, which is often luck.
#   PEER=path/to/torch_step.py bench/peer.sh [rounds] [rows]
# rows is a pattern of the rows to take, such as "ResNet-18.*bf16"; all of them take most of an hour a round.
# Needs PyTorch and torchvision for /usr/bin/python3, and OpenBLAS as its BLAS (Debian: python3-torch python3-torchvision
# libopenblas0-pthread; without the last, PyTorch multiplies float32 matrices with a plain reference library and is no opponent). Prints one row a
# step and precision.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${PEER:?set PEER to the PyTorch script}"
rounds=${1:-3}
pattern=${2:-.}
python=${PYTHON:-/usr/bin/python3}
. bench/openblas.sh
if ! "$python" -c 'import torch; torch.mm(torch.ones(2, 2), torch.ones(2, 2)); import sys; sys.exit(not any(b in open("/proc/self/maps").read() for b in ("openblas", "mkl")))'; then
	echo "peer.sh: $python's PyTorch uses neither OpenBLAS nor MKL; install libopenblas0-pthread" >&2
	exit 1
fi
# PyTorch first: a script that takes OPENBLAS_CORETYPE away then does so too late
torch_first='import torch, runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name="__main__")'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/experiment" ./cmd/experiment

# row PRECISIONS NAME RECIPE SETS -- PEER ARGUMENTS
row() {
	local precisions=$1 name=$2 recipe=$3 sets=() precision i
	shift 3
	while [ "$1" != -- ]; do sets+=(--set "$1"); shift; done
	shift
	for precision in $precisions; do
		[[ "$name, $precision" =~ $pattern ]] || continue
		rm -f "$work"/ours "$work"/peer.*
		for ((i = 0; i < rounds; i++)); do
			for layout in contiguous channels_last; do
				for policy in ACTIVE PASSIVE; do
					"$work/experiment" bench "$recipe" --json --steps 5 --threads 2 --set "precision=$precision" "${sets[@]}" >> "$work/ours"
					if [ $policy = ACTIVE ]; then unset OMP_WAIT_POLICY; else export OMP_WAIT_POLICY=$policy; fi # active is the default
					"$python" -c "$torch_first" "$PEER" --threads 2 --steps 3 --layout $layout --precision "$precision" "$@" >> "$work/peer.$layout.$policy"
				done
			done
		done
		"$python" - "$name" "$precision" "$work/ours" "$work"/peer.{contiguous,channels_last}.{ACTIVE,PASSIVE} <<'P'
import json, statistics, sys
name, precision, ours, *peers = *sys.argv[1:3], *[[json.loads(l) for l in open(f)] for f in sys.argv[3:]]
med = lambda rs, k: statistics.median(r[k] for r in rs)
ratio = lambda k: statistics.median(p["ms_median"] / o["ms_median"] for p, o in zip(peers[k], ours[k :: len(peers)]))
best = min(range(len(peers)), key=ratio)
(a, b), (m, n) = [[med(rs, k) for rs in (ours, peers[best])] for k in ("ms_median", "peak_rss_mb")]
print("| %s | %s | %.0f | %.0f | %.2f | %.0f | %.0f | %.2f |" % (name, precision, a, b, ratio(best), m, n, m / n), flush=True)
P
	done
}

echo "| step | precision | ours, ms | PyTorch, ms | times as fast | ours, MB | PyTorch, MB | share of its memory |"
echo "|---|---|---|---|---|---|---|---|"
resnet18="--backbone resnet18-cifar"
vit="--backbone vit-tiny --batch 128 --optimizer adamw"
for batch in 64 128 256; do
	row "fp32 bf16" "SimCLR, ResNet-18 3x3 stem, 32x32, batch $batch" bench/resnet18-simclr.toml train.batch=$batch -- --method simclr $resnet18 --batch $batch
done
row "fp32 bf16" "BYOL, ResNet-18 3x3 stem, 32x32, batch 128" bench/resnet18-byol.toml -- --method byol $resnet18 --batch 128
row "fp32 bf16" "SimCLR, ResNet-50, 64x64, batch 32" bench/resnet50-simclr.toml -- --method simclr --backbone resnet50 --size 64 --batch 32
row "fp32" "VICReg, convnet, 32x32, batch 256" bench/convnet-vicreg.toml -- --method vicreg --backbone convnet --batch 256
# Ours runs each view as a batch of its own, as VICReg's authors do; the row above lets PyTorch run both as one, with other batch statistics.
row "fp32" "VICReg, each view by itself" bench/convnet-vicreg.toml -- --method vicreg --backbone convnet --batch 256 --separate
row "fp32 bf16" "supervised, ViT-Tiny/4, 32x32, batch 128" bench/vit-supervised.toml -- --method supervised $vit
row "fp32 bf16" "MAE, ViT-Tiny/4, 32x32, batch 128" bench/vit-mae.toml -- --method mae $vit
