#!/usr/bin/env bash
# Several numbers of clusters: the same table, plot and clusters at any number of ranks; the planted number is picked; and
# every figure of the table is what scikit-learn says of k-means runs made one by one.
. "$(dirname "$0")/lib.sh"
/usr/bin/python3 - <<'P'
import numpy
draw = numpy.random.default_rng(5)
middle = draw.normal(size=(6, 10), scale=3)
numpy.save("rows.npy", (middle[draw.integers(6, size=3011)] + draw.normal(size=(3011, 10))).astype("f4"))
P
for n in 1 2 3 5; do
  ranks "$n" cluster --input rows.npy --clusters 1,2,4,6,23 --out "list$n" --seed 7 --log-level warning
done
ranks 2 cluster --input rows.npy --clusters "23, 6,4,2,1" --out unsorted --seed 7 --log-level warning
expected=$(digest list1)
for run in list2 list3 list5 unsorted; do [ "$(digest "$run")" = "$expected" ] || fail "$run has another digest than list1"; done
for n in 1 3; do ranks "$n" cluster --input rows.npy --out "auto$n" --log-level warning --threads $((4 - n)); done
[ "$(digest auto1)" = "$(digest auto3)" ] || fail "auto: 3 ranks give another digest"
grep -q segment/choice.csv list1/checksum/segment.sha256 || fail "the table is not among the stage's files"
grep -q segment/choice.svg list1/checksum/segment.sha256 || fail "the plot is not among the stage's files"

# What the table is about: three seeds, two starts, at most 30 iterations.
for k in 2 4 6 23; do
  for seed in 7 8 9; do
    ranks 1 cluster --input rows.npy --clusters "$k" --seed "$seed" --restarts 2 --iterations 30 --out "k$k-$seed" --log-level warning
  done
done
[ ! -e k6-7/segment/choice.csv ] && [ ! -e k6-7/segment/choice.svg ] || fail "a single number has a table of choices"
/usr/bin/python3 - <<'P'
import csv, glob, itertools, xml.etree.ElementTree
import h5py, numpy
from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score, davies_bouldin_score
rows = numpy.load("rows.npy").astype("f8")

def run_of(k, seed):
    run = f"k{k}-{seed}/segment"
    labels = numpy.concatenate([h5py.File(part)["/obs/segment"][:] for part in sorted(glob.glob(run + "/part-*.h5"))])
    with h5py.File(run + "/centroids.h5") as file:
        distances = numpy.sqrt(((rows[:, None] - file["/centroids"][:].astype("f8")[None]) ** 2).sum(2))
    two = numpy.sort(distances, axis=1)[:, :2]
    alone = numpy.bincount(labels)[labels] == 1
    return (two[:, 0] ** 2).sum(), labels, numpy.where(alone, 0, (two[:, 1] - two[:, 0]) / two[:, 1]).mean()

def near(ours, theirs, what):
    assert abs(float(ours) - theirs) <= 1.5e-6 * max(1, abs(theirs)), (what, ours, theirs)

table = list(csv.DictReader(open("list1/segment/choice.csv")))
assert [int(line["clusters"]) for line in table] == [1, 2, 4, 6, 23], table
assert [line["clusters"] for line in table if line["picked"] == "1"] == ["6"], table
assert all(line["rows"] == "3011" for line in table)
assert not table[0]["davies_bouldin"] and not table[0]["calinski_harabasz"] and float(table[0]["stability"]) == 1
near(table[0]["inertia"], ((rows - rows.mean(0)) ** 2).sum(), "inertia of one cluster")
for line in table[1:]:
    k = int(line["clusters"])
    runs = [run_of(k, seed) for seed in (7, 8, 9)]
    inertia, labels, silhouette = min(runs, key=lambda run: run[0])
    near(line["inertia"], inertia, "inertia")
    near(line["silhouette"], silhouette, "silhouette")
    near(line["davies_bouldin"], davies_bouldin_score(rows, labels), "Davies-Bouldin")
    near(line["calinski_harabasz"], calinski_harabasz_score(rows, labels), "Calinski-Harabasz")
    pairs = [adjusted_rand_score(a[1], b[1]) for a, b in itertools.combinations(runs, 2)]
    near(line["stability"], sum(pairs) / 3, "stability")
assert float(table[-1]["stability"]) < 0.9, "this is not to compare ones with ones"
auto = list(csv.DictReader(open("auto1/segment/choice.csv")))
assert [int(line["clusters"]) for line in auto] == list(range(2, 21))
assert [line["clusters"] for line in auto if line["picked"] == "1"] == ["6"], auto
with h5py.File("list1/segment/centroids.h5") as file:
    assert file["/centroids"].shape == (6, 10)
picture = xml.etree.ElementTree.parse("list1/segment/choice.svg").getroot()
assert picture.tag == "{http://www.w3.org/2000/svg}svg"
assert len(picture.findall("{http://www.w3.org/2000/svg}polyline")) == 5
P

# refused TEXT ARGUMENTS…
refused() {
  local text=$1 code=0
  shift
  ranks 2 cluster --input rows.npy --out none "$@" >said.txt 2>&1 || code=$?
  [ "$code" -eq 2 ] || { cat said.txt; fail "exit $code, not 2: $*"; }
  [ "$(grep -c '^error:' said.txt)" -eq 1 ] || { cat said.txt; fail "not exactly one error line: $*"; }
  grep '^error:' said.txt | grep -qF -- "$text" || { cat said.txt; fail "the message lacks '$text': $*"; }
  rm -rf none
}
refused "only 3011 rows" --clusters 4,3012
refused "twice" --clusters 4,8,4
refused "whole number" --clusters 4,,8
refused "give 1 to" --clusters 0,8
refused "gives the centroids" --clusters 4,6 --init k6-7/segment/centroids.h5:/centroids

# The report of a run shows the plot; another list is another run.
small_corpus 120
ranks 2 run --input corpus/events.csv "${quick[@]}" --clusters 3,2 --out run
grep -q "How many segments" run/report.html || fail "the report does not show the choice"
grep -q "http://" run/report.html && fail "the report names something outside"
expected=$(digest run)
ranks 1 run --input corpus/events.csv "${quick[@]}" --clusters 2,3 --out run --resume
[ "$(digest run)" = "$expected" ] || fail "resume"
code=0
ranks 1 run --input corpus/events.csv "${quick[@]}" --clusters 2,4 --out run --resume 2>said.txt || code=$?
[ "$code" -eq 2 ] || { cat said.txt; fail "another list on resume gives exit $code"; }
no_leftovers .
