#!/usr/bin/env bash
# SIGKILL of a rank in every stage, then --resume on another rank count: the digest of an undisturbed run. Finished
# partitions keep their inode.
. "$(dirname "$0")/lib.sh"
small_corpus 1500
slow=("${quick[@]}" --steps 12)
ranks 2 run --input corpus/events.csv "${slow[@]}" --out whole
expected=$(digest whole)

# kill_when FOLDER CONDITION…: starts three ranks and kills one as soon as the condition holds.
kill_when() {
  local out=$1 condition=$2
  ranks 3 run --input corpus/events.csv "${slow[@]}" --threads 1 --out "$out" >"$out.log" 2>&1 &
  local launcher=$!
  for _ in $(seq 1 6000); do
    if eval "$condition"; then break; fi
    kill -0 "$launcher" 2>/dev/null || break
    sleep 0.005
  done
  pkill -KILL -n -f -- "--out $out" || true
  wait "$launcher" && finished=yes || finished=no
}

stage=0
for condition in '[ -d $out/corpus ]' '[ -e $out/checksum/corpus.sha256 ]' '[ -e $out/embedding/part-00003.h5 ]' \
  '[ -e $out/checksum/embedding.sha256 ]' '[ -e $out/segment/part-00000.h5 ]'; do
  stage=$((stage + 1))
  out=killed$stage
  kill_when "$out" "$condition"
  find "$out" -name 'part-*.h5' -printf '%p %i\n' | sort >before.txt
  ranks $((stage % 3 + 1)) run --input corpus/events.csv "${slow[@]}" --out "$out" --resume
  [ "$(digest "$out")" = "$expected" ] || fail "killed at ($condition), resumed: another digest"
  find "$out" -name 'part-*.h5' -printf '%p %i\n' | sort >after.txt
  lost=$(comm -23 before.txt after.txt | wc -l)
  [ "$lost" -eq 0 ] || fail "killed at ($condition): $lost finished partitions were written again"
  echo "killed at ($condition): $(wc -l <before.txt) partitions kept, run was finished already: $finished"
  no_leftovers "$out"
done
