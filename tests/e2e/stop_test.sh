#!/usr/bin/env bash
# SIGTERM to the ranks in every stage: all leave within 20 s with 75, nothing half-written stays, and --resume on another
# number of ranks gives the digest of an undisturbed run. So it is while k-means places its first centroids.
. "$(dirname "$0")/lib.sh"
small_corpus 1500
slow=("${quick[@]}" --steps 60)
ranks 1 run --input corpus/events.csv "${slow[@]}" --out whole
expected=$(digest whole)

ranks_here() { for p in $(pgrep -x kohort || true); do if [ "$(readlink "/proc/$p/cwd")" = "$work" ]; then echo "$p"; fi; done; }

# SIGTERM to the ranks of $launcher: sets its exit code and the seconds that it took.
stop_here() {
  local here
  SECONDS=0
  here=$(ranks_here)
  [ -z "$here" ] || kill -TERM $here 2>/dev/null || true
  code=0
  wait "$launcher" || code=$?
  took=$SECONDS
}

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
    stop_here
    if [ "$code" -ne 0 ]; then break; fi
    [ "$attempt" -lt 4 ] || fail "the run was done before it could be stopped at ($condition)"
  done
  [ "$code" -eq 75 ] || { cat "$out.log"; fail "stopped at ($condition): exit $code, not 75"; }
  [ "$took" -le 20 ] || fail "stopped at ($condition): it took $took s"
  ! grep -q '^error:' "$out.log" || { cat "$out.log"; fail "a stop on request is no error"; }
  no_leftovers "$out"
  ranks $((stage % 3 + 1)) run --input corpus/events.csv "${slow[@]}" --out "$out" --resume
  [ "$(digest "$out")" = "$expected" ] || fail "stopped at ($condition), resumed: another digest"
  echo "stopped at ($condition) within $took s and resumed"
done

/usr/bin/python3 -c '
import numpy
numpy.save("rows.npy", numpy.random.default_rng(1).normal(size=(20_000, 64)).astype("f4"))'
for how in "--init kmeans||" "--init bisecting" "--init random --warm-up 800"; do
  slow=(cluster --input rows.npy --clusters 500 --iterations 1 --restarts 1 --threads 1 $how)
  ranks 1 "${slow[@]}" --out whole.k --log-level warning
  for attempt in 1 2 3 4; do
    rm -rf stopped.k
    ranks 2 "${slow[@]}" --out stopped.k >stopped.k.log 2>&1 &
    launcher=$!
    while ! [ -d stopped.k/log ] && kill -0 "$launcher" 2>/dev/null; do sleep 0.002; done
    sleep "$(echo "0.2 0.1 0.4 0.8" | cut -d" " -f$attempt)"
    stop_here
    if [ "$code" -eq 75 ] && grep -Eq 'stopped on request while (placing|warming|clustering)' stopped.k.log; then break; fi
    [ "$attempt" -lt 4 ] || { cat stopped.k.log; fail "$how was not stopped before its first iteration: exit $code"; }
  done
  [ "$took" -le 10 ] || fail "stopped at the start of $how: it took $took s"
  no_leftovers stopped.k
  ranks 3 "${slow[@]}" --out stopped.k --resume --log-level warning
  [ "$(digest stopped.k)" = "$(digest whole.k)" ] || fail "stopped at the start of $how, resumed: another digest"
  echo "stopped at the start of $how within $took s and resumed"
  rm -rf whole.k
done
