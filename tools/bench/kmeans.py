#!/usr/bin/python3
"""One Lloyd iteration of Kohort beside scikit-learn's and faiss's: same rows, same initial centroids, two threads.

The peers' time of an iteration is the slope between two numbers of iterations, both below convergence; Kohort's is the mean
of what its metrics say of the iterations between the same two. Rounds alternate between the programs, and the table has
medians. oneDNN's float32 matrix product of the same shape (rows x centroids) is timed
in the same rounds: an iteration needs that product and more. Needs a quiet machine.

Needs Debian's python3-sklearn, python3-faiss and libdnnl-dev. --peer-python names another interpreter for the peers
(one with newer versions). Example: tools/bench/kmeans.py --rounds 5
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SHAPES = {"a": (100_000, 256, 256), "b": (200_000, 128, 64), "c": (50_000, 768, 1024), "d": (100_003, 100, 10),
          "e": (50_021, 770, 1000), "f": (1_000_000, 256, 10)}
FEW, MANY = 2, 10
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMP_NUM_THREADS="2")
VARIANTS = {"plain": ["--pruning", "off", "--prefilter", "off"], "bf16": ["--pruning", "off", "--prefilter", "bf16"],
            "pruned": ["--pruning", "on", "--prefilter", "off"], "int8": ["--pruning", "off", "--prefilter", "int8"],
            "all": ["--pruning", "auto", "--prefilter", "auto"]}

PEER = r"""
import sys, time, numpy, warnings
warnings.filterwarnings("ignore")
name, rows, start, counts = sys.argv[1], numpy.load(sys.argv[2]), numpy.load(sys.argv[3]), [int(n) for n in sys.argv[4].split(",")]
def run(iterations):
    begin = time.perf_counter()
    if name == "scikit-learn":
        from sklearn.cluster import KMeans
        model = KMeans(len(start), init=start, n_init=1, algorithm="lloyd", tol=0, max_iter=iterations).fit(rows)
        # It may have converged; where it has not, it passes over the rows once more in the end.
        found, iterations = model.inertia_, model.n_iter_ + (model.n_iter_ == iterations)
    else:
        import faiss
        faiss.omp_set_num_threads(2)
        model = faiss.Kmeans(rows.shape[1], len(start), niter=iterations, nredo=1, min_points_per_centroid=1,
                             max_points_per_centroid=len(rows), seed=1)
        model.train(rows, init_centroids=start)
        found = float(model.obj[-1])
    return time.perf_counter() - begin, found, iterations
