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
assert (numbers[nearest] == labels("npy1")).all()
assert (labels("npy1") == labels("h5")).all()
from sklearn.cluster import KMeans
theirs = KMeans(7, init=rows[:7], n_init=1, algorithm="lloyd", tol=0).fit(rows)
print("inertia of theirs over ours:", theirs.inertia_ / ((rows - centroids[nearest]) ** 2).sum())
assert ((rows - centroids[nearest]) ** 2).sum() <= 1.000001 * theirs.inertia_
P
code=0
ranks 2 cluster --input rows.h5:/nowhere --clusters 7 --out none 2>said.txt || code=$?
[ "$code" -eq 3 ] || [ "$code" -eq 2 ] || { cat said.txt; fail "a missing dataset gives exit $code"; }
[ "$(grep -c '^error:' said.txt)" -eq 1 ] || { cat said.txt; fail "not exactly one error line"; }
no_leftovers .
