#!/usr/bin/env bash
# What a training step costs on 2 processes of 1 thread, in terms of one process with 2 threads on the same batch, and what it gains from
# summing gradients while the backward pass goes on.
#
#   bench/ranks.sh [BINARY] [ROUNDS] [RECIPE and settings of experiment bench]
#
# The three are run in turn, so that other work on the machine slows all of them; what counts is the ratio of the medians over the rounds. Where
# other programs take the cores, the ratio of processor times says more: of both ranks, waiting included, to that of the one process.
#
# Seen in three rounds on two cores of AVX-512 that some twenty-five other programs shared (ResNet-18, batch 32): 1,157 ms of processor time for one
# process and 1,201 ms for both ranks, 1.04 of it, with every sum waited for 1,200 ms. By the clock the ranks took 0.64 and 0.62 of the one process, and
# waited for sums 769 ms of 4,050, or 897 of 3,954 without overlap: with cores shared so the clock says nothing of either, and what overlap gains has not
# been seen. On cores of its own it was not measured.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=${1:-}
rounds=${2:-5}
shift $(($# < 2 ? $# : 2))
[ $# -gt 0 ] || set -- bench/resnet18-simclr.toml --set train.batch=32
if [ -z "$binary" ]; then
	binary=$(mktemp -d)/experiment
	go build -o "$binary" ./cmd/experiment
fi
ranks=(mpirun --allow-run-as-root --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 -np 2 "$binary" --threads 1)
out=$(mktemp -d)
for ((i = 0; i < rounds; i++)); do
	"$binary" --threads 2 bench "$@" --steps 3 --json >> "$out/one" 2> /dev/null
	"${ranks[@]}" bench "$@" --steps 3 --json >> "$out/two" 2> /dev/null
	"${ranks[@]}" bench "$@" --steps 3 --json --overlap=false >> "$out/waiting" 2> /dev/null
done
median() { grep -ao "\"$2\":[0-9.e+-]*" "$out/$1" | cut -d: -f2 | sort -g | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
one=$(median one ms_median) two=$(median two ms_median) waiting=$(median waiting ms_median)
awk -v one="$one" -v two="$two" -v waiting="$waiting" -v spent="$(median two communication_ms)" -v stood="$(median two waited_for_ms)" \
	-v held="$(median waiting waited_for_ms)" -v cpu1="$(median one cpu_ms_median)" -v cpu2="$(median two cpu_ms_median)" \
	-v cpu3="$(median waiting cpu_ms_median)" 'BEGIN {
	printf "one process, 2 threads      %8.1f ms\n", one
	printf "2 ranks of 1 thread         %8.1f ms   %.2f of it; %.1f ms in sums and rows of others (%.0f%%), %.1f ms waited for\n", two, two / one, spent, 100 * spent / two, stood
	printf "the same, every sum waited  %8.1f ms   %.2f of it; %.1f ms waited for\n", waiting, waiting / one, held
	printf "processor time: one process %.0f ms, both ranks %.0f ms (%.2f of it), every sum waited %.0f ms (%.2f of it)\n", cpu1, 2 * cpu2, 2 * cpu2 / cpu1, 2 * cpu3, 2 * cpu3 / cpu1
}'
