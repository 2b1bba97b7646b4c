#!/usr/bin/env bash
# What can be done to vectors of a table: windows over long texts, centring and whitening, half-precision storage, no
# normalising. Each beside numpy, scikit-learn or a computation of the windows one by one; the same bytes at any ranks and
# threads, and after SIGKILL; what makes no sense is refused.
. "$(dirname "$0")/lib.sh"
small_corpus 200
ranks 2 run --input corpus/events.csv "${quick[@]}" --out model >/dev/null
/usr/bin/python3 - <<'P'
import csv, random
random.seed(1)
texts = [row["text"] for row in csv.DictReader(open("corpus/events.csv", encoding="utf-8")) if row.get("text")]
rows = [" ".join(random.choices(texts, k=random.choice([1, 1, 1, 6]))) for _ in range(1700)]
rows[3] = rows[900] = ""
def write(name, rows):
    with open(name, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["title"])
        out.writerows([[text] for text in rows])
write("items.csv", rows)
write("few.csv", rows[10:22])
write("one.csv", rows[:1])
write("same.csv", rows[:1] * 5)
write("many.csv", rows * 12)
write("empty.csv", [" ", ""])
with open("lines.txt", "w", encoding="utf-8") as file: file.writelines(text + "\n" for text in rows)
P
encode=(encode --model model/model --precision fp32 --log-level warning --text-column title)

# same NAME RANKS OPTIONS…: one digest at each of these numbers of ranks, of which 1 is the first; leaves NAME1.
same() {
  local name=$1 counts=$2 n expected
  shift 2
  for n in $counts; do
    ranks "$n" "${encode[@]}" --input items.csv --threads "$((n % 2 + 1))" --out "$name$n" "$@"
    [ "$n" -gt 1 ] || expected=$(digest "$name$n")
    [ "$(digest "$name$n")" = "$expected" ] || fail "$* gives another digest at $n ranks"
  done
}
same plain 1
same raw '1 2' --normalize false
same windows '1 2 3 5' --max-tokens 12 --long-texts windows --window-overlap 3 --normalize false
same center '1 3' --post-process center
same whiten '1 2 3 5' --post-process whiten --storage float16
same components '1 2' --post-process whiten --dimensions 7 --normalize false
same half '1 3' --storage float16
ranks 3 "${encode[@]}" --input few.csv --post-process components1/embedding/transform.h5 --normalize false --out applied
ranks 2 "${encode[@]}" --input few.csv --normalize false --out few
ranks 2 "${encode[@]}" --input few.csv --post-process whiten --normalize false --out narrow 2>said.txt
grep -q 'vary in 11 directions only' said.txt || { cat said.txt; fail "twelve rows of 32 dimensions give no notice"; }
# How many were long is told, the same at any rank count, and no text with it.
for n in 1 3; do
  ranks "$n" "${encode[@]}" --input items.csv --max-tokens 12 --log-level info --out "told$n" 2>told.txt
  grep -o '[0-9,]* texts of more than 12 tokens were cut' told.txt >"told$n.txt" ||
    { cat told.txt; fail "texts that were cut are not counted"; }
done
cmp told1.txt told3.txt || fail "another number of texts was cut on 3 ranks"
# Each window by itself, as ids.
ranks 1 tokenize --tokenizer model/model --input lines.txt --out ids.jsonl
/usr/bin/python3 - <<'P'
import json
with open("each.jsonl", "w") as out:
    for line in open("ids.jsonl"):
        classify, *ids, separate = json.loads(line)["ids"]
        first = 0
        while ids:
            window = ids[first:first + 10]
            out.write(json.dumps({"ids": [classify, *window, separate]}) + "\n")
            if first + 10 >= len(ids): break
            first += 10 - 3
P
ranks 2 encode --model model/model --precision fp32 --log-level warning --input each.jsonl --normalize false --out each
/usr/bin/python3 - <<'P'
import glob, json
import h5py, numpy
from sklearn.decomposition import PCA
def vectors(run):
    with h5py.File(run + "/kohort.h5") as file: return file["/obsm/embedding"][:]
