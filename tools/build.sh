#!/usr/bin/env bash
# Builds the release preset into build/: the one way in which the other tools build.
# Usage: tools/build.sh [ninja target…]
set -euo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! cmake --preset release >"$log" 2>&1; then
  tail -n 30 "$log" >&2
  echo "error: cmake could not configure the build; its last lines precede this one" >&2
  exit 4
fi
# One job a core, but none with less than 2 GiB of memory: LibTorch's headers are heavy.
jobs=$(awk -v cores="$(nproc)" '/MemAvailable/ { fit = int($2 / 2097152); print (fit < 1 ? 1 : (fit < cores ? fit : cores)) }' /proc/meminfo)
cmake --build build --parallel "$jobs" ${1+--target "$@"}
