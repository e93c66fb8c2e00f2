#!/usr/bin/env bash
# Whether a step's time is linear in the batch: images a second for batches of 32 to 512, which should hardly fall. Medians over rounds in turn.
#   bench/linear.sh [rounds] [recipe batches...]
# By default SimCLR with a ResNet-18 of a quarter of the width; bench/linear.sh 3 bench/resnet18-simclr.toml 32 64 128 is the full one.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-3}
recipe=bench/resnet18-simclr.toml
sets=(--set backbone.resnet.width=0.25)
batches=(32 64 128 256 512)
if [ $# -gt 1 ]; then
	recipe=$2
	sets=()
	batches=("${@:3}")
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/experiment" ./cmd/experiment
for ((i = 0; i < rounds; i++)); do
	for batch in "${batches[@]}"; do
		"$work/experiment" bench "$recipe" --json --steps 3 --threads 2 "${sets[@]}" --set "train.batch=$batch" >> "$work/all"
	done
done
"${PYTHON:-/usr/bin/python3}" - "$work/all" <<'P'
import json, statistics, sys
runs = {}
for line in open(sys.argv[1]):
    r = json.loads(line)
    runs.setdefault(r["batch"], []).append(r)
print("| batch | ms a step | images a second | of the smallest batch's | MB |")
print("|---|---|---|---|---|")
first = None
for batch, rs in runs.items():
    ms, mb = (statistics.median(r[k] for r in rs) for k in ("ms_median", "peak_rss_mb"))
    speed = 1e3 * batch / ms
    first = first or speed
    print("| %d | %.0f | %.0f | %.2f | %.0f |" % (batch, ms, speed, speed / first, mb))
P
