#!/usr/bin/env bash
# Loads the model and the tokenizer of runs through Hugging Face's transformers and recomputes users' vectors with
# them: the files that Kohort writes mean to others what they mean to Kohort. Without arguments small runs over a
# synthetic corpus are made for it, in fp32 and in bf16, with both kinds of vocabulary; and random models of every
# family, made by transformers, go through `kohort encode` and are saved by Kohort for transformers to load. Where the shared test
# data are at ../shared, real weights are compared on real texts too.
# Usage: tools/transformers_check.sh [RUN…]
# transformers comes from PyPI (tools/oracle_venv.sh).
set -euo pipefail
cd "$(dirname "$0")/.."

source tools/oracle_venv.sh

check() { "$venv/bin/python" tools/oracles/encode_reference.py --transformers --users 200 "$1"; }

if [ $# -gt 0 ]; then
  for run in "$@"; do check "$run"; done
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build/kohort synth --users 600 --interests 4 --out "$work/corpus" --log-level warning
for kind in fp32-unigram fp32-wordpiece bf16-unigram; do
  precision=${kind%-*} vocabulary=${kind#*-}
  build/kohort run --input "$work/corpus/events.csv" --clusters 4 --steps 30 --precision "$precision" --vocabulary "$vocabulary" --out "$work/$kind" --log-level error
  echo -n "$kind: "
  check "$work/$kind"
done
tools/build.sh resave_encoder language_gradients >/dev/null
"$venv/bin/python" tools/oracles/encoder_reference.py
table=${KOHORT_SHARED:-../shared}/data/en_banking77/test.csv
if [ -f "$table" ]; then "$venv/bin/python" tools/oracles/real_weights.py --table "$table"; else echo "SKIPPED: real weights, as there is no $table"; fi
"$venv/bin/python" tools/oracles/language_reference.py
trained=()
for family in bert gpt2 t5; do
  build/kohort ingest --input "$work/corpus/events.csv" --out "$work/$family" --log-level error
  build/kohort pretrain --family "$family" --vocabulary-size 900 --pretrain-steps 20 --out "$work/$family" --log-level error
  trained+=("$work/$family/pretrained")
done
"$venv/bin/python" tools/oracles/language_reference.py --trained "${trained[@]}"
