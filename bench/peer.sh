#!/usr/bin/env bash
# Compares training steps with PyTorch on this machine: both in turn, medians, the better of PyTorch's layouts and waiting policies.
#   PEER=path/to/torch_step.py bench/peer.sh [rounds]
# Needs PyTorch and torchvision for /usr/bin/python3 (Debian: python3-torch python3-torchvision). Prints one row a step.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${PEER:?set PEER to the PyTorch script}"
rounds=${1:-3}
python=${PYTHON:-/usr/bin/python3}
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/experiment" ./cmd/experiment

# row NAME RECIPE SETS -- PEER ARGUMENTS
row() {
	local name=$1 recipe=$2 sets=() i
	shift 2
	while [ "$1" != -- ]; do sets+=(--set "$1"); shift; done
	shift
	: > "$work/ours"; : > "$work/peer"
	for ((i = 0; i < rounds; i++)); do
		"$work/experiment" bench "$recipe" --json --steps 5 --threads 2 "${sets[@]}" >> "$work/ours"
		"$python" "$PEER" --threads 2 --steps 3 --layout best "$@" >> "$work/peer"
	done
	"$python" - "$name" "$work/ours" "$work/peer" <<'P'
import json, statistics, sys
name, ours, peer = sys.argv[1], *[[json.loads(l) for l in open(f)] for f in sys.argv[2:]]
med = lambda rs, k: statistics.median(r[k] for r in rs)
a, b = med(ours, "ms_median"), med(peer, "ms_median")
print("| %s | %.0f | %.0f | %.2f | %.0f | %.0f | %.2f |" % (name, a, b, b / a, med(ours, "peak_rss_mb"), med(peer, "peak_rss_mb"), med(ours, "peak_rss_mb") / med(peer, "peak_rss_mb")), flush=True)
P
}

echo "| step | ours, ms | PyTorch, ms | times as fast | ours, MB | PyTorch, MB | share of its memory |"
echo "|---|---|---|---|---|---|---|"
row "SimCLR, ResNet-18 3x3 stem, 32x32, batch 64" bench/resnet18-simclr.toml -- --method simclr --backbone resnet18-cifar --batch 64
row "SimCLR, ResNet-18 3x3 stem, 32x32, batch 128" bench/resnet18-simclr.toml train.batch=128 -- --method simclr --backbone resnet18-cifar --batch 128
row "SimCLR, ResNet-18 3x3 stem, 32x32, batch 256" bench/resnet18-simclr.toml train.batch=256 -- --method simclr --backbone resnet18-cifar --batch 256
row "BYOL, ResNet-18 3x3 stem, 32x32, batch 128" bench/resnet18-byol.toml -- --method byol --backbone resnet18-cifar --batch 128
row "SimCLR, ResNet-50, 64x64, batch 32" bench/resnet50-simclr.toml -- --method simclr --backbone resnet50 --size 64 --batch 32
row "VICReg, convnet, 32x32, batch 256" bench/convnet-vicreg.toml -- --method vicreg --backbone convnet --batch 256
row "MAE, ViT-Tiny/4, 32x32, batch 128" bench/vit-mae.toml -- --method mae --backbone vit-tiny --batch 128 --optimizer adamw
