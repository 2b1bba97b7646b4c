#!/usr/bin/env bash
# Users' vectors weighted by behaviour and recency, in the main job: numpy makes them again from one vector an event. Then
# the main job with all that encoding can do at once: the same bytes at any ranks, tags on whitened vectors, and after
# SIGKILL of a rank.
. "$(dirname "$0")/lib.sh"
small_corpus 300
run=(run --input corpus/events.csv "${quick[@]}")
ranks 2 "${run[@]}" --out plain
weighted=("${run[@]}" --behavior-weights 'buy=3, pv=0.5,search=0' --half-life 20)
for n in 1 3; do ranks "$n" "${weighted[@]}" --out "weighted$n"; done
[ "$(digest weighted1)" = "$(digest weighted3)" ] || fail "weighted users give another digest on 3 ranks"
# Each different text by itself, as a row of a table.
/usr/bin/python3 - <<'P'
import csv
texts = sorted({row["text"] for row in csv.DictReader(open("corpus/events.csv", encoding="utf-8")) if row["text"]})
with open("texts.csv", "w", encoding="utf-8", newline="") as file:
    csv.writer(file).writerows([["text"], *([text] for text in texts)])
P
ranks 2 encode --input texts.csv --model plain/model --log-level warning --out texts
/usr/bin/python3 - <<'P'
import collections, csv
import h5py, numpy
texts = [row["text"] for row in csv.DictReader(open("texts.csv", encoding="utf-8"))]
with h5py.File("texts/kohort.h5") as file: vector_of = dict(zip(texts, file["/obsm/embedding"][:].astype("f8")))
events = [row for row in csv.DictReader(open("corpus/events.csv", encoding="utf-8")) if row["text"]]
newest = max(int(row["timestamp"]) for row in events)
def check(run, behaviors, half_life):
    users = collections.defaultdict(dict)
    for row in events:
        weight = behaviors.get(row["behavior"], 1.0)
        if half_life: weight *= 0.5 ** ((newest - int(row["timestamp"])) / 86400 / half_life)
        texts_of = users[row["user_id"]]
        texts_of[row["text"]] = max(texts_of.get(row["text"], 0.0), weight)
    with h5py.File(run + "/kohort.h5") as file:
        ids, rows = [name.decode().rstrip("\0") for name in file["/obs/_index"][:]], file["/obsm/embedding"][:]
    worst = 0
    for user, row in zip(ids, rows):
        vector = sum(weight * vector_of[text] for text, weight in users[user].items())
        vector = vector / numpy.linalg.norm(vector) if numpy.any(vector) else numpy.zeros(len(row))
        worst = max(worst, abs(row - vector).max())
    print(run, len(ids), "users, largest difference", worst)
    assert len(ids) == len(users) > 250 and worst < 2e-5
    return rows
plain = check("plain", {}, None)
weighted = check("weighted1", {"buy": 3, "pv": 0.5, "search": 0}, 20)
assert abs(plain - weighted).max() > 0.05
P
# All at once, on another number of ranks, and killed while it encodes.
printf 'name,description\nchess,board endgame knight\nother,weekend melody\n' >tags.csv
all=("${run[@]}" --behavior-weights buy=3 --half-life 20 --post-process whiten --dimensions 12 --storage float16
  --max-tokens 8 --long-texts windows --window-overlap 2 --tags tags.csv --vectors-in-csv)
ranks 1 "${all[@]}" --out all1
expected=$(digest all1)
for n in 2 5; do
  ranks "$n" "${all[@]}" --out "all$n"
  [ "$(digest "all$n")" = "$expected" ] || fail "all options together give another digest at $n ranks"
done
/usr/bin/python3 - <<'P'
import csv, h5py, numpy
with h5py.File("all1/kohort.h5") as file: vectors = file["/obsm/embedding"][:]
assert vectors.dtype == numpy.float16 and vectors.shape == (300, 12)
with open("all1/users_with_tags.csv", encoding="utf-8-sig") as file:
    written = [row["vector"].split() for row in csv.DictReader(file)]
assert abs(numpy.array(written, "f8") - vectors).max() < 1e-5
P
for attempt in 1 2 3 4; do
  rm -rf killed
  "$KOHORT" "${all[@]}" --threads 1 --out killed &
  process=$!
  while ! [ -e killed/checkpoint/encode/part-00003.h5 ] && kill -0 "$process" 2>/dev/null; do sleep 0.002; done
  kill -KILL "$process" 2>/dev/null || true
  if ! wait "$process"; then break; fi
  [ "$attempt" -lt 4 ] || fail "it was done before it could be killed"
done
ranks 3 "${all[@]}" --resume --out killed
[ "$(digest killed)" = "$expected" ] || fail "killed and resumed: another digest"
# A name that no event has is told, once; what is malformed ends the job before anything is read.
ranks 2 "${run[@]}" --steps 0 --behavior-weights sold=2 --out unknown 2>said.txt
[ "$(grep -c 'sold=2: no event has this behaviour' said.txt)" -eq 1 ] ||
  { cat said.txt; fail "an unknown behaviour gives no notice, or several"; }
refused() {  # TEXT OPTIONS…
  local code=0
  ranks 1 "${run[@]}" --out none "${@:2}" 2>said.txt || code=$?
  [ "$code" -eq 2 ] && [ "$(grep -c '^error:' said.txt)" -eq 1 ] || { cat said.txt; fail "exit $code and not 2 with: ${*:2}"; }
  grep -q -- "$1" said.txt || { cat said.txt; fail "it does not say \"$1\" with: ${*:2}"; }
  [ ! -e none/corpus ] || fail "the corpus was read with: ${*:2}"
}
refused '--behavior-weights' --behavior-weights buy
refused '--behavior-weights' --behavior-weights buy=-1
refused '--half-life' --half-life -3
refused '--dimensions' --post-process whiten --dimensions 33
refused '--window-overlap' --long-texts windows --max-tokens 16 --window-overlap 14
refused '--post-process' --post-process nowhere.h5
no_leftovers .
