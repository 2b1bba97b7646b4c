#!/usr/bin/env bash
# One digest, whatever computes it: ranks, threads, instruction sets, pruning, the look in coarse numbers, streamed or in
# memory, killed between iterations and resumed on other ranks. What is forced but cannot be is refused.
. "$(dirname "$0")/lib.sh"
/usr/bin/python3 - <<'P'
import numpy
draw = numpy.random.default_rng(5)
middle = draw.normal(size=(60, 37))
rows = (4 + middle[draw.integers(60, size=20011)] + draw.normal(size=(20011, 37), scale=0.7)).astype("f4")
rows[7000:7500] = rows[123]  # rows that are one another's copies
numpy.save("rows.npy", rows)
P
cluster=(cluster --input rows.npy --clusters 70 --seed 2 --restarts 2 --iterations 40 --log-level warning)
has() { grep -q -w "$1" /proc/cpuinfo; }
ranks 1 "${cluster[@]}" --threads 1 --pruning off --prefilter off --kernel portable --out plain
expected=$(digest plain)
try() {  # RANKS OPTIONS…
  rm -rf other
  ranks "$1" "${cluster[@]}" --out other "${@:2}"
  [ "$(digest other)" = "$expected" ] || fail "another digest with: $*"
}
used() { grep -q "\"event\":\"lloyd\".*$1" other/metrics.jsonl || fail "the metrics do not say $1"; }
ran() { /usr/bin/python3 -c "
import json, sys
shares = [json.loads(line)['$1'] for line in open('other/metrics.jsonl') if '\"lloyd\"' in line]
sys.exit(max(shares) <= 0)" || fail "no row was $1"; }
try 1 --kernel scalar --threads 2 --pruning on
ran pruned
used '"kernel":"scalar"'
try 2 --threads 1
try 3 --threads 2 --stream on
try 4 --pruning off
try 7 --threads 1 --stream on --pruning on
if has avx2; then try 2 --kernel avx2 --pruning off --prefilter off; used '"kernel":"avx2"'; fi
if has avx512f; then try 3 --kernel avx512 --prefilter off --pruning on; used '"kernel":"avx512"'; fi
for numbers in bf16 int8; do
  flag=avx512_bf16
  [ $numbers = bf16 ] || flag=avx512_vnni
  has $flag || continue
  for kernel in avx512 amx; do
    [ $kernel = avx512 ] || has amx_int8 || continue
    try 1 --kernel $kernel --prefilter $numbers --pruning off --threads 2
    used "\"kernel\":\"$kernel\",\"prefilter\":\"$numbers\""
    ran reranked
    try 3 --kernel $kernel --prefilter $numbers --pruning on --stream on
    ran pruned
  done
done

iterations() { cat "$1/metrics.jsonl" 2>/dev/null | grep -c '"lloyd"' || true; }
# Killed in the midst of the iterations, on three ranks; going on with two, and with one.
for n in 2 1; do
  rm -rf killed
  ranks 3 "${cluster[@]}" --checkpoint-every 0 --kernel scalar --pruning off --threads 1 --out "$PWD/killed" >/dev/null 2>&1 &
  launcher=$!
  while [ "$(iterations killed)" -lt 9 ] && kill -0 "$launcher" 2>/dev/null; do sleep 0.01; done
  pkill -KILL -n -f -- "--out $PWD/killed" || true
  if wait "$launcher"; then fail "done before it could be killed"; fi
  [ -s killed/checkpoint/kmeans.checkpoint ] || fail "no checkpoint was left"
  before=$(iterations killed)
  ranks "$n" "${cluster[@]}" --log-level info --out "$PWD/killed" --resume >said.txt 2>&1 || { cat said.txt; fail "resuming"; }
  grep -q 'going on after iteration' said.txt || { cat said.txt; fail "it started over"; }
  [ "$(digest killed)" = "$expected" ] || fail "another digest after a kill, resumed on $n"
  [ ! -e killed/checkpoint/kmeans.checkpoint ] || fail "the checkpoint of a finished run is still there"
  all=$(iterations plain) now=$(iterations killed)
  # At most one iteration is told twice: the one that was reported and not yet written when the kill came.
  [ "$now" -le $((all + 1)) ] || fail "$before iterations, then $((now - before)) more; a whole run has $all"
done

# Variants, each on two and on three ranks.
for variant in "--init hierarchical" "--init bisecting --clusters 20" "--warm-up 4 --balance 1.2" "--metric cosine --balance 1.5"; do
  rm -rf two three
  ranks 2 "${cluster[@]}" $variant --out two
  ranks 3 "${cluster[@]}" $variant --stream on --threads 1 --out three
  [ "$(digest two)" = "$(digest three)" ] || fail "another digest on three ranks with: $variant"
  [ "$(digest two)" != "$expected" ] || fail "no other digest with: $variant"
done
/usr/bin/python3 - <<'P'
import glob, h5py, numpy
numbers = numpy.concatenate([h5py.File(part)["/obs/segment"][:] for part in glob.glob("two/segment/part-*.h5")])
assert numpy.bincount(numbers).max() <= numpy.ceil(1.5 * 20011 / 70), numpy.bincount(numbers).max()
P

# Weights and cosine, against numpy.
/usr/bin/python3 -c "import numpy; numpy.save('weights.npy', numpy.random.default_rng(6).integers(0, 4, size=20011).astype('f8'))"
ranks 2 "${cluster[@]}" --weights weights.npy --out weighted
ranks 3 "${cluster[@]}" --weights weights.npy --stream on --out weighted3
[ "$(digest weighted)" = "$(digest weighted3)" ] || fail "another digest with weights on other ranks"
ranks 2 "${cluster[@]}" --metric cosine --out cosine
ranks 1 "${cluster[@]}" --metric cosine --stream on --out cosine1
[ "$(digest cosine)" = "$(digest cosine1)" ] || fail "another digest by cosine on other ranks"
/usr/bin/python3 - <<'P'
import glob, h5py, numpy
def read(run):
    numbers = numpy.concatenate([h5py.File(part)["/obs/segment"][:] for part in sorted(glob.glob(run + "/segment/part-*.h5"))])
    with h5py.File(run + "/segment/centroids.h5") as file:
        return numbers, file["/centroids"][:].astype("f8"), file["/number"][:]
rows, weights = numpy.load("rows.npy").astype("f8"), numpy.load("weights.npy")
numbers, centroids, order = read("weighted")
for cluster in range(70):
    mine = numbers == order[cluster]
    if weights[mine].sum() > 0:
        mean = (weights[mine, None] * rows[mine]).sum(0) / weights[mine].sum()
        assert abs(mean - centroids[cluster]).max() < 0.5, "40 iterations may not have converged, but are near"
numbers, centroids, order = read("cosine")
unit = rows / numpy.linalg.norm(rows, axis=1, keepdims=True)
assert abs(numpy.linalg.norm(centroids, axis=1) - 1).max() < 1e-6
nearest = order[(unit.astype("f4").astype("f8") @ centroids.T).argmax(1)]
assert (nearest == numbers).mean() > 0.999, (nearest == numbers).mean()  # but for ties within a rounding
P
# Odd shapes with copies of rows and of centroids, against numpy in float64 on the centroids as they are stored: nothing
# is nearer than the label, the second is the next, of equal centroids the lowest is taken, distances are rounded once.
cat >odd.py <<'P'
import glob, h5py, numpy, sys
n, d, k, made = *map(int, sys.argv[1:4]), sys.argv[4] == "make"
draw = numpy.random.default_rng([n, d, k])
rows = draw.normal(size=(n, d)).astype("f4")
rows[::5] = rows[0]
if made:
    centroids = rows[draw.choice(n, k, replace=False)] + (0 if k == n else 0.25)
    if k > 2: centroids[k // 2] = centroids[0]
    numpy.save("odd.npy", rows), numpy.save("start.npy", centroids.astype("f4"))
    sys.exit()
def column(name): return numpy.concatenate([h5py.File(part)[name][:] for part in sorted(glob.glob("odd/segment/part-*.h5"))])
with h5py.File("odd/segment/centroids.h5") as file:
    centroids, number = file["/centroids"][:].astype("f8"), file["/number"][:]
cluster_of = numpy.empty_like(number)
cluster_of[number] = numpy.arange(k)
label, distance = cluster_of[column("/obs/segment")], column("/obs/distance")
square = numpy.stack([((rows.astype("f8") - c) ** 2).sum(1) for c in centroids], 1)
own = square[numpy.arange(n), label]
assert (own <= square.min(1) * (1 + 1e-12) + 1e-300).all(), "a centroid is nearer"
same = (centroids[:, None, :2] == centroids[None, :, :2]).all(2) & (abs(square[0][:, None] - square[0][None]) == 0)
lowest = same.argmax(1)
assert (lowest[label] == label).all(), "not the lowest of equal centroids"
assert numpy.allclose(distance, own, rtol=1e-7, atol=1e-30), abs(distance - own).max()  # squared
if k > 1:
    second = column("/obs/second")
    rest = square.copy()
    rest[numpy.arange(n), label] = numpy.inf
    assert (rest[numpy.arange(n), cluster_of[second]] <= rest.min(1) * (1 + 1e-12) + 1e-300).all(), "another centroid is the second"
P
for shape in "1 1 1" "7 5 7" "101 1 7" "1003 100 65" "513 769 130" "4097 17 300"; do
  /usr/bin/python3 odd.py $shape make
  for iterations in 0 $([ "${shape%% *}" -lt 500 ] || echo 3); do
    rm -rf odd
    ranks 3 cluster --input odd.npy --clusters "${shape##* }" --init start.npy --iterations $iterations --log-level warning --out odd
    /usr/bin/python3 odd.py $shape check || fail "labels of $shape after $iterations iterations"
  done
done

# A row as near to one centroid as to another is the first one's as the file has them, which is not the order of the start.
/usr/bin/python3 -c "
import numpy
numpy.save('between.npy', numpy.array([[0, 0], [1, 0], [1, 0], [1, 0]], 'f4')), numpy.save('sides.npy', numpy.array([[-1, 0], [1, 0]], 'f4'))"
ranks 2 cluster --input between.npy --clusters 2 --init sides.npy --iterations 0 --log-level warning --out between
/usr/bin/python3 - <<'P'
import glob, h5py, numpy
read = lambda name: numpy.concatenate([h5py.File(part)[name][:] for part in sorted(glob.glob("between/segment/part-*.h5"))])
with h5py.File("between/segment/centroids.h5") as file:
    assert (file["/centroids"][:, 0] == [1, -1]).all() and (file["/count"][:] == [4, 0]).all(), file["/centroids"][:]
assert (read("/obs/segment") == 0).all() and (read("/obs/second") == 1).all(), read("/obs/segment")
P

# A rank keeps to --memory, by streaming; what cannot be kept to is refused.
/usr/bin/python3 -c "import numpy; numpy.save('large.npy', numpy.random.default_rng(8).normal(size=(2_000_000, 64)).astype('f4'))"
cat >peak.py <<'P'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
P
large=(cluster --input large.npy --clusters 8 --init random --restarts 1 --iterations 2 --threads 2)
peak=$(/usr/bin/python3 peak.py "$KOHORT" "${large[@]}" --memory 400M --out streamed 2>said.txt)
grep -q 'read again in each pass' said.txt || { cat said.txt; fail "512 MB of vectors were not streamed in 400M"; }
[ "$peak" -le 440 ] || fail "--memory 400M, and $peak MiB were taken"
"$KOHORT" "${large[@]}" --stream off --log-level warning --out whole
[ "$(digest streamed)" = "$(digest whole)" ] || fail "another digest where vectors are streamed"
rm large.npy

refused() {  # CODE OPTIONS…
  local code=0
  rm -rf none
  ranks 2 "${cluster[@]}" --out none "${@:2}" >/dev/null 2>said.txt || code=$?
  [ "$code" -eq "$1" ] || { cat said.txt; fail "exit $code and not $1 with: ${*:2}"; }
  [ "$(grep -c '^error:' said.txt)" -eq 1 ] || { cat said.txt; fail "not exactly one error line with: ${*:2}"; }
}
refused 4 --kernel portable --prefilter bf16
has avx512f || refused 4 --kernel avx512
has amx_int8 || refused 4 --kernel amx
refused 2 --memory 1M
refused 2 --memory lots
refused 2 --kernel sse
refused 2 --balance 0.9
refused 2 --weights rows.npy
/usr/bin/python3 -c "import numpy; x = numpy.ones(20011); x[77] = -1; numpy.save('negative.npy', x)"
refused 3 --weights negative.npy
grep -q -- '--weights negative.npy: row 77' said.txt || { cat said.txt; fail "it does not say which weight"; }
refused 2 --weights weights.npy --clusters auto
refused 2 --memory 100M --stream off
refused 2 --previous plain
refused 2 --metric manhattan
refused 2 --clusters 71 --init plain/segment/centroids.h5:/centroids
no_leftovers .
