#!/usr/bin/env bash
# Trainings are killed (SIGKILL) ten times at random steps and go on at other rank counts, each time from the last complete
# checkpoint or a later one, to the bytes of an undisturbed training: by turns one on pairs in fp32, and one of language
# modelling in bf16. The same with a damaged checkpoint, and where both trainings of a run are killed.
. "$(dirname "$0")/lib.sh"
RANDOM=${KOHORT_TEST_SEED:-$$}
seed=$RANDOM
RANDOM=$seed
echo "seed $seed (KOHORT_TEST_SEED)"
small_corpus 300

model=(--hidden 16 --intermediate 32 --layers 2 --heads 2 --vocabulary-size 400 --threads 1)
common=("${model[@]}" --batch 8 --micro-batch-tokens 64 --dropout 0.1 --checkpoint-every 0 --held-out 0.1 --evaluate-every 20 --patience 0)
steps=120
contrastive=(finetune "${common[@]}" --steps $steps --side-events 2 --schedule cosine --layer-decay 0.9)
masked_language=(pretrain "${common[@]}" --pretrain-steps $steps --train-precision bf16)
ranks 2 ingest --input corpus/events.csv --out corpus_only --log-level warning
declare -A expected
for stage in contrastive masked_language; do
  declare -n training=$stage
  cp -r corpus_only "whole_$stage"
  cp -r corpus_only "killed_$stage"
  ranks 1 "${training[@]}" --out "whole_$stage" --log-level warning
  expected[$stage]=$(digest "whole_$stage")
done

