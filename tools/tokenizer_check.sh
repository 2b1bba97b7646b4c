#!/usr/bin/env bash
# Trains small tokenizers of every kind with Hugging Face's tokenizers and with SentencePiece, and compares their ids of
# real and adversarial lines with those of `kohort tokenize`. Arguments go to tools/oracles/tokenizer_reference.py.
# Needs ../shared for the lines; the two programs come from PyPI (tools/oracle_venv.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -d "${KOHORT_SHARED:-../shared}/data" ]; then
  echo "tokenizer check: skipped, it needs ../shared"
  exit 0
fi
source tools/oracle_venv.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$venv/bin/python" tools/oracles/tokenizer_reference.py "$work/tokenizers" "$@"
