#!/usr/bin/env bash
# Both kinds of vocabulary that a new model can have: the same files at any number of ranks and threads, also after a kill; and
# what they are.
. "$(dirname "$0")/lib.sh"
small_corpus
"$KOHORT" ingest --input corpus/events.csv --partitions 5 --log-level warning --out ingested
model=(--hidden 16 --intermediate 24 --layers 1 --heads 2 --vocabulary-size 500 --batch 16 --log-level warning)

for kind in unigram wordpiece; do
  expected=
  for shape in 1x1 2x1 3x2 5x1; do
    cp -r ingested "$kind.$shape"
    ranks "${shape%x*}" pretrain --vocabulary "$kind" --pretrain-steps 2 "${model[@]}" --threads "${shape#*x}" --out "$kind.$shape"
    found=$(digest "$kind.$shape")
    [ -n "$expected" ] || expected=$found
    [ "$found" = "$expected" ] || fail "$kind: another digest on $shape ranks and threads"
  done
done
[ "$(digest unigram.1x1)" != "$(digest wordpiece.1x1)" ] || fail "both kinds give the same digest"

# A folder that holds one kind does not become one of the other.
code=0
"$KOHORT" pretrain --vocabulary wordpiece --pretrain-steps 2 "${model[@]}" --out unigram.1x1 2>said.txt || code=$?
[ "$code" -eq 2 ] && grep -q 'vocabulary was unigram, is wordpiece' said.txt || { cat said.txt; fail "the other vocabulary ended with $code"; }

# A whole run, killed when the vocabulary is there and resumed on more ranks.
whole=("${quick[@]}" --steps 40)
ranks 1 run --input corpus/events.csv "${whole[@]}" --out whole
ranks 2 run --input corpus/events.csv "${whole[@]}" --out "$PWD/half-made" & victim=$!
for _ in $(seq 600); do [ -s half-made/model/tokenizer.json ] && break; sleep 0.05; done
[ -s half-made/model/tokenizer.json ] || fail "no tokenizer was written"
pkill -KILL -n -f -- "--out $PWD/half-made" || true
! wait "$victim" || fail "it was over before it was killed"
ranks 3 run --input corpus/events.csv "${whole[@]}" --out half-made --resume
[ "$(digest half-made)" = "$(digest whole)" ] || fail "another digest after a kill"

/usr/bin/python3 - <<'P'
import json
file = json.load(open("whole/model/tokenizer.json"))
pieces = [piece for piece, _ in file["model"]["vocab"]]
assert file["model"]["type"] == "Unigram" and len(pieces) <= 600 and len(set(pieces)) == len(pieces), len(pieces)
assert pieces[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], pieces[:5]
words = [piece for piece in pieces[5:] if len(piece) > 1 and all("\u4e00" <= c <= "\u9fff" for c in piece)]
assert len(words) > 50, words
config = json.load(open("whole/model/config.json"))
assert config["vocab_size"] == len(pieces) and config["pad_token_id"] == 0, config
P

# As many sentinels as T5 has; too few entries are refused.
cp -r ingested t5
ranks 2 pretrain --family t5 --pretrain-steps 2 "${model[@]}" --out t5
grep -q '<extra_id_99>' t5/pretrained/tokenizer.json || fail "a t5 without sentinels"
refused() {
  local said=$1 code=0; shift
  ranks 2 pretrain --out ingested "$@" >said.txt 2>&1 || code=$?
  [ "$code" -eq 2 ] && grep -q "$said" said.txt || { cat said.txt; fail "$* ended with $code"; }
}
refused 'at least 21' --vocabulary-size 20
refused 'sentinels' --vocabulary-size 150 --family t5
no_leftovers .