run(1)
few, many = ([run(count) for _ in range(3)] for count in counts)  # the fastest of three: what comes before iterations varies
print((min(many)[0] - min(few)[0]) / (many[0][2] - few[0][2]), many[0][1])
"""


def make_data(folder, shape, overlapping):
    rows, columns, clusters = shape
    draw = numpy.random.default_rng(1)
    middle = draw.normal(size=(clusters, columns)).astype("f4")
    noise = 4.0 if overlapping else 0.5
    x = middle[draw.integers(clusters, size=rows)]
    for first in range(0, rows, 50_000):
        x[first:first + 50_000] += noise * draw.normal(size=x[first:first + 50_000].shape).astype("f4")
    numpy.save(folder / "rows.npy", x)
    numpy.save(folder / "start.npy", x[numpy.sort(draw.choice(rows, clusters, replace=False))])


def kohort(folder, clusters, variant, ranks=1, threads=2):
    """Mean seconds of an iteration below convergence, and what the metrics tell of the last one."""
    out = folder / "out"
    subprocess.run(["rm", "-rf", out], check=True)
    subprocess.run(["mpirun", "-n", str(ranks), SOURCE / "build/kohort", "cluster", "--input", folder / "rows.npy", "--init",
                    folder / "start.npy", "--clusters", str(clusters), "--iterations", str(MANY), "--threads", str(threads),
                    "--out", out, "--log-level", "warning", *VARIANTS[variant]], check=True, env=ENVIRONMENT)
    records = [json.loads(line) for line in open(out / "metrics.jsonl", encoding="utf-8")]
    lloyd = [record for record in records if record["event"] == "lloyd"]
    return statistics.mean(record["seconds"] for record in lloyd[FEW + 1:MANY + 1] if record["changed"] > 0), lloyd


def peer(python, name, folder):
    result = subprocess.run([python, "-c", PEER, name, folder / "rows.npy", folder / "start.npy", f"{FEW},{MANY}"],
                            check=True, env=ENVIRONMENT, capture_output=True, text=True).stdout.split()
    return float(result[0]), float(result[1])


def compare(arguments, letter, overlapping, folder, yardstick):
    shape = rows, columns, clusters = SHAPES[letter]
    make_data(folder, shape, overlapping)
    times = {}
    for _ in range(arguments.rounds):
        for variant in arguments.variants:
            seconds, lloyd = kohort(folder, clusters, variant)
            times.setdefault(variant, []).append(seconds)
            times[variant + " metrics"] = lloyd
        if arguments.ranks:
            times.setdefault("ranks", []).append(kohort(folder, clusters, "plain", 2, 1)[0])
        for name in arguments.peers:
            seconds, inertia = peer(arguments.peer_python, name, folder)
            times.setdefault(name, []).append(seconds)
            if name == "scikit-learn":
                ours = times[arguments.variants[0] + " metrics"][-1]["inertia"]
                if abs(ours - inertia) > 1e-3 * inertia:
                    sys.exit(f"another result: inertia {ours} against scikit-learn's {inertia}")
        product = subprocess.run([yardstick, str(rows), str(clusters), str(columns), "2"], check=True, capture_output=True, text=True)
        times.setdefault("sgemm", []).append(float(product.stdout))
    median = {name: statistics.median(values) for name, values in times.items() if not name.endswith("metrics")}
    for variant in arguments.variants:
        last = times[variant + " metrics"][FEW + 1:MANY + 1]
        share = {key: statistics.mean(record[key] for record in last) for key in ("rescanned", "reranked", "pruned")}
        rate = 2e-9 * rows * columns * clusters / median[variant]
        cells = [f"{rows:,} x {columns}, k={clusters}", "overlapping" if overlapping else "clustered", variant,
                 f"{1e3 * median[variant]:.1f}", f"{rate:.0f}", f"{100 * median['sgemm'] / median[variant]:.0f}%"]
        cells += [f"{median[name] / median[variant]:.2f}" for name in arguments.peers]
        cells += [f"{100 * share['rescanned']:.1f}%", f"{100 * share['reranked']:.0f}%", f"{100 * share['pruned']:.0f}%",
                  f"{4e-9 * rows * columns / median[variant]:.1f}"]
        if arguments.ranks:
            cells.append(f"{median['ranks'] / median['plain']:.2f}" if variant == "plain" else "")
        print("| " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default="abcdef", help="of " + ", ".join(f"{key}: N={n} d={d} k={k}" for key, (n, d, k) in SHAPES.items()))
    parser.add_argument("--data", nargs="+", choices=["clustered", "overlapping"], default=["clustered", "overlapping"])
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=["plain", "all"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", nargs="*", default=["scikit-learn", "faiss"])
    parser.add_argument("--peer-python", default="/usr/bin/python3")
    parser.add_argument("--ranks", action="store_true", help="also two ranks of one thread (as a ratio to one rank of two)")
    arguments = parser.parse_args()
    if subprocess.run([arguments.peer_python, "-c", "import sklearn, faiss"], capture_output=True).returncode != 0 and arguments.peers:
        sys.exit("the peers are missing: install python3-sklearn and python3-faiss, or name --peer-python")
    subprocess.run([SOURCE / "tools/build.sh", "kohort"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        yardstick = folder / "sgemm"
        subprocess.run(["g++", "-O3", "-march=native", "-ffast-math", "-fopenmp", SOURCE / "tools/bench/sgemm.cpp", "-o", yardstick, "-ldnnl"], check=True)
        bandwidth = max(float(subprocess.run([yardstick, "read", "2"], check=True, capture_output=True, text=True).stdout) for _ in range(3))
        print(f"Read bandwidth {bandwidth / 1e9:.1f} GB/s; medians of {arguments.rounds} rounds, {time.strftime('%Y-%m-%d')}.\n")
        head = ["rows", "data", "variant", "ms", "GF/s", "of sgemm", *(f"x {name}" for name in arguments.peers), "rescanned", "reranked",
                "pruned", "GB/s of rows"] + (["2 x 1 ranks"] if arguments.ranks else [])
        print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
        for letter in arguments.shapes:
            for data in arguments.data:
                compare(arguments, letter, data == "overlapping", folder, yardstick)


if __name__ == "__main__":
    main()
