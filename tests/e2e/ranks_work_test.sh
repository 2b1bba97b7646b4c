#!/usr/bin/env bash
# All ranks work: no rank reads more than its share of the input, the trace names the rank of each partition, and a rank
# that is slowed down leaves most of the work to the other.
. "$(dirname "$0")/lib.sh"
small_corpus 3000

ranks 4 ingest --input corpus/events.csv --out run --log-level warning
python3 - <<'P'
import json
rows = [json.loads(line) for line in open("run/metrics.jsonl") if '"bytes_read"' in line]
assert sorted(row["rank"] for row in rows) == [0, 1, 2, 3], rows
total = rows[0]["total"]
for row in rows:
    assert row["bytes"] <= 1.5 * total / 4, row
print("read by each rank, of its share:", [round(row["bytes"] * 4 / total, 3) for row in rows])
P

ranks 1 finetune --out run --steps 1 --batch 32 --hidden 192 --intermediate 384 --vocabulary-size 600 --log-level warning
ranks 2 encode --out run --threads 1 --log-level warning &
launcher=$!
# Rank 1 may run for a tenth of the time.
slow=
while kill -0 "$launcher" 2>/dev/null; do
  if [ -z "$slow" ]; then
    for process in $(pgrep -x kohort || true); do
      if [ "$(readlink "/proc/$process/cwd")" = "$work" ] && tr '\0' '\n' 2>/dev/null <"/proc/$process/environ" | grep -qx OMPI_COMM_WORLD_RANK=1; then slow=$process; fi
    done
    sleep 0.01
    continue
  fi
  kill -STOP "$slow" 2>/dev/null || true
  sleep 0.09
  kill -CONT "$slow" 2>/dev/null || true
  sleep 0.01
done
wait "$launcher" || fail "the slowed run failed"
python3 - <<'P'
import glob, json
done = [json.loads(line) for path in glob.glob("run/trace/rank-*.jsonl") for line in open(path) if '"encode"' in line]
assert sorted(row["partition"] for row in done) == list(range(64)), "not every partition once"
counts = [sum(row["rank"] == rank for row in done) for rank in (0, 1)]
print("partitions of the free and the slowed rank:", counts)
assert counts[0] >= 2 * counts[1], counts
P
no_leftovers .