def unit(rows):
    length = numpy.linalg.norm(rows, axis=1, keepdims=True)
    return numpy.divide(rows, length, where=length > 0, out=numpy.zeros_like(rows))
def near(name, ours, theirs, most):
    print(name, abs(ours - theirs).max())
    assert ours.shape == theirs.shape and abs(ours - theirs).max() <= most, (name, ours.shape, theirs.shape)

plain, raw = vectors("plain1").astype("f8"), vectors("raw1").astype("f8")
text = numpy.array([row not in (3, 900) for row in range(len(plain))])
assert (plain[~text] == 0).all() and (raw[~text] == 0).all()
assert abs(numpy.linalg.norm(plain[text], axis=1) - 1).max() < 1e-6
assert abs(numpy.linalg.norm(raw[text], axis=1) - 1).min() > 1e-3
near("plain is raw of length one", plain, unit(raw), 1e-6)

each, at, expected, long_texts = vectors("each").astype("f8"), 0, [], 0
for line in open("ids.jsonl"):
    tokens = len(json.loads(line)["ids"]) - 2
    long_texts += tokens > 10
    sizes = []
    while tokens > 0:
        sizes.append(min(10, tokens) + 2)
        tokens -= 7 if tokens > 10 else tokens
    share = numpy.array(sizes) / sum(sizes) if sizes else numpy.zeros(0)
    expected.append(share @ each[at:at + len(sizes)])
    at += len(sizes)
assert at == len(each) > 1.5 * len(plain), (at, len(each))
near("windows", vectors("windows1"), numpy.array(expected), 2e-5)
assert open("told1.txt").read().split()[0].replace(",", "") == str(long_texts), long_texts

half = vectors("half1")
assert half.dtype == numpy.float16 and (half == vectors("plain1").astype("f2")).all()
assert vectors("whiten1").dtype == numpy.float16

mean = plain[text].mean(0)
near("center", vectors("center1")[text], unit(plain[text] - mean), 1e-5)
def whitened(rows, columns):
    variances, directions = numpy.linalg.eigh(numpy.cov(rows.T))
    return directions[:, ::-1][:, :columns] / numpy.sqrt(variances[::-1][:columns])
def signs(ours, theirs): return numpy.sign((ours * theirs).sum(0))
def check_whitening(name, rows, ours, columns, most):
    theirs = (rows - rows.mean(0)) @ whitened(rows, columns)
    near(name, ours, theirs * signs(ours, theirs), most)
    pca = PCA(columns, whiten=True, svd_solver="full").fit_transform(rows)
    near(name + " as scikit-learn", ours, pca * signs(ours, pca), most)
check_whitening("whiten", raw[text], vectors("components1")[text].astype("f8"), 7, 1e-4)
for run in ("center1", "components1", "whiten1"): assert (vectors(run)[~text] == 0).all()
# Of unit vectors, all their components, of length one in the end, in half precision. What float32 says nothing of, the
# last directions, is left out on both sides.
with h5py.File("whiten1/embedding/transform.h5") as file: kept = file["/variances"][:]
assert (kept[:-1] >= kept[1:]).all() and kept.shape == (32,)
columns = int((kept > 1e-9 * kept[0]).sum())
print(columns, "of 32 components")
theirs = (plain[text] - mean) @ whitened(plain[text], columns)
ours = vectors("whiten1")[text, :columns].astype("f8")
near("whiten in float16", unit(ours), unit(theirs * signs(ours, theirs)), 2e-3)

with h5py.File("components1/embedding/transform.h5") as file:
    near("applied", vectors("applied"), (vectors("few").astype("f8") - file["/mean"][:]) @ file["/components"][:], 1e-5)
    near("mean", file["/mean"][:], raw[text].mean(0), 1e-9)
    assert file.attrs["rows"] == text.sum()
