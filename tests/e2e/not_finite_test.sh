#!/usr/bin/env bash
# A training that goes wrong stops on every rank with one message and exit 5, and keeps its last good checkpoint: here a NaN
# lies in wait in the embedding of one token.
. "$(dirname "$0")/lib.sh"
small_corpus 300
model=(--hidden 16 --intermediate 32 --layers 1 --heads 2 --vocabulary wordpiece --vocabulary-size 400 --threads 1 --batch 4 --side-events 1 --checkpoint-every 0)
ranks 1 ingest --input corpus/events.csv --out base --log-level warning
cp -r base sound
ranks 1 finetune "${model[@]}" --steps 2 --out sound --log-level warning

cp -r sound/model poisoned
/usr/bin/python3 - <<'PYTHON'
import json, struct
data = bytearray(open("poisoned/model.safetensors", "rb").read())
size = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + size])
name = next(n for n in header if n.endswith("word_embeddings.weight"))
last_row = 8 + size + header[name]["data_offsets"][1] - 4 * header[name]["shape"][1]
struct.pack_into("<f", data, last_row, float("nan"))
open("poisoned/model.safetensors", "wb").write(data)
PYTHON

# expect_stop NAME RANKS TEXT OPTIONS…: exit 5, one error that has TEXT, and a complete checkpoint from before it,
# from which the same training goes on, on another number of ranks, to the same end.
expect_stop() {
  local name=$1 n=$2 text=$3 code=0 step
  shift 3
  cp -r base "$name"
  ranks "$n" finetune "${model[@]}" "$@" --out "$name" >"$name.log" 2>&1 || code=$?
  [ "$code" -eq 5 ] || { cat "$name.log"; fail "$name: exit $code, not 5"; }
  [ "$(grep -c '^error: ' "$name.log")" -eq 1 ] || { cat "$name.log"; fail "$name: not one error"; }
  grep -q "^error: .*$text" "$name.log" || { cat "$name.log"; fail "$name: the error does not say '$text'"; }
  no_leftovers "$name"
  step=$(find "$name/checkpoint" -name 'contrastive-*.checkpoint' -printf '%f\n' | sort | tail -1 | tr -dc 0-9)
  [ -n "$step" ] || fail "$name: no checkpoint was kept"
  code=0
  ranks 1 finetune "${model[@]}" "$@" --out "$name" --log-level info >"$name.again.log" 2>&1 || code=$?
  [ "$code" -eq 5 ] || { cat "$name.again.log"; fail "$name, again: exit $code, not 5"; }
  grep -q "resumed after step $((10#$step)) of" "$name.again.log" || { cat "$name.again.log"; fail "$name: its checkpoint of step $step was not used"; }
  [ "$(grep '^error: ' "$name.again.log")" = "$(grep '^error: ' "$name.log")" ] || { cat "$name.again.log"; fail "$name: another error after the checkpoint"; }
  echo "$name: $(grep '^error: ' "$name.log"); kept the checkpoint of step $((10#$step))"
}

expect_stop nan 3 'not a finite number in training step' --model poisoned --steps 200
expect_stop nan_bf16 2 'not a finite number in training step' --model poisoned --steps 200 --train-precision bf16
