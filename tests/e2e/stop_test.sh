#!/usr/bin/env bash
# SIGTERM to the ranks in every stage: all leave within 20 s with 75, nothing half-written stays, and --resume on another
# number of ranks gives the digest of an undisturbed run.
. "$(dirname "$0")/lib.sh"
small_corpus 1500
slow=("${quick[@]}" --steps 60)
ranks 1 run --input corpus/events.csv "${slow[@]}" --out whole
expected=$(digest whole)

ranks_here() { for p in $(pgrep -x kohort || true); do if [ "$(readlink "/proc/$p/cwd")" = "$work" ]; then echo "$p"; fi; done; }

stage=0
for condition in '[ -d $out/corpus ]' '[ -e $out/checksum/corpus.sha256 ]' '[ -e $out/model/tokenizer.json ]' \
  '[ -e $out/checksum/model.sha256 ]' '[ -e $out/embedding/part-00003.h5 ]'; do
  stage=$((stage + 1))
  out=stopped$stage
  for attempt in 1 2 3 4; do
    rm -rf "$out"
    ranks 2 run --input corpus/events.csv "${slow[@]}" --threads 1 --out "$out" >"$out.log" 2>&1 &
    launcher=$!
    while ! eval "$condition" && kill -0 "$launcher" 2>/dev/null; do sleep 0.002; done
    SECONDS=0
    here=$(ranks_here)
    [ -z "$here" ] || kill -TERM $here 2>/dev/null || true
    code=0
    wait "$launcher" || code=$?
    if [ "$code" -ne 0 ]; then break; fi
    [ "$attempt" -lt 4 ] || fail "the run was done before it could be stopped at ($condition)"
  done
  [ "$code" -eq 75 ] || { cat "$out.log"; fail "stopped at ($condition): exit $code, not 75"; }
  [ "$SECONDS" -le 20 ] || fail "stopped at ($condition): it took $SECONDS s"
  ! grep -q '^error:' "$out.log" || { cat "$out.log"; fail "a stop on request is no error"; }
  no_leftovers "$out"
  ranks $((stage % 3 + 1)) run --input corpus/events.csv "${slow[@]}" --out "$out" --resume
  [ "$(digest "$out")" = "$expected" ] || fail "stopped at ($condition), resumed: another digest"
  echo "stopped at ($condition) within $SECONDS s and resumed"
done
