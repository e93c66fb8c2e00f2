#!/usr/bin/env bash
# Compares training steps with an older build of the same program on this machine: how fast this one is, measured by the old one's steps.
#   bench/against.sh OLD_BINARY [rounds] [rows]
#   git worktree add /tmp/old COMMIT && (cd /tmp/old && go build -o /tmp/experiment-old ./cmd/experiment) && bench/against.sh /tmp/experiment-old
# Both binaries run each row in turn, the one that is first changing from round to round, and each pair of neighbours gives a ratio: a machine whose
# own speed changes from minute to minute would else compare one's good minutes with the other's bad ones. The median ratio is printed; the script
# fails where one is below LEAST (0.98).
# rows is a pattern of the rows to take, such as "ResNet-18.*bf16". STEPS (5) and THREADS (2) are those of a run. The old binary reads this
# checkout's recipes, so a row whose settings it does not know is left out with its message.
set -euo pipefail
test $# -gt 0 || { sed -n 2,10p "$0" >&2; exit 2; }
old=$(realpath "$1")
cd "$(dirname "$0")/.."
rounds=${2:-5}
pattern=${3:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/experiment" ./cmd/experiment
failed=0

# step BINARY FILE RECIPE SETS...: one run of a row, appended to a file
step() {
	local binary=$1 to=$2
	shift 2
	"$binary" bench "$@" --json --steps "${STEPS:-5}" --threads "${THREADS:-2}" >> "$to" 2> "$work/message"
}

# row PRECISIONS NAME RECIPE SETS
row() {
	local precisions=$1 name=$2 recipe=$3 sets=() precision i set
	shift 3
	for set in "$@"; do sets+=(--set "$set"); done
	for precision in $precisions; do
		[[ "$name, $precision" =~ $pattern ]] || continue
		rm -f "$work"/old "$work"/new
		for ((i = 0; i < rounds; i++)); do
			local order=(old new)
			if ((i % 2)); then order=(new old); fi
			for which in "${order[@]}"; do
				if [ $which = old ]; then binary=$old; else binary=$work/experiment; fi
				if ! step "$binary" "$work/$which" "$recipe" --set "precision=$precision" "${sets[@]}"; then
					echo "against.sh: $name, $precision: the $which binary: $(cat "$work/message")" >&2
					failed=1
					continue 3
				fi
			done
		done
		"${PYTHON:-python3}" - "$name" "$precision" "$work/old" "$work/new" "${LEAST:-0.98}" <<'P' || failed=1
import json, statistics, sys
name, precision, *files, least = sys.argv[1:]
old, new = [[json.loads(l)["ms_median"] for l in open(f)] for f in files]
ratios = sorted(o / n for o, n in zip(old, new))
ratio = statistics.median(ratios)
med = statistics.median
print("| %s | %s | %.0f | %.0f | %.3f | %.3f to %.3f |" % (name, precision, med(old), med(new), ratio, ratios[0], ratios[-1]), flush=True)
sys.exit(ratio < float(least))
P
	done
}

echo "| step | precision | old, ms | new, ms | times as fast | single pairs |"
echo "|---|---|---|---|---|---|"
for batch in 64 128 256; do
	row "fp32 bf16" "SimCLR, ResNet-18 3x3 stem, 32x32, batch $batch" bench/resnet18-simclr.toml train.batch=$batch
done
row "fp32 bf16" "BYOL, ResNet-18 3x3 stem, 32x32, batch 128" bench/resnet18-byol.toml
row "fp32 bf16" "SimCLR, ResNet-50, 64x64, batch 32" bench/resnet50-simclr.toml
row "fp32" "VICReg, convnet, 32x32, batch 256" bench/convnet-vicreg.toml
row "fp32 bf16" "supervised, ViT-Tiny/4, 32x32, batch 128" bench/vit-supervised.toml
row "fp32 bf16" "MAE, ViT-Tiny/4, 32x32, batch 128" bench/vit-mae.toml
exit $failed
