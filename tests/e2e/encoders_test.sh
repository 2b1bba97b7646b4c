#!/usr/bin/env bash
# encode with a model of each family: the same bytes at any ranks and threads, in fp32 and in bf16; weights in shards and
# converted from pytorch_model.bin give the same vectors; and folders that lack something are refused before work starts.
. "$(dirname "$0")/lib.sh"
make_model() { /usr/bin/python3 "$KOHORT_SOURCE/tests/e2e/random_encoder.py" "$@"; }
convert() { "$KOHORT_SOURCE/tools/convert_pytorch_weights.py" "$@"; }
encode=(encode --max-tokens 30 --log-level warning)

# Rows of one family in five partitions, so that ranks and threads have something to share.
for family in bert roberta gpt2 t5; do
  make_model "$family" "$family"
  for precision in fp32 bf16; do
    run=("${encode[@]}" --model "$family" --input "$family.jsonl" --precision "$precision")
    [ "$family" != gpt2 ] || run+=(--pooling last)
    for shape in 1x1 2x4 3x2; do
      ranks "${shape%x*}" "${run[@]}" --threads "${shape#*x}" --out made
      found=$(digest made)
      [ "$shape" != 1x1 ] || expected=$found
      [ "$found" = "$expected" ] || fail "$family in $precision gives another digest on $shape ranks and threads"
      [ "$shape" != 1x1 ] || cp -r made "$family.$precision"
      [ "$(find made/embedding -name 'part-*.h5' | wc -l)" -ge 5 ] || fail "$family has too few partitions to share"
      rm -rf made
    done
  done
done

# The same weights otherwise stored are the same vectors.
same_vectors() {  # FAMILY FOLDER
  local pooling=mean
  [ "$1" != gpt2 ] || pooling=last
  "$KOHORT" "${encode[@]}" --model "$2" --input "$1.jsonl" --precision fp32 --pooling "$pooling" --out made
  /usr/bin/python3 - "$1.fp32" made <<'P' || fail "$2 gives other vectors than $1"
import h5py, sys
one, other = (h5py.File(run + "/kohort.h5")["/obsm/embedding"][:] for run in sys.argv[1:])
assert one.shape == (2100, 24) and (one == other).all()
P
  "$KOHORT" verify made >/dev/null
  rm -rf made
}
for family in bert roberta gpt2 t5; do
  make_model "$family" "${family}_shards" --shards 3
  same_vectors "$family" "${family}_shards"
  make_model "$family" "${family}_pickle" --pickle
  convert "${family}_pickle" | grep -q 'left out: ' || fail "no tie was found in ${family}_pickle"
  same_vectors "$family" "${family}_pickle"
done
make_model bert pickled_shards --pickle --shards 2
convert pickled_shards --out converted >/dev/null
cp pickled_shards/config.json converted
[ -f converted/model-00002-of-00002.safetensors ] || fail "--out was not heeded"
same_vectors bert converted

refused() {  # CODE TEXT OPTIONS…
  local code=0
  rm -rf none
  ranks 2 "${encode[@]}" --input bert.jsonl --out none "${@:3}" >/dev/null 2>said.txt || code=$?
  [ "$code" -eq "$1" ] || { cat said.txt; fail "exit $code and not $1 with: ${*:3}"; }
  [ "$(grep -c '^error:' said.txt)" -eq 1 ] || { cat said.txt; fail "not exactly one error line with: ${*:3}"; }
  grep -q -- "$2" said.txt || { cat said.txt; fail "it does not say \"$2\" with: ${*:3}"; }
}
refused 2 'tools/convert_pytorch_weights.py pickled_shards' --model pickled_shards
rm bert_shards/model-00002-of-00003.safetensors
refused 3 'not there: model-00002-of-00003.safetensors' --model bert_shards
refused 2 'the model has 32 positions' --model roberta --max-tokens 33
[ ! -e none ] || fail "a refused model left a run's folder behind"
sed -i 's|: "model-00003-of-00003.safetensors"|: "../roberta/model.safetensors"|' roberta_shards/model.safetensors.index.json
refused 3 'must be a name in the same folder' --model roberta_shards

# What the converter refuses: nothing is run, nothing is overwritten, nothing outside the folder is read.
converter_refuses() {  # TEXT FOLDER
  if convert "$2" >said.txt 2>&1; then fail "the converter took $2"; fi
  grep -q -- "$1" said.txt || { cat said.txt; fail "the converter does not say \"$1\" of $2"; }
}
converter_refuses 'has model.safetensors already' bert_pickle
mkdir hostile nested escaping
/usr/bin/python3 - <<'P'
import json, os, pathlib, torch
class Hostile:
    def __reduce__(self): return os.mkdir, ("executed",)
torch.save({"a": Hostile()}, "hostile/pytorch_model.bin")
torch.save({"model": {"a": torch.ones(2)}}, "nested/pytorch_model.bin")
index = {"weight_map": {"a": "../bert_pickle/pytorch_model.bin"}}
pathlib.Path("escaping/pytorch_model.bin.index.json").write_text(json.dumps(index))
P
converter_refuses 'cannot be read as weights' hostile
[ ! -e executed ] || fail "the converter ran what a file asked for"
converter_refuses "'model' is no tensor" nested
converter_refuses 'no name of a file in the same folder' escaping
converter_refuses 'has neither' corpus_of_nothing
no_leftovers .
