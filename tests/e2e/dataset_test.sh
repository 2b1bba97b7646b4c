#!/usr/bin/env bash
# k-means on any matrix: .npy and HDF5, given centroids, the same bytes at any number of ranks, and labels that are the
# argmin of the distances that numpy computes in double precision to the stored centroids.
. "$(dirname "$0")/lib.sh"
/usr/bin/python3 - <<'P'
import h5py, numpy
draw = numpy.random.default_rng(3)
middle = draw.normal(size=(7, 12), scale=3)
rows = (middle[draw.integers(7, size=5003)] + draw.normal(size=(5003, 12))).astype("f4")
numpy.save("rows.npy", rows)
with h5py.File("rows.h5", "w") as file:
    file["/x"] = rows
    file["/start"] = rows[:7]
P
for n in 1 2 3 5; do
  ranks "$n" cluster --input rows.npy --clusters 7 --init rows.h5:/start --out "npy$n" --log-level warning
done
ranks 2 cluster --input rows.h5:/x --clusters 7 --init rows.h5:/start --out h5 --log-level warning
expected=$(digest npy1)
for n in 2 3 5; do [ "$(digest "npy$n")" = "$expected" ] || fail "$n ranks give another digest"; done
/usr/bin/python3 - <<'P'
import glob, h5py, numpy
def labels(run):
    return numpy.concatenate([h5py.File(part)["/obs/segment"][:] for part in sorted(glob.glob(run + "/segment/part-*.h5"))])
rows = numpy.load("rows.npy").astype("f8")
with h5py.File("npy1/segment/centroids.h5") as file:
    centroids, numbers = file["/centroids"][:].astype("f8"), file["/number"][:]
nearest = ((rows[:, None] - centroids[None]) ** 2).sum(2).argmin(1)
assert (numbers == numpy.arange(7)).all() and (nearest == labels("npy1")).all()
assert (labels("npy1") == labels("h5")).all()
from sklearn.cluster import KMeans
theirs = KMeans(7, init=rows[:7], n_init=1, algorithm="lloyd", tol=0).fit(rows)
print("inertia of theirs over ours:", theirs.inertia_ / ((rows - centroids[nearest]) ** 2).sum())
assert ((rows - centroids[nearest]) ** 2).sum() <= 1.000001 * theirs.inertia_
P
# Clouds that lie apart: the same labels as scikit-learn and faiss from the same start, row for row.
cat >apart.py <<'P'
import glob, h5py, numpy, sys
draw = numpy.random.default_rng(8)
middle = draw.normal(size=(24, 19), scale=6)
rows = numpy.concatenate([middle, middle[draw.integers(24, size=6000)]]).astype("f4")
rows[24:] += draw.normal(size=(6000, 19)).astype("f4")
rows[:24] += draw.normal(size=(24, 19), scale=0.3).astype("f4")
if sys.argv[1] == "make":
    numpy.save("apart.npy", rows), numpy.save("start.npy", rows[:24])
    sys.exit()
labels = numpy.concatenate([h5py.File(part)["/obs/segment"][:] for part in sorted(glob.glob("apart/segment/part-*.h5"))])
def same_groups(theirs):
    pairs = set(zip(theirs.tolist(), labels.tolist()))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}) == 24
from sklearn.cluster import KMeans
theirs = KMeans(24, init=rows[:24], n_init=1, algorithm="lloyd", tol=0).fit(rows)
assert same_groups(theirs.labels_)
import faiss
model = faiss.Kmeans(19, 24, niter=20, nredo=1, min_points_per_centroid=1, max_points_per_centroid=len(rows), seed=1)
model.train(rows, init_centroids=rows[:24])
faiss_labels = model.index.search(rows, 1)[1][:, 0]
assert same_groups(faiss_labels)
P
/usr/bin/python3 apart.py make
ranks 3 cluster --input apart.npy --clusters 24 --init start.npy --out apart --log-level warning
/usr/bin/python3 apart.py check || fail "other labels than scikit-learn or faiss"

# What the weights are is part of what a run is: another dataset of the same file is another run.
/usr/bin/python3 - <<'P'
import h5py, numpy
with h5py.File("weights.h5", "w") as file:
    for name, seed in ("one", 1), ("two", 2): file[name] = numpy.random.default_rng(seed).uniform(size=(5003, 1)).astype("f4")
P
ranks 2 cluster --input rows.npy --clusters 7 --weights weights.h5:/one --out weighted --log-level warning
code=0
ranks 2 cluster --input rows.npy --clusters 7 --weights weights.h5:/two --out weighted --resume 2>said.txt || code=$?
[ "$code" -eq 2 ] || { cat said.txt; fail "resuming with other weights of the same file gives exit $code"; }

# What has no rows, or no columns, is told.
/usr/bin/python3 -c "import numpy; [numpy.save(name, numpy.zeros(shape, 'f4')) for name, shape in (('rowless', (0, 3)), ('columnless', (3, 0)))]"
for name in rowless columnless; do
  code=0
  ranks 2 cluster --input "$name.npy" --clusters 2 --out "$name" 2>said.txt || code=$?
  [ "$code" -eq 3 ] || { cat said.txt; fail "$name.npy gives exit $code"; }
  [ "$(grep -c "^error: $name.npy is empty" said.txt)" -eq 1 ] || { cat said.txt; fail "not exactly one error line for $name.npy"; }
done

code=0
ranks 2 cluster --input rows.h5:/nowhere --clusters 7 --out none 2>said.txt || code=$?
[ "$code" -eq 3 ] || [ "$code" -eq 2 ] || { cat said.txt; fail "a missing dataset gives exit $code"; }
[ "$(grep -c '^error:' said.txt)" -eq 1 ] || { cat said.txt; fail "not exactly one error line"; }
[ ! -e none ] || fail "a missing dataset left a run's folder behind"
# Given centroids say how many clusters there are.
ranks 2 cluster --input rows.npy --init rows.h5:/start --out none --log-level warning
/usr/bin/python3 -c "
import h5py
one, other = (h5py.File(run + '/segment/centroids.h5')['/centroids'][:] for run in ('npy1', 'none'))
assert (one == other).all()" || fail "without --clusters given centroids lead elsewhere"
no_leftovers .
