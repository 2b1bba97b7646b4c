# What the end-to-end tests share. Each test runs in a folder of its own, which is removed when it passes.
# KOHORT: the program; KOHORT_SOURCE: the project's folder. Both are set by ctest.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/run_only.sh"
unset KOHORT_NUMERIC_ENVIRONMENT

work=$(mktemp -d "${TMPDIR:-/tmp}/kohort-test.XXXXXX")
cd "$work"

finish() {
  local code=$?
  [ -z "${cleanup:-}" ] || $cleanup || true
  if [ "$code" -eq 0 ] || [ "$code" -eq 77 ]; then rm -rf "$work"; else echo "kept: $work"; fi
}
trap finish EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }
skip() { echo "SKIPPED: $*"; exit 77; }

digest() { "$KOHORT" verify "$1" | sed -n 's/^total //p'; }

# The shared test data, or skip.
shared_data() {
  local folder=${KOHORT_SHARED:-$KOHORT_SOURCE/../shared}
  [ -d "$folder/data" ] || skip "the shared test data are not at ../shared (or KOHORT_SHARED)"
  (cd "$folder" && pwd)
}

# no_leftovers FOLDER: no temporary file there, and no kohort of this test's running.
no_leftovers() {
  local left
  left=$(find "$1" -name '.*.tmp' 2>/dev/null | head -3)
  [ -z "$left" ] || fail "temporary files left behind: $left"
  local process
  for process in $(pgrep -x kohort || true); do
    [ "$(readlink "/proc/$process/cwd")" != "$work" ] || fail "process $process is left behind"
  done
}

# A small synthetic corpus in ./corpus.
small_corpus() { "$KOHORT" synth --users "${1:-300}" --interests 4 --seed 5 --out corpus --log-level warning; }

# Options of a run that takes a few seconds.
quick=(--clusters 4 --steps 4 --batch 32 --hidden 32 --intermediate 64 --layers 2 --heads 2 --vocabulary-size 600 --restarts 2 --log-level warning)
