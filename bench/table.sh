#!/usr/bin/env bash
# Trains recipes with several seeds and prints their results as a Markdown table: means, deviations, intervals, paired tests.
#   bench/table.sh [-s "SEEDS"] [-o FOLDER] [-a RECIPE] RECIPE...
#   bench/table.sh -s "1 2 3" -o runs/table -a quickstart recipes/quickstart.toml recipes/vicreg.toml
# Runs that are done in FOLDER (runs/table) are not trained again; one that was interrupted goes on. -a: the recipe that the others are compared with.
set -euo pipefail
seeds="1 2 3" folder=runs/table against=()
while getopts s:o:a: option; do
  case $option in
    s) seeds=$OPTARG ;;
    o) folder=$OPTARG ;;
    a) against=(--against "$OPTARG") ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
test $# -gt 0 || { sed -n 2,5p "$0" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$(dirname "$0")/.." && go build -o "$work/experiment" ./cmd/experiment)
dirs=()
for recipe; do
  for seed in $seeds; do
    below=$folder/$(basename "$recipe" .toml)/$seed
    mkdir -p "$below"
    run=$(ls -d "$below"/*/ 2>/dev/null | head -n 1 || true)
    if test -z "$run"; then
      "$work/experiment" run "$recipe" --set seed="$seed" --runs "$below" >&2
      run=$(ls -d "$below"/*/ | head -n 1)
    elif ! test -e "$run/summary.json"; then
      "$work/experiment" resume "$run" >&2
    fi
    dirs+=("$run")
  done
done
"$work/experiment" table "${against[@]}" "${dirs[@]}"
