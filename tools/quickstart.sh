#!/usr/bin/env bash
# From nothing to a report: sets up, builds, makes a synthetic corpus and runs the main job on two ranks.
# Usage: tools/quickstart.sh [OUTPUT_FOLDER]     (default: kohort-quickstart)
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-kohort-quickstart}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

tools/setup.sh
echo "quickstart: building"
tools/build.sh kohort
if [ -e "$out" ] && [ ! -e "$out/corpus/truth.csv" ]; then
  echo "error: $out is there already, and not from an earlier quickstart; name another folder" >&2
  exit 2
fi
rm -rf "$out"
mkdir -p "$out"
build/kohort synth --config configs/quickstart.conf --out "$out/corpus"
mpirun -n 2 --oversubscribe build/kohort run --config configs/quickstart.conf \
  --input "$out/corpus/events.csv" --tags "$out/corpus/tags.csv" --out "$out/run"
echo
# Debian's own Python, which has the packages of tools/setup.sh, whatever else is first on the PATH.
/usr/bin/python3 tools/score.py --truth "$out/corpus/truth.csv" --run "$out/run" --baseline "$out/corpus/events.csv"
build/kohort verify "$out/run" | tail -n 1
echo "The report: $out/run/report.html"
