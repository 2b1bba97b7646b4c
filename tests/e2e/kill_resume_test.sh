#!/usr/bin/env bash
# SIGKILL of a rank in every stage, then --resume on another rank count: the digest of an undisturbed run. Finished
# partitions keep their inode, and training goes on from its newest checkpoint.
. "$(dirname "$0")/lib.sh"
small_corpus 1500
slow=("${quick[@]}" --steps 30 --checkpoint-every 0)
ranks 2 run --input corpus/events.csv "${slow[@]}" --out whole
expected=$(digest whole)

# kill_when FOLDER CONDITION: starts three ranks and kills one as soon as the condition holds. Fails where the run was
# done before.
kill_when() {
  local out=$1 condition=$2 launcher
  ranks 3 run --input corpus/events.csv "${slow[@]}" --threads 1 --out "$out" >"$out.log" 2>&1 &
  launcher=$!
  while ! eval "$condition" && kill -0 "$launcher" 2>/dev/null; do sleep 0.002; done
  pkill -KILL -n -f -- "--out $out" || true
  ! wait "$launcher"
}

partitions() { find "$1" -name 'part-*.h5' -printf '%p %i\n' | sort; }

# Where each stage begins, and the middle of ingest, training and encoding.
stage=0
for condition in '[ -d $out/corpus ]' '[ -e $out/corpus/part-00010.h5 ]' '[ -e $out/checksum/corpus.sha256 ]' \
  'compgen -G "$out/checkpoint/contrastive-00000000000[5-9].checkpoint" >/dev/null || compgen -G "$out/checkpoint/contrastive-0000000000[12]*" >/dev/null' '[ -e $out/checksum/model.sha256 ]' \
  '[ -e $out/embedding/part-00003.h5 ]' '[ -e $out/checksum/embedding.sha256 ]' '[ -e $out/segment/part-00000.h5 ]' \
  '[ -e $out/checksum/segment.sha256 ]'; do
  stage=$((stage + 1))
  out=killed$stage
  for attempt in 1 2 3 4; do
    rm -rf "$out"
    if kill_when "$out" "$condition"; then break; fi
    [ "$attempt" -lt 4 ] || fail "the run was done before it could be killed at ($condition)"
  done
  partitions "$out" >before.txt
  ranks $((stage % 3 + 1)) run --input corpus/events.csv "${slow[@]}" --out "$out" --resume --log-level info >resumed.log 2>&1 ||
    { cat resumed.log; fail "killed at ($condition): the resumed run failed"; }
  [ "$(digest "$out")" = "$expected" ] || fail "killed at ($condition), resumed: another digest"
  partitions "$out" >after.txt
  lost=$(comm -23 before.txt after.txt | wc -l)
  [ "$lost" -eq 0 ] || fail "killed at ($condition): $lost finished partitions were written again"
  case $condition in
    *checkpoint/*) grep -qE 'resumed after step ([1-9]|[12][0-9]) of 30' resumed.log || { cat resumed.log; fail "training began anew after a kill past its checkpoint"; } ;;
  esac
  echo "killed at ($condition): $(wc -l <before.txt) partitions kept"
  no_leftovers "$out"
done
