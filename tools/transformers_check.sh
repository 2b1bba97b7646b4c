#!/usr/bin/env bash
# Loads the model and the tokenizer of runs through Hugging Face's transformers and recomputes users' vectors with
# them: the files that Kohort writes mean to others what they mean to Kohort. Without arguments a small run over a
# synthetic corpus is made for it, in fp32 and in bf16.
# Usage: tools/transformers_check.sh [RUN…]
# transformers comes from PyPI, into a virtual environment over Debian's Python packages. KOHORT_ORACLE_VENV says where
# it is kept (default: the user's cache folder).
set -euo pipefail
cd "$(dirname "$0")/.."

# The last series that works with Debian's PyTorch 1.13.
readonly wheels=(transformers==4.41.2 tokenizers==0.19.1)
venv=${KOHORT_ORACLE_VENV:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/kohort/transformers-4.41.2}
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

# The stamp is written last, so that an interrupted installation is made again.
if [[ ! -f $venv/complete || $(<"$venv/complete") != "${wheels[*]}" ]]; then
  echo "transformers check: installing ${wheels[*]} into $venv"
  rm -rf "$venv"
  mkdir -p "$(dirname "$venv")"
  /usr/bin/python3 -m venv --system-site-packages "$venv"
  for attempt in 1 2 3; do
    if "$venv/bin/python" -m pip install --no-compile --disable-pip-version-check --progress-bar off "${wheels[@]}" >"$venv/pip.log" 2>&1; then break; fi
    [ "$attempt" -lt 3 ] || { tail -n 5 "$venv/pip.log" >&2; echo "error: cannot install ${wheels[*]} (all of it: $venv/pip.log)" >&2; exit 4; }
    sleep $((attempt * 10))
  done
  printf '%s\n' "${wheels[*]}" >"$venv/complete"
fi

check() { "$venv/bin/python" tools/oracles/encode_reference.py --transformers --users 200 "$1"; }

if [ $# -gt 0 ]; then
  for run in "$@"; do check "$run"; done
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build/kohort synth --users 600 --interests 4 --out "$work/corpus" --log-level warning
for precision in fp32 bf16; do
  build/kohort run --input "$work/corpus/events.csv" --clusters 4 --steps 30 --precision "$precision" --out "$work/$precision" --log-level error
  echo -n "$precision: "
  check "$work/$precision"
done
