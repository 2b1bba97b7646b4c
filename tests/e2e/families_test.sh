#!/usr/bin/env bash
# pretrain and finetune with a new model of each family: the same bytes at any number of ranks and threads, folders that
# name the class they are of and hold all of its tensors, and encode takes them. transformers loads them where it is there.
. "$(dirname "$0")/lib.sh"
small_corpus 120
small=(--hidden 16 --intermediate 24 --layers 1 --heads 2 --vocabulary-size 400 --batch 16 --micro-batch-tokens 128 --dropout 0.1 --log-level warning)
kohort_ingest() { "$KOHORT" ingest --input corpus/events.csv --partitions 5 --log-level warning --out "$1"; }
kohort_ingest ingested

for family in gpt2 t5; do
  pooling=mean
  [ "$family" != gpt2 ] || pooling=last
  for shape in 1x1 3x2; do
    run=$family.$shape
    cp -r ingested "$run"
    ranks "${shape%x*}" pretrain --family "$family" --pretrain-steps 3 "${small[@]}" --threads "${shape#*x}" --out "$run"
    ranks "${shape%x*}" finetune --steps 3 --pooling "$pooling" "${small[@]}" --threads "${shape#*x}" --out "$run"
    ranks "${shape%x*}" encode --pooling "$pooling" --log-level warning --threads "${shape#*x}" --out "$run"
    found=$(digest "$run")
    [ "$shape" != 1x1 ] || expected=$found
    [ "$found" = "$expected" ] || fail "$family gives another digest on $shape ranks and threads"
  done
  # The trained head is trained further where the folder is given, and no other is.
  cp -r ingested "$family.further"
  "$KOHORT" pretrain --model "$family.1x1/pretrained" --pretrain-steps 2 "${small[@]/warning/info}" --out "$family.further" 2>said.txt
  grep -q -- '--learning-rate 5e-05' said.txt || { cat said.txt; fail "a trained $family learns at the rate of a new one"; }
  if [ "$family" = t5 ]; then
    grep -q 'the head of .* is trained further' said.txt || { cat said.txt; fail "the decoder of $family was not found"; }
  fi
done

/usr/bin/python3 - <<'P'
import json, struct

def folder(path):
    with open(path + "/model.safetensors", "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    return json.load(open(path + "/config.json")), {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}

config, tensors = folder("gpt2.1x1/pretrained")
assert config["architectures"] == ["GPT2LMHeadModel"] and config["eos_token_id"] == 3, config
assert all(name.startswith("transformer.") for name in tensors) and tensors["transformer.wte.weight"][1] == 16
config, tensors = folder("t5.1x1/pretrained")
assert config["architectures"] == ["T5ForConditionalGeneration"] and config["num_decoder_layers"] == 1, config
assert tensors["decoder.block.0.layer.1.EncDecAttention.k.weight"] == [16, 16]
tokenizer = json.load(open("t5.1x1/pretrained/tokenizer.json"))
added, pieces = tokenizer["added_tokens"], len(tokenizer["model"]["vocab"])
assert [token["id"] for token in added[-100:]] == list(range(pieces, pieces + 100)) and pieces + 100 == config["vocab_size"] <= 400
assert added[-1]["content"] == "<extra_id_0>" and added[-100]["content"] == "<extra_id_99>"
config, tensors = folder("t5.1x1/model")  # pairs have no use for a decoder
assert config["architectures"] == ["T5EncoderModel"] and not any(name.startswith("decoder.") for name in tensors)
P

oracles=${KOHORT_ORACLE_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/kohort/oracles}
if [ -f "$oracles/complete" ]; then
  HF_HUB_OFFLINE=1 "$oracles/bin/python" "$KOHORT_SOURCE/tools/oracles/language_reference.py" --trained gpt2.1x1/pretrained t5.1x1/pretrained \
    t5.further/pretrained gpt2.further/pretrained >said.txt || { cat said.txt; fail "transformers does not load what was trained"; }
fi

refused() {  # TEXT OPTIONS…
  local code=0
  ranks 2 pretrain --pretrain-steps 2 "${small[@]}" --out ingested "${@:2}" >/dev/null 2>said.txt || code=$?
  [ "$code" -eq 2 ] || { cat said.txt; fail "exit $code and not 2 with: ${*:2}"; }
  [ "$(grep -c '^error:' said.txt)" -eq 1 ] || { cat said.txt; fail "not exactly one error line with: ${*:2}"; }
  grep -q -- "$1" said.txt || { cat said.txt; fail "it does not say \"$1\" with: ${*:2}"; }
}
refused 'say how long' --pretrain-steps 0

# What shapes new models is not taken for the shape of one that is there.
"$KOHORT" finetune --family bert --layers 3 --steps 1 --batch 16 --log-level warning --out t5.further 2>said.txt
grep -q -- '--family, --layers: for new models only' said.txt || { cat said.txt; fail "no word of options without use"; }
[ "$(grep -c T5EncoderModel t5.further/model/config.json)" -eq 1 ] || fail "another model was trained"
refused 'sentinels' --family t5 --vocabulary-size 150
refused 'the tokenizer has no <extra_id_0>' --family t5 --tokenizer gpt2.1x1/pretrained
refused 'heads' --family t5 --heads 3
refused -- '--heads 3' --family gpt2 --heads 3
no_leftovers .
