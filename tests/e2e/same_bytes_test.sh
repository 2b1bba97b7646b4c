#!/usr/bin/env bash
# One digest at 1, 2, 3 and 4 ranks and 1 and 2 threads; another seed gives another.
. "$(dirname "$0")/lib.sh"
small_corpus

ranks 1 run --input corpus/events.csv "${quick[@]}" --threads 1 --out r1
expected=$(digest r1)
[ -n "$expected" ] || fail "verify prints no total"
for setting in "1 2" "2 1" "3 1" "4 1" "2 2"; do
  read -r n threads <<<"$setting"
  ranks "$n" run --input corpus/events.csv "${quick[@]}" --threads "$threads" --out "r$n-$threads"
  [ "$(digest "r$n-$threads")" = "$expected" ] || fail "$n ranks with $threads threads give another digest than 1 rank with 1"
done
ranks 2 run --input corpus/events.csv "${quick[@]}" --seed 2 --out seed2
[ "$(digest seed2)" != "$expected" ] || fail "another seed gives the same digest"
no_leftovers .
