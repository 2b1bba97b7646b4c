#!/usr/bin/python3
"""What training is worth: the quality of users' segments and of single texts' vectors against the time it took.

For each number of steps and each seed: `kohort run` on an event log, the adjusted Rand index of its segments against the
users' true interests; then the model of that run encodes a table of labelled texts that training never saw, k-means makes
as many groups as there are labels, and their v-measure and adjusted Rand index are taken. Labels are read by this script
alone. Training time is what the log says of the stage; the table has means over the seeds.

Needs Debian's python3-sklearn. Options that this script does not know go to `kohort run`.
Example: tools/bench/quality.py --events events.csv --truth truth.csv --texts test.txt --clusters 10 --steps 0 300 600 -- --config configs/users_zh.conf
"""
import argparse
import csv
import glob
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import h5py
import numpy
from sklearn.metrics import adjusted_rand_score, v_measure_score

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")


def kohort(ranks, *arguments):
    subprocess.run(["mpirun", "-n", str(ranks), SOURCE / "build/kohort", *map(str, arguments)], check=True, env=ENVIRONMENT)


def read_texts(path):
    """Texts and labels of a file of "text<TAB>label" lines; what stands there twice is taken once."""
    with open(path, encoding="utf-8") as file:
        rows = dict(line.rstrip("\n").split("\t") for line in file if "\t" in line)
    return list(rows), list(rows.values())


def users_score(run, truth):
    with open(truth, encoding="utf-8-sig", newline="") as file:
        interest = {row["user_id"]: row["interest"] for row in csv.DictReader(file)}
    with open(run / "users_with_tags.csv", encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        segment = next(rows).index("segment")
        pairs = [(interest[row[0]], row[segment]) for row in rows if row[0] in interest]
    return adjusted_rand_score(*zip(*pairs))


def texts_score(ranks, run, table, labels, folder, options):
    """v-measure and adjusted Rand index of the texts' groups."""
    vectors, groups = folder / "vectors", folder / "groups"
    subprocess.run(["rm", "-rf", vectors, groups], check=True)
    kohort(ranks, "encode", "--model", run / "model", "--input", table, "--text-column", "text", "--out", vectors, "--log-level", "warning", *options)
    kohort(ranks, "cluster", "--input", f"{vectors}/kohort.h5:/obsm/embedding", "--clusters", len(set(labels)), "--out", groups, "--log-level", "warning")
    found = numpy.concatenate([h5py.File(part)["/obs/segment"][:] for part in sorted(glob.glob(f"{groups}/segment/part-*.h5"))])
    return v_measure_score(labels, found), adjusted_rand_score(labels, found)


def training_seconds(run):
    for line in open(run / "metrics.jsonl", encoding="utf-8"):
        record = json.loads(line)
        if record["event"] == "stage" and record.get("name", record.get("stage")) == "train":
            return record["seconds"]
    return 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", required=True)
    parser.add_argument("--truth", required=True, help="CSV with user_id and interest")
    parser.add_argument("--texts", help="lines of text<TAB>label")
    parser.add_argument("--encode", nargs="*", default=[], help="options for the texts' vectors, as in `--encode=--post-process=whiten`")
    parser.add_argument("--clusters", type=int, required=True)
    parser.add_argument("--steps", nargs="+", default=["auto"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the runs; those that are there are taken")
    arguments, rest = parser.parse_known_args()
    rest = [option for option in rest if option != "--"]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        keep = arguments.keep or folder
        if arguments.texts:
            texts, labels = read_texts(arguments.texts)
            with open(folder / "texts.csv", "w", encoding="utf-8", newline="") as file:
                out = csv.writer(file)
                out.writerow(["text"])
                out.writerows([text] for text in texts)
        print("| steps | training, s | users' ARI | texts' v-measure | texts' ARI |\n|---|---|---|---|---|")
        for steps in arguments.steps:
            found = []
            for seed in arguments.seeds:
                run = keep / f"steps{steps}-seed{seed}"
                if not (run / "users_with_tags.csv").exists():
                    kohort(arguments.ranks, "run", "--input", arguments.events, "--clusters", arguments.clusters, "--steps", steps, "--seed", seed,
                           "--out", run, "--log-level", "warning", *rest)
                scores = texts_score(arguments.ranks, run, folder / "texts.csv", labels, folder, arguments.encode) if arguments.texts else ()
                found.append((training_seconds(run), users_score(run, arguments.truth), *scores))
                print(f"  seed {seed}: " + " ".join(f"{value:.3f}" for value in found[-1]), file=sys.stderr, flush=True)
            means = [statistics.mean(column) for column in zip(*found)]
            print(f"| {steps} | {means[0]:.0f} | " + " | ".join(f"{value:.3f}" for value in means[1:]) + " |", flush=True)


if __name__ == "__main__":
    main()
