#!/usr/bin/env bash
# Compares training steps with bench/torch_tokens.py, PyTorch in float32: both in turn on one thread, by the processor time of a step, which does
# not depend on what else the machine does. How many times as fast is the median ratio of neighbours.
#   bench/tokens.sh [rounds] [rows]
# rows is a pattern of the rows to take, such as "iBOT|BERT". STEPS (2) of each run are timed. Needs what bench/peer.sh needs.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-3}
pattern=${2:-.}
python=${PYTHON:-/usr/bin/python3}
. bench/openblas.sh
export OPENBLAS_NUM_THREADS=1 # torch.set_num_threads leaves OpenBLAS at all cores, whose waiting would count as PyTorch's work
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -n "${BINARY:-}" ]; then cp "$BINARY" "$work/experiment"; else go build -o "$work/experiment" ./cmd/experiment; fi

# row NAME RECIPE BATCH SETS... -- STEP OPTIONS...: of torch_tokens.py
row() {
	local name=$1 recipe=$2 batch=$3 sets=() i
	shift 3
	[[ $name =~ $pattern ]] || return 0
	while [ "$1" != -- ]; do sets+=(--set "$1"); shift; done
	shift
	rm -f "$work"/ours "$work"/peer
	for ((i = 0; i < rounds; i++)); do
		"$work/experiment" bench "$recipe" --json --steps "${STEPS:-2}" --threads 1 --set "train.batch=$batch" "${sets[@]}" >> "$work/ours"
		"$python" bench/torch_tokens.py "$@" --batch "$batch" --steps "${STEPS:-2}" >> "$work/peer"
	done
	"$python" - "$name" "$batch" "$work/ours" "$work/peer" <<'P'
import json, statistics, sys
name, batch, *files = sys.argv[1:]
ours, peer = [[json.loads(l) for l in open(f)] for f in files]
med = lambda rs, k: statistics.median(r[k] for r in rs)
ratios = sorted(p["cpu_ms_median"] / o["cpu_ms_median"] for o, p in zip(ours, peer))
m, n = med(ours, "peak_rss_mb"), med(peer, "peak_rss_mb")
print("| %s | %s | %.0f | %.0f | %.2f | %.2f to %.2f | %.0f | %.0f | %.2f |" % (name, batch, med(ours, "cpu_ms_median"), med(peer, "cpu_ms_median"),
      statistics.median(ratios), ratios[0], ratios[-1], m, n, m / n), flush=True)
P
}

echo "| step | batch | ours, ms of a core | PyTorch, ms of a core | times as fast | single pairs | ours, MB | PyTorch, MB | share of its memory |"
echo "|---|---|---|---|---|---|---|---|---|"
row "FCMAE ConvNeXt V2 atto, 64x64" bench/convnext-fcmae.toml 8 -- fcmae
row "iBOT ViT-Tiny/4, 2 of 32x32 and 4 of 16x16" bench/vit-ibot.toml 4 -- ibot
row "BERT-small, 128 words" bench/text-bert.toml 4 -- bert --vocabulary "${VOCABULARY:-2308}"
row "GPT of BERT-small's size, 256 words" bench/text-causal.toml 2 -- gpt --length 256 --vocabulary "${VOCABULARY:-2308}"
row "GPT, 12 blocks of 768 channels, 128 words" bench/text-gpt.toml 2 -- gpt --dim 768 --depth 12 --heads 12 --vocabulary "${VOCABULARY:-2308}"
"$python" - "$work/noise" <<'P'
import os, sys, wave
os.makedirs(sys.argv[1])
for i in range(8):
    with wave.open("%s/%d.wav" % (sys.argv[1], i), "wb") as f: f.setparams((1, 2, 16000, 0, "NONE", "")); f.writeframes(os.urandom(64000))
P
row "wav2vec 2.0 BASE, a second" bench/wave-wav2vec2.toml 2 "dataset.wav.train=$work/noise" -- wav2vec2 --length 16000
row "FT-Transformer, 36 columns" bench/table-ft.toml 128 -- ft
row "DINOv2 ViT-Tiny/4, 2 of 32x32 and 8 of 16x16" bench/vit-dinov2.toml 16 -- dinov2 --locals 8
