#!/usr/bin/env bash
# What a training step of a ViT-Tiny of 4 blocks costs with attention among windows, with Linformer and with Performer, beside full attention: floating-point
# operations, memory and time. The four run in turn, and how many times as fast one is as full attention is the median ratio of runs of one round.
#   bench/attention.sh [rounds] > bench/attention.md
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -n "${BINARY:-}" ]; then cp "$BINARY" "$work/experiment"; else go build -o "$work/experiment" ./cmd/experiment; fi
kinds=("full 0" "window 8" "linformer 64" "performer 64")
cat <<'M'
# Attention that costs as much as there are tokens, beside full attention

A supervised step of ViT-Tiny/4 (192 channels, 4 of its 12 blocks, 3 heads, class token) with AdamW, float32, one thread, by `bench/attention.sh`: the whole step, of which
attention is a part. Times are processor time, medians of runs in turn; the ratio to full attention is the median of single rounds. Memory is what the step takes.

| image | tokens | batch | attention | of size | GFLOP | memory, MB | ms of a core | times as fast as full |
|---|---|---|---|---|---|---|---|---|
M
for size in "32 16" "64 4" "128 2"; do
	read -r crop batch <<< "$size"
	rm -f "$work"/*.json
	for ((i = 0; i < rounds; i++)); do
		for kind in "${kinds[@]}"; do
			read -r name k <<< "$kind"
			"$work/experiment" bench bench/vit-supervised.toml --json --steps "${STEPS:-2}" --threads 1 --set backbone.vit.depth=4 --set views.crop="$crop" --set train.batch="$batch" \
				--set backbone.vit.attention="$name" --set backbone.vit.attention_size="$k" >> "$work/$name.json"
		done
	done
	"${PYTHON:-python3}" - "$crop" "$batch" "$work" "${kinds[@]}" <<'P'
import json, statistics, sys
crop, batch, work, *kinds = sys.argv[1:]
med = statistics.median
runs = {k: [json.loads(l) for l in open("%s/%s.json" % (work, k.split()[0]))] for k in kinds}
for k in kinds:
    name, size = k.split()
    rs = runs[k]
    ratio = med(f["cpu_ms_median"] / r["cpu_ms_median"] for f, r in zip(runs[kinds[0]], rs))
    print("| %s | %d | %s | %s | %s | %.1f | %.0f | %.0f | %.2f |" % (crop, (int(crop) // 4) ** 2, batch, name, size if size != "0" else "",
          rs[0]["gflops"] * rs[0]["ms_median"] / 1e3, rs[0]["memory_mb"], med(r["cpu_ms_median"] for r in rs), ratio), flush=True)
P
done
