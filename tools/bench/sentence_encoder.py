#!/usr/bin/python3
"""Texts a second of `kohort encode` beside sentence-transformers, on one model and one column of texts.

Each is timed on the column once and five times over; the slope between the two leaves out loading and starting.
sentence-transformers has its default batches, two threads, and the vectors of both are compared: the smallest cosine.
With categories the v-measure of k-means on the vectors is printed too, of `kohort cluster` and of scikit-learn.
Needs a quiet machine. --peer-python: an interpreter with sentence-transformers, scikit-learn and h5py.
Example: tools/bench/sentence_encoder.py --model MODEL --table test.csv --column text --categories category --peer-python VENV/bin/python
"""
import argparse
import csv
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
TIMES = 5
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", HF_HUB_OFFLINE="1", OMP_NUM_THREADS="2")
PEER = r"""
import csv, json, sys, time, warnings
warnings.filterwarnings("ignore")
import numpy, torch
torch.set_num_threads(2)
from sentence_transformers import SentenceTransformer
model, table, column, times, out = sys.argv[1:]
texts = [row[column] for row in csv.DictReader(open(table, encoding="utf-8"))]
encoder = SentenceTransformer(model, device="cpu")
encoder.encode(texts[:64])
seconds = []
for copies in (1, int(times)):
    start = time.perf_counter()
    vectors = encoder.encode(texts * copies, show_progress_bar=False)
    seconds.append(time.perf_counter() - start)
    if copies == 1: numpy.save(out, vectors)
print(json.dumps(seconds))
"""
SCORE = r"""
import csv, glob, sys, h5py, numpy
from sklearn.cluster import KMeans
from sklearn.metrics import v_measure_score
table, column, vectors, run, clusters = sys.argv[1:]
truth = [row[column] for row in csv.DictReader(open(table, encoding="utf-8"))]
with h5py.File(vectors) as file: rows = file["/obsm/embedding"][:]
ours = numpy.concatenate([h5py.File(part)["/obs/segment"][:] for part in sorted(glob.glob(run + "/segment/part-*.h5"))])
theirs = [v_measure_score(truth, KMeans(int(clusters), n_init=5, random_state=seed).fit(rows).labels_) for seed in range(3)]
print(100 * v_measure_score(truth, ours), 100 * sum(theirs) / 3)
"""


def kohort_seconds(arguments, table, precision, out):
    subprocess.run(["rm", "-rf", out], check=True)
    start = time.perf_counter()
    subprocess.run([SOURCE / "build/kohort", "encode", "--input", table, "--text-column", arguments.column, "--model", arguments.model,
                    "--max-tokens", str(arguments.max_tokens), "--precision", precision, "--threads", "2", "--out", out, "--log-level", "warning"],
                   check=True, env=ENVIRONMENT)
    return time.perf_counter() - start


def smallest_cosine(python, vectors, run):
    program = ("import h5py, numpy, sys\na = numpy.load(sys.argv[1])\nb = h5py.File(sys.argv[2])['/obsm/embedding'][:]\n"
               "print(((a * b).sum(1) / numpy.linalg.norm(a, axis=1) / numpy.linalg.norm(b, axis=1)).min())")
    return float(subprocess.run([python, "-c", program, vectors, run / "kohort.h5"], check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--table", required=True, help="CSV")
    parser.add_argument("--column", default="text")
    parser.add_argument("--categories", help="column of the texts' true groups")
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-python", default=sys.executable)
    arguments = parser.parse_args()
    with open(arguments.table, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        columns = reader.fieldnames
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        longer = folder / "longer.csv"
        with open(longer, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            for _ in range(TIMES): writer.writerows(rows)
        slopes, more = {}, (TIMES - 1) * len(rows)
        for _ in range(arguments.rounds):
            for precision in ("fp32", "bf16"):
                few = kohort_seconds(arguments, arguments.table, precision, folder / precision)
                slopes.setdefault(precision, []).append((kohort_seconds(arguments, longer, precision, folder / "longer") - few) / more)
            out = subprocess.run([arguments.peer_python, "-c", PEER, arguments.model, arguments.table, arguments.column, str(TIMES), folder / "peer.npy"],
                                 check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout
            few, many = json.loads(out.strip().splitlines()[-1])
            slopes.setdefault("peer", []).append((many - few) / more)
        median = {name: statistics.median(values) for name, values in slopes.items()}
        print("| | texts a second | of sentence-transformers | smallest cosine |\n|---|---|---|---|")
        print(f"| sentence-transformers | {1 / median['peer']:.0f} | 1 | |")
        for precision in ("fp32", "bf16"):
            cosine = smallest_cosine(arguments.peer_python, folder / "peer.npy", folder / precision)
            print(f"| Kohort, {precision} | {1 / median[precision]:.0f} | {median['peer'] / median[precision]:.2f} | {cosine:.7f} |")
        if arguments.categories:
            clusters = str(len({row[arguments.categories] for row in rows}))
            vectors = folder / "fp32/kohort.h5"
            subprocess.run([SOURCE / "build/kohort", "cluster", "--input", f"{vectors}:/obsm/embedding", "--clusters", clusters, "--out", folder / "groups",
                            "--log-level", "warning"], check=True, env=ENVIRONMENT)
            scores = subprocess.run([arguments.peer_python, "-c", SCORE, arguments.table, arguments.categories, vectors, folder / "groups", clusters],
                                    check=True, capture_output=True, text=True).stdout.split()
            print(f"\nv-measure x 100 of {clusters} clusters: kohort cluster {float(scores[0]):.1f}, scikit-learn {float(scores[1]):.1f}")


if __name__ == "__main__":
    main()
