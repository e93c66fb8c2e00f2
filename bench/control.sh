#!/usr/bin/env bash
# What a method beside the learner is worth after a fixed number of actions: the agent of recipes/dqn.toml alone and with a method, seeds 1 to 5, returns of
# fresh episodes with intervals and differences paired over seeds. The budget is actions, not minutes, so that the table repeats bit for bit.
#   bench/control.sh [SEEDS] [RUNS] > table.md
# Runs that are done in RUNS (runs/control) are not trained again; one that was interrupted goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
seeds=${1:-5} runs=${2:-runs/control}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -n "${BINARY:-}" ]; then cp "$BINARY" "$work/experiment"; else go build -o "$work/experiment" ./cmd/experiment; fi
"$work/experiment" ablate recipes/dqn.toml recipes/control/dqn-{curl,spr,atc,efficient_zero,rnd}.toml --seeds "$seeds" --runs "$runs" \
	--measure "returns return" --measure "state r2"
