#!/usr/bin/env bash
# The batch scripts on a real two-node Slurm: the same digest as without it, a stop on request that is resumed, and
# the scaling table.
. "$(dirname "$0")/lib.sh"
command -v slurmctld >/dev/null || PATH=$PATH:/usr/sbin
command -v slurmctld >/dev/null || skip "Slurm is not installed (tools/setup.sh installs it)"
small_corpus
ranks 1 run --input corpus/events.csv "${quick[@]}" --out local
expected=$(digest local)

chmod 755 .  # munge wants to see its socket's folders
export KOHORT_SLURM_DIR=$work/slurm
cleanup="$KOHORT_SOURCE/tools/slurm-cluster.sh stop"
started=$("$KOHORT_SOURCE/tools/slurm-cluster.sh" start)
eval "$started"
export KOHORT
shared=(--chdir "$work" --export ALL)

cp -r "$KOHORT_SOURCE/slurm" "$KOHORT_SOURCE/tools" .
sbatch -W "${shared[@]}" --output job.log slurm/kohort.sbatch --input corpus/events.csv "${quick[@]}" --log-level info --out batch ||
  { cat job.log; fail "the batch job failed"; }
head -n 1 job.log | grep -qF '4 ranks on 2 nodes (2+2)' || { head -n 3 job.log; fail "the log does not begin with the ranks and nodes"; }
[ "$(digest batch)" = "$expected" ] || fail "Slurm gives another digest"

sbatch -W "${shared[@]}" --output scaling.log slurm/scaling.sbatch --input corpus/events.csv "${quick[@]}" ||
  { cat scaling.log; fail "the scaling job failed"; }
grep -q '| 4 | all |' kohort-scaling/scaling.md || fail "the scaling table lacks the total of 4 ranks"

sbatch -W "${shared[@]}" --output retrain.log slurm/retrain.sbatch --previous batch --input corpus/events.csv "${quick[@]}" --seed 9 --log-level info --out next ||
  { cat retrain.log; fail "the retraining job failed"; }
grep -q 'kept their numbers' retrain.log || fail "the retraining does not say which segments kept their numbers"
