#!/usr/bin/env bash
# One digest whatever happens, on real data: a run of configs/users_zh_quick.conf at 1 to 4 ranks and 1 and 2 threads,
# killed in every stage and resumed on other ranks, under a two-node Slurm, and the table of users beside the log of
# events. Prints a line a case, ends with "same bytes" or exit 1. About a quarter of an hour on two cores; not part of
# the tests, whose smaller corpus does the same in a minute.
# Usage: tools/same_bytes_matrix.sh [SHARED_DATA_FOLDER]     (default: ../shared/data, or KOHORT_SHARED/data)
#        KOHORT_FULL=1 also compares the full configuration at 1 and 3 ranks.
set -euo pipefail
source=$(cd "$(dirname "$0")/.." && pwd)
data=$(cd "${1:-${KOHORT_SHARED:-$source/../shared}/data}" && pwd)
export KOHORT=$source/build/kohort
. "$source/tests/e2e/run_only.sh"
"$source/tools/build.sh" kohort >/dev/null
work=$(mktemp -d)
cleanup() { "$source/tools/slurm-cluster.sh" stop >/dev/null 2>&1 || true; rm -rf "$work"; }
trap cleanup EXIT
cd "$work"
wrong=0

digest() { "$KOHORT" verify "$1" | sed -n 's/^total //p'; }
ari() { /usr/bin/python3 "$source/tools/score.py" --truth "$data/users_zh/truth.csv" --run "$1" | sed -n 's/^kohort: //p'; }
# case NAME FOLDER EXPECTED SECONDS
case_of() {
  local got
  got=$(digest "$2")
  if [ -z "$got" ] || [ "$got" != "$3" ]; then wrong=$((wrong + 1)); fi
  printf '%-52s %s %s %4d s\n' "$1" "${got:0:16}" "$([ "$got" = "$3" ] && echo equal || echo DIFFERS)" "$4"
}

head -n 25001 "$data/users_zh/events.csv" >events.csv
quick=(run --config "$source/configs/users_zh_quick.conf" --input events.csv --log-level warning)
SECONDS=0
ranks 1 "${quick[@]}" --threads 1 --out r1-1
expected=$(digest r1-1)
case_of "1 rank, 1 thread" r1-1 "$expected" "$SECONDS"
for setting in "1 2" "2 1" "2 2" "3 1" "3 2" "4 1" "4 2"; do
  read -r n threads <<<"$setting"
  SECONDS=0
  ranks "$n" "${quick[@]}" --threads "$threads" --out "r$n-$threads"
  case_of "$n ranks, $threads threads" "r$n-$threads" "$expected" "$SECONDS"
done

stage=0
for condition in corpus/part-00010.h5 checksum/corpus.sha256 checkpoint/contrastive-000000000003.checkpoint \
  embedding/part-00003.h5 segment/part-00000.h5 checksum/segment.sha256; do
  stage=$((stage + 1))
  out=killed$stage
  SECONDS=0
  ranks 3 "${quick[@]}" --threads 1 --checkpoint-every 0 --out "$out" >/dev/null 2>&1 &
  launcher=$!
  while [ ! -e "$out/$condition" ] && kill -0 "$launcher" 2>/dev/null; do sleep 0.002; done
  pkill -KILL -n -f -- "--out $out" || true
  wait "$launcher" && echo "  (done before it could be killed)"
  find "$out" -name 'part-*.h5' -printf '%p %i\n' | sort >before
  ranks $((stage % 4 + 1)) "${quick[@]}" --out "$out" --resume
  find "$out" -name 'part-*.h5' -printf '%p %i\n' | sort >after
  case_of "killed at $condition, resumed on $((stage % 4 + 1))" "$out" "$expected" "$SECONDS"
  if [ "$(comm -23 before after | wc -l)" -gt 0 ]; then echo "  FINISHED PARTITIONS WERE WRITTEN AGAIN"; wrong=$((wrong + 1)); fi
done

SECONDS=0
chmod 755 .
export KOHORT_SLURM_DIR=$work/slurm KOHORT_SLURM_PORT=17100
started=$("$source/tools/slurm-cluster.sh" start)
eval "$started"
cp -r "$source/slurm" "$source/tools" .
sbatch -W --chdir "$work" --export ALL --output job.log slurm/kohort.sbatch "${quick[@]}" --out batch || cat job.log
head -n 1 job.log
case_of "sbatch, 2 nodes x 2 tasks" batch "$expected" "$SECONDS"
"$source/tools/slurm-cluster.sh" stop

SECONDS=0
ranks 2 "${quick[@]}" --seed 2 --out seed2
other=$(digest seed2)
printf '%-52s %s %s %4d s\n' "another seed" "${other:0:16}" "$([ "$other" != "$expected" ] && echo differs || echo 'THE SAME')" "$SECONDS"
[ "$other" != "$expected" ] || wrong=$((wrong + 1))

table=(run --config "$source/configs/users_zh.conf" --input "$data/users_zh/user_data.csv" --clusters 10 --log-level warning)
SECONDS=0
ranks 1 "${table[@]}" --out table1
expected=$(digest table1)
case_of "user_data.csv, 1 rank: $(ari table1)" table1 "$expected" "$SECONDS"
SECONDS=0
ranks 3 "${table[@]}" --out table3
case_of "user_data.csv, 3 ranks" table3 "$expected" "$SECONDS"

if [ "${KOHORT_FULL:-0}" = 1 ]; then
  full=(run --config "$source/configs/users_zh.conf" --input "$data/users_zh/events.csv" --clusters 10 --log-level warning)
  SECONDS=0
  ranks 1 "${full[@]}" --out full1
  expected=$(digest full1)
  case_of "events.csv in full, 1 rank: $(ari full1)" full1 "$expected" "$SECONDS"
  SECONDS=0
  ranks 3 "${full[@]}" --out full3
  case_of "events.csv in full, 3 ranks" full3 "$expected" "$SECONDS"
fi
[ "$wrong" -eq 0 ] || { echo "$wrong cases are wrong"; exit 1; }
echo "same bytes"
