#!/usr/bin/env bash
# Tries "experiment sweep" with a Slurm of this machine alone: an array of 12 points, two at a time, of which some are
# killed and some are asked to save and are queued again; it ends with 12 results, and no point that was done was
# trained again. For nightly runs, not for CI: a task that is queued again waits for two minutes. Then a run on 2 ranks
# that srun starts, where MPICH is here, whose losses have to be those of one process.
#
#   apt-get install -y --no-install-recommends slurm-wlm munge jq mpich
#   sudo tools/slurm/sweep.sh
#
# Seen with Debian 12's packages (Slurm 22.05.8) on two cores that others used too: 12 of 12 points in 9 minutes, of
# which 3 were killed and 2 asked to save. srun --mpi=pmi2 with MPICH 4.0.2: 50 losses on 2 ranks are those of one
# process to 2.3e-7. srun --mpi=pmix with Open MPI needs libpmix-dev besides, whose libpmix.so Slurm opens; with it the
# launch of the tasks ran into Slurm's timeout there, so that it has not been seen to work with these packages.
set -euo pipefail
cd "$(dirname "$0")/../.."
for need in slurmctld slurmd sbatch munged jq; do
	command -v "$need" > /dev/null || { echo "$need is not here: apt-get install slurm-wlm munge jq"; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "slurmd wants to be started by root"; exit 1; }

work=$(mktemp -d)
daemons=()
finish() {
	for pid in "${daemons[@]}"; do kill "$pid" 2> /dev/null || true; done
	wait
	rm -rf "$work"
}
trap finish EXIT
host=$(hostname -s)
cores=$(nproc)

# Munge and Slurm, with all files in $work.
mkdir -p "$work"/{munge,state,spool}
dd if=/dev/urandom of="$work/munge/key" bs=1024 count=1 2> /dev/null
chmod 755 "$work" && chmod 700 "$work/munge" && chmod 600 "$work/munge/key"
mkdir "$work/socket" && chmod 755 "$work/socket"
munged --foreground --force --key-file="$work/munge/key" --socket="$work/socket/munge" --pid-file="$work/munge/pid" \
	--log-file="$work/munge/log" --seed-file="$work/munge/seed" > "$work/munged.log" 2>&1 &
daemons+=($!)
cat > "$work/slurm.conf" << EOF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$work/socket/munge
CryptoType=crypto/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldPort=16817
SlurmdPort=16818
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=5
CommunicationParameters=NoCtldInAddrAny
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cores State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE OverSubscribe=YES State=UP
EOF
export SLURM_CONF=$work/slurm.conf
sleep 1
slurmctld -D -f "$SLURM_CONF" > "$work/slurmctld.log" 2>&1 &
daemons+=($!)
slurmd -D -f "$SLURM_CONF" > "$work/slurmd.log" 2>&1 &
daemons+=($!)
for _ in $(seq 30); do sinfo -h -o %t 2> /dev/null | grep -q idle && break; sleep 1; done
sinfo -h -o %t | grep -q idle || { echo "Slurm does not start:"; tail "$work"/slurm*.log; exit 1; }

# A sweep of 12 points of some seconds.
go build -o "$work/experiment" ./cmd/experiment
cat > "$work/tiny.toml" << 'EOF'
base = "quickstart.toml"
name = "tiny"
[backbone.convnet]
widths = [4, 8]
[method.simclr]
projector = [8, 8]
[train]
batch = 16
length = "1500 steps"
checkpoint = "20 steps"
log = "1 step"
[evaluate]
linear = false
[baselines]
untrained = false
pixels = false
[sweep]
seeds = 2
[sweep.grid]
method.simclr.temperature = [0.1, 0.2, 0.5]
views.flip = [0.0, 0.5]
EOF
sweep=$work/sweep
"$work/experiment" sweep expand "$work/tiny.toml" "$sweep" > /dev/null
done_points() { "$work/experiment" sweep status "$sweep" --json | jq -r '.[] | select(.run.state == "done") | .point'; }
marks() { for p in "$@"; do stat -c '%n %s %Y' "$sweep/runs/$(printf %04d "$p")"/{run.json,metrics.jsonl}; done; }

"$work/experiment" sweep submit --slurm "$sweep" --jobs 2 --time 30:00 > "$work/submit.sh"
job=$(sh "$work/submit.sh" | cut -d: -f1)
echo "array $job"
killed=0 saved=0 requeued=0
before=() marked=""
for round in $(seq 600); do
	sleep 2
	running=$(squeue -h -j "$job" -t RUNNING -o %i 2> /dev/null || true)
	first=$(echo "$running" | head -1)
	if [ -n "$first" ] && [ $((round % 3)) = 0 ]; then
		if [ "$killed" -lt 3 ]; then # a crash: the task fails, and is submitted again at the end
			scancel --signal=KILL "$first" && killed=$((killed + 1))
		elif [ "$saved" -lt 2 ]; then # what Slurm sends two minutes before the end
			scancel --signal=USR1 "$first" && saved=$((saved + 1))
		fi
	fi
	if [ -n "$marked" ] && [ "$(marks "${before[@]}")" != "$marked" ]; then
		echo "a point that was done was trained again"; exit 1
	fi
	mapfile -t before < <(done_points)
	[ "${#before[@]}" = 0 ] || marked=$(marks "${before[@]}")
	if [ -z "$(squeue -h 2> /dev/null)" ]; then
		[ "${#before[@]}" = 12 ] && break
		echo "${#before[@]} of 12 points are done; the same script again"
		job=$(sh "$work/submit.sh" | cut -d: -f1)
	fi
done
requeued=$(grep -l 'stopped by SIGUSR1' "$sweep"/slurm/*.txt | wc -l)
"$work/experiment" sweep status "$sweep"
for run in "$sweep"/runs/*; do # each step once, in order
	jq -r 'select(.loss != null) | .step' "$run/metrics.jsonl" | awk '$1 != NR {exit 1} END {exit NR != 1500}' \
		|| { echo "$run: steps are missing or twice"; exit 1; }
done
[ "${#before[@]}" = 12 ] || { echo "${#before[@]} of 12 points are done"; exit 1; }
echo "12 of 12 points are done; $killed tasks were killed, $saved asked to save ($requeued said that they did and were queued again)"

# The same recipe on one process and on 2 ranks.
if ! srun --mpi=list 2>&1 | grep -q pmi2 || ! ldconfig -p | grep -q libmpich; then
	echo "no pmi2 or no MPICH: no run on ranks"
	exit
fi
short=(--threads 1 run "$sweep/0000.toml" --set 'train.length="50 steps"')
"$work/experiment" "${short[@]}" --run-dir "$work/one" > /dev/null 2>&1
timeout 300 srun --mpi=pmi2 -n 2 "$work/experiment" "${short[@]}" --run-dir "$work/two" > /dev/null
losses() { jq -r 'select(.loss != null) | .loss' "$work/$1/metrics.jsonl"; }
[ "$(jq .ranks "$work/two/run.json")" = 2 ] || { echo "srun has not made 2 ranks"; exit 1; }
paste <(losses one) <(losses two) | awk '{d = $1 / $2 - 1; if (d < 0) d = -d; if (d > worst) worst = d}
	END {printf "srun --mpi=pmi2 -n 2: %d losses, at most %.1e from those of one process\n", NR, worst; exit !(NR == 50 && worst < 1e-3)}'