# newest FOLDER STAGE: the steps of its newest complete checkpoint, -1 for none
newest() {
  local name
  name=$(find "$1/checkpoint" -name "$2-*.checkpoint" -printf '%f\n' 2>/dev/null | sort | tail -1)
  if [ -z "$name" ]; then echo -1; else name=${name##*-}; echo $((10#${name%.checkpoint})); fi
}
resumed_at() { sed -n 's/.*resumed after step \([0-9]*\) of.*/\1/p' "$1" | tail -1; }

# kill_at STAGE STEP RANKS FOLDER COMMAND…: starts the job, and kills one rank a moment after its checkpoint of the step.
kill_at() {
  local stage=$1 step=$2 n=$3 out=$4 launcher
  shift 4
  ranks "$n" "$@" --out "$out" --log-level info >"$out.log" 2>&1 &
  launcher=$!
  while [ "$(newest "$out" "$stage")" -lt "$step" ] && kill -0 "$launcher" 2>/dev/null; do sleep 0.01; done
  sleep "0.0$((RANDOM % 5))"
  pkill -KILL -n -f -- "--out $out " || true
  ! wait "$launcher" || fail "the training was done before it could be killed at step $step"
}

# other_ranks N: sets n to one of 1 to 4 that is not N.
other_ranks() { n=$((RANDOM % 3 + 1)); [ "$n" -lt "$1" ] || n=$((n + 1)); }

declare -A last=([contrastive]=-1 [masked_language]=-1) ranks_before=([contrastive]=1 [masked_language]=1)
for kill in 1 2 3 4 5 6 7 8 9 10; do
  stage=contrastive
  [ $((kill % 2)) -eq 1 ] || stage=masked_language
  declare -n training=$stage
  out=killed_$stage before=${last[$stage]}
  target=$((before + 1 + RANDOM % 8))
  other_ranks "${ranks_before[$stage]}"
  zero=$((RANDOM % 2))
  kill_at "$stage" "$target" "$n" "$out" "${training[@]}" --zero "$([ "$zero" = 1 ] && echo 1 || echo off)"
  at=$(resumed_at "$out.log")
  [ "${at:--1}" -ge "$before" ] ||
    { cat "$out.log"; fail "went on after step ${at:-none}, and the checkpoint of step $before was complete"; }
  now=$(newest "$out" "$stage")
  [ "$now" -ge "$target" ] || { cat "$out.log"; fail "no checkpoint of step $target was left"; }
  [ "$now" -lt $steps ] || fail "killed too late, at step $now of $steps"
  echo "$stage: killed at $n ranks after step $now"
  last[$stage]=$now ranks_before[$stage]=$n
done
cp -r killed_contrastive manifest
cp -r killed_contrastive part
for stage in contrastive masked_language; do
  declare -n training=$stage
  out=killed_$stage before=${last[$stage]}
  other_ranks "${ranks_before[$stage]}"
  ranks "$n" "${training[@]}" --out "$out" --log-level info >"$out.log" 2>&1
  [ "$(resumed_at "$out.log")" -ge "$before" ] || fail "$stage: the last training did not go on from step $before"
  [ "$(digest "$out")" = "${expected[$stage]}" ] || fail "$stage, killed five times: another digest"
  no_leftovers "$out"
  # The last two, and one or two more, so that one is at least 32 steps older than the last.
  mapfile -t kept < <(find "$out/checkpoint" -name "*.checkpoint" -printf '%f\n' | sort | sed 's/.*-0*\([0-9]\)/\1/; s/\.checkpoint$//')
  [ "${#kept[@]}" -le 4 ] && [ "${kept[-1]}" -eq $steps ] && [ "${kept[0]}" -le $((steps - 32)) ] && [ "${kept[0]}" -ge $((steps - 70)) ] ||
    fail "$stage: these checkpoints are kept: ${kept[*]}"
  find "$out/checkpoint" -name '*.part-*' | while read -r part; do [ -f "${part%.part-*}.checkpoint" ]; done ||
    fail "$stage: parts of other checkpoints were left behind"
done

# A flipped byte in either kind of file of the newest checkpoint: named, and the same weights.
newest_step=${last[contrastive]}
name=$(printf 'contrastive-%012d' "$newest_step")
for out in manifest part; do
  case $out in
    manifest) file=$name.checkpoint ;;
    part) file=$(cd part/checkpoint && ls "$name".part-* | tail -1) ;;
  esac
  size=$(stat -c %s "$out/checkpoint/$file")
  at=$((RANDOM % size))
  byte=$(od -An -tu1 -j "$at" -N 1 "$out/checkpoint/$file")
  printf "\\x$(printf %x $((byte ^ 4)))" | dd of="$out/checkpoint/$file" bs=1 seek="$at" conv=notrunc status=none
  ranks 2 "${contrastive[@]}" --out "$out" --log-level info >"$out.log" 2>&1
  grep -q "checkpoint.*$file.* the one before it is used" "$out.log" || { cat "$out.log"; fail "$file, byte $at: not refused by name"; }
  [ "$(resumed_at "$out.log")" -lt "$newest_step" ] || fail "$file, byte $at: the damaged checkpoint was used"
  [ "$(digest "$out")" = "${expected[contrastive]}" ] || fail "$file, byte $at: another digest"
  echo "$file is damaged at byte $at: went on after step $(resumed_at "$out.log") instead of $newest_step"
done

# Both trainings of a run.
run=(run --input corpus/events.csv --clusters 4 --restarts 2 "${model[@]}" --batch 8 --micro-batch-tokens 64 --side-events 2 --pretrain-steps 60 --steps 60 --checkpoint-every 0)
ranks 2 "${run[@]}" --out whole_run --log-level warning
kill_at masked_language $((RANDOM % 30)) 3 both "${run[@]}"
pretrained=$(newest both masked_language)
kill_at contrastive $((RANDOM % 30)) 2 both "${run[@]}" --resume
[ "$(resumed_at both.log)" -ge "$pretrained" ] || { cat both.log; fail "pre-training did not go on from step $pretrained"; }
trained=$(newest both contrastive)
ranks 1 "${run[@]}" --out both --resume --log-level info >both.log 2>&1
grep -q 'masked_language: resumed after step 60 of 60' both.log || { cat both.log; fail "finished pre-training was done again"; }
[ "$(resumed_at both.log)" -ge "$trained" ] || { cat both.log; fail "training did not go on from step $trained"; }
[ "$(digest both)" = "$(digest whole_run)" ] || fail "killed in both trainings: another digest"
no_leftovers both
