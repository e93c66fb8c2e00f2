#!/usr/bin/env bash
# Checks and times the CUDA backend on a machine with a GPU that has neither Go nor a network, beside PyTorch.
#
#   bench/gpu.sh pack FOLDER          here: builds what the other machine runs, from the repository, into FOLDER
#   bench/gpu.sh run FOLDER [RESULT]  there, in a copy of the repository: everything, in at most 8 minutes
#
# RESULT (default FOLDER/result) gets a file a part as it ends, so that a cut loses one part: kernels.txt (the driver
# takes every PTX; registers), cases.txt (every operation against the reference), rows.txt (times of operations over rows),
# steps.jsonl (training steps, ours and PyTorch's), table.md. PyTorch is optional: PYTHON names an interpreter that has
# it. PARTS picks parts: "kernels cases rows ours torch".
set -uo pipefail
cd "$(dirname "$0")/.."
verb=${1:-}
folder=${2:?see the head of this file}

pack() {
	set -e
	mkdir -p "$folder"
	go run ./tools/cuda build -trimpath -ldflags "-s -w" -o "$folder/experiment" ./cmd/experiment
	go run ./tools/cuda test -trimpath -ldflags "-s -w" -c -o "$folder/driver.test" ./graph/cuda/driver
	ls -la "$folder"
}

# part NAME SECONDS FILE COMMAND...: a part of the run, cut after so many seconds.
part() {
	local name=$1 seconds=$2 file=$3
	shift 3
	[[ " ${PARTS:-kernels cases rows ours torch} " == *" ${name%% *} "* ]] || return 0
	local begin=$SECONDS
	timeout "$seconds" "$@" >> "$result/$file" 2>> "$result/log.txt"
	local rc=$?
	echo "$name: $((SECONDS - begin)) s, exit status $rc" | tee -a "$result/log.txt"
}

# ours RECIPE ROW BATCH PRECISION
ours() {
	local sets=(--set "train.batch=$3" --set device=cuda)
	case $4 in
	tf32) sets+=(--set precision=fp32 --set tf32=true) ;;
	*) sets+=(--set "precision=$4") ;;
	esac
	part "ours $2 $3 $4" 60 steps.jsonl sh -c 'printf "%s\t%s\t%s\t" "$1" "$2" "$3"; shift 3; "$@" | tr -d "\n"; echo' sh \
		"$2" "$3" "$4" "$folder/experiment" bench "$1" --json --steps 30 "${sets[@]}"
}

# torch ROW BATCH PRECISION [--compile]
torch() {
	part "torch $1 $2 $3 ${4:-}" 100 steps.jsonl sh -c 'printf "%s\t%s\t%s\t" "$1" "$2" "$3"; shift 3; "$@" | tr -d "\n"; echo' sh \
		"$1" "$2" "$3" "${PYTHON:-python3}" bench/gpu_peer.py --row "$1" --batch "$2" --precision "$3" ${4:-}
}

rows="simclr-resnet18:bench/resnet18-simclr.toml:128 simclr-resnet18:bench/resnet18-simclr.toml:512
simclr-resnet50:bench/resnet50-simclr.toml:128 supervised-vit:bench/vit-supervised.toml:512 mae-vit:bench/vit-mae.toml:512"

run() {
	result=${1:-$folder/result}
	mkdir -p "$result"
	folder=$(cd "$folder" && pwd)
	nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | tee "$result/device.txt"
	part kernels 60 kernels.txt "$folder/driver.test" -test.run TestEveryKernelLoads -test.v
	part cases 150 cases.txt "$folder/driver.test" -test.run TestCases -test.v
	part rows 60 rows.txt "$folder/driver.test" -test.run - -test.bench Rows -test.benchtime 10x
	local r recipe batch p
	for r in $rows; do
		IFS=: read -r r recipe batch <<< "$r"
		for p in fp32 tf32 bf16; do ours "$recipe" "$r" "$batch" "$p"; done
	done
	for r in $rows; do
		IFS=: read -r r recipe batch <<< "$r"
		for p in fp32 tf32 bf16; do torch "$r" "$batch" "$p"; done
	done
	for r in $rows; do
		IFS=: read -r r recipe batch <<< "$r"
		torch "$r" "$batch" bf16 --compile
	done
	"${PYTHON:-python3}" - "$result/steps.jsonl" <<'P' | tee "$result/table.md"
import json, sys
ours, eager, compiled = {}, {}, {}
for line in open(sys.argv[1]):
    row, batch, precision, text = line.rstrip("\n").split("\t", 3)
    try:
        r = json.loads(text)
    except ValueError:
        continue
    to = ours if "peer" not in r else compiled if r["compiled"] else eager
    to[row, batch, precision] = r["ms_median"]
print("| step | batch | precision | ours, ms | PyTorch, ms | torch.compile, ms | times as fast as the better one |")
print("|---|---|---|---|---|---|---|")
say = lambda v: "" if v is None else "%.2f" % v
for key in dict.fromkeys([*ours, *eager]):
    a, b, c = ours.get(key), eager.get(key), compiled.get(key)
    best = min((v for v in (b, c) if v is not None), default=None)
    print("| %s | %s | %s | %s | %s | %s | %s |" % (*key, say(a), say(b), say(c), say(best / a if a and best else None)))
P
}

case $verb in
pack) pack ;;
run) run "${3:-}" ;;
*)
	echo "gpu.sh: want pack FOLDER or run FOLDER [RESULT]" >&2
	exit 1
	;;
esac