check_whitening("narrow", vectors("few").astype("f8"), vectors("narrow")[:, :11].astype("f8"), 11, 1e-3)
assert (vectors("narrow")[:, 11:] == 0).all() and vectors("narrow").shape[1] == 32
for run in ("whiten1", "few"):
    with h5py.File(sorted(glob.glob(run + "/embedding/part-*.h5"))[0]) as file:
        assert ("post_process" in file.attrs) == (run == "whiten1")
assert "post-process" in open("whiten1/run.json").read()
P
# The vectors of a table cluster, in half precision too.
ranks 2 cluster --input half1/kohort.h5:/obsm/embedding --clusters 3 --restarts 1 --log-level warning --out groups

# SIGKILL while vectors are kept for the fit, and while the transform is applied.
long=("${encode[@]}" --input many.csv --post-process whiten --dimensions 9)
ranks 2 "${long[@]}" --out whole
expected=$(digest whole)
for condition in '[ -e killed/checkpoint/encode/part-00004.h5 ]' '[ -e killed/embedding/transform.h5 ]' \
  '[ -e killed/embedding/part-00004.h5 ]'; do
  for attempt in 1 2 3 4; do
    rm -rf killed
    "$KOHORT" "${long[@]}" --threads 1 --out killed &
    process=$!
    while ! eval "$condition" && kill -0 "$process" 2>/dev/null; do sleep 0.002; done
    kill -KILL "$process" 2>/dev/null || true
    if ! wait "$process"; then break; fi
    [ "$attempt" -lt 4 ] || fail "it was done before it could be killed at ($condition)"
  done
  [ ! -e killed/checksum/embedding.sha256 ] || fail "killed too late at ($condition)"
  ranks 3 "${long[@]}" --resume --out killed
  [ "$(digest killed)" = "$expected" ] || fail "killed at ($condition), resumed: another digest"
  [ ! -e killed/checkpoint/encode ] || fail "killed at ($condition), resumed: raw vectors are left behind"
done

refused() {  # CODE TEXT OPTIONS…
  local code=0
  rm -rf none
  ranks 1 "${encode[@]}" --out none "${@:3}" >/dev/null 2>said.txt || code=$?
  [ "$code" -eq "$1" ] || { cat said.txt; fail "exit $code and not $1 with: ${*:3}"; }
  [ "$(grep -c '^error:' said.txt)" -eq 1 ] || { cat said.txt; fail "not exactly one error line with: ${*:3}"; }
  grep -q -- "$2" said.txt || { cat said.txt; fail "it does not say \"$2\" with: ${*:3}"; }
}
refused 3 'there is one' --input one.csv --post-process whiten
refused 3 'there is one' --input one.csv --post-process center
refused 3 'are equal' --input same.csv --post-process whiten
refused 3 'there are none' --input empty.csv --post-process whiten
code=0
ranks 3 "${encode[@]}" --input same.csv --post-process whiten --out equal 2>said.txt || code=$?
[ "$code" -eq 3 ] && [ "$(grep -c '^error:' said.txt)" -eq 1 ] ||
  { cat said.txt; fail "three ranks do not agree on equal vectors: exit $code"; }
refused 2 'no such file' --input items.csv --post-process white
refused 3 'no saved transform' --input items.csv --post-process plain1/embedding/part-00000.h5
refused 3 'no saved transform' --input items.csv --post-process items.csv
refused 2 '--dimensions' --input items.csv --post-process whiten --dimensions 33
refused 2 '--dimensions' --input items.csv --post-process center --dimensions 3
refused 2 '--window-overlap' --input items.csv --long-texts windows --max-tokens 12 --window-overlap 10
refused 2 'long-texts' --input items.csv --long-texts window
refused 2 'storage' --input items.csv --storage float8
refused 2 '--half-life' --input items.csv --half-life 3
refused 2 '--behavior-weights' --input items.csv --behavior-weights buy=2
no_leftovers .
