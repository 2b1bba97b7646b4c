#!/usr/bin/python3
"""The k-means objective that Kohort reaches beside scikit-learn's, on real vectors.

Both start by themselves three times (k-means|| and greedy k-means++), run to convergence and keep the best. The sum of
squared distances is computed from the labels in float64 for both. Needs Debian's python3-sklearn and python3-h5py.
Example: tools/bench/objective.py out/kohort.h5:/obsm/embedding --clusters 10 50 200
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import warnings

import h5py
import numpy
from sklearn.cluster import KMeans

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def read(name):
    if name.endswith(".npy"):
        return numpy.load(name).astype("f4")
    file, _, path = name.partition(".h5:")
    with h5py.File(file + ".h5") as data:
        return data[path][:].astype("f4")


def objective(rows, labels):
    total = 0.0
    for label in numpy.unique(labels):
        mine = rows[labels == label].astype("f8")
        total += ((mine - mine.mean(0)) ** 2).sum()
    return total


def kohort(name, clusters, seed, out):
    shutil.rmtree(out, ignore_errors=True)
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    subprocess.run(["mpirun", "-n", "2", SOURCE / "build/kohort", "cluster", "--input", name, "--clusters", str(clusters), "--restarts", "3",
                    "--iterations", "300", "--seed", str(seed), "--out", out, "--log-level", "warning"], check=True, env=environment)
    parts = sorted((out / "segment").glob("part-*.h5"))
    labels = numpy.concatenate([h5py.File(part)["/obs/segment"][:] for part in parts])
    with open(out / "metrics.jsonl", encoding="utf-8") as lines:
        return labels, sum(record["seconds"] for record in map(json.loads, lines) if record["event"] == "lloyd")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", nargs="+", help="FILE.h5:/path or FILE.npy")
    parser.add_argument("--clusters", type=int, nargs="+", default=[10, 50, 200])
    parser.add_argument("--seeds", type=int, default=3, help="how often the best of three is compared")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    print("| vectors | clusters | seed | Kohort | scikit-learn | ratio |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.vectors:
            rows = read(name)
            for clusters in arguments.clusters:
                ratios = []
                for seed in range(1, arguments.seeds + 1):
                    ours = objective(rows, kohort(name, clusters, seed, pathlib.Path(folder) / "run")[0])
                    theirs = objective(rows, KMeans(clusters, n_init=3, max_iter=300, tol=0, random_state=seed, algorithm="lloyd").fit(rows).labels_)
                    ratios.append(ours / theirs)
                    print(f"| {len(rows):,} x {rows.shape[1]} | {clusters} | {seed} | {ours:.4f} | {theirs:.4f} | {ours / theirs:.5f} |", flush=True)
                print(f"| | {clusters} | mean | | | {numpy.mean(ratios):.5f} |", flush=True)


if __name__ == "__main__":
    main()
