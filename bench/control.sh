#!/usr/bin/env bash
# What a method beside the learner is worth after a fixed number of actions: the agent of recipes/dqn.toml alone and with a method, seeds 1 to 5, returns of
# fresh episodes with intervals and differences paired over seeds. The budget is actions, not minutes, so that the table repeats bit for bit.
#   bench/control.sh [SEEDS] [RUNS] > table.md
# STEPS (1000) actions and updates each, all of which the replay keeps.
# Runs that are done in RUNS (runs/control) are not trained again; one that was interrupted goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
seeds=${1:-5} runs=${2:-runs/control}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -n "${BINARY:-}" ]; then cp "$BINARY" "$work/experiment"; else go build -o "$work/experiment" ./cmd/experiment; fi
steps=${STEPS:-1000}
longer() { # NAME RECIPE: the recipe at the table's length
	printf 'base = "%s"\nname = "%s"\n[train]\nlength = "%s steps"\ncheckpoint = "%s steps"\n[dataset.envs]\nreplay = %s\n' \
		"$PWD/recipes/$2" "$1" "$steps" "$steps" "$((steps > 2000 ? steps : 2000))" > "$work/$1.toml"
}
longer dqn dqn.toml
beside=()
for m in curl spr atc efficient_zero rnd; do
	longer "dqn-$m" "control/dqn-$m.toml"
	beside+=("$work/dqn-$m.toml")
done
"$work/experiment" ablate "$work/dqn.toml" "${beside[@]}" --seeds "$seeds" --runs "$runs" --measure "returns return" --measure "state r2"
