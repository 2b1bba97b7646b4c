#!/usr/bin/env bash
# What is wrong with input, options or machine ends every rank quickly with the right code and exactly one line
# "error: …"; bad records go to quarantine.
. "$(dirname "$0")/lib.sh"
small_corpus 120

# expect CODE TEXT ARGUMENTS…: at 1 and 3 ranks
expect() {
  local code=$1 text=$2 n got lines
  shift 2
  for n in 1 3; do
    rm -rf out
    got=0
    timeout 60 bash -c '. "$0"; cd "$1"; shift; ranks "$@"' "$KOHORT_SOURCE/tests/e2e/run_only.sh" "$work" "$n" "$@" --out out >said.txt 2>&1 || got=$?
    [ "$got" -eq "$code" ] || { cat said.txt; fail "exit $got, not $code, at $n ranks: $*"; }
    lines=$(grep -c '^error:' said.txt || true)
    [ "$lines" -eq 1 ] || { cat said.txt; fail "$lines lines start with 'error:', not 1, at $n ranks: $*"; }
    grep '^error:' said.txt | grep -qF -- "$text" || { cat said.txt; fail "the message lacks '$text': $*"; }
    no_leftovers .
  done
}

mkdir folder
: >empty.csv
echo 'user_id,item_id,behavior,timestamp,text' >header.csv
printf 'clustres = 4\n' >misspelt.conf

expect 3 nowhere.csv run --input nowhere.csv "${quick[@]}"
expect 3 folder run --input folder "${quick[@]}"
expect 3 empty.csv run --input empty.csv "${quick[@]}"
expect 3 header.csv run --input header.csv "${quick[@]}"
expect 2 "'clusters'" run --config misspelt.conf --input corpus/events.csv
expect 2 key.bin run --input corpus/events.csv "${quick[@]}" --ids pseudonym --key-file key.bin
expect 2 "no_such_column" run --input corpus/events.csv "${quick[@]}" --text-column no_such_column
expect 2 "--tags nowhere.csv" run --input corpus/events.csv "${quick[@]}" --tags nowhere.csv
expect 2 "--previous nowhere" run --input corpus/events.csv "${quick[@]}" --previous nowhere
expect 2 "--clusters 500" run --input corpus/events.csv "${quick[@]}" --clusters 500
expect 2 "--clusters 4,500" run --input corpus/events.csv "${quick[@]}" --clusters 4,500
grep -q -w avx512f /proc/cpuinfo || expect 4 "avx512" run --input corpus/events.csv "${quick[@]}" --kernel avx512
expect 4 "bf16" run --input corpus/events.csv "${quick[@]}" --kernel portable --prefilter bf16
[ ! -e out/corpus ] || fail "a kernel that cannot be is refused only after the corpus was read"
expect 2 "--memory" run --input corpus/events.csv "${quick[@]}" --memory lots
[ -e /dev/nvidia0 ] || expect 4 "cuda" run --input corpus/events.csv "${quick[@]}" --device cuda
expect 2 "--collectives nccl" run --input corpus/events.csv "${quick[@]}" --device cpu --collectives nccl

# A full disk: a file system of 1 MiB, where mounting is allowed.
mkdir small
if mount -t tmpfs -o size=1m tmpfs small 2>/dev/null; then
  cleanup="umount -l $work/small"
  for n in 1 3; do
    got=0
    timeout 60 bash -c '. "$0"; cd "$1"; shift; ranks "$@"' "$KOHORT_SOURCE/tests/e2e/run_only.sh" "$work" "$n" run --input corpus/events.csv "${quick[@]}" --out small/out >said.txt 2>&1 || got=$?
    [ "$got" -eq 4 ] || { cat said.txt; fail "a full disk gives exit $got, not 4, at $n ranks"; }
    [ "$(grep -c '^error:' said.txt)" -eq 1 ] || { cat said.txt; fail "a full disk: not exactly one error line"; }
    no_leftovers .
    rm -rf small/out
  done
fi

# Bad records: counted, kept apart with their place, the rest is used; the same at 1 and 3 ranks.
python3 - <<'P'
with open("corpus/events.csv", "rb") as file:
    lines = file.read().splitlines(keepends=True)
bad = [b"U1,i1\n", b"U2,i1,pv,1700000000,\xff\xfe broken\n", b"U3,i1,pv,1700000000,a\x00b\n",
       b"U4,i1,pv,1700000000," + b"x" * (1 << 20) + b"x\n", b'U5,i1,pv,1700000000,"never closed\n']
with open("bad.csv", "wb") as file:
    file.writelines(lines[:200] + [bad[0]] + lines[200:300] + [bad[1]] + lines[300:400] + [bad[2], bad[3]] + lines[400:600] + [bad[4]] + lines[600:])
P
for n in 1 3; do
  ranks "$n" ingest --input bad.csv --max-bad-fraction 0.5 --out "q$n" --log-level warning
done
cmp q1/corpus/quarantine.jsonl q3/corpus/quarantine.jsonl || fail "quarantine differs between 1 and 3 ranks"
python3 - <<'P'
import json
with open("bad.csv", "rb") as file:
    data = file.read()
rows = [json.loads(line) for line in open("q1/corpus/quarantine.jsonl", encoding="utf-8")]
assert len(rows) == 5, rows
wanted = [b"U1,", b"U2,", b"U3,", b"U4,", b"U5,"]
for row, start in zip(rows, wanted):
    record = data[row["offset"]:row["offset"] + row["length"]]
    assert record.startswith(start), (row, record[:40])
print(sorted(row["reason"] for row in rows))
P
