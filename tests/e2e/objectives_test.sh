#!/usr/bin/env bash
# What can be trained on: whole words, each kind of pair, users' labels, low-rank adapters: equal bytes at 1 and 3 ranks, a
# folder that encode takes, and files that are of no use refused in one line. What saves memory changes no byte, and --reduction
# fast says what it costs.
. "$(dirname "$0")/lib.sh"
small_corpus 200
quiet=(--log-level warning)
training=("${quiet[@]}" --micro-batch-tokens 200)  # several micro-batches a step
for n in 1 3; do
  ranks "$n" ingest --input corpus/events.csv --out "base$n" "${quiet[@]}"
  ranks "$n" pretrain --out "base$n" --pretrain-steps 3 --batch 32 --hidden 32 --intermediate 64 --layers 2 --heads 2 --vocabulary-size 300 "${training[@]}"
done
[ "$(digest base1)" = "$(digest base3)" ] || fail "whole words give another digest at 3 ranks"
ranks 1 ingest --input corpus/events.csv --out tokens "${quiet[@]}"
ranks 1 pretrain --out tokens --whole-words off --pretrain-steps 3 --batch 32 --hidden 32 --intermediate 64 --layers 2 --heads 2 --vocabulary-size 300 "${training[@]}"
cmp -s base1/pretrained/model.safetensors tokens/pretrained/model.safetensors && fail "--whole-words changes nothing"

# Categories of items, by the first letter of their ids; every tenth item has none.
/usr/bin/python3 - <<'P'
import csv
items = sorted({row["item_id"] for row in csv.DictReader(open("corpus/events.csv", encoding="utf-8")) if row["item_id"]})
with open("items.csv", "w", encoding="utf-8", newline="") as file:
    csv.writer(file).writerows([["item_id", "category"], *([item, f"group {sum(item.encode()) % 3}"] for i, item in enumerate(items) if i % 10)])
rows = list(csv.DictReader(open("corpus/truth.csv", encoding="utf-8")))
interests = sorted({row["interest"] for row in rows})
with open("several.csv", "w", encoding="utf-8", newline="") as file:
    csv.writer(file).writerows([["user_id", "label"], *([row["user_id"], row["interest"] + ("|" + interests[0] if i % 3 == 0 else "")] for i, row in enumerate(rows) if i % 4)])
P

try() {  # NAME OPTIONS…: finetune from base1 at 1 and 3 ranks
  local name=$1 n
  shift
  for n in 1 3; do
    cp -r base1 "$name$n"
    ranks "$n" finetune --out "$name$n" --steps 3 --batch 24 "${training[@]}" "$@"
  done
  [ "$(digest "${name}1")" = "$(digest "${name}3")" ] || fail "$name gives another digest at 3 ranks"
  ranks 2 encode --out "${name}3" "${quiet[@]}"
}
try events --pairs events
try rest --pairs rest --side-events 3 --left-out-weight 0.2
try query --pairs query-item --false-negative-margin 0.1
try category --pairs title-category --categories items.csv
try dropout --pairs dropout --dropout 0.1
try labels --objective supervised --labels corpus/truth.csv --label-column interest
try several --objective supervised --labels several.csv --dropout 0.1
try lora --lora-rank 4 --lora-targets all
try low_labels --lora-rank 4 --objective supervised --labels several.csv

try saving --pairs dropout --dropout 0.1 --activation-checkpointing on --gradient-caching on --overlap off
# The two digests of `saving` were compared, and so were those of `dropout`.
cmp dropout1/model/model.safetensors saving1/model/model.safetensors || fail "what saves memory changes the model"
[ "$(digest dropout1)" = "$(digest saving1)" ] || fail "what saves memory is part of the digest"
hidden=$(grep -o '"hidden_share":[^,}]*' saving3/metrics.jsonl | sort -u)
[ "$hidden" = '"hidden_share":0.0' ] || fail "sums travel behind a backward pass with --overlap off: $hidden"

# A classifier is trained further on the labels it knows, and no other; an option that changes nothing is named.
cut -d, -f1,2 corpus/truth.csv | sed '2,$s/,/,other /' >renamed.csv
for labels in corpus/truth.csv renamed.csv; do
  rm -rf further
  cp -r base1 further
  ranks 2 finetune --out further --steps 1 --batch 24 --micro-batch-tokens 200 --model labels1/model --objective supervised --labels "$labels" \
    --label-column interest --temperature 0.2 --log-level info >/dev/null 2>said.txt
  known=no
  ! grep -q 'the head of .* is trained further' said.txt || known=yes
  [ "$known" = "$([ "$labels" = renamed.csv ] && echo no || echo yes)" ] || { cat said.txt; fail "is a classifier trained further on $labels? $known"; }
  [ "$(grep -c 'warning.*of no use here: --temperature' said.txt)" -eq 1 ] || { cat said.txt; fail "--temperature of a supervised training is not named"; }
done

