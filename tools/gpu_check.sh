#!/usr/bin/env bash
# On a machine with a GPU: the tests that need one, then the main job at 1 and at 2 ranks that share it, which must give
# one digest, once more after a kill, and vectors that agree with the same model's on the CPU.
# Use: tools/gpu_check.sh BUILD EVENTS [OPTION ...]
#   BUILD   a folder that tools/gpu_build_check.sh filled (build-gpu)
#   EVENTS  an event log; options go to `kohort run`
set -euo pipefail
if (($# < 2)); then
  sed -n '2,6s/^# //p' "$0" >&2
  exit 2
fi
build=$(realpath "$1") events=$(realpath "$2")
shift 2
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() { printf '[gpu %4d s] %s\n' "$SECONDS" "$*"; }
job() {  # ranks, folder, more options
  local -r ranks=$1 out=$2
  shift 2
  mpirun -n "$ranks" --oversubscribe "$build/kohort" run --input "$events" --device cuda --out "$out" --log-level warning "$@"
}
digest() { "$build/kohort" verify "$1" | grep -oE '[0-9a-f]{64}' | head -n 1; }

nvidia-smi --query-gpu=name,driver_version --format=csv,noheader
for test in model/model_gpu_test train/train_gpu_test; do
  step "$test"
  "$build/tests/$test" --gtest_brief=1
done
for ranks in 1 2; do
  step "mpi/nccl_test, $ranks ranks"
  mpirun -n "$ranks" --oversubscribe "$build/tests/mpi/nccl_test" --gtest_brief=1
done

for ranks in 1 2; do
  step "the main job, $ranks ranks"
  job "$ranks" "$work/$ranks" "$@"
done
step "the main job, killed and resumed"
job 1 "$work/killed" "$@" &
sleep "${KOHORT_KILL_AFTER:-20}"
kill -KILL $! 2>/dev/null && pkill -KILL -f "$build/kohort run" || true
wait $! 2>/dev/null || true
job 2 "$work/killed" --resume "$@"

first=$(digest "$work/1")
for run in 2 killed; do
  [[ $(digest "$work/$run") == "$first" ]] || { step "the digest of run $run differs from $first"; exit 1; }
done
step "one digest: $first"
python3 - "$work/1/metrics.jsonl" <<'PYTHON'
import json, sys
for line in open(sys.argv[1], encoding="utf-8"):
    record = json.loads(line)
    if record["event"] in ("stage", "train", "encode"): print(line.strip()[:400])
PYTHON
if [[ -n ${KOHORT_KEEP:-} ]]; then cp -r "$work/1" "$KOHORT_KEEP"; fi