# Sums in floating point are told of, once, and kept apart from exact ones.
fast=(finetune --out fast --steps 3 --batch 24 "${training[@]}" --pairs dropout --dropout 0.1)
cp -r base1 fast
ranks 3 "${fast[@]}" --reduction fast >/dev/null 2>said.txt || { cat said.txt; fail "--reduction fast trains no model"; }
warnings=$(grep -c 'warning.*gradients are summed in floating point.*--reduction' said.txt || true)
[ "$warnings" -eq 1 ] || { cat said.txt; fail "$warnings warnings and not 1 of --reduction fast"; }
[ "$(digest fast)" != "$(digest dropout1)" ] || fail "--reduction fast has the digest of exact sums"
! ranks 3 "${fast[@]}" >/dev/null 2>said.txt || fail "exact sums are taken to be made where fast ones are"
grep -q '^error:.*reduction was fast, is exact' said.txt || { cat said.txt; fail "it does not say which sums were there"; }

for one in events rest query category dropout labels; do
  for other in events rest query category dropout labels; do
    [ "$one" = "$other" ] || ! cmp -s "${one}1/model/model.safetensors" "${other}1/model/model.safetensors" || fail "$one and $other train the same"
  done
done

/usr/bin/python3 - <<'P'
import csv, json, struct
import numpy
def load(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    return {name: numpy.frombuffer(data, "<f4", offset=8 + size + entry["data_offsets"][0], count=int(numpy.prod(entry["shape"]))).reshape(entry["shape"])
            for name, entry in header.items() if name != "__metadata__"}
config = json.load(open("labels1/model/config.json"))
names = sorted({row["interest"] for row in csv.DictReader(open("corpus/truth.csv", encoding="utf-8"))}, key=lambda name: name.encode())
assert config["architectures"] == ["BertForSequenceClassification"] and config["problem_type"] == "single_label_classification"
assert [config["id2label"][str(i)] for i in range(len(names))] == names, config["id2label"]
weights = load("labels1/model/model.safetensors")
assert weights["classifier.weight"].shape == (len(names), 32) and "bert.embeddings.word_embeddings.weight" in weights
assert json.load(open("several1/model/config.json"))["problem_type"] == "multi_label_classification"
base, merged, adapter = (load(path) for path in ("base1/pretrained/model.safetensors", "lora1/model/model.safetensors", "lora1/model/adapter/adapter_model.safetensors"))
scale = 16 / 4
adapted = 0
for name, weight in merged.items():
    module = "base_model.model." + name.removesuffix(".weight")
    old = base[name] if name in base else base["bert." + name]
    if module + ".lora_A.weight" in adapter:
        update = adapter[module + ".lora_B.weight"] @ adapter[module + ".lora_A.weight"] * scale
        assert abs(update).max() > 0 and abs(weight - (old + update)).max() < 1e-6, name
        adapted += 1
    else:
        assert (weight == old).all(), name
assert adapted == 12, adapted
P

refused() {  # CODE TEXT OPTIONS…
  local n code
  for n in 1 3; do
    code=0
    rm -rf none
    cp -r base1 none
    ranks "$n" finetune --out none --steps 2 --batch 24 "${training[@]}" "${@:3}" >/dev/null 2>said.txt || code=$?
    [ "$code" -eq "$1" ] || { cat said.txt; fail "exit $code and not $1 at $n ranks with: ${*:3}"; }
    [ "$(grep -c '^error:' said.txt)" -eq 1 ] || { cat said.txt; fail "not exactly one error line with: ${*:3}"; }
    grep '^error:' said.txt | grep -qF -- "$2" || { cat said.txt; fail "it does not say \"$2\" with: ${*:3}"; }
  done
}
: >empty.csv
printf 'user_id,label\nU1\n' >short.csv
printf 'user_id,label\nnobody,a\nno one,b\n' >strangers.csv
printf 'user_id,label\nu1,\xc4\xe3\n' >gb.csv
{ echo user_id,label; cut -d, -f1 corpus/truth.csv | tail -n +2 | sed 's/$/,same/'; } >same.csv
supervised=(--objective supervised --labels)
refused 2 "nowhere.csv" "${supervised[@]}" nowhere.csv
refused 2 "there is no column 'kind'" "${supervised[@]}" same.csv --label-column kind
refused 2 "--labels FILE.csv" --objective supervised
refused 2 "--labels is for --objective supervised" --labels same.csv
refused 2 "--categories FILE.csv" --pairs title-category
refused 2 "--dropout above 0" --pairs dropout
refused 2 "for --pairs rest" --left-out-weight 0.2
refused 3 "empty.csv: the file is empty" "${supervised[@]}" empty.csv
refused 3 "record 1 has 1 fields" "${supervised[@]}" short.csv
refused 3 "not in UTF-8" "${supervised[@]}" gb.csv
refused 3 "0 of its 2 users are in the corpus" "${supervised[@]}" strangers.csv
refused 3 "nothing to tell apart" "${supervised[@]}" same.csv
refused 3 "has several labels" "${supervised[@]}" several.csv --label-kind single
refused 3 'the behaviour "find"' --pairs query-item --query-behavior find
no_leftovers .
